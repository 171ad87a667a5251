//! Studies out: what reaches a destination, and what every fault of a destination costs.

mod acquisition;
mod adversity;
mod breaker;
mod compare;
mod doubt;
mod groups;
mod lanes;
mod line;
mod outage;
mod unreadable;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use telerad_dimse::{ContextResult, ProposedContext};
use telerad_gateway::Event;
use telerad_gateway::desk::Signature;
use telerad_net::dicom::StoreRequest;
use telerad_routing::{DeliveryState, DestinationId};
use telerad_store::{Deliveries, Journal};
use telerad_testkit::dicom::{Instance, Sample, Syntax, files};

use crate::house::{Answer, Archive, House, TOML, request};

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const SR: &str = "1.2.840.10008.5.1.4.1.1.88.11";

/// Slices of one study, with UIDs that sort by number.
fn slices(count: u64) -> Vec<Instance> {
    let slice = |number| Instance {
        sop_instance_uid: format!("2.25.9000{number:03}"),
        rows: 8,
        columns: 8,
        seed: number,
        ..Instance::new(1)
    };
    (1..=count).map(slice).collect()
}

fn uids(instances: &[Instance]) -> Vec<String> {
    instances.iter().map(|instance| instance.sop_instance_uid.clone()).collect()
}

fn is_failure(event: &Event) -> bool {
    matches!(event, Event::InstanceFailed { .. })
}

fn is_down(event: &Event) -> bool {
    matches!(event, Event::DestinationDown { .. })
}

fn is_up(event: &Event) -> bool {
    matches!(event, Event::DestinationUp { .. })
}

fn data_set_of(sample: &Sample) -> bytes::Bytes {
    let (_, offset) = telerad_dicom::part10::read(&sample.bytes).unwrap();
    sample.bytes.slice(offset..)
}

#[tokio::test(start_paused = true)]
async fn every_real_file_arrives_byte_for_byte_in_its_own_encoding() {
    for sample in files() {
        let mut house = House::open();
        let archive = Archive::open(&house.network);
        let sent = StoreRequest {
            message_id: 0,
            sop_class_uid: sample.sop_class_uid.to_owned(),
            sop_instance_uid: sample.sop_instance_uid.to_owned(),
            transfer_syntax_uid: sample.transfer_syntax_uid.to_owned(),
            move_originator: None,
        };
        let mut data_set = data_set_of(&sample).to_vec();
        let status = house.send_data_set("CT1", &sent, data_set.clone().into()).await;
        assert_eq!(status, 0, "{}", sample.name);
        // The encoder of one file left out the zero that an odd deflated stream gets (PS3.5 section A.5); on the wire every
        // fragment is even.
        data_set.resize(data_set.len().next_multiple_of(2), 0);
        house.delivered(1).await;
        let kept = archive.kept().remove(0);
        assert_eq!(kept.transfer_syntax_uid, sample.transfer_syntax_uid, "{}", sample.name);
        assert_eq!(kept.sop_class_uid, sample.sop_class_uid, "{}", sample.name);
        assert!(kept.data_set == data_set, "{} was changed", sample.name);
    }
}

#[tokio::test(start_paused = true)]
async fn a_study_needs_no_more_associations_than_there_are_workers() {
    let mut house = House::open();
    let archive = Archive::open(&house.network);
    // More than a batch, and one after the other.
    house.accept_all("CT1", &slices(40)).await;
    house.delivered(40).await;
    // Two in the house's configuration.
    let associations = archive.associations();
    assert!((1..=2).contains(&associations), "{associations} associations");
}

#[tokio::test(start_paused = true)]
async fn synthetic_oddities_arrive_byte_for_byte() {
    let with = |syntax| Instance { syntax, ..Instance::new(1) };
    for instance in [
        with(Syntax::Deflated),
        with(Syntax::ExplicitBig),
        with(Syntax::ImplicitLittle),
        with(Syntax::Encapsulated("1.2.840.10008.1.2.4.80")),
        with(Syntax::Encapsulated("1.2.840.113619.5.2")),
        Instance::private_class(1),
        Instance::encapsulated_pdf(1),
    ] {
        let mut house = House::open();
        let archive = Archive::open(&house.network);
        house.accept("CT1", &instance).await;
        house.delivered(1).await;
        let kept = archive.kept().remove(0);
        assert_eq!(kept.transfer_syntax_uid, instance.syntax.uid());
        assert!(kept.data_set == instance.data_set(), "{:?} was changed", instance.syntax);
    }
}

