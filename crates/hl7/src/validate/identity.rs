//! Merges that cannot be carried out.

use super::finding::{FindingCode, Findings, Severity};
use crate::reading::{MergeFault, MergeView};
use crate::{Location, Message};

pub(super) fn check(message: &Message, findings: &mut Findings) {
    if message.message_code() != "ADT" {
        return;
    }
    for merge in MergeView::read_all(message) {
        let Some(fault) = merge.fault() else { continue };
        let (code, text, location) = match fault {
            MergeFault::NoSurvivor => (
                FindingCode::MergeKeyMissing,
                "the surviving side has no key for this event",
                merge.surviving_location.or(merge.prior_location),
            ),
            MergeFault::NoPrior => (
                FindingCode::MergeKeyMissing,
                "the prior side has no key for this event",
                merge.prior_location,
            ),
            MergeFault::SameIdentifier => {
                (FindingCode::MergeSame, "merged into itself", merge.prior_location)
            }
        };
        let Some(location) = location else { continue };
        let span = span_of(message, location);
        findings.add((code, Severity::Error), location, span, text);
    }
}

fn span_of(message: &Message, location: Location) -> std::ops::Range<usize> {
    let path = location.path();
    let mut segments = message.segments_with_id(path.segment());
    let segment = segments.nth(path.occurrence().saturating_sub(1));
    segment.map_or(0..0, |segment| segment.span())
}
