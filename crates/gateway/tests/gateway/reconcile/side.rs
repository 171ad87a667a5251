//! Images of another side or another patient, and the reports that are not filed for that.

use telerad_gateway::Event;
use telerad_store::{MessageOutcome, Messages, Store};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, ResultStatus, orm_o01, oru_r01};

use super::{journal, marked, order, standing, told};
use crate::house::{Application, Archive, House, TOML, case_of};

/// `north` declares which words name a side.
fn toml() -> String {
    let north = "id = \"north\"\n";
    let sides = "sides = { left = [\"links\"], right = [\"rechts\"] }\n";
    TOML.replacen(north, &format!("{north}{sides}"), 1)
}

fn knee(side: &str) -> Case {
    Case { procedure_text: format!("Knie {side}"), ..order(1) }
}

/// An image whose series is described so.
fn image(number: u64, description: &str) -> Instance {
    Instance {
        sop_instance_uid: format!("2.25.77{number}"),
        series_instance_uid: format!("2.25.78{number}"),
        series_description: description.to_owned(),
        ..Instance::new(1)
    }
}

fn report(control_id: &str, status: ResultStatus) -> Case {
    Case {
        result_status: status,
        time: "20260105110000".to_owned(),
        ..case_of("READER", "north", 1).with_control_id(control_id)
    }
}

async fn outcome(house: &House, control_id: &str) -> MessageOutcome {
    let record = house.store.message_by_control("READER|NORTH", control_id).await.unwrap();
    record.unwrap().outcome
}

const WRONG_SIDE: &str = "Laterality is the wrong side";

#[tokio::test(start_paused = true)]
async fn the_wrong_side_is_read_and_told_and_its_report_waits_for_the_correction() {
    let mut house = House::open_with(&toml());
    let (archive, ris) =
        (Archive::open(&house.network), Application::open(&house.network, "ris:2576"));
    assert_eq!(house.answer_to(&orm_o01(&knee("links"))).await, "AA");
    let right = image(1, "Knie rechts a.p.");
    house.accept("CT1", &right).await;
    house.delivered(1).await;
    assert_eq!(archive.kept().len(), 1);
    let study = &right.study_instance_uid;
    assert_eq!(marked(&mut house, study, (None, "mismatch")).await, WRONG_SIDE);
    assert_eq!(standing(&house, study).await, ("mismatch", None));
    let line = house.delivery(&right.sop_instance_uid).await.unwrap();
    assert_eq!(line.mark.kind().as_str(), "mismatch");

    let final_report = report("R1", ResultStatus::Final);
    assert_eq!(house.answer_to(&oru_r01(&final_report)).await, "AA");
    house.settle().await;
    let reason = format!("the images and their order disagree: {WRONG_SIDE}");
    assert_eq!(outcome(&house, "R1").await, MessageOutcome::Parked(reason.clone()));
    let parked = house.parked().await;
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].reason, reason);
    let evidence = "Laterality is the wrong side (order `left`, image `right`)";
    assert!(parked[0].evidence.contains(evidence), "{}", parked[0].evidence);
    assert_eq!((ris.came(), house.store.counts().await.unwrap().reports), (0, 0));

    let corrected = Case {
        order_control: "XO".to_owned(),
        time: "20260105120000".to_owned(),
        ..knee("rechts").with_control_id("XO1")
    };
    assert_eq!(house.answer_to(&orm_o01(&corrected)).await, "AA");
    marked(&mut house, study, (Some("mismatch"), "matched")).await;
    house.event("filed", |event| matches!(event, Event::ReportFiled { .. })).await;
    house.settle().await;
    assert_eq!(outcome(&house, "R1").await, MessageOutcome::Applied);
    assert_eq!((house.parked().await.len(), ris.taken("OBR-25")), (0, vec!["F".to_owned()]));
    let lines = journal(&house, study).await;
    assert_eq!(lines[..2], ["mismatch", "linked"], "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_picture_of_the_other_side_beside_the_ordered_one_files() {
    let mut house = House::open_with(&toml());
    let (_archive, ris) =
        (Archive::open(&house.network), Application::open(&house.network, "ris:2576"));
    assert_eq!(house.answer_to(&orm_o01(&knee("links"))).await, "AA");
    house.accept_all("CT1", &[image(1, "Knie links"), image(2, "Knie rechts")]).await;
    house.delivered(2).await;
    // A person is told all the same: one series of it is of the side that was not asked for.
    let study = &image(1, "").study_instance_uid;
    assert_eq!(marked(&mut house, study, (Some("matched"), "mismatch")).await, WRONG_SIDE);
    assert_eq!(house.answer_to(&oru_r01(&report("R1", ResultStatus::Final))).await, "AA");
    house.settle().await;
    assert_eq!((outcome(&house, "R1").await, ris.came()), (MessageOutcome::Applied, 1));
}

