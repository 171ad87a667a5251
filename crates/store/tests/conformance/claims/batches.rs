//! Batches as wholes.

use std::sync::atomic::Ordering;

use telerad_store::{Batch, Effect, Expectation, Receipt, StoreError};

use crate::Given;
use crate::fixture::*;

fn impossible() -> Effect {
    Effect::Expect(Expectation::Versions {
        site: site("north"),
        sop_instance_uid: uid(99),
        count: 1,
    })
}

pub(crate) async fn a_batch_is_written_whole_or_not_at_all(Given { store, .. }: Given) {
    let empty = everything(&*store).await;
    let error = store.commit(one_of_each("north").with(impossible())).await.unwrap_err();
    assert_eq!(error.to_string(), "conflict on instance: decided on 1 versions, now 0");
    assert!(error.is_retryable());
    assert_eq!(everything(&*store).await, empty);

    let receipt = store.commit(one_of_each("north")).await.unwrap();
    assert_eq!(receipt, Receipt { changed: 13, unchanged: 0 });
    let written = everything(&*store).await;
    assert_ne!(written, empty);

    let mut changes = one_of_each("south");
    let mut moved = delivery("north", 1, "reading");
    moved.priority = telerad_core::Priority::Stat;
    moved.study_instance_uid = study_uid(2);
    let mut requeued = outbound("o-north", "s2", 5);
    requeued.raw = b"MSH|o-north\r".to_vec();
    changes.effects.extend([
        Effect::Delivery(moved),
        Effect::Unpark { id: "p-north".to_owned() },
        put_instance(instance("north", 1, "second")),
        Effect::Outbound(requeued),
        impossible(),
    ]);
    store.commit(changes).await.unwrap_err();
    assert_eq!(everything(&*store).await, written);
}

pub(crate) async fn a_conflict_takes_no_other_batch_with_it(Given { store, .. }: Given) {
    let journal_of = |event: &str| Batch::new().with(Effect::Journal(journal("1", event)));
    let (first, second, third) = tokio::join!(
        store.commit(journal_of("first")),
        store.commit(journal_of("second").with(impossible())),
        store.commit(journal_of("third")),
    );
    assert!(first.is_ok());
    assert!(second.unwrap_err().is_conflict());
    assert!(third.is_ok());
    let events: Vec<_> =
        store.journal("1").await.unwrap().into_iter().map(|entry| entry.event).collect();
    assert_eq!(events, ["first", "third"]);
}

pub(crate) async fn a_commit_whose_sync_fails_is_never_acknowledged(
    Given { store, syncs_fail }: Given,
) {
    store.commit(one_of_each("north")).await.unwrap();
    let before = everything(&*store).await;
    syncs_fail.store(true, Ordering::SeqCst);
    let poisoned = StoreError::Poisoned { reason: "disk refused".to_owned() };
    assert_eq!(store.commit(one_of_each("south")).await, Err(poisoned.clone()));

    // The disk works again, but what it holds is not known any more.
    syncs_fail.store(false, Ordering::SeqCst);
    assert_eq!(store.commit(one_of_each("south")).await, Err(poisoned));
    assert_eq!(everything(&*store).await, before);
}

pub(crate) async fn later_effects_of_a_batch_see_earlier_ones(Given { store, .. }: Given) {
    let versions = |count| {
        Effect::Expect(Expectation::Versions {
            site: site("north"),
            sop_instance_uid: uid(1),
            count,
        })
    };
    let batch = Batch::from(vec![
        versions(0),
        put_instance(instance("north", 1, "first")),
        versions(1),
        put_instance(instance("north", 1, "first")),
        put_instance(instance("north", 1, "second")),
        versions(2),
    ]);
    let receipt = store.commit(batch).await.unwrap();
    assert_eq!(receipt, Receipt { changed: 2, unchanged: 4 });
}

pub(crate) async fn a_site_never_sees_another(Given { store, .. }: Given) {
    store.commit(one_of_each("south")).await.unwrap();
    let north = site("north");
    let keys = [accession_key(1)];
    assert!(store.versions(&north, &uid(1)).await.unwrap().is_empty());
    assert!(store.study(&north, &study_uid(1)).await.unwrap().is_none());
    assert!(store.instances_by_search(&north, &keys).await.unwrap().is_empty());
    assert!(store.delivery(&delivery_key("north", 1, "reading")).await.unwrap().is_none());
    assert!(store.deliveries_of_study(&north, &study_uid(1)).await.unwrap().is_empty());
    // A key that leaked from one site is of no use to another.
    assert!(store.orders(&north, &[order_key("south", 1)]).await.unwrap().is_empty());
    assert!(store.orders_by_search(&north, &keys).await.unwrap().is_empty());
    assert!(store.open_orders(&north, None).await.unwrap().is_empty());
    assert!(store.patients(&north, &[patient_id("P1", "MRN")]).await.unwrap().is_empty());
    assert!(store.performed_step(&north, &uid(1)).await.unwrap().is_none());
    assert!(store.performed_steps_of_study(&north, &study_uid(1)).await.unwrap().is_empty());
    let leaked = order_key("south", 1);
    assert!(store.performed_steps_of_order(&north, &leaked).await.unwrap().is_empty());
    assert!(store.open_performed_steps(&north).await.unwrap().is_empty());
    let order = order_key("south", 1);
    assert!(store.reports_of_order(&north, order.as_str()).await.unwrap().is_empty());
    assert!(store.parked(Some(&north), None, usize::MAX).await.unwrap().is_empty());
    assert!(store.deliveries_of(&north, &uid(1)).await.unwrap().is_empty());
    assert!(store.sticky(&north, &group("readers"), "P1").await.unwrap().is_none());

    // The same numbers at two sites are two records.
    store.commit(one_of_each("north")).await.unwrap();
    assert_eq!(store.orders_by_search(&north, &keys).await.unwrap().len(), 1);
    assert_eq!(store.versions(&site("south"), &uid(1)).await.unwrap().len(), 1);
    assert_eq!(store.due(&destination("reading"), at(9), 9).await.unwrap().len(), 2);
}
