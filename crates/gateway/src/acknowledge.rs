//! Which acknowledgements a message gets: in original mode one, in enhanced mode what MSH-15 and MSH-16 ask for.
//!
//! Everything is said on the connection that the message came on, after the transaction that holds the message and what
//! became of it. HL7 2.5.1 section 2.9.3 lets the application's answer come later and elsewhere; here the application has
//! decided when the message is safe, so both answers go out together, the commit answer first.

use bytes::Bytes;
use telerad_core::Timestamp;
use telerad_hl7::{AckCode, AckCondition, AckMode, ErrorSegment, Message, Outcome, Reply};
use telerad_net::mllp::Handled;

use crate::handled::{Answer, Stage};

/// The answer in the words of the protocol. `control_id` makes MSH-10 of each acknowledgement.
///
/// | what became of the message | commit answer | application's answer |
/// |---|---|---|
/// | stored and accepted | CA | AA |
/// | stored, its content refused | CA | AE |
/// | type, event, version, sender or MSH-10 not acceptable | CR, or CE where sending again is useless | – |
/// | not stored now | CR | – |
///
/// Where MSH-15 asks for no commit answer, a refusal is told as the application's, if MSH-16 asks for that.
pub(crate) fn acknowledge(
    message: Option<&Message>,
    answer: Answer,
    control_id: impl Fn() -> String,
    now: Timestamp,
) -> Handled {
    let mode = message.map_or(AckMode::Original, AckMode::of);
    let outcome = outcome(answer.code);
    let is_committed = answer.stage == Stage::Application;
    let commit = mode.commit_code(if is_committed { Outcome::Accepted } else { outcome });
    let application = match commit {
        Some(AckCode::CE | AckCode::CR) => None,
        _ => mode.application_code(outcome),
    };
    let write = |code: AckCode, is_last: bool| -> Bytes {
        let error = answer.error.clone().filter(|_| is_last);
        let mut reply =
            error.map(ErrorSegment::from).into_iter().fold(Reply::new(code), Reply::with_error);
        if mode != AckMode::Original && Some(code) == application {
            // It is a message of its own, and asks for no answer.
            reply = reply.asking(AckCondition::Never);
        }
        reply.write(message, &control_id(), now)
    };
    match (commit, application) {
        (Some(commit), Some(application)) => Handled::AnswerTwice {
            commit: write(commit, false),
            application: write(application, true),
        },
        (Some(commit), None) => Handled::Answer(write(commit, !is_committed)),
        (None, Some(application)) => Handled::Answer(write(application, true)),
        // Nobody asked to be told, but who hears nothing must not believe that it is safe.
        (None, None) if answer.stage == Stage::Storage => Handled::NotStored,
        (None, None) => Handled::Nothing,
    }
}

fn outcome(code: AckCode) -> Outcome {
    match code {
        AckCode::AA | AckCode::CA => Outcome::Accepted,
        AckCode::AE | AckCode::CE => Outcome::Error,
        AckCode::AR | AckCode::CR => Outcome::Rejected,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use telerad_core::Timestamp;
    use telerad_hl7::{AckCode, Message};
    use telerad_net::mllp::Handled;

    use super::acknowledge;
    use crate::handled::{Answer, reject};

    fn codes(accept: &str, application: &str, answer: Answer) -> String {
        let text =
            format!("MSH|^~\\&|RIS|N|T|G|20260101||ADT^A04|7|P|2.5.1|||{accept}|{application}\r");
        let message = Message::parse(text.into_bytes()).unwrap();
        let code = |ack: Bytes| {
            let ack = Message::parse(ack).unwrap();
            assert_eq!(ack.text("MSA-2").as_deref(), Some("7"));
            let code = ack.text("MSA-1").unwrap();
            // Only a refusal says why, and only the application's answer in enhanced mode says that it wants none.
            assert_eq!(ack.text("MSA-3").is_some(), !code.ends_with('A'), "{code}");
            let is_own_message =
                code.starts_with('A') && !(accept.is_empty() && application.is_empty());
            assert_eq!(ack.text("MSH-15").is_some(), is_own_message, "{code}");
            code
        };
        match acknowledge(Some(&message), answer, || "1".to_owned(), Timestamp::default()) {
            Handled::Answer(answer) => code(answer),
            Handled::AnswerTwice { commit, application } => {
                format!("{} {}", code(commit), code(application))
            }
            other => format!("{other:?}"),
        }
    }

    /// What is answered to a message that is accepted, whose content is refused, whose type is not taken, and that cannot be
    /// stored.
    #[track_caller]
    fn check(accept: &str, application: &str, expected: [&str; 4]) {
        let answers = [
            Answer::accept(),
            reject(101, "PID^1^3", "why").answer,
            reject(200, "MSH^1^9", "why").answer,
            Answer::not_stored(207, "why"),
        ];
        let got = answers.map(|answer| codes(accept, application, answer));
        assert_eq!(got, expected);
    }

    #[test]
    fn original_mode_has_one_answer() {
        check("", "", ["AA", "AE", "AR", "AR"]);
    }

    #[test]
    fn a_commit_answer_comes_before_the_application_s() {
        check("AL", "AL", ["CA AA", "CA AE", "CR", "CR"]);
    }

    #[test]
    fn a_commit_answer_alone_speaks_of_storage() {
        check("AL", "NE", ["CA", "CA", "CR", "CR"]);
        check("AL", "", ["CA", "CA", "CR", "CR"]);
    }

    #[test]
    fn where_no_commit_answer_is_asked_for_the_application_speaks() {
        check("NE", "AL", ["AA", "AE", "AR", "AR"]);
        check("", "AL", ["AA", "AE", "AR", "AR"]);
    }

    #[test]
    fn errors_alone_are_told_where_they_alone_are_asked_for() {
        check("ER", "ER", ["Nothing", "AE", "CR", "CR"]);
        check("NE", "ER", ["Nothing", "AE", "AR", "AR"]);
        check("ER", "NE", ["Nothing", "Nothing", "CR", "CR"]);
    }

    #[test]
    fn success_alone_is_told_where_it_alone_is_asked_for() {
        check("SU", "SU", ["CA AA", "CA", "Nothing", "NotStored"]);
        check("SU", "AL", ["CA AA", "CA AE", "AR", "AR"]);
    }

    #[test]
    fn silence_never_covers_what_is_not_stored() {
        check("NE", "NE", ["Nothing", "Nothing", "Nothing", "NotStored"]);
    }

    #[test]
    fn a_message_without_control_id_is_refused_at_the_door() {
        assert_eq!(codes("AL", "AL", reject(101, "MSH^1^10", "why").answer), "CE");
    }

    #[test]
    fn what_cannot_be_read_is_answered_in_original_mode() {
        let answer = Answer::refuse(AckCode::AR, 100, "", "no message");
        let handled = acknowledge(None, answer, || "1".to_owned(), Timestamp::default());
        let Handled::Answer(ack) = handled else { panic!("{handled:?}") };
        assert_eq!(Message::parse(ack).unwrap().text("MSA-1").as_deref(), Some("AR"));
    }
}