#[tokio::test(start_paused = true)]
async fn a_week_without_the_destination_fails_nothing() {
    let mut house = House::open_with(&TOML.replace("[1, 60]", "[1, 600]"));
    let slices = slices(40);
    house.accept_all("CT1", &slices).await;
    house.event("destination down", is_down).await;
    house.let_pass(Duration::from_secs(7 * 86_400)).await;
    assert_eq!((house.count(is_failure), house.count(is_down)), (0, 0));
    for uid in uids(&slices) {
        let line = house.delivery(&uid).await.unwrap();
        assert_eq!((line.state, line.attempts), (DeliveryState::Pending, 0));
    }
    // Pauses of up to ten minutes, half of that on average; two workers may share one or not.
    let tries = house.network.refused();
    assert!((1_000..6_000).contains(&tries), "{tries} tries");
    let archive = Archive::open(&house.network);
    house.delivered(40).await;
    house.event("destination up", is_up).await;
    house.settle().await;
    assert_eq!(archive.kept_uids(), uids(&slices));
}

#[tokio::test(start_paused = true)]
async fn an_instance_refused_three_times_waits_for_a_person_and_the_others_pass() {
    let mut house = House::open();
    let slices = slices(20);
    let bad = slices[4].sop_instance_uid.clone();
    let refused = bad.clone();
    let archive = Archive::open(&house.network)
        .script(move |uid, _| Answer::Status(if uid == refused { 0xC000 } else { 0 }));
    house.accept_all("CT1", &slices).await;
    house.delivered(19).await;
    let event = house.event("failure", is_failure).await;
    let Event::InstanceFailed { sop_instance_uid, cause, .. } = event else { unreachable!() };
    assert_eq!(sop_instance_uid.as_str(), bad);
    assert!(cause.contains("C000"), "{cause}");
    house.settle().await;
    assert_eq!(archive.offers()[&bad], 3);
    let line = house.delivery(&bad).await.unwrap();
    assert!(matches!(line.state, DeliveryState::Failed { status: 0xC000, .. }), "{:?}", line.state);
    let parked = house.parked().await;
    assert_eq!(parked.len(), 1);
    assert_eq!((parked[0].subject.as_str(), parked[0].reason.as_str()), (&*bad, "delivery failed"));
    assert_eq!(house.count(is_down), 0);
}

