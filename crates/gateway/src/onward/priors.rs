//! What was found on the patient before, for whoever reads the next examination.

use std::time::Duration;

use telerad_report::{ReportRecord, ReportVersion, RisDialect};
use telerad_store::{OutboundMessage, OutboundState, StoreError};
use telerad_worklist::{OrderRecord, PlatformDialect};

use super::{Platform, Queue};
use crate::configuration::PriorReports;

/// A report that stands, and the order that it answers.
struct Prior {
    order: OrderRecord,
    report: ReportRecord,
    version: ReportVersion,
}

/// Queues the patient's earlier reports behind a new order: each once for each platform, and again when it was corrected
/// since. The youngest are chosen, and go out oldest first.
pub(super) async fn follow(
    queue: &mut Queue<'_>,
    platform: &Platform<'_>,
    limits: PriorReports,
    order: &OrderRecord,
) -> Result<(), StoreError> {
    let mut priors = standing(queue, limits, order).await?;
    priors.sort_by(|a, b| {
        let age = |prior: &Prior| (prior.version.received_at, prior.report.key.as_str().to_owned());
        age(b).cmp(&age(a))
    });
    priors.truncate(limits.count_max);
    let dialect = as_report_dialect(platform.dialect);
    for prior in priors.into_iter().rev() {
        let subject = prior.report.key.as_str();
        let store = &queue.state.environment.store;
        let sent = store.outbound_about(queue.changes.site, subject).await?;
        let has_it = |message: &OutboundMessage| {
            message.destination == platform.name
                && message.queued_at >= prior.version.received_at
                && !matches!(message.state, OutboundState::SetAside { .. })
        };
        if sent.iter().any(has_it) {
            continue;
        }
        let (control_id, now) = (queue.state.new_control_id(), queue.state.now());
        let Prior { order: of, report, version } = &prior;
        match telerad_report::outgoing(report, version, &of.order, &dialect, &control_id, now) {
            Ok(message) => {
                let kept = (&*super::sequence(order), subject);
                let (site, lane) = (queue.changes.site, order.order.priority);
                let message = (control_id, message);
                queue.queued.put(queue.state, site, platform.name, kept, lane, message);
            }
            Err(error) => queue.cannot(platform, "prior report", &error.to_string()),
        }
    }
    Ok(())
}

/// The final reports on other orders of exactly this patient.
async fn standing(
    queue: &Queue<'_>,
    limits: PriorReports,
    order: &OrderRecord,
) -> Result<Vec<Prior>, StoreError> {
    let (store, site) = (&queue.state.environment.store, queue.changes.site);
    let Some(patient) = order.order.patient.primary_id() else { return Ok(Vec::new()) };
    let span = Duration::from_secs(u64::from(limits.days_max) * 86_400);
    let mut priors = Vec::new();
    for other in store.orders_of_patient(site, patient.value()).await? {
        // Equal numbers of two authorities are two patients.
        if other.key == order.key || other.order.patient.primary_id() != Some(patient) {
            continue;
        }
        for report in store.reports_of_order(site, other.key.as_str()).await? {
            let standing = report.current().filter(|version| version.status.is_final());
            let Some(version) = standing.cloned() else { continue };
            if version.received_at.after(span) >= queue.state.now() {
                priors.push(Prior { order: other.clone(), report, version });
            }
        }
    }
    Ok(priors)
}

/// The platform's own dialect, for reports.
fn as_report_dialect(dialect: &PlatformDialect) -> RisDialect {
    RisDialect {
        application: dialect.application.clone(),
        facility: dialect.facility.clone(),
        sending_application: dialect.sending_application.clone(),
        sending_facility: dialect.sending_facility.clone(),
        version: dialect.version.clone(),
        processing_id: dialect.processing_id.clone(),
        accession_prefix: dialect.accession_prefix.clone(),
        charset: dialect.charset,
        acknowledgement: dialect.acknowledgement,
        ..RisDialect::default()
    }
}
