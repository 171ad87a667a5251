//! The five cases of IHE Patient Information Reconciliation (RAD TF-1 section 4): whoever gives an unidentified patient a
//! temporary identifier, the images are read at once, and are the right patient's when it is known who that is.

use telerad_accession::{AccessionPolicy, index_keys};
use telerad_core::{Issuer, PartialDate, Patient, PatientId, PersonName, Sex, Timestamp};
use telerad_gateway::Event;
use telerad_store::{Batch, Effect, Instances, MessageOutcome, Messages, Orders, Patients, Store};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, ResultStatus, adt_a04, orm_o01, oru_r01};
use telerad_worklist::PatientRecord;

use super::{key, marked, order, standing, told, unmatched};
use crate::house::{Application, Archive, House, case_of, site};

/// The patient as whoever registered an unconscious man called him.
fn unidentified(case: Case) -> Case {
    Case {
        patient_id: "T1".to_owned(),
        family_name: "DOE".to_owned(),
        given_name: "JOHN".to_owned(),
        birth_date: String::new(),
        sex: "M".to_owned(),
        ..case
    }
}

/// The same when it is known who he is.
fn identified(case: Case) -> Case {
    Case {
        patient_id: "R1".to_owned(),
        family_name: "ROE".to_owned(),
        given_name: "RICHARD".to_owned(),
        birth_date: "19800101".to_owned(),
        sex: "M".to_owned(),
        ..case
    }
}

/// An image under the temporary identifier.
fn image() -> Instance {
    Instance {
        patient_id: "T1".to_owned(),
        patient_name: "DOE^JOHN".to_owned(),
        birth_date: String::new(),
        sex: "M".to_owned(),
        ..Instance::new(1)
    }
}

/// What a merge of an identifier into the real patient's leaves: an alias, and orders that went along.
async fn merge(house: &House, owner: &str, prior: &str) {
    let authority = || Issuer::local(&format!("{}-MRN", owner.to_uppercase())).ok();
    let id = |value: &str| PatientId::new(value, authority()).unwrap();
    let (site, store) = (site(owner), &house.store);
    let known = store.patients(&site, &[id(prior)]).await.unwrap().into_iter().next();
    let patient = Patient { ids: vec![id(prior)], ..Patient::default() };
    let fresh = PatientRecord::new(site.clone(), patient, Timestamp::from_micros(0));
    let merged = PatientRecord { merged_into: Some(id("R1")), ..known.unwrap_or(fresh) };
    let mut batch = Batch::new().with(Effect::Patient(merged));
    let policy = AccessionPolicy {
        default_issuer: Issuer::local(&owner.to_uppercase()).ok(),
        patient_authority: authority(),
        ..AccessionPolicy::default()
    };
    for mut record in store.orders_of_patient(&site, prior).await.unwrap() {
        record.order.patient = Patient {
            ids: vec![id("R1")],
            name: PersonName::from_dicom("ROE^RICHARD"),
            birth_date: PartialDate::parse("19800101").ok(),
            sex: Sex::from_code("M"),
        };
        let keys = index_keys(&record.order, &policy);
        batch = batch.with(Effect::Order { record, keys });
    }
    store.commit(batch).await.unwrap();
}

/// ORM^O01 with XO (RAD-13): the order is changed after the merge.
fn changed() -> String {
    let mut case = identified(order(1)).with_control_id("XO1");
    case.order_control = "XO".to_owned();
    case.procedure_text = "CT HEAD WITH CONTRAST".to_owned();
    case.time = "20260105133000".to_owned();
    orm_o01(&case)
}

async fn is_merged_and_changed(house: &House) {
    merge(house, "north", "T1").await;
    is_applied(house, &changed(), "XO1").await;
}

/// ADT^A31: what is known of the patient by now.
fn a31(case: &Case) -> String {
    let message = adt_a04(&Case { time: "20260105123000".to_owned(), ..case.clone() });
    message.replace("ADT^A04", "ADT^A31").replace("EVN|A04", "EVN|A31")
}

async fn is_applied(house: &House, message: &str, control_id: &str) {
    assert_eq!(house.answer_to(message).await, "AA");
    let record = house.store.message_by_control("RIS|NORTH", control_id).await.unwrap().unwrap();
    assert_eq!(record.outcome, MessageOutcome::Applied, "{:?}", record.findings);
}

/// Everybody and everything else at hand, none of which may be linked with the study.
async fn others(house: &House) {
    is_applied(house, &orm_o01(&order(7)), "RIS7").await;
    let south = unidentified(case_of("RIS", "south", 1));
    assert_eq!(house.answer_to(&orm_o01(&south)).await, "AA");
}

/// The study is the order's, nobody else's, and a report for the real patient is filed.
async fn is_linked(house: &mut House, archive: &Archive, earlier_reports: usize) {
    let linked = ("matched", Some(key("A1")));
    assert_eq!(standing(house, &image().study_instance_uid).await, linked);
    let south = house.store.study(&site("south"), &image().study_instance_uid).await.unwrap();
    assert!(south.is_none(), "another site knows the study");
    let ris = Application::open(&house.network, "ris:2576");
    let report = Case {
        result_status: ResultStatus::Final,
        time: "20260105140000".to_owned(),
        ..identified(case_of("READER", "north", 1)).with_control_id("R1")
    };
    assert_eq!(house.answer_to(&oru_r01(&report)).await, "AA");
    house.settle().await;
    let reasons = house.reasons().await;
    let expected = (earlier_reports + 1, Vec::<String>::new());
    assert_eq!((ris.came(), reasons), expected, "the report was not filed");
    assert_eq!(archive.kept().len(), 1, "delivered once");
    assert_eq!(told(house), 0, "told more than once");
}

