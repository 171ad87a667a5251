use proptest::prelude::*;
use telerad_accession::{Decision, Evidence};
use telerad_core::{PartialDateTime, Timestamp};

use super::{Disposition, Effect, Outcome, VERSIONS_MAX, receive};
use crate::samples::{NOW, incoming, matched, oru, record, site};
use crate::{FindingCode, IncomingReport, ParkReason, ReportRecord, ReportStatus};

/// `status time text`: OBR-25 (`U` a release, `W` for the wrong patient), the last two digits of OBR-22, the text.
fn event(text: &str) -> IncomingReport {
    let parts: Vec<&str> = text.split(' ').collect();
    let (status, line) = match parts[0] {
        "U" => ("F", "OBX|1|TX|||||||||U".to_owned()),
        "W" => ("X", "OBX|1|TX|||||||||W".to_owned()),
        "X" => ("X", String::new()),
        status => (status, format!("OBX|1|TX|||{}", parts.get(2).unwrap_or(&""))),
    };
    let changed = if parts[1] == "-" { String::new() } else { format!("202603011200{}", parts[1]) };
    let mut incoming = incoming(&oru(status, &changed, &line));
    if parts[1] == "-" {
        incoming.status_time = None;
    }
    incoming
}

fn file(record: &ReportRecord, incoming: &IncomingReport) -> (ReportRecord, Outcome) {
    let decisions = [matched("north/A1001")];
    let existing = (!record.versions.is_empty()).then_some(record);
    let outcome = receive(incoming, &decisions, existing, &site(), "m", NOW);
    let stored = match outcome.effects.as_slice() {
        [] => record.clone(),
        [Effect::PutReport(record)] => record.clone(),
        other => panic!("{other:?}"),
    };
    (stored, outcome)
}

fn play(events: &[&str]) -> (ReportRecord, Vec<Outcome>) {
    let mut stored = record(&event("P 00 x"), "north/A1001");
    let mut outcomes = Vec::new();
    for text in events {
        let (next, outcome) = file(&stored, &event(text));
        stored = next;
        outcomes.push(outcome);
    }
    (stored, outcomes)
}

/// What stands: `status text`.
fn standing(record: &ReportRecord) -> String {
    record.current().map_or("nothing".to_owned(), |version| {
        let lines: Vec<&str> = record.lines(version).iter().map(|line| &*line.text).collect();
        format!("{:?} {}", version.status, lines.join("/")).trim_end().to_owned()
    })
}

/// The dispositions by initials, the codes of the last outcome, and what stands.
#[track_caller]
fn check(events: &[&str], dispositions: &str, codes: &[FindingCode], expected: &str) {
    let (record, outcomes) = play(events);
    let initials: String = outcomes
        .iter()
        .map(|outcome| match outcome.disposition {
            Disposition::Filed => 'F',
            Disposition::Duplicate => 'D',
            Disposition::Superseded => 'S',
            Disposition::Parked(_) => 'P',
        })
        .collect();
    assert_eq!((&*initials, &*standing(&record)), (dispositions, expected));
    let last = outcomes.last().map(|outcome| &outcome.findings).unwrap();
    let got: Vec<FindingCode> = last
        .iter()
        .map(|finding| finding.code)
        .filter(|code| *code != FindingCode::StatusConflict)
        .collect();
    assert_eq!(got, codes);
}

#[test]
fn versions_supersede_each_other() {
    check(&["P 00 a"], "F", &[], "Preliminary a");
    check(&["P 00 a", "P 10 b"], "FF", &[], "Preliminary b");
    check(&["P 00 a", "F 10 b"], "FF", &[], "Final b");
    check(&["F 00 a", "C 10 b"], "FF", &[], "Corrected b");
    check(&["C 00 a", "C 10 b"], "FF", &[], "Corrected b");
}

#[test]
fn the_same_content_again_is_a_duplicate() {
    check(&["F 00 a", "F 00 a"], "FD", &[], "Final a");
    check(&["F 00 a", "F 10 a"], "FD", &[], "Final a");
    let (_, outcomes) = play(&["F 00 a", "F 00 a"]);
    assert_eq!(outcomes[1].effects, []);
}

#[test]
fn a_late_version_is_kept_as_history() {
    check(&["F 00 a", "P 10 b"], "FS", &[FindingCode::LateVersion], "Final a");
    check(&["C 00 a", "F 10 b"], "FS", &[FindingCode::LateVersion], "Corrected a");
    check(&["F 10 a", "F 00 b"], "FS", &[FindingCode::LateVersion], "Final a");
    assert_eq!(play(&["F 00 a", "P 10 b"]).0.versions.len(), 2);
}

#[test]
fn a_final_after_a_final_is_a_correction() {
    check(&["F 00 a", "F 10 b"], "FF", &[FindingCode::FinalAfterFinal], "Final b");
}

