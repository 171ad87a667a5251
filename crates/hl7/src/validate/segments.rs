//! Which segments a message has.

use super::Severity;
use super::finding::FindingCode;
use super::list::Findings;
use crate::group::Placed;
use crate::tables::{self, Version};
use crate::{Location, Message};

pub(super) fn check(
    message: &Message,
    version: Version,
    placed: &[Placed<'_>],
    findings: &mut Findings<'_>,
) {
    let structure =
        tables::structure_of(version, &message.message_code(), &message.trigger_event());
    let Some(structure) = structure else { return };
    let mut present: Vec<&str> = placed.iter().map(|segment| segment.segment().id()).collect();
    present.sort_unstable();
    present.dedup();
    let end = message.as_bytes().len();
    for ids in structure.missing(&present) {
        let first = ids.split('|').next().unwrap_or_default();
        let Ok(location) = Location::segment(first, 1) else { continue };
        let kind = (FindingCode::SegmentMissing, Severity::Warning);
        findings.add(kind, location, end..end, format!("{} requires {ids}", structure.id));
    }
    for segment in placed {
        let id = segment.segment().id();
        // Local segments, continuation and software segments may stand in any message.
        let is_free = id.is_empty() || id.starts_with('Z') || matches!(id, "ADD" | "DSC" | "SFT");
        if is_free || segment.occurrence() > 1 || structure.contains(id) {
            continue;
        }
        let Some(location) = segment.location() else { continue };
        let kind = (FindingCode::SegmentUnexpected, Severity::Information);
        let text = format!("{} has no {id}", structure.id);
        findings.add(kind, location, segment.span(), text);
    }
}
