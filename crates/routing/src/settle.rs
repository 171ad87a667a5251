//! What the outcome of a try makes of a delivery.

use telerad_core::Timestamp;
use telerad_dicom::{PeerAnswer, Status};

use crate::{
    DeliveryRecord, DeliveryState, FaultScope, NotWantedReason, RetryPolicy, SentEvidence,
};

/// How one try to deliver an instance went.
#[derive(Clone, Debug)]
pub enum DeliveryOutcome {
    /// The peer answered. Only this can end in [`DeliveryState::Sent`].
    Answered(PeerAnswer),
    /// It was not sent, or refused without a response for this instance.
    Refused {
        /// Whose fault it was.
        scope: FaultScope,
        /// In words, without patient data.
        reason: String,
    },
    /// The destination does not take its SOP class at all, as it said when the association was opened. No fault: it
    /// does not want the instance.
    ClassNotTaken {
        /// In words, without patient data.
        reason: String,
    },
    /// The destination takes its SOP class, but not in the transfer syntax that it is kept in.
    SyntaxNotTaken {
        /// In words, without patient data.
        reason: String,
    },
    /// It was sent, or may have been, and no answer came. It is sent again: receivers know it by its UID.
    Unknown {
        /// In words, without patient data.
        reason: String,
    },
}

impl DeliveryOutcome {
    /// Whose fault it was; `None` when it was delivered.
    pub fn scope(&self) -> Option<FaultScope> {
        match self {
            Self::Answered(answer) if answer.is_delivered() => None,
            // A7xx is a full disk or too much load (PS3.4 table B.2-1): it will pass, and it is not the instance's fault.
            Self::Answered(answer) if answer.status().is_retryable() => {
                Some(FaultScope::Destination)
            }
            Self::Answered(_) => Some(FaultScope::Instance),
            Self::Refused { scope, .. } => Some(*scope),
            Self::ClassNotTaken { .. } | Self::SyntaxNotTaken { .. } => Some(FaultScope::Instance),
            Self::Unknown { .. } => Some(FaultScope::Association),
        }
    }
}

/// The delivery after a try.
///
/// A delivery that is not pending stays as it is: a late outcome never unmakes `Sent`. Faults of the association,
/// the destination or ourselves are not counted and lead back to `Pending`, however long they last. Refusals of
/// the instance itself are counted, and the last one allowed makes it a dead letter. A peer that says it already
/// holds the instance (0111H) is not evidence that it holds these bytes: that is parked for a person. So is an instance
/// whose transfer syntax the peer does not take, since trying again converts nothing; one whose SOP class it does not take
/// is not wanted.
pub fn settle(
    delivery: &DeliveryRecord,
    outcome: &DeliveryOutcome,
    policy: &RetryPolicy,
    now: Timestamp,
    random: u64,
) -> DeliveryRecord {
    let mut next = delivery.clone();
    if delivery.state != DeliveryState::Pending {
        return next;
    }
    let fault = match outcome {
        DeliveryOutcome::Answered(answer) if answer.is_delivered() => {
            let evidence = SentEvidence::StoreResponse;
            next.state = DeliveryState::Sent { answer: *answer, at: now, evidence };
            next.last_fault = None;
            return next;
        }
        DeliveryOutcome::Answered(answer) => {
            format!("the peer answered status {:04X}H", answer.status().code())
        }
        DeliveryOutcome::Refused { reason, .. }
        | DeliveryOutcome::ClassNotTaken { reason }
        | DeliveryOutcome::SyntaxNotTaken { reason } => reason.clone(),
        DeliveryOutcome::Unknown { reason } => format!("outcome unknown: {reason}"),
    };
    let status = match outcome {
        DeliveryOutcome::Answered(answer) => answer.status().code(),
        _ => 0,
    };
    next.last_fault = Some(fault.clone());
    match outcome {
        DeliveryOutcome::ClassNotTaken { .. } => {
            next.state = DeliveryState::NotWanted { reason: NotWantedReason::ClassNotTaken };
            return next;
        }
        DeliveryOutcome::SyntaxNotTaken { .. } => {
            next.state = DeliveryState::Parked { reason: fault };
            return next;
        }
        _ => {}
    }
    match outcome.scope() {
        None => {}
        Some(FaultScope::Instance) if status == Status::DUPLICATE_SOP_INSTANCE.code() => {
            let reason = "the peer says it already holds this SOP instance UID (0111H)".to_owned();
            next.state = DeliveryState::Parked { reason };
        }
        Some(FaultScope::Instance) => {
            next.attempts = delivery.attempts.saturating_add(1);
            next.not_before = now.after(policy.pause(next.attempts, random));
            if next.attempts >= policy.instance_attempts_max {
                next.state = DeliveryState::Failed { status, reason: fault };
            }
        }
        Some(FaultScope::Destination) if !matches!(outcome, DeliveryOutcome::Answered(_)) => {
            // The destination's breaker does the waiting.
            next.not_before = now.after(policy.pause(0, random));
        }
        Some(FaultScope::Association | FaultScope::Destination | FaultScope::Local) => {
            // An instance that breaks every association, or whose payload is damaged, which shows with its last
            // block, or that a receiver answers with A7xx for a fault of its own (Orthanc: no patient ID), must not
            // keep the others from going out: it waits the longer the older it is. Age needs no counter and cannot
            // dead-letter anything.
            let age = now.since(delivery.queued_at) / 4;
            let pause = policy.pause(1, random).max(age.min(policy.longest));
            next.not_before = now.after(pause);
        }
    }
    next
}