#[test]
fn a_correction_without_original_is_noted() {
    check(&["C 00 a"], "F", &[FindingCode::CorrectionWithoutOriginal], "Corrected a");
    check(&["P 00 a", "C 10 b"], "FF", &[FindingCode::CorrectionWithoutOriginal], "Corrected b");
}

#[test]
fn a_status_alone_hides_no_report() {
    check(&["I 00"], "F", &[], "StatusOnly");
    check(&["P 00 a", "I 10"], "FS", &[FindingCode::LateVersion], "Preliminary a");
}

#[test]
fn a_release_makes_the_preliminary_text_final() {
    check(&["P 00 a", "U 10"], "FF", &[], "Released a");
    check(
        &["P 00 a", "P 05 b", "U 10", "P 20 c"],
        "FFFS",
        &[FindingCode::LateVersion],
        "Released b",
    );
    check(&["P 00 a", "F 05 b", "U 10"], "FFS", &[FindingCode::LateVersion], "Final b");
    check(&["U 10"], "S", &[FindingCode::LateVersion], "nothing");
    check(&["U 10", "P 00 a"], "SF", &[], "Released a");
}

#[test]
fn a_retraction_hides_the_report_and_keeps_its_history() {
    check(&["F 00 a", "X 10"], "FF", &[FindingCode::Retracted], "Retracted");
    check(&["F 00 a", "X 10", "I 20"], "FFS", &[FindingCode::LateVersion], "Retracted");
    check(&["X 10"], "F", &[FindingCode::RetractionWithoutReport], "Retracted");
    assert_eq!(play(&["F 00 a", "X 10"]).0.versions.len(), 2);
}

#[test]
fn a_report_for_the_wrong_patient_is_urgent() {
    let codes = [FindingCode::WrongPatient, FindingCode::Retracted];
    check(&["F 00 a", "W 10"], "FF", &codes, "WrongPatient");
    assert!(FindingCode::WrongPatient.is_urgent());
}

#[test]
fn a_younger_report_stands_after_a_retraction() {
    check(&["F 00 a", "X 10", "F 20 b"], "FFF", &[], "Final b");
    check(&["F 00 a", "X 10", "F 10 b"], "FFS", &[FindingCode::LateVersion], "Retracted");
}

#[test]
fn a_retracted_text_does_not_come_back_by_repetition() {
    check(&["F 00 a", "X 10", "F 20 a"], "FFS", &[FindingCode::LateVersion], "Retracted");
    check(&["F 20 a", "X 10", "F 00 a"], "FSF", &[], "Retracted");
    check(&["F - a", "X 10"], "FF", &[FindingCode::Retracted], "Retracted");
}

#[test]
fn an_earlier_text_that_is_sent_again_stands_again() {
    check(&["F 00 a", "F 10 b", "F 20 a"], "FFF", &[FindingCode::FinalAfterFinal], "Final a");
}

#[test]
fn only_matches_are_filed() {
    let evidence = Evidence::default;
    let keys = || vec!["k1".to_owned(), "k2".to_owned()];
    let conflict = || Decision::Conflict { keys: vec!["k1".to_owned()], evidence: evidence() };
    for (decisions, reason, candidates) in [
        (vec![Decision::NoCandidate { evidence: evidence() }], ParkReason::NoCandidate, vec![]),
        (
            vec![Decision::Ambiguous { keys: keys(), evidence: evidence() }],
            ParkReason::Ambiguous,
            keys(),
        ),
        (vec![conflict()], ParkReason::Conflict, vec!["k1".to_owned()]),
        (vec![], ParkReason::NoCandidate, vec![]),
        (vec![matched("k1"), matched("k2")], ParkReason::NoCandidate, keys()),
    ] {
        let outcome = receive(&event("F 00 a"), &decisions, None, &site(), "m", NOW);
        assert_eq!(outcome.disposition, Disposition::Parked(reason));
        let [Effect::Park(parked)] = outcome.effects.as_slice() else { panic!("not parked") };
        assert_eq!(parked.candidates, candidates);
        assert_eq!((&*parked.message_id, parked.reason.clone()), ("m", reason.to_string()));
    }
}

#[test]
fn parked_reports_carry_their_evidence() {
    let order = crate::samples::order();
    let candidate = telerad_accession::Candidate {
        key: "north/A1001".to_owned(),
        order,
        source: telerad_accession::CandidateSource::Order,
        also_known_as: Vec::new(),
    };
    let mut incoming = event("F 00 a");
    incoming.claims[0].patient.ids = vec![telerad_core::PatientId::new("8", None).unwrap()];
    let policy = crate::samples::reading().accession_policy;
    let decision = telerad_accession::decide(&incoming.claims[0], &[candidate], &policy);
    let outcome = receive(&incoming, &[decision], None, &site(), "m", NOW);
    let [Effect::Park(parked)] = outcome.effects.as_slice() else { panic!("not parked") };
    assert_eq!(parked.reason, "identifiers contradict each other");
    assert!(parked.evidence.contains("patient identifier differs under the same authority"));
    assert!(parked.evidence.contains("`8 of HOSP`"));
    assert!(!format!("{outcome:?}").contains("8 of HOSP"));
}

