//! What a site makes of findings that are not its own.

use super::finding::FindingCode;
use crate::{Depth, Location, Severity};

/// Makes findings graver or milder, or silences them: those of the tables, of IHE, and of a site's own rules alike.
///
/// Of several that fit one finding the last decides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Adjustment {
    /// What kind of finding; any, when `None`.
    pub code: Option<FindingCode>,
    /// Where: a segment with all that is in it, a field, or a component, in every occurrence; anywhere, when `None`.
    pub place: Option<Location>,
    /// How bad it is at this site; `None` to leave it out.
    pub severity: Option<Severity>,
}

impl Adjustment {
    fn fits(&self, code: FindingCode, location: Location) -> bool {
        self.code.is_none_or(|of| of == code)
            && self.place.is_none_or(|place| holds(place, location))
    }
}

/// How bad a finding is at the site; `None` for one that is left out.
pub(super) fn adjusted(
    adjustments: &[Adjustment],
    code: FindingCode,
    location: Location,
    severity: Severity,
) -> Option<Severity> {
    let last = adjustments.iter().rev().find(|each| each.fits(code, location));
    last.map_or(Some(severity), |adjustment| adjustment.severity)
}

/// Whether `inner` is `outer` or lies in it, whatever the occurrence and repetition.
fn holds(outer: Location, inner: Location) -> bool {
    let (of, at) = (outer.path(), inner.path());
    let is_deep = |depth: Depth| outer.depth() >= depth;
    outer.depth() <= inner.depth()
        && of.segment() == at.segment()
        && (!is_deep(Depth::Field) || of.field() == at.field())
        && (!is_deep(Depth::Component) || of.component() == at.component())
        && (!is_deep(Depth::Subcomponent) || of.subcomponent() == at.subcomponent())
}
