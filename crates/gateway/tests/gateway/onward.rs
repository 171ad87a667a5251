//! Orders on to the reading platform: in order per patient, each once, and none of another site's.

use std::time::Duration;

use telerad_gateway::Event;
use telerad_gateway::desk::{DeskError, Signature};
use telerad_store::{Journal, JourneyEvent, JourneyKey, Outbox, Store};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::{Case, adt_a04, orm_o01, oru_r01};

use crate::house::{Application, Archive, House, Reply, TOML, case_of, site};

const PLATFORM: &str = "platform:2577";
const NAME: &str = "order north platform:2577";

/// As [`TOML`], with a platform for the orders of `north`, and more about it.
fn toml(more: &str) -> String {
    format!(
        "{TOML}\n[[order_destination]]\nsite = \"north\"\naddress = \"{PLATFORM}\"\n\
         application = \"PLATFORM\"\nfacility = \"READING\"\naccession_prefix = \"N-\"\n{more}\n"
    )
}

fn open() -> House {
    House::open_with(&toml(""))
}

/// Order `number` of patient `patient`, under a control ID of its own.
fn order(number: u64, patient: u64, control: &str, minute: u32) -> Case {
    Case {
        control_id: format!("O{number}-{control}-{minute}"),
        order_control: control.to_owned(),
        time: format!("2026010508{minute:02}00"),
        patient_id: format!("P{patient}"),
        given_name: format!("PATIENT{patient}"),
        ..case_of("RIS", "north", number)
    }
}

async fn accepted(house: &House, message: &str) {
    assert_eq!(house.answer_to(message).await, "AA");
}

/// What the platform took, each as its event, its order control and what it is about.
fn told(platform: &Application) -> Vec<String> {
    let (events, controls) = (platform.taken("MSH-9.2"), platform.taken("ORC-1"));
    let (patients, orders) = (platform.taken("PID-3.1"), platform.taken("OBR-18"));
    let rows = events.into_iter().zip(controls).zip(patients.into_iter().zip(orders));
    rows.map(|((event, control), (patient, order))| {
        [event, control, patient, order].join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
    })
    .collect()
}

fn is_sent(event: &Event) -> bool {
    matches!(event, Event::MessageDelivered { .. })
}