#[test]
fn a_report_for_several_orders_is_filed_under_each_or_not_at_all() {
    let mut both = event("F 00 a");
    both.claims.push(both.claims[0].clone());
    let filed = receive(&both, &[matched("k1"), matched("k2")], None, &site(), "m", NOW);
    assert_eq!(filed.disposition, Disposition::Filed);
    let keys: Vec<&str> = filed
        .effects
        .iter()
        .map(|effect| match effect {
            Effect::PutReport(record) => &*record.order_key,
            Effect::Park(_) => "parked",
        })
        .collect();
    assert_eq!(keys, ["k1", "k2"]);
    assert_eq!(filed.findings[0].code, FindingCode::SeveralOrders);

    let missing = Decision::NoCandidate { evidence: Evidence::default() };
    let outcome = receive(&both, &[matched("k1"), missing], None, &site(), "m", NOW);
    assert!(matches!(outcome.effects.as_slice(), [Effect::Park(_)]));
}

#[test]
fn the_revision_of_the_record_is_handed_on() {
    let (mut stored, _) = file(&record(&event("P 00 a"), "north/A1001"), &event("P 00 a"));
    stored.revision = 4;
    assert_eq!(file(&stored, &event("F 10 a")).0.revision, 4);
}

#[test]
fn a_sender_in_a_loop_does_not_grow_the_record_without_bound() {
    let (mut stored, _) = play(&["P 00 a"]);
    let version = stored.versions[0].clone();
    stored.versions = (0..VERSIONS_MAX)
        .map(|n| crate::ReportVersion { content: n.to_string(), ..version.clone() })
        .collect();
    let outcome = receive(&event("F 1 b"), &[matched("north/A1001")], &[stored], &site(), "m", NOW);
    assert_eq!(outcome.disposition, Disposition::Parked(ParkReason::TooManyVersions));
}

/// What does not depend on the order of arrival.
fn substance(record: &ReportRecord) -> Vec<(ReportStatus, String, [Option<PartialDateTime>; 3])> {
    let times = |version: &crate::ReportVersion| {
        [version.status_time, version.first_status_time, version.message_time]
    };
    let one =
        |version: &crate::ReportVersion| (version.status, version.content.clone(), times(version));
    record.versions.iter().map(one).collect()
}

fn any_event() -> impl Strategy<Value = String> {
    let status = prop::sample::select(vec!["P", "P", "F", "F", "C", "U", "X", "W", "I"]);
    let time = prop::sample::select(vec!["00", "10", "20", "30", "-"]);
    let text = prop::sample::select(vec!["a", "b", "c"]);
    (status, time, text).prop_map(|(status, time, text)| format!("{status} {time} {text}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn versions_converge_whatever_the_order_of_arrival(
        events in prop::collection::vec(any_event(), 1..6),
        seed in prop::collection::vec(any::<u32>(), 10),
    ) {
        // Every event twice, so that duplicates arrive anywhere.
        let twice: Vec<&str> = events.iter().chain(&events).map(String::as_str).collect();
        let mut shuffled: Vec<(u32, &str)> = seed.into_iter().zip(twice.clone()).collect();
        shuffled.sort();
        let shuffled: Vec<&str> = shuffled.into_iter().map(|(_, one)| one).collect();
        let (first, _) = play(&twice);
        let (second, _) = play(&shuffled);
        prop_assert_eq!(substance(&first), substance(&second));
        prop_assert_eq!(standing(&first), standing(&second));
    }
}

#[test]
fn every_permutation_of_preliminary_final_and_correction_ends_with_the_correction() {
    let events = ["P 00 a", "F 10 b", "C 20 c", "F 10 b"];
    for a in 0..4 {
        for b in (0..4).filter(|b| *b != a) {
            for c in (0..4).filter(|c| *c != a && *c != b) {
                let d = 6 - a - b - c;
                let (record, _) = play(&[events[a], events[b], events[c], events[d]]);
                assert_eq!((&*standing(&record), record.versions.len()), ("Corrected c", 3));
            }
        }
    }
}

#[test]
fn records_survive_the_store() {
    let (record, _) = play(&["P 00 a", "F 10 b"]);
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<ReportRecord>(&text).unwrap(), record);
    assert!(!format!("{record:?}").contains("A1001"));
    assert_eq!(record.versions[0].received_at, Timestamp::from_micros(NOW.as_micros()));
}
