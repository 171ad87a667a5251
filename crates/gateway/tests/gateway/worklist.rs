//! The worklist in memory: it follows what is committed, and shows each caller what is the caller's.

use telerad_dicom::tags;
use telerad_gateway::Event;
use telerad_testkit::hl7::{Case, adt_a04, orm_o01};

use crate::house::{House, TOML, case_of};

fn order(number: u64) -> Case {
    case_of("RIS", "north", number)
}

/// An order for a day and for stations, separated by `~`.
fn order_at(number: u64, start: &str, stations: &str) -> String {
    format!(
        "MSH|^~\\&|RIS|NORTH|TELERAD|GATEWAY|20260105080000||OMI^O23|S{number}|P|2.5.1\r\
         PID|||P{number}^^^NORTH-MRN||TEST^PATIENT{number}||19700101|F\r\
         ORC|NW\r\
         TQ1|||||||{start}||R\r\
         OBR||||X^Proc^L\r\
         IPC|A{number}|RP{number}|1.2.3.{number}|S{number}|CT|P^Scan^LP|||{stations}\r"
    )
}

async fn accessions(house: &House, calling: &str) -> Vec<String> {
    house.worklist_values(calling, tags::ACCESSION_NUMBER).await
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_took_in_is_there_again() {
    let house = House::open();
    // Long ago, about today, far ahead.
    for (number, start) in [(1, "20200101"), (2, "202601050900"), (3, "20260106"), (4, "20300101")]
    {
        assert_eq!(house.answer_to(&order_at(number, start, "")).await, "AA");
    }
    let all = ["A1", "A2", "A3", "A4"];
    assert_eq!(accessions(&house, "CT1").await, all);
    let house = house.restart().await;
    house.settle().await;
    assert_eq!(accessions(&house, "CT1").await, all);
    assert_eq!(accessions(&house, "CT9").await, [""; 0], "another site");
}

#[tokio::test(start_paused = true)]
async fn every_change_shows_at_once() {
    let house = House::open();
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
    assert_eq!(house.answer_to(&orm_o01(&order(2))).await, "AA");
    assert_eq!(accessions(&house, "CT1").await, ["A1", "A2"]);
    let name = |answers: Vec<telerad_dicom::DataSet>| answers[0].text(tags::PATIENT_NAME);
    assert_eq!(name(house.worklist("CT1").await).as_deref(), Some("TEST^PATIENT1"));
    let married =
        adt_a04(&order(1).with_control_id("ADT1")).replace("TEST^PATIENT1", "NEW^PATIENT1");
    assert_eq!(house.answer_to(&married).await, "AA");
    assert_eq!(name(house.worklist("CT1").await).as_deref(), Some("NEW^PATIENT1"));
    let cancel = Case { order_control: "CA".to_owned(), ..order(1).with_control_id("CA1") };
    assert_eq!(house.answer_to(&orm_o01(&cancel)).await, "AA");
    assert_eq!(accessions(&house, "CT1").await, ["A2"]);
}

#[tokio::test(start_paused = true)]
async fn a_source_may_see_its_own_station_only() {
    let own = "ae_title = \"CT1\"\nworklist = \"own_station\"";
    let house = House::open_with(&TOML.replace("ae_title = \"CT1\"", own));
    for (number, stations) in [(1, "CT1"), (2, "CT2"), (3, ""), (4, "CT2~CT1")] {
        assert_eq!(house.answer_to(&order_at(number, "20260105", stations)).await, "AA");
    }
    assert_eq!(accessions(&house, "CT1").await, ["A1", "A3", "A4"]);
    assert_eq!(accessions(&house, "CONSOLE").await, ["A1", "A2", "A3", "A4"]);
}

#[tokio::test(start_paused = true)]
async fn the_first_to_start_are_answered_when_there_are_too_many() {
    let limit = "ae_title = \"TELERAD\"\nworklist_answers_max = 2";
    let mut house = House::open_with(&TOML.replace("ae_title = \"TELERAD\"", limit));
    for (number, start) in [(1, "20260107"), (2, "20260105"), (3, "20260106")] {
        assert_eq!(house.answer_to(&order_at(number, start, "")).await, "AA");
    }
    assert_eq!(accessions(&house, "CT1").await, ["A2", "A3"]);
    let cut = house.event("cut", |event| matches!(event, Event::WorklistCut { .. })).await;
    assert!(matches!(cut, Event::WorklistCut { answers: 2, matches: 3, .. }), "{cut:?}");
}