#[tokio::test(start_paused = true)]
async fn a_destination_out_of_resources_is_waited_for() {
    let mut house = House::open();
    let slices = slices(20);
    let archive = Archive::open(&house.network)
        .script(|_, times| Answer::Status(if times < 3 { 0xA700 } else { 0 }));
    house.accept_all("CT1", &slices).await;
    house.delivered(20).await;
    assert_eq!(archive.kept_uids(), uids(&slices));
    assert_eq!(house.count(is_failure), 0);
    assert!(house.reasons().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_destination_is_tried_ever_less_often() {
    let mut house = House::open();
    let archive = Archive::open(&house.network).script(|_, _| Answer::Status(0xA700));
    house.accept_all("CT1", &slices(20)).await;
    house.let_pass(Duration::from_secs(3600)).await;
    let offers: usize = archive.offers().values().sum();
    assert!((20..600).contains(&offers), "{offers} offers in an hour");
    assert_eq!((house.count(is_down), house.count(is_up), house.count(is_failure)), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_association_that_breaks_in_the_middle_costs_no_instance() {
    let mut house = House::open();
    let slices = slices(20);
    let breaks = slices[7].sop_instance_uid.clone();
    let archive = Archive::open(&house.network).script(move |uid, times| {
        if uid == breaks && times < 5 { Answer::Abort } else { Answer::Status(0) }
    });
    house.accept_all("CT1", &slices).await;
    house.delivered(20).await;
    assert_eq!(archive.kept_uids(), uids(&slices));
    assert_eq!(house.count(is_failure), 0);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_closes_what_was_idle_is_not_down() {
    let mut house = House::open();
    let slices = slices(2);
    let closes = slices[1].sop_instance_uid.clone();
    let archive = Archive::open(&house.network).script(move |uid, times| {
        if uid == closes && times == 1 { Answer::Abort } else { Answer::Status(0) }
    });
    house.accept_all("CT1", &slices[..1]).await;
    house.delivered(1).await;
    house.accept_all("CT1", &slices[1..]).await;
    house.delivered(1).await;
    assert_eq!((archive.kept_uids(), archive.associations()), (uids(&slices), 2));
    assert_eq!(house.count(is_down), 0);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_breaks_every_association_does_not_hold_up_the_others() {
    let mut house = House::open();
    let slices = slices(40);
    let breaks = slices[0].sop_instance_uid.clone();
    let bad = breaks.clone();
    let archive = Archive::open(&house.network)
        .script(move |uid, _| if uid == breaks { Answer::Abort } else { Answer::Status(0) });
    house.accept_all("CT1", &slices).await;
    house.delivered(39).await;
    house.settle().await;
    assert_eq!(archive.kept_uids(), uids(&slices[1..]));
    assert_eq!(house.state_of(&bad).await, "pending");
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_always_out_of_resources_does_not_hold_up_the_others() {
    // Orthanc answers A700H, however often it is asked, to an instance without a patient ID.
    let mut house = House::open();
    let slices = slices(40);
    let bad = [0, 20].map(|index: usize| slices[index].sop_instance_uid.clone());
    let refused = bad.clone();
    let archive = Archive::open(&house.network).script(move |uid, _| {
        Answer::Status(if refused.iter().any(|it| it == uid) { 0xA700 } else { 0 })
    });
    let start = tokio::time::Instant::now();
    house.accept_all("CT1", &slices).await;
    house.delivered(38).await;
    let taken = start.elapsed();
    assert!(taken < Duration::from_secs(30), "{taken:?}");
    assert_eq!(archive.kept_uids().len(), 38);
    assert_eq!(house.state_of(&bad[0]).await, "pending");
    assert_eq!(house.count(is_failure), 0);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_falls_silent_is_left_and_asked_again() {
    let mut house = House::open();
    let slices = slices(10);
    let mute = slices[2].sop_instance_uid.clone();
    let archive = Archive::open(&house.network).script(move |uid, times| {
        if uid == mute && times == 1 { Answer::Hang } else { Answer::Status(0) }
    });
    house.accept_all("CT1", &slices).await;
    house.delivered(10).await;
    assert_eq!(archive.kept_uids(), uids(&slices));
}

#[tokio::test(start_paused = true)]
async fn warnings_are_deliveries() {
    let mut house = House::open();
    let archive = Archive::open(&house.network).script(|_, _| Answer::Status(0xB000));
    house.accept_all("CT1", &slices(3)).await;
    house.delivered(3).await;
    house.settle().await;
    assert_eq!(archive.kept().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_claims_to_have_the_uid_already_is_for_a_person() {
    let mut house = House::open();
    let archive = Archive::open(&house.network).script(|_, _| Answer::Status(0x0111));
    let slices = slices(1);
    house.accept_all("CT1", &slices).await;
    house.event("failure", is_failure).await;
    assert_eq!(house.state_of(&slices[0].sop_instance_uid).await, "parked");
    house.settle().await;
    assert_eq!(house.reasons().await, ["delivery parked"]);
    assert_eq!(archive.offers().into_values().sum::<usize>(), 1);
}

/// An SR between slices, and what the platform says to its presentation context.
async fn check_refused_context(answer: ContextResult) -> (House, Archive, Instance) {
    let house = House::open();
    let refuse =
        move |context: &ProposedContext| (context.abstract_syntax == SR).then(|| answer.clone());
    let archive = Archive::open(&house.network).refuse(refuse);
    let sr = Instance { sop_class_uid: SR.to_owned(), ..Instance::new(50) };
    let mut all = slices(6);
    all.insert(3, sr.clone());
    house.accept_all("CT1", &all).await;
    house.settle().await;
    assert_eq!(archive.kept_uids(), uids(&slices(6)));
    (house, archive, sr)
}

#[tokio::test(start_paused = true)]
async fn a_class_that_the_destination_does_not_take_is_not_wanted() {
    let refusal = ContextResult::AbstractSyntaxNotSupported;
    let (mut house, _archive, sr) = check_refused_context(refusal).await;
    assert_eq!(house.state_of(&sr.sop_instance_uid).await, "not wanted");
    let is_told = |event: &Event| matches!(event, Event::InstanceNotWanted { .. });
    assert_eq!((house.count(is_told), house.count(is_failure), house.count(is_down)), (1, 0, 0));
    assert!(house.reasons().await.is_empty());
    let journal = house.store.journal(&sr.sop_instance_uid).await.unwrap();
    assert!(journal.iter().any(|entry| entry.event == "not wanted"));
    let counts = house.store.delivery_counts().await.unwrap();
    assert!(counts.iter().any(|line| line.state == "not wanted" && line.count == 1));
}

#[tokio::test(start_paused = true)]
async fn a_transfer_syntax_that_the_destination_does_not_take_is_for_a_person() {
    let refusal = ContextResult::TransferSyntaxesNotSupported;
    let (mut house, _archive, sr) = check_refused_context(refusal).await;
    assert_eq!(house.state_of(&sr.sop_instance_uid).await, "parked");
    assert_eq!(
        (house.count(is_failure), house.reasons().await),
        (1, vec!["delivery parked".to_owned()])
    );
    let evidence = house.parked().await.remove(0).evidence;
    assert!(evidence.contains("transfer syntaxes not supported"), "{evidence}");
}

#[tokio::test(start_paused = true)]
async fn a_context_refused_without_a_reason_is_tried_again_and_then_for_a_person() {
    let (mut house, _archive, sr) = check_refused_context(ContextResult::NoReason).await;
    assert_eq!(house.state_of(&sr.sop_instance_uid).await, "failed");
    assert_eq!(house.count(is_failure), 1);
}

#[tokio::test(start_paused = true)]
async fn a_class_taken_in_one_syntax_is_not_unwanted_in_another() {
    let mut house = House::open();
    // Says that it does not know the class, although it takes it uncompressed.
    let refuse = |context: &ProposedContext| {
        let compressed = context.transfer_syntaxes[0] != "1.2.840.10008.1.2.1";
        (context.abstract_syntax == CT && compressed)
            .then_some(ContextResult::AbstractSyntaxNotSupported)
    };
    let mut all = slices(2);
    all[1].syntax = Syntax::Encapsulated("1.2.840.10008.1.2.4.80");
    house.accept_all("CT1", &all).await;
    house.event("destination down", is_down).await;
    let _archive = Archive::open(&house.network).refuse(refuse);
    house.settle().await;
    assert_eq!(house.state_of(&all[0].sop_instance_uid).await, "sent");
    assert_eq!(house.state_of(&all[1].sop_instance_uid).await, "parked");
}

#[tokio::test(start_paused = true)]
async fn each_destination_is_served_for_itself() {
    let second = "[[destination]]\nid = \"archive\"\nae_title = \"ARCHIVE\"\naddress = \"gone:104\"\n\n[[rule]]";
    let toml = TOML
        .replace("[[rule]]", second)
        .replace("send_to = [\"reading\"]", "send_to = [\"archive\", \"reading\"]");
    let mut house = House::open_with(&toml);
    let archive = Archive::open(&house.network);
    house.accept_all("CT1", &slices(5)).await;
    house.delivered(5).await;
    house.settle().await;
    assert_eq!(archive.kept().len(), 5);
    let counts = house.store.delivery_counts().await.unwrap();
    let counts: Vec<_> =
        counts.iter().map(|line| (line.destination.as_str(), line.state, line.count)).collect();
    assert_eq!(counts, [("archive", "pending", 5), ("reading", "sent", 5)]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_could_not_be_recorded_is_asked_for_again() {
    let mut house = House::open();
    let slices = slices(1);
    house.accept_all("CT1", &slices).await;
    house.store.watch.judge(|_| crate::house::Verdict::Fail);
    let archive = Archive::open(&house.network);
    archive.came().await;
    house.let_pass(Duration::from_secs(300)).await;
    let offers = archive.offers()[&slices[0].sop_instance_uid];
    assert!((1..=30).contains(&offers), "{offers} times in five minutes");
    assert_eq!(house.state_of(&slices[0].sop_instance_uid).await, "pending");
    let is_delivered = |event: &Event| matches!(event, Event::InstanceDelivered { .. });
    assert_eq!(house.count(is_delivered), 0, "told before it was durable");
    house.store.watch.judge_no_more();
    house.delivered(1).await;
    assert_eq!(house.state_of(&slices[0].sop_instance_uid).await, "sent");
}

#[tokio::test(start_paused = true)]
async fn a_long_queue_is_not_sent_over_and_over_when_nothing_can_be_recorded() {
    let mut house = House::open();
    house.accept_all("CT1", &slices(40)).await;
    house.store.watch.judge(|_| crate::house::Verdict::Fail);
    // Refused after so many: without the limit, a worker that never rests keeps the simulated time from passing.
    let archive = Archive::open(&house.network)
        .script(|_, times| if times < 1000 { Answer::Status(0) } else { Answer::Hang });
    archive.came().await;
    house.let_pass(Duration::from_secs(300)).await;
    let offers: usize = archive.offers().values().sum();
    assert!((1..=100).contains(&offers), "{offers} offers in five minutes");
    house.store.watch.judge_no_more();
    house.delivered(40).await;
}

#[tokio::test(start_paused = true)]
async fn stat_goes_before_routine() {
    use crate::house::case_of;
    use telerad_testkit::hl7::{Case, orm_o01};
    let mut house = House::open();
    let stat = Case { priority: "S".to_owned(), ..case_of("RIS", "north", 7) };
    assert_eq!(house.answer_to(&orm_o01(&stat)).await, "AA");
    house.accept_all("CT1", &[Instance::new(5), Instance::new(6), Instance::new(7)]).await;
    house.event("destination down", is_down).await;
    let archive = Archive::open(&house.network);
    house.delivered(3).await;
    let first = archive.kept().remove(0);
    assert_eq!(first.sop_instance_uid, request(&Instance::new(7)).sop_instance_uid);
}

#[tokio::test(start_paused = true)]
async fn a_class_that_was_refused_is_not_asked_for_again_within_the_hour() {
    let refuse = |context: &ProposedContext| {
        (context.abstract_syntax == SR).then_some(ContextResult::AbstractSyntaxNotSupported)
    };
    let mut house = House::open();
    let archive = Archive::open(&house.network).refuse(refuse);
    let is_told = |event: &Event| matches!(event, Event::InstanceNotWanted { .. });
    let report = |number| Instance { sop_class_uid: SR.to_owned(), ..Instance::new(number) };
    house.accept("CT1", &report(50)).await;
    house.event("not wanted", is_told).await;
    assert_eq!(archive.associations(), 1);
    house.let_pass(Duration::from_secs(60)).await;
    house.accept("CT1", &report(51)).await;
    house.event("not wanted", is_told).await;
    assert_eq!(archive.associations(), 1);
    house.let_pass(Duration::from_secs(3600)).await;
    house.accept("CT1", &report(52)).await;
    house.event("not wanted", is_told).await;
    assert_eq!((archive.associations(), house.count(is_failure)), (2, 0));
    assert!(house.reasons().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_person_says_that_a_class_is_taken_now() {
    let mut house = House::open_with(
        &TOML.replace("retry_seconds", "refused_class_minutes = 600\nretry_seconds"),
    );
    let learnt = Arc::new(AtomicBool::new(false));
    let has_learnt = Arc::clone(&learnt);
    let archive = Archive::open(&house.network).refuse(move |context: &ProposedContext| {
        let is_refused = context.abstract_syntax == SR && !has_learnt.load(Ordering::Relaxed);
        is_refused.then_some(ContextResult::AbstractSyntaxNotSupported)
    });
    let is_told = |event: &Event| matches!(event, Event::InstanceNotWanted { .. });
    let report = |number| Instance { sop_class_uid: SR.to_owned(), ..Instance::new(number) };
    house.accept("CT1", &report(50)).await;
    house.event("not wanted", is_told).await;
    learnt.store(true, Ordering::Relaxed);
    // As long as the site has said, it is believed.
    house.let_pass(Duration::from_secs(5 * 3600)).await;
    house.accept("CT1", &report(51)).await;
    house.event("not wanted", is_told).await;
    assert_eq!(archive.associations(), 1);
    let (desk, by) = (house.gateway.desk(), Signature::new("ops-1", "the vendor says so").unwrap());
    let reading = DestinationId::new("reading").unwrap();
    assert_eq!(desk.refused_classes(&reading).unwrap(), [SR]);
    let nowhere = DestinationId::new("nowhere").unwrap();
    let refused = desk.ask_again(&nowhere, None, &by).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no destination nowhere");
    assert!(desk.ask_again(&reading, Some(CT), &by).await.unwrap().is_empty());
    assert_eq!(desk.ask_again(&reading, Some(SR), &by).await.unwrap(), [SR]);
    assert!(desk.refused_classes(&reading).unwrap().is_empty());
    let asked = |event: &Event| matches!(event, Event::ClassesAskedAgain { sop_class_uids, by, .. } if sop_class_uids == &[SR] && by == "ops-1");
    assert_eq!(house.count(asked), 1);
    let journal = house.store.journal("reading").await.unwrap();
    let said = format!("{SR} by ops-1: the vendor says so");
    assert_eq!(journal.last().map(|entry| &entry.detail), Some(&said));
    house.accept("CT1", &report(52)).await;
    house.delivered(1).await;
    // What was not wanted before goes when a person sends the study again.
    let study = report(50).study_instance_uid;
    assert_eq!(desk.resend(&crate::house::site("north"), &study, None, &by).await, Ok(1));
    house.delivered(1).await;
    assert_eq!(house.state_of(&report(50).sop_instance_uid).await, "sent");
}
