//! What the outcome of a try makes of a delivery.

use telerad_core::Timestamp;
use telerad_dicom::{PeerAnswer, Status};

use crate::duplicate::HeldContent;
use crate::{
    DeliveryRecord, DeliveryState, FaultScope, NotWantedReason, RetryPolicy, SentEvidence,
};

/// How one try to deliver an instance went.
#[derive(Clone, Debug)]
pub enum DeliveryOutcome {
    /// The peer answered the C-STORE.
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
    /// The peer answered that it holds the instance already (0111H), and that was looked into.
    Duplicate {
        /// What it answered to the C-STORE.
        answer: PeerAnswer,
        /// What is known of what it holds.
        held: HeldContent,
    },
    /// The peer was asked by C-FIND, after a C-STORE without an answer, and listed it.
    Found(PeerAnswer),
    /// The peer was asked by C-FIND, after a C-STORE without an answer, and does not have it.
    NotFound,
    /// What was to be sent is not there any more, or is not what came: reading it again mends nothing.
    PayloadLost {
        /// In words, without patient data.
        reason: String,
    },
    /// What was to be sent could not be read this time. It was not sent, or not to its end.
    PayloadUnreadable {
        /// In words, without patient data.
        reason: String,
    },
    /// It was sent, or may have been, and no answer came. It is looked for or sent again: receivers know it by its UID.
    Unknown {
        /// In words, without patient data.
        reason: String,
    },
}

impl DeliveryOutcome {
    /// Whose fault it was; `None` when there was none.
    pub fn scope(&self) -> Option<FaultScope> {
        match self {
            Self::Answered(answer) if answer.is_delivered() => None,
            // A7xx is a full disk or too much load (PS3.4 table B.2-1): it will pass, and it is not the instance's fault.
            // Some peers say it of single instances all the same (Orthanc: without a patient ID).
            Self::Answered(answer) if answer.status().is_retryable() => Some(FaultScope::Busy),
            Self::Answered(_) => Some(FaultScope::Instance),
            Self::Refused { scope, .. } => Some(*scope),
            Self::ClassNotTaken { .. } | Self::SyntaxNotTaken { .. } => Some(FaultScope::Instance),
            Self::Duplicate { held, .. } if held.is_same() => None,
            Self::Duplicate { held: HeldContent::NotFetched { .. }, .. } => {
                Some(FaultScope::Association)
            }
            Self::Duplicate { .. } => Some(FaultScope::Instance),
            Self::Found(_) | Self::NotFound => None,
            Self::PayloadLost { .. } | Self::PayloadUnreadable { .. } => Some(FaultScope::Local),
            Self::Unknown { .. } => Some(FaultScope::Association),
        }
    }

    /// Whether the peer itself spoke of this instance, its class or its syntax: then the destination works.
    pub(crate) fn is_answer(&self) -> bool {
        match self {
            Self::Answered(answer) => !answer.status().is_retryable(),
            Self::PayloadLost { .. }
            | Self::PayloadUnreadable { .. }
            | Self::Refused { .. }
            | Self::Unknown { .. } => false,
            Self::ClassNotTaken { .. }
            | Self::SyntaxNotTaken { .. }
            | Self::Duplicate { .. }
            | Self::Found(_)
            | Self::NotFound => true,
        }
    }

    /// Whether the instance was on its way to the peer, so that the peer may have it whatever it said.
    pub fn was_sent(&self) -> bool {
        matches!(self, Self::Answered(_) | Self::Duplicate { .. } | Self::Unknown { .. })
    }

    /// What the peer's answer is worth as proof that it has the instance.
    fn proof(&self) -> Option<(PeerAnswer, SentEvidence)> {
        match self {
            Self::Answered(answer) if answer.is_delivered() => {
                Some((*answer, SentEvidence::StoreResponse))
            }
            Self::Duplicate { answer, held: HeldContent::Same } => {
                Some((*answer, SentEvidence::DuplicateCompared))
            }
            Self::Duplicate { answer, held: HeldContent::Declared } => {
                Some((*answer, SentEvidence::DuplicateDeclared))
            }
            Self::Found(answer) => Some((*answer, SentEvidence::Query)),
            _ => None,
        }
    }

    /// The DIMSE status of a refusal; 0 when there was none.
    fn status(&self) -> Status {
        match self {
            Self::Answered(answer) | Self::Duplicate { answer, .. } => answer.status(),
            _ => Status::SUCCESS,
        }
    }

    fn fault(&self) -> String {
        match self {
            Self::Answered(answer) if answer.status() == Status::DUPLICATE_SOP_INSTANCE => {
                HeldContent::NotCompared { why: String::new() }.to_string()
            }
            Self::Answered(answer) => {
                format!("the peer answered status {:04X}H", answer.status().code())
            }
            Self::Refused { reason, .. }
            | Self::ClassNotTaken { reason }
            | Self::PayloadLost { reason }
            | Self::PayloadUnreadable { reason }
            | Self::SyntaxNotTaken { reason } => reason.clone(),
            Self::Duplicate { held, .. } => held.to_string(),
            Self::Found(_) => String::new(),
            Self::NotFound => "the peer does not list it: sent again".to_owned(),
            Self::Unknown { reason } => format!("outcome unknown: {reason}"),
        }
    }
}