/// Case 1: registered with a temporary identifier, ordered at the placer.
#[tokio::test(start_paused = true)]
async fn case_1_registered_and_ordered_before_the_images() {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    others(&house).await;
    is_applied(&house, &adt_a04(&unidentified(order(1)).with_control_id("A1")), "A1").await;
    is_applied(&house, &orm_o01(&unidentified(order(1)).with_control_id("O1")), "O1").await;
    house.accept("CT1", &image()).await;
    house.delivered(1).await;
    assert_eq!(standing(&house, &image().study_instance_uid).await.0, "matched");
    is_merged_and_changed(&house).await;
    house.settle().await;
    is_linked(&mut house, &archive, 0).await;
}

/// Case 2: registered with a temporary identifier; the filler made the order itself, and tells it after the images.
#[tokio::test(start_paused = true)]
async fn case_2_registered_and_ordered_at_the_filler_after_the_images() {
    let mut house = House::open();
    others(&house).await;
    is_applied(&house, &adt_a04(&unidentified(order(1)).with_control_id("A1")), "A1").await;
    let archive = unmatched(&mut house, &[image()]).await;
    is_applied(&house, &orm_o01(&unidentified(order(1)).with_control_id("O1")), "O1").await;
    let study = image().study_instance_uid;
    marked(&mut house, &study, (Some("unmatched"), "matched")).await;
    is_merged_and_changed(&house).await;
    house.settle().await;
    is_linked(&mut house, &archive, 0).await;
}

/// Case 3: the filler gave the temporary identifier and its order to the modality; who he is comes with the order.
#[tokio::test(start_paused = true)]
async fn case_3_registered_at_the_filler_and_merged_before_the_order_is_told() {
    let mut house = House::open();
    others(&house).await;
    let archive = unmatched(&mut house, &[image()]).await;
    is_applied(&house, &adt_a04(&identified(order(1)).with_control_id("A1")), "A1").await;
    merge(&house, "north", "T1").await;
    is_applied(&house, &orm_o01(&identified(order(1)).with_control_id("O1")), "O1").await;
    let study = image().study_instance_uid;
    marked(&mut house, &study, (Some("unmatched"), "matched")).await;
    is_linked(&mut house, &archive, 0).await;
}

/// Case 4: the identifier is known to the modality alone. The late order with the study of the images is the real
/// patient's, and contradicts them until the merge says who he was.
#[tokio::test(start_paused = true)]
async fn case_4_known_to_the_modality_alone() {
    let mut house = House::open();
    others(&house).await;
    let archive = unmatched(&mut house, &[image()]).await;
    is_applied(&house, &orm_o01(&identified(order(1)).with_control_id("O1")), "O1").await;
    let study = image().study_instance_uid;
    let why = marked(&mut house, &study, (Some("unmatched"), "mismatch")).await;
    assert!(why.contains("patient identifier differs under the same authority"), "{why}");
    let early = Case {
        result_status: ResultStatus::Preliminary,
        ..identified(case_of("READER", "north", 1)).with_control_id("R0")
    };
    assert_eq!(house.answer_to(&oru_r01(&early)).await, "AA");
    house.settle().await;
    assert_eq!(house.reasons().await.len(), 1, "filed although the images are another patient's");
    is_merged_and_changed(&house).await;
    marked(&mut house, &study, (Some("mismatch"), "matched")).await;
    house.event("filed", |event| matches!(event, Event::ReportFiled { .. })).await;
    is_linked(&mut house, &archive, 1).await;
}

/// Case 5: nobody registered him, and nothing was scheduled. The order is made for the images, still under the temporary
/// identifier, and what is known of him changes twice.
#[tokio::test(start_paused = true)]
async fn case_5_unscheduled_and_registered_afterwards() {
    let mut house = House::open();
    others(&house).await;
    let archive = unmatched(&mut house, &[image()]).await;
    is_applied(&house, &adt_a04(&unidentified(order(1)).with_control_id("A1")), "A1").await;
    let mut late = unidentified(order(1)).with_control_id("O1");
    late.station_ae_title = String::new();
    is_applied(&house, &orm_o01(&late), "O1").await;
    let study = image().study_instance_uid;
    marked(&mut house, &study, (Some("unmatched"), "matched")).await;
    let known = Case { birth_date: "19800101".to_owned(), ..unidentified(order(1)) };
    is_applied(&house, &a31(&known.with_control_id("A2")), "A2").await;
    is_merged_and_changed(&house).await;
    house.settle().await;
    is_linked(&mut house, &archive, 0).await;
}

/// Two patients under one study: what is nobody's alias stays apart.
#[tokio::test(start_paused = true)]
async fn a_merge_of_somebody_else_links_nothing() {
    let mut house = House::open();
    let archive = unmatched(&mut house, &[image()]).await;
    is_applied(&house, &orm_o01(&identified(order(1)).with_control_id("O1")), "O1").await;
    let study = image().study_instance_uid;
    marked(&mut house, &study, (Some("unmatched"), "mismatch")).await;
    merge(&house, "north", "T2").await;
    merge(&house, "south", "T1").await;
    is_applied(&house, &changed(), "XO1").await;
    house.settle().await;
    assert_eq!(standing(&house, &study).await, ("mismatch", None));
    assert_eq!((told(&mut house), archive.kept().len()), (0, 1));
}
