//! Two sites that number alike never see each other.

use telerad_dicom::tags;
use telerad_gateway::Event;
use telerad_store::{Instances, Parking, Store};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, orm_o01, oru_r01};

use crate::house::{Application, Archive, House, case_of, site};

#[tokio::test(start_paused = true)]
async fn a_modality_sees_the_orders_of_its_own_site_only() {
    let house = House::open();
    let south = Case { given_name: "SOUTHERN".to_owned(), ..case_of("RIS", "south", 1) };
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
    assert_eq!(house.answer_to(&orm_o01(&south)).await, "AA");
    assert_eq!(house.store.counts().await.unwrap().orders, 2, "one accession number, two orders");
    assert_eq!(house.worklist_values("CT1", tags::PATIENT_NAME).await, ["TEST^PATIENT1"]);
    assert_eq!(house.worklist_values("CT9", tags::PATIENT_NAME).await, ["TEST^SOUTHERN"]);
}

#[tokio::test(start_paused = true)]
async fn one_control_id_at_two_sites_is_two_messages() {
    let house = House::open();
    let (north, south) = (case_of("RIS", "north", 1), case_of("RIS", "south", 2));
    assert_eq!(house.answer_to(&orm_o01(&north.with_control_id("SAME"))).await, "AA");
    assert_eq!(house.answer_to(&orm_o01(&south.with_control_id("SAME"))).await, "AA");
    assert_eq!(house.store.counts().await.unwrap().orders, 2);
    assert_eq!(house.worklist_values("CT9", tags::ACCESSION_NUMBER).await, ["A2"]);
}

#[tokio::test(start_paused = true)]
async fn one_instance_sent_by_two_sites_is_two_instances() {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    let instance = Instance::new(1);
    house.accept("CT1", &instance).await;
    house.accept("CT9", &instance).await;
    house.delivered(2).await;
    assert_eq!(archive.kept().len(), 2);
    let uid = telerad_core::Uid::new(&instance.sop_instance_uid).unwrap();
    for id in ["north", "south"] {
        assert_eq!(house.store.versions(&site(id), &uid).await.unwrap().len(), 1, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_report_is_not_matched_with_the_order_of_another_site() {
    let house = House::open();
    let ris = Application::open(&house.network, "ris:2576");
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
    let report =
        Case { patient_authority: "NORTH-MRN".to_owned(), ..case_of("READER", "south", 1) };
    assert_eq!(house.answer_to(&oru_r01(&report)).await, "AA");
    house.settle().await;
    assert_eq!(house.store.parked(Some(&site("south")), None, 99).await.unwrap().len(), 1);
    assert_eq!(house.store.parked(Some(&site("north")), None, 99).await.unwrap().len(), 0);
    assert_eq!((house.store.counts().await.unwrap().reports, ris.came()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_report_of_one_site_is_not_told_to_the_ris_of_another() {
    let mut house = House::open();
    let ris = Application::open(&house.network, "ris:2576");
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "south", 1))).await, "AA");
    assert_eq!(house.answer_to(&oru_r01(&case_of("READER", "south", 1))).await, "AA");
    house.event("filed", |event| matches!(event, Event::ReportFiled { .. })).await;
    house.settle().await;
    assert_eq!(ris.came(), 0);
}
