//! Queries of PS3.4 annex K.

use proptest::prelude::*;
use telerad_core::AeTitle;
use telerad_dicom::{DataSet, Status, Tag, tags};
use telerad_worklist::{Query, StepStatus};

use crate::{Site, identifier};

/// A site with four steps:
/// 1 CT on the 5th at 10:00 on CT1 and CT2 for Müller^Jörg; 2 MR on the 6th at 18:30 for Yamada in three writings;
/// 3 CT on the 7th without time for Doe^Jane, no station; 4 US on the 8th at 07:00, cancelled.
fn site() -> Site {
    let mut site = Site::new();
    let orders = [
        ("P1", "Müller^Jörg", "A-1", "CT", "202607051000", "CT1~CT2"),
        (
            "P2",
            "Yamada^Tarou^^^^^L^A~山田^太郎^^^^^L^I~やまだ^たろう^^^^^L^P",
            "A-2",
            "MR",
            "202607061830",
            "MR1",
        ),
        ("P3", "Doe^Jane", "A-3", "CT", "20260707", ""),
        ("P4", "Gone^Gert", "A-4", "US", "202607080700", "US1"),
    ];
    for (at, (id, name, accession, modality, start, stations)) in (1..).zip(orders) {
        site.send(&format!(
            "MSH|^~\\&|RIS|NORTH|||20260701080000||OMI^O23|M|P|2.5.1||||||UNICODE UTF-8
            PID|||{id}^^^NORTH-MRN||{name}||19700102|F
            ORC|NW
            TQ1|||||||{start}||R
            OBR||||X^Proc^L
            IPC|{accession}|RP-{at}|1.2.3.{at}|SPS-{at}|{modality}|P^Scan head^LP|ROOM{at}||{stations}"
        ));
    }
    site.known.orders[3].steps[0].status = StepStatus::Canceled;
    site
}

fn steps(site: &Site, root: &[(Tag, &str)], step: &[(Tag, &str)]) -> String {
    let mut step = step.to_vec();
    if !step.iter().any(|(tag, _)| *tag == tags::SCHEDULED_PROCEDURE_STEP_ID) {
        step.push((tags::SCHEDULED_PROCEDURE_STEP_ID, ""));
    }
    let answers = site.ask(&identifier(root, &step));
    let ids: Vec<String> = answers
        .iter()
        .filter_map(|answer| answer.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE)?.pop())
        .filter_map(|item| item.text(tags::SCHEDULED_PROCEDURE_STEP_ID))
        .map(|id| id.replace("SPS-", ""))
        .collect();
    ids.join(" ")
}

#[track_caller]
fn root(tag: Tag, key: &str, expected: &str) {
    assert_eq!(steps(&site(), &[(tag, key)], &[]), expected, "{tag} {key}");
}

#[track_caller]
fn step(keys: &[(Tag, &str)], expected: &str) {
    assert_eq!(steps(&site(), &[], keys), expected, "{keys:?}");
}

#[test]
fn universal_keys_match_everything_that_is_still_to_be_done() {
    root(tags::PATIENT_NAME, "", "1 2 3");
    root(tags::PATIENT_NAME, "*", "1 2 3");
    root(tags::PATIENT_ID, "*", "1 2 3");
    step(&[(tags::MODALITY, "*")], "1 2 3");
    step(&[(tags::SCHEDULED_STATION_AE_TITLE, "*")], "1 2 3");
    step(&[(tags::SCHEDULED_PROCEDURE_STEP_START_DATE, "-")], "1 2 3");
    step(&[(tags::SCHEDULED_PROCEDURE_STEP_START_TIME, "*")], "1 2 3");
}

#[test]
fn names_match_in_any_case_and_writing() {
    root(tags::PATIENT_NAME, "MÜLLER^jörg", "1");
    root(tags::PATIENT_NAME, "müller*", "1");
    root(tags::PATIENT_NAME, "Müller", "");
    root(tags::PATIENT_NAME, "山田*", "2");
    root(tags::PATIENT_NAME, "=山田*", "2");
    root(tags::PATIENT_NAME, "yamada^tarou=山田^*", "2");
    root(tags::PATIENT_NAME, "?oe^Jane^^^", "3");
}

