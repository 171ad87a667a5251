//! What a flow decides about one HL7 message.

use telerad_core::SiteId;
use telerad_hl7::{AckCode, AckError, Message};
use telerad_store::{Effect, MessageOutcome, ParkedItem, ParkedKind};

use crate::event::Event;
use crate::state::State;
use crate::turns::Turn;

/// How a message is answered.
pub(crate) struct Answer {
    pub(crate) code: AckCode,
    pub(crate) error: Option<AckError>,
    pub(crate) stage: Stage,
}

/// Where it was decided how a message is answered (HL7 2.5.1 section 2.9.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// It is safe, and the application has looked at its content.
    Application,
    /// Its header is not acceptable; it never reached the application.
    Header,
    /// It could not be made safe.
    Storage,
}

impl Answer {
    pub(crate) fn accept() -> Self {
        Self { code: AckCode::AA, error: None, stage: Stage::Application }
    }

    /// `condition` is of HL7 table 0357, `location` of the form of ERR-2.
    pub(crate) fn refuse(code: AckCode, condition: u16, location: &str, text: &str) -> Self {
        let (location, text) = (location.to_owned(), text.to_owned());
        // A message that is no business of ours, or whose answer could not name it.
        let is_header = code == AckCode::AR || location == CONTROL_ID;
        let stage = if is_header { Stage::Header } else { Stage::Application };
        Self { code, error: Some(AckError { condition, location, text }), stage }
    }

    /// It may be sent again later.
    pub(crate) fn not_stored(condition: u16, text: &str) -> Self {
        Self { stage: Stage::Storage, ..Self::refuse(AckCode::AR, condition, "", text) }
    }
}

/// MSH-10, as ERR-2 names it.
pub(crate) const CONTROL_ID: &str = "MSH^1^10";

/// What a flow decided about a message: committed together with the message itself.
pub(crate) struct Handled {
    pub(crate) outcome: MessageOutcome,
    pub(crate) answer: Answer,
    pub(crate) effects: Vec<Effect>,
    pub(crate) findings: Vec<String>,
    /// Told once the effects are durable.
    pub(crate) events: Vec<Event>,
    /// Studies that nobody else may change until the effects are durable.
    pub(crate) turns: Vec<Turn>,
    /// Receivers whose queues grew.
    pub(crate) wake: Vec<String>,
}

/// One message on its way through a flow.
#[derive(Clone, Copy)]
pub(crate) struct Incoming<'a> {
    pub(crate) id: &'a str,
    pub(crate) site: &'a SiteId,
    pub(crate) message: &'a Message,
}

impl Incoming<'_> {
    /// Tells that a field of the patient's identity may not be what its sender wrote.
    pub(crate) fn identity_text_doubted(&self, location: &str) -> Event {
        Event::IdentityTextDoubted {
            site: self.site.clone(),
            control_id: self.message.control_id(),
            location: location.to_owned(),
        }
    }
}

/// Valid, but not to be applied without a person: accepted, since sending it again would not help, and kept.
pub(crate) fn park(
    state: &State,
    incoming: Incoming<'_>,
    kind: ParkedKind,
    reason: &str,
    findings: Vec<String>,
) -> Handled {
    let item = ParkedItem {
        id: state.new_id(),
        site: incoming.site.clone(),
        kind,
        reason: reason.to_owned(),
        evidence: findings.join("\n"),
        subject: incoming.id.to_owned(),
        parked_at: state.now(),
    };
    Handled {
        outcome: MessageOutcome::Parked(reason.to_owned()),
        answer: Answer::accept(),
        effects: vec![Effect::Park(item)],
        findings,
        events: Vec::new(),
        turns: Vec::new(),
        wake: Vec::new(),
    }
}

/// A message that changes nothing and whose sender is told why. `condition` is of HL7 table 0357, `location` of the form
/// of ERR-2.
///
/// What the sender may not send here at all, by type, event, processing ID or version (conditions 200 to 203), is AR;
/// everything else is a fault of the content, AE, which nobody should send again unchanged (HL7 2.5.1 section 2.9.2.2).
pub(crate) fn reject(condition: u16, location: &str, text: &str) -> Handled {
    let code = if (200..=203).contains(&condition) { AckCode::AR } else { AckCode::AE };
    Handled {
        outcome: MessageOutcome::Rejected(text.to_owned()),
        answer: Answer::refuse(code, condition, location, text),
        effects: Vec::new(),
        findings: Vec::new(),
        events: Vec::new(),
        turns: Vec::new(),
        wake: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use telerad_hl7::AckCode;

    use super::reject;

    #[track_caller]
    fn check(condition: u16, expected: AckCode) {
        let answer = reject(condition, "PID^1^3", "why").answer;
        assert_eq!(answer.code, expected, "{condition}");
        let error = answer.error.expect("an error is told");
        assert_eq!((error.condition, error.location.as_str()), (condition, "PID^1^3"));
    }

    #[test]
    fn what_is_not_supported_as_such_is_rejected() {
        for condition in 200..=203 {
            check(condition, AckCode::AR);
        }
    }

    #[test]
    fn what_is_wrong_inside_is_an_error() {
        for condition in [100, 101, 102, 103, 204, 205, 207] {
            check(condition, AckCode::AE);
        }
    }
}
