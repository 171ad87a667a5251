//! Who and which study is meant: merges that cannot be carried out, sources that disagree.

use super::Severity;
use super::finding::FindingCode;
use super::list::Findings;
use crate::reading::{
    Conflict, MergeFault, MergeView, OrderSources, OrderView, ReportSources, ReportView,
};
use crate::{Depth, Location, Message};

pub(super) fn check(message: &Message, findings: &mut Findings<'_>) {
    match message.message_code().as_str() {
        "ADT" => check_merges(message, findings),
        "ORM" | "OMG" | "OMI" => {
            for order in OrderView::read_all(message, &OrderSources::default()) {
                let conflicts = order.conflicts();
                conflicts.for_each(|each| disagree(message, &each, Severity::Error, findings));
            }
        }
        "ORU" | "MDM" => {
            for report in ReportView::read_all(message, &ReportSources::default()) {
                let conflicts = report.conflicts();
                conflicts.for_each(|each| disagree(message, &each, Severity::Warning, findings));
            }
        }
        _ => {}
    }
}

/// Two studies or accession numbers in one order are an error, never a choice; a report may be about several. Order
/// numbers that differ are worth a warning, everything else a remark.
fn disagree(
    message: &Message,
    conflict: &Conflict,
    of_study: Severity,
    findings: &mut Findings<'_>,
) {
    if findings.is_full() {
        return;
    }
    let severity = match conflict.item {
        "accession" | "study_instance_uid" => of_study,
        "placer_order_number" | "filler_order_number" => Severity::Warning,
        _ => Severity::Information,
    };
    let kind = (FindingCode::SourcesDisagree, severity);
    let span = span_of(message, conflict.other);
    findings.add(kind, conflict.other, span, conflict.to_string());
}

fn check_merges(message: &Message, findings: &mut Findings<'_>) {
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
    let Some(segment) = segments.nth(path.occurrence().saturating_sub(1)) else { return 0..0 };
    match location.depth() {
        Depth::Segment => segment.span(),
        _ => segment.field(path.field()).span(),
    }
}