#[test]
fn names_match_without_their_accents() {
    root(tags::PATIENT_NAME, "MULLER^JORG", "1");
    root(tags::PATIENT_NAME, "M?ller*", "1");
    root(tags::PATIENT_NAME, "Döe*", "3");
}

#[test]
fn any_attribute_that_is_answered_can_be_a_key() {
    root(tags::PATIENT_COMMENTS, "x", "");
    root(tags::REQUESTED_PROCEDURE_DESCRIPTION, "Pr*", "1 2 3");
    root(tags::REQUESTED_PROCEDURE_DESCRIPTION, "Other", "");
    root(tags::CURRENT_PATIENT_LOCATION, "?*", "");
    for (code, expected) in [("P", "1 2 3"), ("Q", "")] {
        let mut item = DataSet::new();
        item.set_text(tags::CODE_VALUE, code);
        let mut step = identifier(&[], &[(tags::SCHEDULED_PROCEDURE_STEP_ID, "")])
            .items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE)
            .unwrap()
            .remove(0);
        step.set_items(tags::SCHEDULED_PROTOCOL_CODE_SEQUENCE, vec![item]);
        let mut query = DataSet::new();
        query.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![step]);
        let count = if expected.is_empty() { 0 } else { 3 };
        assert_eq!(site().ask(&query).len(), count, "{code}");
    }
}

#[test]
fn identifiers_match_exactly() {
    root(tags::PATIENT_ID, "P1", "1");
    root(tags::PATIENT_ID, "p1", "");
    root(tags::PATIENT_ID, "P*", "");
    root(tags::ACCESSION_NUMBER, "A-2", "2");
    root(tags::ACCESSION_NUMBER, "A-*", "1 2 3");
    root(tags::REQUESTED_PROCEDURE_ID, "RP-3", "3");
    root(tags::STUDY_INSTANCE_UID, "1.2.3.1\\1.2.3.3", "1 3");
}

#[test]
fn stations_match_any_of_their_titles() {
    let title = tags::SCHEDULED_STATION_AE_TITLE;
    step(&[(title, "CT1")], "1");
    step(&[(title, "CT2")], "1");
    step(&[(title, "ct2")], "");
    step(&[(title, "CT3")], "");
    step(&[(title, "CT*")], "");
}

#[test]
fn modalities_match_exactly_and_as_alternatives() {
    step(&[(tags::MODALITY, "CT")], "1 3");
    step(&[(tags::MODALITY, "CT ")], "1 3");
    step(&[(tags::MODALITY, "ct")], "");
    step(&[(tags::MODALITY, "C*")], "");
    step(&[(tags::MODALITY, "MR\\CT")], "1 2 3");
    step(&[(tags::MODALITY, "C")], "");
}

#[test]
fn all_keys_of_the_item_must_match_in_one_step() {
    step(&[(tags::MODALITY, "CT"), (tags::SCHEDULED_STATION_AE_TITLE, "MR1")], "");
    step(&[(tags::MODALITY, "CT"), (tags::SCHEDULED_STATION_AE_TITLE, "CT1")], "1");
    step(&[(tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION, "Scan*")], "1 2 3");
    step(&[(tags::SCHEDULED_STATION_NAME, "ROOM2")], "2");
    step(&[(tags::SCHEDULED_PROCEDURE_STEP_ID, "SPS-2")], "2");
}

const DATE: Tag = tags::SCHEDULED_PROCEDURE_STEP_START_DATE;
const TIME: Tag = tags::SCHEDULED_PROCEDURE_STEP_START_TIME;

#[test]
fn dates_match_singly_and_in_ranges() {
    step(&[(DATE, "20260705")], "1");
    step(&[(DATE, "2026.07.05")], "1");
    step(&[(DATE, "20260705-20260706")], "1 2");
    step(&[(DATE, "20260706-")], "2 3");
    step(&[(DATE, "-20260706")], "1 2");
    step(&[(DATE, "20260707-20260705")], "");
}

