use proptest::prelude::*;

use super::{Joined, Joiner, JoinerLimits, join};
use crate::{Limits, Message};

fn message(text: &str) -> Message {
    Message::parse(text.to_owned()).expect("a message")
}

/// A fragment of sender `sender` that continues `from` and goes on at `to`.
fn fragment(sender: &str, from: &str, body: &str, to: &str) -> Message {
    let end = if to.is_empty() { String::new() } else { format!("DSC|{to}|F\r") };
    message(&format!("MSH|^~\\&|{sender}||||||ORU^R01|1|P|2.5||{from}\r{body}{end}"))
}

#[track_caller]
fn check(fragments: &[&str], expected: &str) {
    let fragments: Vec<_> = fragments.iter().map(|text| message(text)).collect();
    let joined = join(&fragments).map_err(|error| error.to_string());
    assert_eq!(joined.map(|joined| joined.as_bytes().clone()), Ok(expected.to_owned().into()));
}

#[test]
fn an_addition_makes_the_segment_before_it_longer() {
    check(
        &["MSH|^~\\&|A\rOBX|1|TX|||one \rADD|two \rADD|three||||||F\rNTE|1\r"],
        "MSH|^~\\&|A\rOBX|1|TX|||one two three||||||F\rNTE|1\r",
    );
    check(&["MSH|^~\\&|A\r\nNTE|1||a\r\nADD\r\n"], "MSH|^~\\&|A\r\nNTE|1||a\r\n");
    check(&["MSH|^~\\&|A\rADD|x\r"], "MSH|^~\\&|A\rADD|x\r");
}

#[test]
fn fragments_are_joined_at_segments_and_inside_them() {
    check(
        &["MSH|^~\\&|A\rOBX|1\rDSC|p\r", "MSH|^~\\&|A||||||||||||p\rOBX|2\r"],
        "MSH|^~\\&|A\rOBX|1\rOBX|2\r",
    );
    check(
        &[
            "MSH|^~\\&|A\rNTE|1||a\rADD\rDSC|p",
            "MSH|^~\\&|A\rADD|b\rDSC|q\r",
            "MSH|^~\\&|A\rADD|c\rNTE|2",
        ],
        "MSH|^~\\&|A\rNTE|1||abc\rNTE|2\r",
    );
}

#[test]
fn only_a_message_with_additions_is_made_anew() {
    let whole = |text: &str| {
        let message = message(text);
        let whole = message.with_additions().unwrap();
        let is_itself = matches!(&whole, std::borrow::Cow::Borrowed(_));
        (String::from_utf8(whole.as_bytes().to_vec()).unwrap(), is_itself)
    };
    let plain = "MSH|^~\\&|A\rOBX|1|TX|||one\r";
    assert_eq!(whole(plain), (plain.to_owned(), true));
    let joined = "MSH|^~\\&|A\rOBX|1|TX|||one two\r".to_owned();
    assert_eq!(whole("MSH|^~\\&|A\rOBX|1|TX|||one \rADD|two\r"), (joined, false));
}

#[test]
fn a_fragment_points_on_or_back() {
    assert!(fragment("A", "", "NTE|1\r", "p").is_fragment());
    assert!(fragment("A", "p", "NTE|1\r", "").is_fragment());
    assert!(!fragment("A", "", "NTE|1\r", "").is_fragment());
    assert!(!message("MSH|^~\\&|A\rNTE|1\rDSC||F\r").is_fragment());
}