/// The delivery after a try.
///
/// A delivery that is not pending stays as it is: a late outcome never unmakes `Sent`, nor what a person decided
/// meanwhile. Record the result only while the delivery is still pending, unless it is `Sent`.
///
/// Faults of the association, the destination or ourselves are not counted and lead back to `Pending`, however long
/// they last. Refusals of the instance itself are counted, and the last one allowed makes it a dead letter. A peer that
/// says it already holds the instance (0111H) is not evidence that it holds these bytes: unless that is known, it is
/// parked for a person, at once or, when an association failed on which it was to be fetched, as often as an instance may be
/// refused. So is an instance whose transfer syntax the peer does not take, since trying again converts
/// nothing; one whose SOP class it does not take is not wanted. One that is no longer kept as it came is parked at once, and
/// one that cannot be read as often as an instance may be refused: neither is ever sent, and both keep nobody else waiting.
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
    next.unknown_since = match outcome {
        DeliveryOutcome::Unknown { .. } => delivery.unknown_since.or(Some(now)),
        // Not sent at all: what was unknown before is unknown still.
        DeliveryOutcome::PayloadLost { .. }
        | DeliveryOutcome::PayloadUnreadable { .. }
        | DeliveryOutcome::Refused { .. } => delivery.unknown_since,
        _ => None,
    };
    if let Some((answer, evidence)) = outcome.proof() {
        next.state = DeliveryState::Sent { answer, at: now, evidence };
        next.last_fault = None;
        return next;
    }
    let (fault, status) = (outcome.fault(), outcome.status());
    next.last_fault = Some(fault.clone());
    match outcome.scope() {
        None => next.not_before = now,
        Some(FaultScope::Local) if matches!(outcome, DeliveryOutcome::PayloadLost { .. }) => {
            next.state = DeliveryState::Parked { reason: fault };
        }
        Some(FaultScope::Local) if matches!(outcome, DeliveryOutcome::PayloadUnreadable { .. }) => {
            next.attempts = next.attempts.saturating_add(1);
            next.not_before = now.after(policy.pause(next.attempts, random));
            if next.attempts >= policy.instance_attempts_max {
                next.state = DeliveryState::Parked { reason: fault };
            }
        }
        Some(FaultScope::Association) if matches!(outcome, DeliveryOutcome::Duplicate { .. }) => {
            // The peer answers a C-STORE and not the C-GET after it. While it does not answer at all, nothing is counted.
            next.attempts = next.attempts.saturating_add(1);
            next.not_before = now.after(policy.pause(next.attempts, random));
            if next.attempts >= policy.instance_attempts_max {
                next.state = DeliveryState::Parked { reason: fault };
            }
        }
        Some(FaultScope::Instance) => {
            refuse(&mut next, outcome, status, fault, policy, now, random);
        }
        Some(FaultScope::Destination) => {
            // The destination's breaker does the waiting.
            next.not_before = now.after(policy.pause(0, random));
        }
        Some(FaultScope::Association | FaultScope::Busy | FaultScope::Local) => {
            // An instance that breaks every association, or whose payload is damaged, which shows with its last
            // block, or that a receiver answers with A7xx for a fault of its own, must not keep the others from going
            // out: it waits the longer the older it is. Age needs no counter and cannot dead-letter anything.
            let age = now.since(delivery.queued_at) / 4;
            let pause = policy.pause(1, random).max(age.min(policy.longest));
            next.not_before = now.after(pause);
        }
    }
    next
}

/// What a refusal of this very instance makes of its delivery.
fn refuse(
    next: &mut DeliveryRecord,
    outcome: &DeliveryOutcome,
    status: Status,
    fault: String,
    policy: &RetryPolicy,
    now: Timestamp,
    random: u64,
) {
    let class_not_taken = matches!(outcome, DeliveryOutcome::ClassNotTaken { .. })
        || status == Status::SOP_CLASS_NOT_SUPPORTED;
    let waits_for_person = matches!(outcome, DeliveryOutcome::SyntaxNotTaken { .. })
        || status == Status::DUPLICATE_SOP_INSTANCE;
    if class_not_taken {
        next.state = DeliveryState::NotWanted { reason: NotWantedReason::ClassNotTaken };
    } else if waits_for_person {
        next.state = DeliveryState::Parked { reason: fault };
    } else {
        next.attempts = next.attempts.saturating_add(1);
        next.not_before = now.after(policy.pause(next.attempts, random));
        if next.attempts >= policy.instance_attempts_max {
            next.state = DeliveryState::Failed { status: status.code(), reason: fault };
        }
    }
}
