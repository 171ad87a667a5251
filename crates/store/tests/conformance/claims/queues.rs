//! Queues, and what is known of destinations.

use telerad_core::{AeTitle, Priority};
use telerad_routing::{DeliveryRecord, DeliveryState};
use telerad_store::{Batch, DeliveryCount, Effect, Receipt};

use crate::Given;
use crate::fixture::*;

fn numbers(records: &[DeliveryRecord]) -> Vec<u32> {
    let number = |record: &DeliveryRecord| {
        let uid = record.key.sop_instance_uid.as_str();
        uid.rsplit('.').next().unwrap().parse().unwrap()
    };
    records.iter().map(number).collect()
}

pub(crate) async fn deliveries_are_due_by_urgency_then_age(Given { store, .. }: Given) {
    let mut effects = Vec::new();
    for (number, priority, queued_at) in [
        (1, Priority::Routine, 10),
        (2, Priority::Low, 1),
        (3, Priority::Stat, 30),
        (4, Priority::Stat, 20),
        (5, Priority::High, 5),
        (6, Priority::Routine, 9),
    ] {
        let mut record = delivery("north", number, "reading");
        (record.priority, record.queued_at) = (priority, at(queued_at));
        effects.push(Effect::Delivery(record));
    }
    effects.push(Effect::Delivery(delivery("north", 7, "archive")));
    store.commit(effects.into()).await.unwrap();
    let due = async |limit| {
        let found = store.due(&destination("reading"), at(99), limit).await.unwrap();
        found.into_iter().map(|record| record.key.sop_instance_uid).collect::<Vec<_>>()
    };
    assert_eq!(due(99).await, [4, 3, 5, 6, 1, 2].map(uid));
    assert_eq!(due(2).await, [4, 3].map(uid));
    assert!(due(0).await.is_empty());
    let all = store.deliveries_of_study(&site("north"), &study_uid(1)).await.unwrap();
    assert_eq!(all.len(), 7);
    assert_eq!(all[0].key.sop_instance_uid, uid(1));
}

pub(crate) async fn a_delivery_waits_until_its_time(Given { store, .. }: Given) {
    let put = |number, not_before, state| {
        let mut record = delivery("north", number, "reading");
        (record.not_before, record.state) = (at(not_before), state);
        Effect::Delivery(record)
    };
    let pending = DeliveryState::Pending;
    let batch = Batch::from(vec![
        put(1, 50, pending.clone()),
        put(2, 40, pending),
        put(3, 10, not_wanted()),
    ]);
    let reading = destination("reading");
    assert_eq!(store.next_due(&reading).await.unwrap(), None);
    store.commit(batch).await.unwrap();
    assert_eq!(store.next_due(&reading).await.unwrap(), Some(at(40)));
    assert!(store.due(&reading, at(39), 9).await.unwrap().is_empty());
    assert_eq!(store.due(&reading, at(40), 9).await.unwrap().len(), 1);
    assert_eq!(store.due(&reading, at(50), 9).await.unwrap().len(), 2);
    store.commit(Batch::new().with(put(2, 90, DeliveryState::Pending))).await.unwrap();
    assert_eq!(store.next_due(&reading).await.unwrap(), Some(at(50)));
    store.commit(Batch::new().with(put(1, 50, sent(0)))).await.unwrap();
    assert_eq!(store.next_due(&reading).await.unwrap(), Some(at(90)));
}