#[test]
fn times_match_by_meaning_and_unknown_ones_not_at_all() {
    step(&[(TIME, "10")], "1");
    step(&[(TIME, "10:00:00")], "1");
    step(&[(TIME, "100000.000")], "1");
    step(&[(TIME, "0000-2359")], "1 2");
    step(&[(TIME, "1000-")], "1 2");
    step(&[(TIME, "-10")], "1");
    step(&[(TIME, "1800-0600")], "2");
}

#[test]
fn two_ranges_are_one_interval() {
    // July 5, 10 am to July 7, 6 pm.
    step(&[(DATE, "20260705-20260707"), (TIME, "1000-1800")], "1 2");
    step(&[(DATE, "20260705-20260706"), (TIME, "1001-1829")], "");
    step(&[(DATE, "20260705-20260706"), (TIME, "1001-1830")], "2");
    step(&[(DATE, "20260705-"), (TIME, "1001-")], "2");
    step(&[(DATE, "-20260706"), (TIME, "-1000")], "1");
    // A single date with a range of times is no interval over days.
    step(&[(DATE, "20260706"), (TIME, "1800-1900")], "2");
    step(&[(DATE, "20260705-20260706"), (TIME, "1830")], "2");
}

#[test]
fn hidden_steps_are_answered_when_their_status_is_asked_for() {
    let status = tags::SCHEDULED_PROCEDURE_STEP_STATUS;
    step(&[(status, "")], "1 2 3");
    step(&[(status, "CANCELED")], "4");
    step(&[(status, "SCHEDULED\\CANCELED")], "1 2 3 4");
    let asks = |key| Query::read(&identifier(&[], &[(status, key)])).unwrap().sees_only_open();
    assert_eq!((asks(""), asks("CANCELED")), (true, false));
    for (hidden, expected) in StepStatus::ALL.into_iter().zip([1, 1, 1, 0, 0, 0, 0, 0]) {
        let mut site = site();
        site.known.orders.truncate(1);
        site.known.orders[0].steps[0].status = hidden;
        let answers = site.ask(&identifier(&[], &[]));
        assert_eq!(answers.len(), expected, "{hidden:?}");
    }
}

#[test]
fn an_unknown_value_fails_every_real_key() {
    root(tags::ADMISSION_ID, "V-1", "");
    root(tags::ADMISSION_ID, "", "1 2 3");
    root(tags::REFERRING_PHYSICIAN_NAME, "?*", "");
    step(&[(tags::SCHEDULED_PERFORMING_PHYSICIAN_NAME, "A*")], "");
}

#[test]
fn a_step_without_station_belongs_to_whoever_asks() {
    let site = site();
    let query = identifier(&[], &[(tags::SCHEDULED_STATION_AE_TITLE, "CT9")]);
    assert!(site.ask(&query).is_empty());
    let asked = Query::read(&query).unwrap().asked_by(AeTitle::new("CT9").unwrap());
    let answers = asked.answers(&site.known.orders, &site.known.patients);
    let item = answers[0].items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap().remove(0);
    assert_eq!(item.text(tags::SCHEDULED_STATION_AE_TITLE).as_deref(), Some("CT9"));
    assert_eq!(answers.len(), 1);
}

#[test]
fn only_what_is_requested_is_answered_and_type_2_is_present_without_value() {
    let site = site();
    let query = identifier(
        &[
            (tags::PATIENT_NAME, "müller*"),
            (tags::ADMISSION_ID, ""),
            (tags::REFERENCED_STUDY_SEQUENCE, ""),
            (tags::TIMEZONE_OFFSET_FROM_UTC, ""),
            (tags::BODY_PART_EXAMINED, ""),
        ],
        &[(tags::MODALITY, "")],
    );
    let answer = site.ask(&query).remove(0);
    assert_eq!(
        answer.tags(),
        [
            tags::REFERENCED_STUDY_SEQUENCE,
            tags::PATIENT_NAME,
            tags::ADMISSION_ID,
            tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE
        ]
    );
    assert_eq!(answer.text(tags::ADMISSION_ID).as_deref(), Some(""));
    let item = answer.items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap().remove(0);
    assert_eq!(item.tags(), [tags::MODALITY]);
    assert!(!Query::read(&query).unwrap().is_fully_supported());
    assert!(Query::read(&identifier(&[(tags::PATIENT_ID, "")], &[])).unwrap().is_fully_supported());
}