#[tokio::test(start_paused = true)]
async fn words_that_the_site_did_not_declare_name_no_side() {
    let mut house = House::open();
    let (_archive, ris) =
        (Archive::open(&house.network), Application::open(&house.network, "ris:2576"));
    assert_eq!(house.answer_to(&orm_o01(&knee("links"))).await, "AA");
    house.accept("CT1", &image(1, "Knie rechts")).await;
    house.delivered(1).await;
    assert_eq!(house.answer_to(&oru_r01(&report("R1", ResultStatus::Final))).await, "AA");
    house.settle().await;
    assert_eq!((told(&mut house), ris.came()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_was_filed_is_taken_back_whatever_its_images_say() {
    let mut house = House::open_with(&toml());
    let (_archive, ris) =
        (Archive::open(&house.network), Application::open(&house.network, "ris:2576"));
    assert_eq!(house.answer_to(&orm_o01(&knee("links"))).await, "AA");
    assert_eq!(house.answer_to(&oru_r01(&report("R1", ResultStatus::Final))).await, "AA");
    house.event("filed", |event| matches!(event, Event::ReportFiled { .. })).await;
    house.accept("CT1", &image(1, "Knie rechts")).await;
    marked(&mut house, &image(1, "").study_instance_uid, (None, "mismatch")).await;
    let mut retracted = report("R2", ResultStatus::Final);
    retracted.time = "20260105130000".to_owned();
    let message = oru_r01(&retracted).replace("|F\r", "|X\r").replace("|F|||||||", "|X|||||||");
    assert_ne!(message, oru_r01(&retracted));
    assert_eq!(house.answer_to(&message).await, "AA");
    house.settle().await;
    assert_eq!(outcome(&house, "R2").await, MessageOutcome::Applied);
    assert_eq!(ris.came(), 2);
}

#[tokio::test(start_paused = true)]
async fn images_of_another_patient_are_read_and_told_and_no_report_is_filed() {
    let mut house = House::open();
    let (archive, ris) =
        (Archive::open(&house.network), Application::open(&house.network, "ris:2576"));
    assert_eq!(house.answer_to(&orm_o01(&order(1))).await, "AA");
    let strange = Instance {
        patient_id: "P2".to_owned(),
        patient_name: "ROE^RICHARD".to_owned(),
        ..Instance::new(1)
    };
    house.accept("CT1", &strange).await;
    house.delivered(1).await;
    assert_eq!(archive.kept().len(), 1);
    let why = marked(&mut house, &strange.study_instance_uid, (None, "mismatch")).await;
    assert!(why.contains("patient identifier differs under the same authority"), "{why}");
    for value in ["P1", "P2", "ROE"] {
        assert!(!why.contains(value), "{why}");
    }
    assert_eq!(house.answer_to(&oru_r01(&report("R1", ResultStatus::Final))).await, "AA");
    house.settle().await;
    assert!(matches!(outcome(&house, "R1").await, MessageOutcome::Parked(_)));
    assert_eq!((house.parked().await.len(), ris.came()), (1, 0));
    assert_eq!(standing(&house, &strange.study_instance_uid).await, ("mismatch", None));
}
