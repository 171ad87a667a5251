//! What a site makes of findings that are not its own.

use super::finding::{Finding, FindingCode, Severity};
use crate::{Depth, Location};

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
    fn fits(&self, finding: &Finding) -> bool {
        self.code.is_none_or(|code| code == finding.code)
            && self.place.is_none_or(|place| holds(place, finding.location))
    }
}

pub(super) fn adjust(findings: Vec<Finding>, adjustments: &[Adjustment]) -> Vec<Finding> {
    if adjustments.is_empty() {
        return findings;
    }
    let adjusted = findings.into_iter().filter_map(|mut finding| {
        if let Some(last) = adjustments.iter().rev().find(|each| each.fits(&finding)) {
            finding.severity = last.severity?;
        }
        Some(finding)
    });
    adjusted.collect()
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