async fn sent(house: &mut House, count: usize) {
    for number in 1..=count {
        house.event(&format!("message {number} of {count}"), is_sent).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_its_change_and_its_end_reach_the_platform() {
    let mut house = open();
    let platform = Application::open(&house.network, PLATFORM);
    accepted(&house, &orm_o01(&order(1, 1, "NW", 0))).await;
    let changed = Case { priority: "S".to_owned(), ..order(1, 1, "XO", 1) };
    accepted(&house, &orm_o01(&changed)).await;
    accepted(&house, &orm_o01(&order(1, 1, "CA", 2))).await;
    // The same once more says nothing new.
    accepted(&house, &orm_o01(&order(1, 1, "CA", 3))).await;
    sent(&mut house, 3).await;
    house.settle().await;
    assert_eq!(told(&platform), ["O01 NW P1 N-A1", "O01 XO P1 N-A1", "O01 CA P1 N-A1"]);
    assert_eq!(platform.taken("MSH-5"), ["PLATFORM"; 3]);
    assert_eq!(platform.taken("ORC-7.6"), ["R", "S", "S"]);
    assert_eq!(platform.taken("ZDS-1.1"), vec![order(1, 1, "NW", 0).study_instance_uid; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_patient_is_updated_where_their_orders_went_and_nowhere_else() {
    let mut house = open();
    let platform = Application::open(&house.network, PLATFORM);
    let named = |patient: u64, family: &str, minute| Case {
        family_name: family.to_owned(),
        ..order(9, patient, family, minute)
    };
    accepted(&house, &adt_a04(&named(1, "BEFORE", 0))).await;
    let first = Case { family_name: "BEFORE".to_owned(), ..order(1, 1, "NW", 1) };
    accepted(&house, &orm_o01(&first)).await;
    accepted(&house, &adt_a04(&named(2, "STRANGER", 2))).await;
    accepted(&house, &adt_a04(&named(1, "AFTER", 3))).await;
    sent(&mut house, 2).await;
    house.settle().await;
    assert_eq!(told(&platform), ["O01 NW P1 N-A1", "A08 P1"]);
    assert_eq!(platform.taken("PID-5.1"), ["BEFORE", "AFTER"]);
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_was_down_gets_everything_once_in_order_per_patient() {
    let house = open();
    accepted(&house, &orm_o01(&order(1, 1, "NW", 0))).await;
    accepted(&house, &orm_o01(&order(2, 2, "NW", 1))).await;
    accepted(&house, &orm_o01(&order(3, 1, "NW", 2))).await;
    accepted(&house, &orm_o01(&order(1, 1, "CA", 3))).await;
    house.let_pass(Duration::from_secs(86_400)).await;
    // Committed, and not sent when the gateway ends.
    let mut house = house.restart().await;
    let platform = Application::open(&house.network, PLATFORM);
    sent(&mut house, 4).await;
    house.settle().await;
    let told = told(&platform);
    assert_eq!(told.len(), 4, "{told:?}");
    let of = |patient: &str| told.iter().filter(|it| it.contains(patient)).collect::<Vec<_>>();
    assert_eq!(of("P1"), ["O01 NW P1 N-A1", "O01 NW P1 N-A3", "O01 CA P1 N-A1"]);
    assert_eq!(of("P2"), ["O01 NW P2 N-A2"]);
    assert_eq!(house.store.counts().await.unwrap().outbound_pending, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_urgent_goes_first_with_what_is_before_it_of_its_patient() {
    let mut house = open();
    for (number, patient) in [(1, 1), (2, 2), (3, 3)] {
        accepted(&house, &orm_o01(&order(number, patient, "NW", 0))).await;
    }
    let urgent = Case { priority: "S".to_owned(), ..order(4, 3, "NW", 1) };
    accepted(&house, &orm_o01(&urgent)).await;
    house.let_pass(Duration::from_secs(600)).await;
    let platform = Application::open(&house.network, PLATFORM);
    sent(&mut house, 4).await;
    let told = platform.taken("OBR-18");
    assert_eq!(told[..2], ["N-A3", "N-A4"], "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn no_order_of_another_site_is_told() {
    let house = open();
    let platform = Application::open(&house.network, PLATFORM);
    accepted(&house, &orm_o01(&case_of("RIS", "south", 1))).await;
    accepted(&house, &adt_a04(&case_of("RIS", "south", 1).with_control_id("A"))).await;
    house.settle().await;
    assert_eq!(platform.came(), 0);
    assert!(house.store.outbound_destinations().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_order_that_could_not_be_committed_is_neither_acknowledged_nor_told() {
    let house = open();
    let platform = Application::open(&house.network, PLATFORM);
    house.store.watch.judge(|_| crate::house::Verdict::Fail);
    assert_eq!(house.answer_to(&orm_o01(&order(1, 1, "NW", 0))).await, "AR 207");
    house.store.watch.judge_no_more();
    house.settle().await;
    assert_eq!(platform.came(), 0);
}

#[tokio::test(start_paused = true)]
async fn earlier_reports_follow_a_new_order_once() {
    let mut house = House::open_with(&toml("priors = { count_max = 2 }"));
    let _ris = Application::open(&house.network, "ris:2576");
    let platform = Application::open(&house.network, PLATFORM);
    for number in 1..=3 {
        accepted(&house, &orm_o01(&order(number, 1, "NW", 0))).await;
        let report = Case {
            patient_id: "P1".to_owned(),
            given_name: "PATIENT1".to_owned(),
            report: vec![format!("TEXT {number}")],
            ..case_of("READER", "north", number)
        };
        accepted(&house, &oru_r01(&report)).await;
        house.settle().await;
    }
    accepted(&house, &orm_o01(&order(4, 1, "NW", 1))).await;
    accepted(&house, &orm_o01(&order(5, 2, "NW", 1))).await;
    accepted(&house, &orm_o01(&order(4, 1, "XO", 2))).await;
    house.settle().await;
    let expected = [
        "O01 NW P1 N-A1",
        "O01 NW P1 N-A2",
        "R01 RE P1 N-A1",
        "O01 NW P1 N-A3",
        "R01 RE P1 N-A2",
        "O01 NW P1 N-A4",
        "R01 RE P1 N-A3",
        "O01 NW P2 N-A5",
    ];
    let mut came = told(&platform);
    assert_eq!(came.len(), expected.len(), "{came:?}");
    came.retain(|it| it.contains("P1"));
    assert_eq!(came, expected[..7]);
    let texts = platform.taken("OBX-5");
    assert_eq!(texts.iter().filter(|text| !text.is_empty()).count(), 3);
    assert_eq!(house.count(|event| matches!(event, Event::MessageSetAside { .. })), 0);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_the_platform_cannot_read_waits_for_a_person() {
    let mut house = House::open_with(&toml("character_set = \"8859/1\""));
    let platform = Application::open(&house.network, PLATFORM);
    let foreign = Case {
        family_name: "山田".to_owned(),
        character_set: "UNICODE UTF-8".to_owned(),
        ..order(1, 1, "NW", 0)
    };
    accepted(&house, &orm_o01(&foreign)).await;
    accepted(&house, &orm_o01(&order(2, 2, "NW", 0))).await;
    sent(&mut house, 1).await;
    house.settle().await;
    assert_eq!(told(&platform), ["O01 NW P2 N-A2"]);
    // It is on the worklist all the same.
    assert_eq!(house.worklist("CT1").await.len(), 2);
    let parked = house.parked().await;
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].reason, "order cannot be written for its receiver");
    assert!(parked[0].evidence.starts_with(NAME), "{}", parked[0].evidence);
    assert!(!parked[0].evidence.contains('山'));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_the_platform_refused_is_new_to_it_when_it_changes() {
    let mut house = open();
    let platform = Application::open(&house.network, PLATFORM).script(|message, _| {
        if message.text("ORC-7.6").as_deref() == Some("R") { Reply::Error } else { Reply::Accept }
    });
    accepted(&house, &orm_o01(&order(1, 1, "NW", 0))).await;
    let other = Case { priority: "A".to_owned(), ..order(2, 1, "NW", 1) };
    accepted(&house, &orm_o01(&other)).await;
    sent(&mut house, 1).await;
    let refused = house.parked().await.remove(0).subject;
    let (desk, north) = (house.gateway.desk(), site("north"));
    let signature = Signature::new("kim", "asked for").unwrap();
    // A later message of the patient is about another order: this one may go again, and is refused again.
    assert_eq!(desk.requeue_message(&north, &refused, &signature).await, Ok(()));
    house.settle().await;
    let changed = Case { priority: "S".to_owned(), ..order(1, 1, "XO", 2) };
    accepted(&house, &orm_o01(&changed)).await;
    sent(&mut house, 1).await;
    assert_eq!(told(&platform), ["O01 NW P1 N-A2", "O01 NW P1 N-A1"]);
    let again = desk.requeue_message(&north, &refused, &signature).await;
    assert_eq!(again, Err(DeskError::Overtaken));
}

#[tokio::test(start_paused = true)]
async fn what_went_onward_stands_in_the_journey_of_its_order() {
    let mut house = open();
    let _platform = Application::open(&house.network, PLATFORM);
    accepted(&house, &orm_o01(&order(1, 1, "NW", 0))).await;
    accepted(&house, &orm_o01(&order(2, 1, "NW", 0))).await;
    let renamed = Case { family_name: "AFTER".to_owned(), ..order(9, 1, "ADT", 3) };
    accepted(&house, &adt_a04(&renamed)).await;
    sent(&mut house, 3).await;
    let key = JourneyKey::Accession("A1".to_owned());
    let found = house.gateway.desk().journey(&site("north"), &key, 9).await.unwrap();
    let is_outbound = |event: &JourneyEvent| matches!(event, JourneyEvent::Outbound { destination, .. } if destination == NAME);
    let outbound = found[0].timeline.iter().filter(|entry| is_outbound(&entry.event));
    // The order and the update of its patient; not the other order.
    assert_eq!(outbound.count(), 2);
    let foreign = house.gateway.desk().journey(&site("south"), &key, 9).await.unwrap();
    assert!(foreign.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_study_of_a_site_without_orders_gets_one_that_says_so() {
    let without = toml("").replacen("id = \"north\"", "id = \"north\"\norder_feed = \"none\"", 1);
    let mut house = House::open_with(&without);
    let _archive = Archive::open(&house.network);
    let platform = Application::open(&house.network, PLATFORM);
    house.accept("CT1", &Instance::new(1)).await;
    house.accept("CT1", &Instance::new(1)).await;
    house.accept("CT9", &Instance::new(2)).await;
    sent(&mut house, 1).await;
    house.settle().await;
    assert_eq!(told(&platform), ["O01 NW P1 N-A1"]);
    assert_eq!(
        (platform.taken("ORC-16.1"), platform.taken("ORC-5")),
        (vec!["IMAGES".to_owned()], vec!["IP".to_owned()])
    );
    let study = order(1, 1, "NW", 0).study_instance_uid;
    assert_eq!(platform.taken("ZDS-1.1"), std::slice::from_ref(&study));
    let journal = house.store.journal(&study).await.unwrap();
    assert!(journal.iter().any(|entry| entry.event == "order built from images"));
    // It is no order of ours: nobody is asked to do it.
    assert!(house.worklist("CT1").await.is_empty());
    // When the order comes after all, it is told as a change, and its patient as the site has them.
    accepted(&house, &orm_o01(&order(1, 1, "NW", 5))).await;
    accepted(&house, &orm_o01(&order(1, 1, "CA", 6))).await;
    sent(&mut house, 3).await;
    let expected = ["O01 NW P1 N-A1", "A08 P1", "O01 XO P1 N-A1", "O01 CA P1 N-A1"];
    assert_eq!(told(&platform), expected);
    assert_eq!(platform.taken("ORC-16.1"), ["IMAGES", "", "", ""]);
}

#[tokio::test(start_paused = true)]
async fn no_order_is_built_for_a_site_that_sends_them() {
    let house = open();
    let _archive = Archive::open(&house.network);
    let platform = Application::open(&house.network, PLATFORM);
    house.accept("CT1", &Instance::new(1)).await;
    house.settle().await;
    assert_eq!((platform.came(), house.parked().await.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_order_that_ends_by_silence_is_cancelled_at_the_platform_too() {
    let rule = "patient_authority = \"NORTH-MRN\"\nsteps = { idle_hours = 24 }";
    let toml = toml("").replacen("patient_authority = \"NORTH-MRN\"", rule, 1);
    let mut house = House::open_with(&toml);
    let platform = Application::open(&house.network, PLATFORM);
    accepted(&house, &orm_o01(&order(1, 1, "NW", 0))).await;
    house.let_pass(Duration::from_secs(4 * 86_400)).await;
    sent(&mut house, 2).await;
    assert_eq!(told(&platform), ["O01 NW P1 N-A1", "O01 CA P1 N-A1"]);
}
