//! What destinations answer, for those who wait for it.

use telerad_dicom::Status;
use telerad_routing::{DeliveryKey, DeliveryOutcome, DeliveryRecord, DeliveryState, FaultScope};
use tokio::sync::broadcast;

/// What a destination made of an instance, as far as it is final.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// It has it.
    Delivered,
    /// It does not want it.
    Refused(Status),
}

/// Passes verdicts on. Whoever misses one finds what came of it in the ledger.
pub(crate) struct Answers(broadcast::Sender<(DeliveryKey, Verdict)>);

impl Answers {
    pub(crate) fn new() -> Self {
        Self(broadcast::channel(ANSWERS_MAX).0)
    }

    /// Verdicts from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<(DeliveryKey, Verdict)> {
        self.0.subscribe()
    }

    /// Tells what came of one try, if that is a verdict about the instance, once it is recorded.
    pub(crate) fn note(&self, settled: &DeliveryRecord, outcome: &DeliveryOutcome) {
        if self.0.receiver_count() == 0 {
            return;
        }
        let verdict = match outcome {
            _ if matches!(settled.state, DeliveryState::Sent { .. }) => Verdict::Delivered,
            DeliveryOutcome::Answered(answer) if outcome.scope() == Some(FaultScope::Instance) => {
                Verdict::Refused(answer.status())
            }
            DeliveryOutcome::ClassNotTaken { .. } | DeliveryOutcome::SyntaxNotTaken { .. } => {
                Verdict::Refused(Status::SOP_CLASS_NOT_SUPPORTED)
            }
            // It is tried again.
            _ => return,
        };
        // Nobody waiting is not a fault.
        let _ = self.0.send((settled.key.clone(), verdict));
    }
}

const ANSWERS_MAX: usize = 1024;
