//! The answer to a C-STORE that waits for the destinations' own.

use std::collections::BTreeMap;
use std::time::Duration;

use telerad_dicom::Status;
use telerad_net::Shutdown;
use telerad_routing::{
    DeliveryRecord, DeliveryState, DestinationId, InstanceRecord, NotWantedReason, Relation,
};
use telerad_store::StoreError;
use tokio::sync::broadcast::error::RecvError;

use super::{Refusal, queued, study_of};
use crate::answers::Verdict;
use crate::state::State;

/// Waits until every destination that the instance is to reach has answered: success when all of them have it, else the
/// first refusal. When they have not answered in time the sender is told to come again, and the instance stays queued; so
/// it does whatever happens, since it is durable already.
pub(super) async fn answer(
    state: &State,
    shutdown: &Shutdown,
    instance: &InstanceRecord,
    patience: Duration,
) -> Result<(), Refusal> {
    if matches!(instance.relation, Relation::UidConflict { .. }) {
        let comment = "kept for a person: another image has this UID";
        return Err(Refusal::new(Status::DUPLICATE_SOP_INSTANCE, comment));
    }
    let clock = &state.environment.clock;
    let deadline = clock.now() + patience;
    // Before the ledger is read, so that no answer falls between the two.
    let mut verdicts = state.answers.listen();
    let mut told = BTreeMap::new();
    loop {
        if is_delivered(&ledger(state, instance).await.map_err(Refusal::storage)?, &told)? {
            return Ok(());
        }
        let look_again = clock.sleep_until(deadline.min(clock.now() + LOOK_AGAIN));
        tokio::select! {
            biased;
            () = shutdown.requested() => return Err(not_yet("shutting down")),
            verdict = of_instance(&mut verdicts, instance) => {
                if let Some((destination, verdict)) = verdict {
                    told.insert(destination, verdict);
                }
            }
            () = look_again => {}
        }
        if clock.now() >= deadline {
            return Err(not_yet("no answer in time"));
        }
    }
}

fn not_yet(why: &str) -> Refusal {
    Refusal::new(Status::OUT_OF_RESOURCES, format!("{why}: queued, not yet delivered"))
}

async fn ledger(
    state: &State,
    instance: &InstanceRecord,
) -> Result<Vec<DeliveryRecord>, StoreError> {
    let study = state.environment.store.study(&instance.site, &study_of(instance)).await?;
    queued(state, instance, study.as_ref()).await
}

/// The next verdict about this instance; `None` when some were missed, which stand in the ledger by now.
async fn of_instance(
    verdicts: &mut tokio::sync::broadcast::Receiver<(telerad_routing::DeliveryKey, Verdict)>,
    instance: &InstanceRecord,
) -> Option<(DestinationId, Verdict)> {
    loop {
        match verdicts.recv().await {
            Ok((key, verdict))
                if key.site == instance.site
                    && key.sop_instance_uid == instance.sop_instance_uid =>
            {
                return Some((key.destination, verdict));
            }
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => return None,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

/// Whether every destination has the instance; an error when one has refused it, or it goes nowhere.
fn is_delivered(
    ledger: &[DeliveryRecord],
    told: &BTreeMap<DestinationId, Verdict>,
) -> Result<bool, Refusal> {
    let (mut delivered, mut waiting) = (0, 0);
    for delivery in ledger {
        let verdict = match (verdict(&delivery.state), told.get(&delivery.key.destination)) {
            (Standing::Verdict(verdict), _) => Some(verdict),
            (Standing::TakenBack, _) => continue,
            (Standing::Waiting, told) => told.copied(),
        };
        match verdict {
            Some(Verdict::Delivered) => delivered += 1,
            Some(Verdict::Refused(status)) => {
                let comment = format!("kept, but {} refused it", delivery.key.destination);
                return Err(Refusal::new(status, comment));
            }
            None => waiting += 1,
        }
    }
    if delivered + waiting == 0 {
        return Err(Refusal::new(Status::OUT_OF_RESOURCES, "kept, but no destination gets it"));
    }
    Ok(waiting == 0)
}

enum Standing {
    /// A person or a group sends it elsewhere, or nowhere.
    TakenBack,
    Verdict(Verdict),
    Waiting,
}

fn verdict(state: &DeliveryState) -> Standing {
    match state {
        DeliveryState::Sent { .. } => Standing::Verdict(Verdict::Delivered),
        DeliveryState::Failed { status: 0, .. } | DeliveryState::Parked { .. } => {
            Standing::Verdict(Verdict::Refused(Status::PROCESSING_FAILURE))
        }
        DeliveryState::Failed { status, .. } => {
            Standing::Verdict(Verdict::Refused(Status::new(*status)))
        }
        DeliveryState::NotWanted { reason: NotWantedReason::ClassNotTaken } => {
            Standing::Verdict(Verdict::Refused(Status::SOP_CLASS_NOT_SUPPORTED))
        }
        DeliveryState::NotWanted { .. } => Standing::TakenBack,
        DeliveryState::Pending | DeliveryState::Held { .. } => Standing::Waiting,
    }
}

/// The ledger is read this often, for what reached it without a verdict.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