#[test]
fn an_empty_item_or_none_asks_for_the_whole_step() {
    let site = site();
    let mut query = identifier(&[], &[]);
    let whole = site.ask(&query);
    query.set_empty(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE);
    assert!(site.ask(&query) == whole);
    let item = whole[0].items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE).unwrap().remove(0);
    let type_1 = [
        tags::SCHEDULED_STATION_AE_TITLE,
        tags::SCHEDULED_PROCEDURE_STEP_START_DATE,
        tags::SCHEDULED_PROCEDURE_STEP_START_TIME,
        tags::MODALITY,
        tags::SCHEDULED_PROCEDURE_STEP_ID,
    ];
    for tag in type_1 {
        assert!(item.text(tag).is_some_and(|text| !text.is_empty()), "{tag}");
    }
}

#[test]
fn items_of_code_sequences_are_cut_to_the_request() {
    let mut query = identifier(&[(tags::PATIENT_ID, "P1")], &[]);
    let mut code = DataSet::new();
    code.set_empty(tags::CODE_VALUE);
    query.set_items(tags::REQUESTED_PROCEDURE_CODE_SEQUENCE, vec![code]);
    let answer = site().ask(&query).remove(0);
    let item = answer.items(tags::REQUESTED_PROCEDURE_CODE_SEQUENCE).unwrap().remove(0);
    assert_eq!(item.tags(), [tags::CODE_VALUE]);
}

#[test]
fn start_dates_bound_the_candidates() {
    let dates = |key: &str| Query::read(&identifier(&[], &[(DATE, key)])).unwrap().start_dates();
    let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
    assert_eq!(dates(""), None);
    assert_eq!(dates("20260705"), pair("20260705", "20260705"));
    assert_eq!(dates("20260705-"), pair("20260705", "99999999"));
    assert_eq!(dates("-20260705"), pair("00000000", "20260705"));
}

#[track_caller]
fn refused(query: &DataSet, expected: &str) {
    let error = Query::read(query).unwrap_err();
    assert_eq!(error.to_string(), expected);
    assert_eq!(error.status(), Status::DATA_SET_DOES_NOT_MATCH);
}

#[test]
fn keys_of_the_wrong_type_are_refused() {
    refused(
        &identifier(&[], &[(DATE, "tomorrow")]),
        "(0040,0002) is not a date of the form YYYYMMDD or a range of dates",
    );
    refused(
        &identifier(&[], &[(DATE, "*")]),
        "(0040,0002) is not a date of the form YYYYMMDD or a range of dates",
    );
    refused(
        &identifier(&[], &[(TIME, "25")]),
        "(0040,0003) is not a time of the form HH[MM[SS[.F]]] or a range of times",
    );
    let mut two = identifier(&[], &[]);
    two.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![DataSet::new(), DataSet::new()]);
    refused(&two, "(0040,0100) has several items");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a modality asks: no panic, and more keys never give more answers.
    #[test]
    fn a_real_key_only_narrows(
        name in ".{0,8}", id in "[P1-4*?]{0,3}", date in "[0-9-]{0,17}", time in "[0-9:.-]{0,13}", modality in "[A-Z*\\\\]{0,4}"
    ) {
        let site = site();
        let query = identifier(
            &[(tags::PATIENT_NAME, name.as_str()), (tags::PATIENT_ID, id.as_str())],
            &[(DATE, date.as_str()), (TIME, time.as_str()), (tags::MODALITY, modality.as_str())],
        );
        if let Ok(query) = Query::read(&query) {
            let answers = query.answers(&site.known.orders, &site.known.patients);
            prop_assert!(answers.len() <= 3);
            if let Some((first, last)) = query.start_dates() {
                prop_assert!(first.len() == 8 && last.len() == 8);
            }
        }
    }
}
