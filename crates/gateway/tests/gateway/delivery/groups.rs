//! Destinations that stand in for each other.

use std::sync::Arc;
use std::time::Duration;

use telerad_core::Uid;
use telerad_gateway::Event;
use telerad_gateway::desk::Signature;
use telerad_routing::{DeliveryKey, DeliveryState, DestinationId, NotWantedReason};
use telerad_store::{Deliveries, Effect, Instances, Parking};
use telerad_testkit::dicom::Instance;
use tokio::sync::Notify;

use super::{is_down, is_failure, slices, uids};
use crate::house::{Answer, Archive, House, TOML, Verdict, site};

/// Two platforms, of which the second takes over when the first has been down for ten minutes.
fn toml() -> String {
    let second = r#"
[[destination]]
id = "night"
ae_title = "NIGHT"
address = "night:104"

[[group]]
id = "readers"
members = ["reading", "night"]
failover_after_seconds = 600

[[rule]]"#;
    TOML.replace("[[rule]]", second).replace("send_to = [\"reading\"]", "send_to = [\"readers\"]")
}

fn is_moved(event: &Event) -> bool {
    matches!(event, Event::StudyMoved { .. })
}

async fn state_at(house: &House, destination: &str, uid: &str) -> Option<DeliveryState> {
    let key = DeliveryKey {
        site: site("north"),
        sop_instance_uid: Uid::new(uid).unwrap(),
        destination: DestinationId::new(destination).unwrap(),
    };
    house.store.delivery(&key).await.unwrap().map(|line| line.state)
}