pub(crate) async fn deliveries_are_counted_by_state(Given { store, .. }: Given) {
    let put = |number, to, state| {
        let mut record = delivery("north", number, to);
        record.state = state;
        Effect::Delivery(record)
    };
    let batch = Batch::from(vec![
        put(1, "reading", DeliveryState::Pending),
        put(2, "reading", DeliveryState::Pending),
        put(3, "reading", sent(0)),
        put(1, "archive", DeliveryState::Parked { reason: String::new() }),
        put(2, "archive", not_wanted()),
        put(3, "archive", DeliveryState::Failed { status: 1, reason: String::new() }),
    ]);
    store.commit(batch).await.unwrap();
    let count = |to, state, count| DeliveryCount { destination: destination(to), state, count };
    assert_eq!(
        store.delivery_counts().await.unwrap(),
        [
            count("archive", "failed", 1),
            count("archive", "not wanted", 1),
            count("archive", "parked", 1),
            count("reading", "pending", 2),
            count("reading", "sent", 1),
        ]
    );
    let counts = store.counts().await.unwrap();
    assert_eq!((counts.deliveries, counts.deliveries_pending), (6, 2));
    assert_eq!(store.pending_destinations().await.unwrap(), [destination("reading")]);
    store.commit(Batch::new().with(put(4, "closed", DeliveryState::Pending))).await.unwrap();
    let pending = ["closed", "reading"].map(destination);
    assert_eq!(store.pending_destinations().await.unwrap(), pending);
}

pub(crate) async fn a_lane_is_left_in_the_order_of_the_times(Given { store, .. }: Given) {
    let put = |number, queued_at, not_before| {
        let mut record = delivery("north", number, "reading");
        (record.queued_at, record.not_before) = (at(queued_at), at(not_before));
        Effect::Delivery(record)
    };
    // The oldest was refused once and may be tried again last of all.
    let batch = [put(1, 1, 30), put(2, 3, 10), put(3, 2, 10), put(4, 4, 20)];
    store.commit(batch.into_iter().collect()).await.unwrap();
    let due = async |now| numbers(&store.due(&destination("reading"), at(now), 9).await.unwrap());
    assert_eq!(due(29).await, [3, 2, 4]);
    assert_eq!(due(30).await, [3, 2, 4, 1]);
}

pub(crate) async fn every_source_has_a_queue_of_its_own(Given { store, .. }: Given) {
    let put = |number, owner: &str, source: &str, priority, not_before| {
        let mut record = delivery(owner, number, "reading");
        record.source = AeTitle::new(source).unwrap();
        (record.priority, record.not_before) = (priority, at(not_before));
        Effect::Delivery(record)
    };
    let (stat, routine, low) = (Priority::Stat, Priority::Routine, Priority::Low);
    let batch = Batch::from(vec![
        put(1, "north", "MR", routine, 1),
        put(2, "north", "MR", routine, 2),
        put(3, "north", "MR", routine, 3),
        put(4, "north", "CT", routine, 4),
        put(5, "south", "CT", routine, 1),
        put(6, "south", "CT", stat, 9),
        put(7, "north", "US", low, 1),
        // Nothing of it is due.
        put(8, "north", "CR", routine, 99),
    ]);
    store.commit(batch).await.unwrap();
    let heads = async |lanes, now, per_source| {
        let to = destination("reading");
        numbers(&store.due_by_source(&to, lanes, at(now), per_source).await.unwrap())
    };
    assert_eq!(heads(stat..=low, 50, 2).await, [6, 4, 1, 2, 5, 7]);
    assert_eq!(heads(stat..=low, 8, 1).await, [4, 1, 5, 7]);
    assert_eq!(heads(stat..=stat, 50, 9).await, [6]);
    assert_eq!(heads(Priority::High..=routine, 99, 1).await, [8, 4, 1, 5]);
    assert!(heads(stat..=low, 50, 0).await.is_empty());
    // An order that was changed to STAT moves what waits.
    store.commit(Batch::new().with(put(3, "north", "MR", stat, 3))).await.unwrap();
    assert_eq!(heads(stat..=stat, 50, 9).await, [3, 6]);
    assert_eq!(heads(routine..=routine, 50, 9).await, [4, 1, 2, 5]);
}

pub(crate) async fn a_lane_is_pending_while_anything_in_it_is(Given { store, .. }: Given) {
    let stat = async || store.lane_pending(&destination("reading"), Priority::Stat).await.unwrap();
    let put = async |state| {
        let mut record = delivery("north", 1, "reading");
        (record.priority, record.not_before, record.state) = (Priority::Stat, at(99), state);
        store.commit(Batch::new().with(Effect::Delivery(record))).await.unwrap();
    };
    assert!(!stat().await);
    put(DeliveryState::Pending).await;
    assert!(stat().await);
    assert!(!store.lane_pending(&destination("reading"), Priority::High).await.unwrap());
    assert!(!store.lane_pending(&destination("archive"), Priority::Stat).await.unwrap());
    put(DeliveryState::Held { by: "A".to_owned(), at: at(2) }).await;
    assert!(!stat().await);
}