fn short(joined: Result<Joined, super::JoinError>) -> String {
    match joined {
        Ok(Joined::Whole(message)) => message
            .segments()
            .skip(1)
            .map(|segment| String::from_utf8_lossy(segment.raw()).into_owned())
            .collect::<Vec<_>>()
            .join(" "),
        Ok(Joined::Waiting { pointer }) => format!("waiting for {pointer}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn fragments_of_several_senders_are_kept_apart() {
    let mut joiner = Joiner::new(JoinerLimits::default());
    let mut take = |message| short(joiner.take(message));
    assert_eq!(take(fragment("A", "", "NTE|1\r", "p")), "waiting for p");
    assert_eq!(take(fragment("B", "", "NTE|7\r", "p")), "waiting for p");
    assert_eq!(take(fragment("A", "", "NTE|0\r", "")), "NTE|0");
    assert_eq!(take(fragment("A", "p", "NTE|2\r", "q")), "waiting for q");
    assert_eq!(take(fragment("A", "p", "NTE|3\r", "")), "fragment without the one before it");
    assert_eq!(take(fragment("B", "p", "NTE|8\r", "")), "NTE|7 NTE|8");
    assert_eq!(take(fragment("A", "q", "NTE|3\r", "")), "NTE|1 NTE|2 NTE|3");
    assert_eq!(joiner.waiting(), 0);
}

#[test]
fn a_first_fragment_sent_again_replaces_itself() {
    let mut joiner = Joiner::new(JoinerLimits::default());
    for _ in 0..3 {
        assert_eq!(short(joiner.take(fragment("A", "", "NTE|1\r", "p"))), "waiting for p");
    }
    assert_eq!(joiner.waiting(), 1);
    assert_eq!(joiner.give_up().concat(), [fragment("A", "", "NTE|1\r", "p")]);
    assert_eq!(joiner.waiting(), 0);
}

#[test]
fn two_messages_that_go_on_at_one_pointer_are_not_mixed() {
    let of = |control_id: &str, from: &str, body: &str, to: &str| {
        let end = if to.is_empty() { String::new() } else { format!("DSC|{to}\r") };
        message(&format!("MSH|^~\\&|A||||||ORU^R01|{control_id}|P|2.5||{from}\r{body}{end}"))
    };
    let mut joiner = Joiner::new(JoinerLimits::default());
    let mut take = |message| short(joiner.take(message));
    let taken = "another incomplete message goes on at the same pointer";
    assert_eq!(take(of("1", "", "PID|1||1001\r", "p")), "waiting for p");
    assert_eq!(take(of("2", "", "PID|1||2002\r", "p")), taken);
    assert_eq!(take(of("3", "", "PID|1||3003\r", "q")), "waiting for q");
    assert_eq!(take(of("4", "q", "NTE|1\r", "p")), taken);
    assert_eq!(take(of("5", "p", "NTE|2\r", "")), "PID|1||1001 NTE|2");
    assert_eq!(take(of("4", "q", "NTE|1\r", "p")), "waiting for p");
    assert_eq!(take(of("6", "p", "NTE|3\r", "")), "PID|1||3003 NTE|1 NTE|3");
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_lost() {
    let limits = JoinerLimits {
        waiting_max: 1,
        fragments_max: 2,
        message: Limits { bytes_max: 200, ..Limits::default() },
    };
    let mut joiner = Joiner::new(limits);
    let mut take = |message| short(joiner.take(message));
    assert_eq!(take(fragment("A", "", "NTE|1\r", "p")), "waiting for p");
    assert_eq!(take(fragment("B", "", "NTE|1\r", "p")), "more than 1 incomplete messages");
    let large = format!("NTE|{}\r", "x".repeat(150));
    assert_eq!(take(fragment("A", "p", &large, "q")), "message of 246 bytes is larger than 200");
    let other = message("MSH#^~\\&#A###########p\rNTE#1\r");
    assert_eq!(take(other), "fragments with different delimiters or character sets");
    assert_eq!(take(fragment("A", "p", "NTE|2\r", "q")), "waiting for q");
    assert_eq!(take(fragment("A", "q", "NTE|3\r", "")), "more than 2 fragments");
    assert_eq!(joiner.give_up().concat().len(), 2);
    assert_eq!(join(&[]).map_err(|error| error.to_string()), Err("no fragments".into()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_message_cut_anywhere_is_joined_to_itself(
        lines in proptest::collection::vec("[a-z|^]{1,12}", 1..6),
        cuts in proptest::collection::vec(0_usize..200, 0..4),
    ) {
        let head = "MSH|^~\\&|A||||||ORU^R01|1|P|2.5";
        let body: String = lines.iter().map(|line| format!("NTE|{line}\r")).collect();
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut % (body.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.dedup();
        // Inside a segment id and inside a terminator nobody cuts.
        cuts.retain(|cut| *cut > 0 && *cut < body.len() && !body[..*cut].ends_with(['N', 'T']) && !body[..*cut].ends_with("NTE"));
        let mut fragments = Vec::new();
        let mut from = 0;
        for (number, to) in cuts.iter().copied().chain([body.len()]).enumerate() {
            let is_mid = from > 0 && !body[..from].ends_with('\r');
            let part = &body[from..to];
            let pointer = if number > 0 { format!("||{number}") } else { String::new() };
            let add = if is_mid { "ADD|" } else { "" };
            let end = match (to == body.len(), part.ends_with('\r')) {
                (true, _) => String::new(),
                (false, true) => format!("DSC|{}\r", number + 1),
                (false, false) => format!("\rADD\rDSC|{}\r", number + 1),
            };
            fragments.push(message(&format!("{head}{pointer}\r{add}{part}{end}")));
            from = to;
        }
        let mut joiner = Joiner::new(JoinerLimits::default());
        let mut last = None;
        for fragment in fragments {
            last = Some(joiner.take(fragment).expect("a fragment"));
        }
        let Some(Joined::Whole(whole)) = last else { panic!("not whole") };
        prop_assert_eq!(whole.as_bytes(), &format!("{head}\r{body}"));
    }
}