#[tokio::test(start_paused = true)]
async fn a_study_moves_whole_when_its_destination_is_down_for_long() {
    let mut house = House::open_with(&toml());
    let night = Archive::open_at(&house.network, "night:104");
    let all = slices(20);
    let breaks = all[5].sop_instance_uid.clone();
    let reading = Archive::open(&house.network)
        .script(move |uid, _| if uid == breaks { Answer::Abort } else { Answer::Status(0) });
    house.accept_all("CT1", &all[..5]).await;
    house.delivered(5).await;
    drop(reading);
    house.let_pass(Duration::from_secs(5)).await;
    house.accept_all("CT1", &all[5..]).await;
    house.event("destination down", is_down).await;
    house.let_pass(Duration::from_secs(500)).await;
    assert!(night.kept().is_empty(), "moved before its time");
    house.event("study moved", is_moved).await;
    house.delivered(20).await;
    assert_eq!(night.kept_uids(), uids(&all));
    // A late instance follows its study.
    let late = Instance { sop_instance_uid: "2.25.9000999".to_owned(), ..all[0].clone() };
    house.accept("CT1", &late).await;
    house.delivered(1).await;
    assert_eq!(night.kept().len(), 21);
    let moved = DeliveryState::NotWanted {
        reason: NotWantedReason::MovedTo { destination: DestinationId::new("night").unwrap() },
    };
    let at_reading = state_at(&house, "reading", &all[0].sop_instance_uid).await;
    assert!(matches!(at_reading, Some(DeliveryState::Sent { .. })), "{at_reading:?}");
    assert_eq!(state_at(&house, "reading", &all[9].sop_instance_uid).await, Some(moved));
    assert_eq!(state_at(&house, "reading", &late.sop_instance_uid).await, None);
    // The first one is back: nothing of the study goes there any more.
    let reading = Archive::open(&house.network);
    house.let_pass(Duration::from_secs(7200)).await;
    assert_eq!((reading.kept().len(), house.count(is_moved), house.count(is_failure)), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_kept_waits_for_a_person_where_its_study_moves() {
    let kept_briefly = toml().replacen("id = \"north\"\n", "id = \"north\"\nkeep_hours = 2\n", 1);
    let mut house = House::open_with(&kept_briefly);
    let night = Archive::open_at(&house.network, "night:104");
    let reading = Archive::open(&house.network);
    let all = slices(2);
    house.accept("CT1", &all[0]).await;
    house.delivered(1).await;
    house.let_pass(Duration::from_secs(4 * 3600)).await;
    assert_eq!(house.disk.payloads(), 0);
    drop(reading);
    house.accept("CT1", &all[1]).await;
    house.event("study moved", is_moved).await;
    house.delivered(1).await;
    assert_eq!(night.kept_uids(), uids(&all[1..]));
    let gone = state_at(&house, "night", &all[0].sop_instance_uid).await;
    assert!(matches!(gone, Some(DeliveryState::Parked { .. })), "{gone:?}");
    let parked = house.store.parked(Some(&site("north")), None, 99).await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].subject, all[0].sop_instance_uid);
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_its_study_moves_follows_it() {
    let mut house = House::open_with(&toml());
    let all = slices(14);
    house.accept_all("CT1", &all[..10]).await;
    // The move waits for its turn to be written, while slices come in and a person holds the study.
    let (moving, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (reached, waits) = (Arc::clone(&moving), Arc::clone(&go_on));
    house.store.watch.judge(move |batch| {
        let is_move = |it: &Effect| matches!(it, Effect::Journal(it) if it.event == "study moved");
        if !batch.effects.iter().any(is_move) {
            return Verdict::Pass;
        }
        reached.notify_one();
        Verdict::After(Arc::clone(&waits))
    });
    let night = Archive::open_at(&house.network, "night:104");
    moving.notified().await;
    let (desk, study) = (house.gateway.desk(), all[0].study_instance_uid.clone());
    let (north, by) = (site("north"), Signature::new("ops-1", "asked by the ward").unwrap());
    let coming = house.accept_all("CT1", &all[10..]);
    let holding = desk.hold(&north, &study, &by);
    let moves_on = async {
        house.let_pass(Duration::from_secs(2)).await;
        go_on.notify_one();
    };
    let ((), held, ()) = tokio::join!(coming, holding, moves_on);
    assert!(held.is_ok(), "{held:?}");
    house.store.watch.judge_no_more();
    house.event("study moved", is_moved).await;
    let late = state_at(&house, "reading", &all[12].sop_instance_uid).await;
    assert_eq!(late, None, "queued where its study no longer goes");
    house.settle().await;
    let kept = night.kept().len();
    let lines = house.store.deliveries_of_study(&north, &study).await.unwrap();
    let waiting = lines.iter().filter(|it| it.state.as_str() == "held").count();
    assert_eq!((kept + waiting, lines.len()), (14, 24));
    desk.release(&north, &study, &by).await.unwrap();
    house.delivered(14).await;
    assert_eq!((night.kept_uids(), house.count(is_moved)), (uids(&all), 0));
    assert!(night.offers().values().all(|times| *times == 1));
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_moves_nothing() {
    let mut house = House::open_with(&toml());
    let night = Archive::open_at(&house.network, "night:104");
    house.accept_all("CT1", &slices(5)).await;
    house.event("destination down", is_down).await;
    house.let_pass(Duration::from_secs(400)).await;
    let reading = Archive::open(&house.network);
    house.delivered(5).await;
    house.settle().await;
    assert_eq!((reading.kept().len(), night.kept().len(), house.count(is_moved)), (5, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_patient_stays_with_the_destination_of_the_last_study() {
    let mut house = House::open_with(&toml());
    let night = Archive::open_at(&house.network, "night:104");
    house.accept("CT1", &Instance::new(1)).await;
    house.event("study moved", is_moved).await;
    house.delivered(1).await;
    let reading = Archive::open(&house.network);
    house.let_pass(Duration::from_secs(7200)).await;
    // Another study of the same patient, and one of somebody else.
    let next = Instance {
        sop_instance_uid: "2.25.77001".to_owned(),
        study_instance_uid: "2.25.77".to_owned(),
        series_instance_uid: "2.25.770".to_owned(),
        ..Instance::new(1)
    };
    house.accept("CT1", &next).await;
    house.accept("CT1", &Instance::new(2)).await;
    house.delivered(2).await;
    assert_eq!(night.kept().len(), 2);
    assert_eq!(reading.kept_uids(), [Instance::new(2).sop_instance_uid]);
    let study = house.store.study(&site("north"), "2.25.77").await.unwrap().unwrap();
    assert_eq!(study.groups.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn when_all_are_down_studies_wait_where_they_are() {
    let mut house = House::open_with(&toml());
    house.accept_all("CT1", &slices(3)).await;
    house.event("destination down", is_down).await;
    house.let_pass(Duration::from_secs(300)).await;
    // The second one is known to be down only once something was for it.
    house.let_pass(Duration::from_secs(7200)).await;
    let moved = house.count(is_moved);
    assert!(moved <= 3, "{moved} times to and fro");
    let night = Archive::open_at(&house.network, "night:104");
    let reading = Archive::open(&house.network);
    house.delivered(3).await;
    house.settle().await;
    assert!(night.kept().len() == 3 || reading.kept().len() == 3);
    assert_eq!(house.count(is_failure), 0);
}
