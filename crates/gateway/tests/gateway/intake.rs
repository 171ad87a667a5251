//! Studies in: what is acknowledged, kept and passed on, and what is not.

use std::sync::Arc;
use std::time::Duration;

use telerad_core::Uid;
use telerad_dimse::ContextResult;
use telerad_gateway::Event;
use telerad_net::dicom::{AssociationFault, StoreRequest};
use telerad_routing::{MarkKind, StudyMark};
use telerad_store::{Effect, Instances, Journal, Store};
use telerad_testkit::dicom::{Instance, Syntax};
use telerad_testkit::hl7::{Case, orm_o01};
use tokio::sync::Notify;

use crate::house::{Archive, Bad, House, TOML, Verdict, case_of, request, site};

fn is_conflict(event: &Event) -> bool {
    matches!(event, Event::UidConflict { .. })
}

fn is_doubt(event: &Event) -> bool {
    matches!(event, Event::PixelsNotCompared { .. })
}

fn is_received(event: &Event) -> bool {
    matches!(event, Event::InstanceReceived { .. })
}

async fn versions(house: &House, instance: &Instance) -> usize {
    let uid = telerad_core::Uid::new(&instance.sop_instance_uid).unwrap();
    house.store.versions(&site("north"), &uid).await.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn nothing_is_acknowledged_before_its_commit() {
    let house = House::open();
    let bell = Arc::new(Notify::new());
    let held = Arc::clone(&bell);
    house.store.watch.judge(move |_| Verdict::After(Arc::clone(&held)));
    let instance = Instance::new(1);
    let mut sending = Box::pin(house.send("CT1", &instance));
    let early = tokio::time::timeout(Duration::from_secs(60), &mut sending).await;
    assert!(early.is_err(), "answered {early:?} without a commit");
    bell.notify_one();
    assert_eq!(sending.await, 0);
    assert_eq!(versions(&house, &instance).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_commit_is_out_of_resources_and_nothing_goes_out() {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    house.store.watch.judge(|_| Verdict::Fail);
    assert_eq!(house.send("CT1", &Instance::new(1)).await, 0xA700);
    house.settle().await;
    assert_eq!((archive.kept().len(), house.count(is_received)), (0, 0));
    house.store.watch.judge_no_more();
    assert_eq!(house.send("CT1", &Instance::new(1)).await, 0);
    house.delivered(1).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_again_is_not_acknowledged_by_a_store_that_cannot_vouch_for_it() {
    let house = House::open();
    let _archive = Archive::open(&house.network);
    let instance = Instance::new(1);
    house.accept("CT1", &instance).await;
    house.store.watch.judge(|_| Verdict::Fail);
    // Only the line of the journal is lost.
    assert_eq!(house.send("CT1", &instance).await, 0);
    house.store.watch.judge(|_| Verdict::Poisoned);
    assert_eq!(house.send("CT1", &instance).await, 0xA700);
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_cannot_be_finished_is_out_of_resources() {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    house.disk.set_full(true);
    let instance = Instance::new(1);
    assert_eq!(house.send("CT1", &instance).await, 0xA700);
    assert_eq!((versions(&house, &instance).await, archive.kept().len()), (0, 0));
    house.disk.set_full(false);
    assert_eq!(house.send("CT1", &instance).await, 0);
    house.delivered(1).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_instance_again_is_accepted_and_delivered_once() {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    let instance = Instance::new(1);
    house.accept_all("CT1", &[instance.clone(), instance.clone()]).await;
    house.delivered(1).await;
    house.accept("PACS", &instance).await;
    house.settle().await;
    assert_eq!(archive.kept().len(), 1);
    assert_eq!(versions(&house, &instance).await, 1);
    assert_eq!(house.reasons().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_same_instance_over_several_associations_at_once_is_delivered_once() {
    let house = House::open();
    let archive = Archive::open(&house.network);
    let instance = Instance::new(1);
    let (a, b, c, d) = tokio::join!(
        house.send("CT1", &instance),
        house.send("PACS", &instance),
        house.send("CT1", &instance),
        house.send("PACS", &instance),
    );
    assert_eq!([a, b, c, d], [0; 4]);
    house.settle().await;
    assert_eq!(archive.kept().len(), 1);
    assert_eq!(versions(&house, &instance).await, 1);
}

#[tokio::test(start_paused = true)]
async fn two_images_under_one_uid_at_once_are_both_kept_and_one_is_delivered() {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    let one = Instance::new(1);
    let other = Instance { seed: 99, ..one.clone() };
    // Their study is decided, so that nothing but the instance itself is in question.
    let before = Instance { sop_instance_uid: "2.25.77".to_owned(), ..one.clone() };
    house.accept("CT1", &before).await;
    house.delivered(1).await;
    let statuses = tokio::join!(house.send("CT1", &one), house.send("PACS", &other));
    assert_eq!(statuses, (0, 0));
    house.settle().await;
    assert_eq!((versions(&house, &one).await, archive.offers()[&one.sop_instance_uid]), (2, 1));
    assert_eq!(
        (house.reasons().await, house.count(is_conflict)),
        (vec!["uid conflict".to_owned()], 1)
    );
}

/// Sends an instance and another one under its UID: both are kept, the first is delivered, a person is told what
/// differs.
async fn check_conflict(change: impl FnOnce(&mut Instance), differs: &str) {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    let first = Instance::new(1);
    let mut second = first.clone();
    change(&mut second);
    house.accept_all("CT1", &[first.clone(), second]).await;
    house.settle().await;
    assert_eq!(versions(&house, &first).await, 2, "{differs}");
    let kept = archive.kept();
    assert_eq!(kept.len(), 1, "{differs}");
    assert_eq!(kept[0].data_set, first.data_set(), "{differs}");
    let parked = house.parked().await;
    assert_eq!(parked.len(), 1, "{differs}");
    assert_eq!(parked[0].reason, "uid conflict");
    // What is only in doubt is parked once for its study.
    let is_doubtful = differs == "pixel data (could not be compared)";
    let (subject, evidence) = match is_doubtful {
        true => (&first.study_instance_uid, "whether their images are the same is not known"),
        false => (&first.sop_instance_uid, differs),
    };
    assert_eq!(parked[0].subject, *subject);
    assert!(parked[0].evidence.contains(evidence), "{}", parked[0].evidence);
    match house.event("a conflict", |event| is_conflict(event) || is_doubt(event)).await {
        Event::UidConflict { differs: told, .. } => {
            assert!(told.iter().any(|what| what == differs), "{told:?}");
        }
        _ => assert!(is_doubtful),
    }
    let journal = house.store.journal(&first.sop_instance_uid).await.unwrap();
    assert!(journal.iter().any(|entry| entry.event == "uid conflict"));
}

#[tokio::test(start_paused = true)]
async fn one_uid_with_other_pixels_is_kept_beside_the_first() {
    check_conflict(|second| second.seed = 99, "pixel data").await;
}

#[tokio::test(start_paused = true)]
async fn one_uid_of_another_patient_is_kept_beside_the_first() {
    check_conflict(|second| second.patient_id = "P2".to_owned(), "patient id").await;
    check_conflict(|second| second.patient_name = "OTHER^ONE".to_owned(), "patient name").await;
}

#[tokio::test(start_paused = true)]
async fn one_uid_in_another_compression_is_not_taken_for_equal() {
    let syntax = telerad_testkit::dicom::Syntax::Encapsulated("1.2.840.10008.1.2.4.90");
    check_conflict(|second| second.syntax = syntax, "pixel data (could not be compared)").await;
}

#[tokio::test(start_paused = true)]
async fn a_coerced_head_over_the_same_pixels_is_kept_and_not_delivered_again() {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    let first = Instance::new(1);
    let variant = Instance { institution: "NORTH RADIOLOGY".to_owned(), ..first.clone() };
    house.accept("CT1", &first).await;
    house.accept_all("PACS", &[variant]).await;
    house.settle().await;
    assert_eq!((versions(&house, &first).await, archive.kept().len()), (2, 1));
    assert_eq!((house.reasons().await.len(), house.count(is_conflict)), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_data_set_of_another_instance_than_the_command_says_is_refused() {
    let house = House::open();
    let instance = Instance::new(1);
    let lie = StoreRequest { sop_instance_uid: "2.25.404".to_owned(), ..request(&instance) };
    assert_eq!(house.send_data_set("CT1", &lie, instance.data_set()).await, 0xA900);
    let counts = house.store.counts().await.unwrap();
    assert_eq!((counts.instances, counts.deliveries, house.disk.payloads()), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_instance_whose_name_is_no_uid_is_refused_as_such() {
    let house = House::open();
    let instance = Instance::new(1);
    for name in ["../../../tmp/x", "2.25..1", "CT.1"] {
        let odd = StoreRequest { sop_instance_uid: name.to_owned(), ..request(&instance) };
        assert_eq!(house.send_data_set("CT1", &odd, instance.data_set()).await, 0x0117, "{name}");
    }
    let counts = house.store.counts().await.unwrap();
    assert_eq!((counts.instances, counts.deliveries, house.disk.payloads()), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_data_set_is_not_understood() {
    let house = House::open();
    let garbage = bytes::Bytes::from_static(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n");
    let status = house.send_data_set("CT1", &request(&Instance::new(1)), garbage).await;
    assert!(matches!(status, 0xA900 | 0xC000), "{status:04X}");
    assert_eq!(house.store.counts().await.unwrap().instances, 0);
}

#[tokio::test(start_paused = true)]
async fn strangers_are_turned_away_at_the_door() {
    let house = House::open();
    let need = ("1.2.840.10008.1.1", "1.2.840.10008.1.2");
    let Err(error) = house.associate("STRANGER", &[need]).await else { panic!("let in") };
    assert!(matches!(error.fault, AssociationFault::Rejected(_)), "{error}");
}

#[tokio::test(start_paused = true)]
async fn storage_is_not_done_for_those_who_may_not_store() {
    let house = House::open();
    let instance = Instance::new(1);
    let need = (instance.sop_class_uid.as_str(), instance.syntax.uid());
    let mut console = house.associate("CONSOLE", &[need]).await.unwrap();
    assert_eq!(console.refused(), [(1, ContextResult::AbstractSyntaxNotSupported)]);
    let error = console.store(&request(&instance), instance.data_set()).await.unwrap_err();
    let fault = error.association_fault().unwrap();
    assert!(matches!(fault, AssociationFault::NoContext { .. }), "{fault}");
    assert_eq!(house.store.counts().await.unwrap().instances, 0);
}

const ONLY_CT: &str = "id = \"everything-to-reading\"\nwhen = { modality = [\"CT\"] }";

fn only_ct() -> String {
    TOML.replace("id = \"everything-to-reading\"", ONLY_CT)
}

#[tokio::test(start_paused = true)]
async fn what_no_rule_wants_is_kept_and_told() {
    let mut house = House::open_with(&only_ct());
    let archive = Archive::open(&house.network);
    let instance = Instance { modality: "SR".to_owned(), ..Instance::new(1) };
    house.accept("CT1", &instance).await;
    house.event("no rule", |event| matches!(event, Event::NoRule { .. })).await;
    house.settle().await;
    assert_eq!(house.reasons().await, ["no rule"]);
    assert_eq!((versions(&house, &instance).await, archive.kept().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_no_rule_wanted_goes_out_when_it_is_sent_again_after_the_rules_were_mended() {
    let house = House::open_with(&only_ct());
    let study: Vec<Instance> = (1..4)
        .map(|number| Instance {
            sop_instance_uid: format!("2.25.{number}"),
            modality: "SR".to_owned(),
            ..Instance::new(1)
        })
        .collect();
    house.accept_all("CT1", &study).await;
    let mut house = house.restart_with(TOML).await;
    let archive = Archive::open(&house.network);
    house.accept_all("CT1", &study).await;
    house.accept_all("PACS", &study).await;
    house.delivered(3).await;
    house.settle().await;
    assert_eq!(archive.kept_uids(), ["2.25.1", "2.25.2", "2.25.3"]);
}

#[tokio::test(start_paused = true)]
async fn a_study_goes_where_its_first_instance_went_whatever_the_rules_say_later() {
    let first = Instance::new(1);
    let later = Instance {
        sop_instance_uid: "2.25.77".to_owned(),
        modality: "SR".to_owned(),
        ..first.clone()
    };
    let mut house = House::open_with(&only_ct());
    let archive = Archive::open(&house.network);
    house.accept_all("CT1", &[first, later]).await;
    house.delivered(2).await;
    assert_eq!(archive.kept().len(), 2);
}

/// Before ten past eight everything goes to `reading`, afterwards to `night`.
fn by_the_clock() -> String {
    let (head, tail) = TOML.split_once("[[rule]]").unwrap();
    let (_, tail) = tail.split_once("\n\n").unwrap();
    format!(
        r#"{head}[[destination]]
id = "night"
ae_title = "NIGHT"
address = "night:104"

[[rule]]
id = "by-day"
during = {{ time_zone = "UTC", windows = [{{ from = "07:00", to = "08:10" }}] }}
send_to = ["reading"]

[[rule]]
id = "by-night"
during = {{ time_zone = "UTC", windows = [{{ from = "08:10", to = "07:00" }}] }}
send_to = ["night"]

{tail}"#
    )
}

fn sorted(uids: &[&str]) -> Vec<String> {
    let mut uids: Vec<String> = uids.iter().map(|&uid| uid.to_owned()).collect();
    uids.sort();
    uids
}

/// Another image of the same study.
fn next_of(first: &Instance, number: u64) -> Instance {
    Instance { sop_instance_uid: format!("2.25.{}", 900 + number), ..first.clone() }
}

#[tokio::test(start_paused = true)]
async fn a_study_that_is_acquired_across_the_edge_of_a_window_stays_with_one_reader() {
    let mut house = House::open_with(&by_the_clock());
    let (day, night) =
        (Archive::open(&house.network), Archive::open_at(&house.network, "night:104"));
    let (first, other) = (Instance::new(1), Instance::new(2));
    house.accept("CT1", &first).await;
    house.let_pass(Duration::from_secs(11 * 60)).await;
    house.accept_all("CT1", &[next_of(&first, 1), other.clone()]).await;
    house.delivered(3).await;
    assert_eq!(day.kept_uids(), sorted(&[&first.sop_instance_uid, "2.25.901"]));
    assert_eq!(night.kept_uids(), [other.sop_instance_uid]);
}

#[tokio::test(start_paused = true)]
async fn a_study_that_is_acquired_across_a_change_of_rules_stays_with_one_reader() {
    let toml = by_the_clock();
    let house = House::open_with(&toml);
    let (network, first, other) = (house.network.clone(), Instance::new(1), Instance::new(2));
    let (day, night) = (Archive::open(&network), Archive::open_at(&network, "night:104"));
    house.accept("CT1", &first).await;
    let swapped = toml.replace("send_to = [\"reading\"]", "send_to = [\"night\"]");
    let house = house.restart_with(&swapped).await;
    house.accept_all("CT1", &[next_of(&first, 1), other.clone()]).await;
    house.settle().await;
    assert_eq!(day.kept_uids(), sorted(&[&first.sop_instance_uid, "2.25.901"]));
    assert_eq!(night.kept_uids(), [other.sop_instance_uid]);
    assert_eq!(house.reasons().await, Vec::<String>::new());
}

async fn mark_of(house: &mut House, instance: &Instance) -> &'static str {
    house.accept("CT1", instance).await;
    let event = house.event("received", is_received).await;
    let Event::InstanceReceived { mark, .. } = event else { unreachable!() };
    mark
}

#[tokio::test(start_paused = true)]
async fn studies_go_out_marked_by_how_they_stand_to_their_order() {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
    assert_eq!(mark_of(&mut house, &Instance::new(1)).await, "matched");
    assert_eq!(mark_of(&mut house, &Instance::new(2)).await, "unmatched");
    // The accession number of the order with another patient's identity.
    let astray = Instance { accession: "A1".to_owned(), ..Instance::new(3) };
    assert_eq!(mark_of(&mut house, &astray).await, "mismatch");
    house.delivered(3).await;
    assert_eq!(archive.kept().len(), 3);
    assert_eq!(
        house.delivery(&astray.sop_instance_uid).await.unwrap().mark.kind().as_str(),
        "mismatch"
    );
    let journal = house.store.journal(&astray.sop_instance_uid).await.unwrap();
    assert!(journal.iter().any(|entry| entry.event == "mismatch"));
}

#[tokio::test(start_paused = true)]
async fn an_order_of_another_site_is_no_order_of_this_study() {
    let mut house = House::open();
    let south = Case { patient_authority: "NORTH-MRN".to_owned(), ..case_of("RIS", "south", 1) };
    assert_eq!(house.answer_to(&orm_o01(&south)).await, "AA");
    assert_eq!(mark_of(&mut house, &Instance::new(1)).await, "unmatched");
}

#[tokio::test(start_paused = true)]
async fn a_row_comes_after_its_payload() {
    let house = House::open();
    let disk = house.disk.clone();
    house.store.watch.judge(move |batch| {
        let is_instance = |effect: &Effect| matches!(effect, Effect::Instance { .. });
        assert!(!batch.effects.iter().any(is_instance) || disk.payloads() == 1);
        Verdict::Pass
    });
    house.accept_all("CT1", &[Instance::new(1)]).await;
}

#[tokio::test(start_paused = true)]
async fn an_order_that_comes_while_two_versions_are_compared_is_not_missed() {
    let house = House::open();
    let first = Instance::new(1);
    house.accept("CT1", &first).await;
    let uid = Uid::new(&first.sop_instance_uid).unwrap();
    let kept = house.store.versions(&site("north"), &uid).await.unwrap();
    assert_eq!(kept[0].mark, StudyMark::Unmatched);
    // Reading it for the comparison takes ten of the fifteen seconds that there are.
    house.disk.set_bad(kept[0].digest, Some(Bad::Late(Duration::from_secs(10))));
    let second = Instance { syntax: Syntax::ImplicitLittle, ..first };
    let order = async {
        house.let_pass(Duration::from_secs(5)).await;
        assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", 1))).await, "AA");
    };
    tokio::join!(house.accept("PACS", &second), order);
    let kept = house.store.versions(&site("north"), &uid).await.unwrap();
    let marks: Vec<_> = kept.iter().map(|version| version.mark.kind()).collect();
    assert_eq!(marks, [MarkKind::Unmatched, MarkKind::Matched]);
}
