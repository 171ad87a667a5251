//! Instances, studies and deliveries.

use telerad_core::Uid;
use telerad_routing::{DeliveryRecord, DeliveryState, Digest};
use telerad_store::{Batch, Effect, Expectation, Receipt};

use crate::Given;
use crate::fixture::*;

pub(crate) async fn an_instance_is_kept_once_and_its_versions_in_order(Given { store, .. }: Given) {
    let put =
        |content| store.commit(Batch::new().with(put_instance(instance("north", 1, content))));
    // The digests of these are not in the order of arrival.
    let contents = ["first", "second", "third", "fourth"];
    for content in contents {
        assert_eq!(put(content).await.unwrap(), Receipt { changed: 1, unchanged: 0 });
    }
    assert_eq!(put("second").await.unwrap(), Receipt { changed: 0, unchanged: 1 });

    let mut again = instance("north", 1, "first");
    again.received_at = at(500);
    store.commit(Batch::new().with(put_instance(again))).await.unwrap();
    let versions = store.versions(&site("north"), &uid(1)).await.unwrap();
    let digests: Vec<_> = versions.iter().map(|version| version.digest).collect();
    assert_eq!(digests, contents.map(|content| Digest::of(content.as_bytes())));
    assert_eq!(versions[0].received_at, at(1));
}

pub(crate) async fn expectations_about_instances_and_studies_hold_or_fail_the_batch(
    Given { store, .. }: Given,
) {
    store.commit(one_of_each("north")).await.unwrap();
    let check = async |expectation, expected: Result<(), &str>| {
        let outcome = store.commit(Batch::new().with(Effect::Expect(expectation))).await;
        let outcome = outcome.map(drop).map_err(|error| error.to_string());
        assert_eq!(outcome.as_ref().map_err(String::as_str), expected.as_ref().map_err(|e| *e));
    };
    let versions =
        |count| Expectation::Versions { site: site("north"), sop_instance_uid: uid(1), count };
    check(versions(1), Ok(())).await;
    check(versions(0), Err("conflict on instance: decided on 0 versions, now 1")).await;

    let revision = |revision| Expectation::StudyRevision {
        site: site("north"),
        study_instance_uid: study_uid(1),
        revision,
    };
    check(revision(1), Ok(())).await;
    check(revision(0), Err("conflict on study decision: read at revision 0, now at 1")).await;

    let of_study = |count| Expectation::DeliveriesOfStudy {
        site: site("north"),
        study_instance_uid: study_uid(1),
        count,
    };
    check(of_study(1), Ok(())).await;
    check(of_study(2), Err("conflict on delivery: decided on 2 of a study, now 1")).await;

    let pending = |number| Expectation::DeliveryPending(delivery_key("north", number, "reading"));
    check(pending(1), Ok(())).await;
    check(pending(2), Err("conflict on delivery: no longer pending")).await;
    let mut answered = delivery("north", 1, "reading");
    answered.state = sent(0);
    store.commit(Batch::new().with(Effect::Delivery(answered))).await.unwrap();
    check(pending(1), Err("conflict on delivery: no longer pending")).await;
}

pub(crate) async fn a_study_is_found_by_one_instance_for_each_patient_in_it(
    Given { store, .. }: Given,
) {
    let put = |number, study: u32, patient_value: &str| {
        let mut record = instance("north", number, "x");
        record.head.study_instance_uid = Some(Uid::new(&study_uid(study)).unwrap());
        record.head.patient = patient(patient_value);
        Effect::Instance { record, keys: vec![accession_key(1), accession_key(number)] }
    };
    let effects =
        [(2, 1, "P1"), (3, 1, "P1"), (4, 1, "P2"), (5, 2, "P1")].map(|(n, s, p)| put(n, s, p));
    store.commit(effects.into_iter().collect()).await.unwrap();
    let find = async |numbers: &[u32]| {
        let keys: Vec<_> = numbers.iter().map(|number| accession_key(*number)).collect();
        let found = store.instances_by_search(&site("north"), &keys).await.unwrap();
        let mut found: Vec<_> = found.into_iter().map(|record| record.sop_instance_uid).collect();
        found.sort();
        found
    };
    assert_eq!(find(&[1]).await, [uid(2), uid(4), uid(5)]);
    assert_eq!(find(&[3]).await, [uid(3)]);
    assert_eq!(find(&[3, 1]).await, [uid(2), uid(4), uid(5)]);
    assert!(find(&[9]).await.is_empty());
}

pub(crate) async fn what_was_sent_is_never_written_over(Given { store, .. }: Given) {
    let put = |state| {
        let mut record = delivery("north", 1, "reading");
        record.state = state;
        store.commit(Batch::new().with(Effect::Delivery(record)))
    };
    put(DeliveryState::Pending).await.unwrap();
    put(DeliveryState::Failed { status: 0xA900, reason: "refused".to_owned() }).await.unwrap();
    put(DeliveryState::Pending).await.unwrap();
    put(sent(0)).await.unwrap();
    assert_eq!(put(sent(0)).await.unwrap(), Receipt { changed: 0, unchanged: 1 });
    let others = [
        DeliveryState::Pending,
        not_wanted(),
        DeliveryState::Parked { reason: "by hand".to_owned() },
        DeliveryState::Failed { status: 0xA900, reason: "refused".to_owned() },
        sent(0xB000),
    ];
    for state in others {
        let error = put(state).await.unwrap_err();
        assert_eq!(error.to_string(), "conflict on delivery: already sent");
    }
    let reading = delivery_key("north", 1, "reading");
    let kept = store.delivery(&reading).await.unwrap().unwrap();
    assert_eq!(kept.state, sent(0));
    assert!(store.due(&destination("reading"), at(99), 9).await.unwrap().is_empty());
    // A person who asks for it once more opens another round.
    let again = DeliveryRecord { state: DeliveryState::Pending, round: 1, ..kept };
    store.commit(Batch::new().with(Effect::Delivery(again.clone()))).await.unwrap();
    assert_eq!(store.delivery(&reading).await.unwrap(), Some(again));
}

pub(crate) async fn another_version_never_takes_the_place_of_a_delivery(
    Given { store, .. }: Given,
) {
    let first = delivery("north", 1, "reading");
    let mut second = delivery("north", 1, "reading");
    second.digest = Digest::of(b"second");
    second.state = DeliveryState::Parked { reason: "other pixels".to_owned() };
    let batch = Batch::new().with(Effect::Delivery(first.clone()));
    store.commit(batch).await.unwrap();
    store.commit(Batch::new().with(Effect::Delivery(second.clone()))).await.unwrap();
    assert_eq!(
        store.due(&destination("reading"), at(9), 9).await.unwrap(),
        std::slice::from_ref(&first)
    );
    assert_eq!(store.delivery(&first.key).await.unwrap(), Some(first.clone()));
    let all = store.deliveries_of_study(&site("north"), &study_uid(1)).await.unwrap();
    assert_eq!(all, [first, second]);
}