pub(crate) async fn studies_with_something_pending_are_told_page_by_page(
    Given { store, .. }: Given,
) {
    let put = |number, owner: &str, study: &str, state| {
        let mut record = delivery(owner, number, "reading");
        record.study_instance_uid = study.to_owned();
        record.state = state;
        Effect::Delivery(record)
    };
    let pending = || DeliveryState::Pending;
    let batch = Batch::from(vec![
        put(1, "south", "1.1", pending()),
        put(2, "north", "1.2", pending()),
        put(3, "north", "1.2", sent(0)),
        put(4, "north", "1.2", pending()),
        put(5, "north", "1.10", pending()),
        put(6, "north", "", pending()),
        put(7, "north", "1.3", sent(0)),
    ]);
    store.commit(batch).await.unwrap();
    let reading = destination("reading");
    let first = store.pending_studies(&reading, None, 2).await.unwrap();
    let named = |site_name: &str, study: &str| (site(site_name), study.to_owned());
    assert_eq!(first, [named("north", ""), named("north", "1.10")]);
    let after = Some((&first[1].0, first[1].1.as_str()));
    let rest = store.pending_studies(&reading, after, 9).await.unwrap();
    assert_eq!(rest, [named("north", "1.2"), named("south", "1.1")]);
    assert!(store.pending_studies(&destination("archive"), None, 9).await.unwrap().is_empty());
}

pub(crate) async fn every_delivery_of_an_instance_is_found(Given { store, .. }: Given) {
    let mut other = delivery("north", 1, "archive");
    other.digest = telerad_routing::Digest::of(b"second");
    let (first, last) = (delivery("north", 1, "reading"), delivery("north", 1, "backup"));
    let deliveries = [first, other, last];
    let batch = deliveries.iter().cloned().chain([delivery("north", 2, "reading")]);
    store.commit(batch.map(Effect::Delivery).collect()).await.unwrap();
    assert_eq!(store.deliveries_of(&site("north"), &uid(1)).await.unwrap(), deliveries);
    assert!(store.deliveries_of(&site("north"), &uid(3)).await.unwrap().is_empty());
}

pub(crate) async fn breakers_and_members_are_written_over(Given { store, .. }: Given) {
    let put = async |effect| store.commit(Batch::new().with(effect)).await.unwrap();
    assert!(store.breakers().await.unwrap().is_empty());
    put(Effect::Breaker(breaker("reading", 1))).await;
    put(Effect::Breaker(breaker("archive", 2))).await;
    put(Effect::Breaker(breaker("reading", 0))).await;
    let unchanged = Receipt { changed: 0, unchanged: 1 };
    assert_eq!(put(Effect::Breaker(breaker("reading", 0))).await, unchanged);
    let expected = [breaker("archive", 2), breaker("reading", 0)];
    assert_eq!(store.breakers().await.unwrap(), expected);

    let member = async |patient: &str| {
        let found = store.sticky(&site("north"), &group("readers"), patient).await.unwrap();
        found.map(|found| found.member.as_str().to_owned())
    };
    assert_eq!(member("P1").await, None);
    put(Effect::Sticky(sticky("north", "P1", "reading"))).await;
    put(Effect::Sticky(sticky("north", "P2", "archive"))).await;
    assert_eq!(member("P1").await.as_deref(), Some("reading"));
    put(Effect::Sticky(sticky("north", "P1", "archive"))).await;
    assert_eq!(member("P1").await.as_deref(), Some("archive"));
    assert_eq!(put(Effect::Sticky(sticky("north", "P1", "archive"))).await, unchanged);
    assert!(store.sticky(&site("north"), &group("other"), "P1").await.unwrap().is_none());
}
