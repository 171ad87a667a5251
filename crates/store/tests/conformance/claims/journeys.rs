//! Journeys, and what came twice.

use std::sync::Arc;

use telerad_core::{AeTitle, Uid};
use telerad_report::{ReportStatus, ReportVersion, Signer};
use telerad_routing::{Digest, InstanceRecord, Relation, StudyMark};
use telerad_store::{
    Batch, DuplicateStudy, Effect, JournalEntry, JourneyEvent, JourneyKey, JourneySubject,
    OutboundState, Store, duplicates, journey,
};

use crate::Given;
use crate::fixture::*;

/// An instance of study 1, of P1.
fn image(owner: &str, number: u32, content: &str) -> InstanceRecord {
    let mut record = instance(owner, number, content);
    record.head.study_instance_uid = Some(Uid::new(&study_uid(1)).unwrap());
    record.head.patient = patient("P1");
    record.head.accession = Some(accession(1));
    record
}

fn matched(mut record: InstanceRecord) -> InstanceRecord {
    let order_key = order_key("north", 1).as_str().to_owned();
    record.mark = StudyMark::Matched { order_key };
    record
}

async fn subjects(store: &dyn Store, owner: &str, key: JourneyKey) -> Vec<JourneySubject> {
    store.journey_subjects(&site(owner), &key, 9).await.unwrap()
}

pub(crate) async fn examinations_are_found_by_number_name_and_uid(Given { store, .. }: Given) {
    let mut nameless = instance("north", 7, "other");
    nameless.head.patient = patient("P7");
    nameless.head.patient.name = telerad_core::PersonName::from_dicom("Müller^Anna=山田^花子");
    let batch = Batch::new()
        .with(put_order(order("north", 1), &[accession_key(1)]))
        .with(put_instance(image("north", 1, "a")))
        .with(put_instance(image("north", 2, "b")))
        .with(put_instance(nameless))
        .with(put_instance(image("south", 1, "a")));
    store.commit(batch).await.unwrap();
    let both = [JourneySubject::Order(order_key("north", 1)), JourneySubject::Study(study_uid(1))];
    let alone = [JourneySubject::Study(uid(7).as_str().to_owned())];
    let name = |text: &str| JourneyKey::Name(text.to_owned());
    for key in [
        JourneyKey::Accession("A1".to_owned()),
        JourneyKey::Patient(patient_id("P1", "MRN")),
        JourneyKey::Patient(telerad_core::PatientId::new("P1", None).unwrap()),
        name("doe"),
        name("Doe^Ja"),
        JourneyKey::Uid(Uid::new(&study_uid(1)).unwrap()),
    ] {
        assert_eq!(subjects(&*store, "north", key.clone()).await, both, "{key:?}");
    }
    assert_eq!(subjects(&*store, "north", JourneyKey::Uid(uid(2))).await, both[1..]);
    for key in [name("MÜLL"), name("müller anna"), name("山田"), JourneyKey::Uid(uid(7))] {
        assert_eq!(subjects(&*store, "north", key.clone()).await, alone, "{key:?}");
    }
    for key in [
        JourneyKey::Accession("A".to_owned()),
        JourneyKey::Patient(patient_id("P1", "OTHER")),
        name("jane"),
        JourneyKey::Uid(uid(9)),
    ] {
        assert!(subjects(&*store, "north", key.clone()).await.is_empty(), "{key:?}");
    }
    assert_eq!(subjects(&*store, "south", name("doe")).await, both[1..]);
    let first = store.journey_subjects(&site("north"), &name("doe"), 1).await.unwrap();
    assert_eq!(first, both[..1]);

    // The patient of the order was wrong: it is no longer found under that name, the images are.
    let mut corrected = order("north", 1);
    (corrected.revision, corrected.order.patient) = (1, patient("P2"));
    corrected.order.patient.name = telerad_core::PersonName::from_dicom("ROE^RICHARD");
    store.commit(Batch::new().with(put_order(corrected, &[]))).await.unwrap();
    assert_eq!(subjects(&*store, "north", name("doe")).await, both[1..]);
    assert_eq!(subjects(&*store, "north", name("roe")).await, both[..1]);
}

fn words(event: &JourneyEvent) -> String {
    match event {
        JourneyEvent::Message { id, .. } => format!("message {id}"),
        JourneyEvent::Order(order) => format!("order {}", order.order.requested_procedure_id),
        JourneyEvent::Received(instance) => format!("received from {}", instance.source),
        JourneyEvent::Decided(decision) => format!("decided by {}", decision.rules.join(",")),
        JourneyEvent::Delivery(delivery) => {
            format!("{} to {}", delivery.state.as_str(), delivery.key.destination)
        }
        JourneyEvent::Report { status, message_id, .. } => format!("{status:?} by {message_id}"),
        JourneyEvent::Outbound { id, destination, .. } => format!("{id} to {destination}"),
        JourneyEvent::Noted(entry) => format!("noted {}", entry.event),
        other => panic!("{other:?}"),
    }
}

async fn told(store: &dyn Store, owner: &str, subject: &JourneySubject) -> Vec<String> {
    let entries = journey(store, &site(owner), subject).await.unwrap();
    entries
        .iter()
        .map(|entry| format!("{} {}", entry.at.as_micros(), words(&entry.event)))
        .collect()
}

/// Order, images, report and acknowledgement of one examination.
async fn put_examination(store: &dyn Store) {
    let mut placed = message("m-order", "C1");
    placed.received_at = at(1);
    let mut ordered = order("north", 1);
    ordered.updated_at = at(2);
    let batch = Batch::new().with(Effect::Message(placed)).with(put_order(ordered, &[]));
    store.commit(batch).await.unwrap();

    let mut decision = study("north", 1);
    decision.decided_at = at(5);
    let mut images = [matched(image("north", 5, "a")), matched(image("north", 6, "b"))];
    images.iter_mut().for_each(|image| image.received_at = at(5));
    let [first, second] = images.map(put_instance);
    let mut waiting = delivery("north", 6, "archive");
    waiting.queued_at = at(6);
    let mut answered = delivery("north", 5, "reading");
    answered.state = sent(0);
    let batch = Batch::from(vec![
        first,
        second,
        Effect::Study(decision),
        Effect::Delivery(answered),
        Effect::Delivery(waiting),
        Effect::Journal(JournalEntry { at: at(7), ..journal(uid(5).as_str(), "mismatch") }),
        Effect::Journal(JournalEntry {
            site: Some(site("south")),
            ..journal(uid(5).as_str(), "x")
        }),
    ]);
    store.commit(batch).await.unwrap();

    let mut told = message("m-report", "C2");
    told.received_at = at(20);
    let mut filed = report("north", 1);
    filed.versions.push(ReportVersion {
        status: ReportStatus::Final,
        lines: Vec::new(),
        status_time: None,
        first_status_time: None,
        message_time: None,
        observation_time: None,
        received_at: at(20),
        content: "c".to_owned(),
        signer: Signer::default(),
        message_id: "m-report".to_owned(),
    });
    let mut onward = outbound("o1", order_key("north", 1).as_str(), 21);
    onward.state = OutboundState::Answered { code: "AA".to_owned(), at: at(22) };
    let batch = Batch::new()
        .with(Effect::Message(told))
        .with(Effect::Report(filed))
        .with(Effect::Outbound(onward));
    store.commit(batch).await.unwrap();
}

pub(crate) async fn an_examination_has_one_timeline(Given { store, .. }: Given) {
    put_examination(&*store).await;
    let expected = [
        "1 message m-order",
        "2 order RP1",
        "5 received from CT1",
        "5 received from CT1",
        "5 decided by all",
        "6 pending to archive",
        "7 noted mismatch",
        "9 sent to reading",
        "20 message m-report",
        "20 Final by m-report",
        "22 o1 to ris",
    ];
    let of_order = JourneySubject::Order(order_key("north", 1));
    let of_study = JourneySubject::Study(study_uid(1));
    assert_eq!(told(&*store, "north", &of_order).await, expected);
    assert_eq!(told(&*store, "north", &of_study).await, expected);
    // Nothing crosses sites, not even what the journal says of the same UID.
    assert!(told(&*store, "south", &of_order).await.is_empty());
    assert!(told(&*store, "south", &of_study).await.is_empty());

    // An order that names the study belongs to it when the patient is the same, and only then.
    let unmarked = instance("north", 30, "z");
    let put = |number: u32, patient_value: &str| {
        let mut named = order("north", number);
        named.order.study_instance_uid = uid(30);
        named.order.patient = patient(patient_value);
        put_order(named, &[])
    };
    let mut of_p1 = unmarked.clone();
    of_p1.head.patient = patient("P1");
    let batch = Batch::new().with(put_instance(of_p1)).with(put(31, "P1")).with(put(32, "P2"));
    store.commit(batch).await.unwrap();
    let alone = JourneySubject::Study(uid(30).as_str().to_owned());
    assert_eq!(told(&*store, "north", &alone).await, ["1 order RP31", "30 received from CT1"]);
    let other = JourneySubject::Order(order_key("north", 32));
    assert_eq!(told(&*store, "north", &other).await, ["1 order RP32"]);
}

pub(crate) async fn what_came_twice_is_one_finding_for_each_study(Given { store, .. }: Given) {
    let from = |mut record: InstanceRecord, source: &str, received_at| {
        record.source = AeTitle::new(source).unwrap();
        record.received_at = at(received_at);
        record
    };
    let related = |number, content, source, received_at, relation: Relation| {
        let mut record = from(image("north", number, content), source, received_at);
        record.relation = relation;
        put_instance(record)
    };
    let conflict = || Relation::UidConflict { differs: vec!["pixel data".to_owned()] };
    let note = |number, event: &str, when, detail: String| {
        let entry = journal(uid(number).as_str(), event);
        Effect::Journal(JournalEntry { at: at(when), detail, ..entry })
    };
    let mut effects = Vec::new();
    for number in 1..=300 {
        effects.push(related(number, "native", "CT1", 10, Relation::First));
        effects.push(related(number, "forwarded", "PACS", 11, Relation::Variant));
    }
    let again = JournalEntry::sent_by(&AeTitle::new("QA").unwrap());
    effects.push(related(1, "wrong", "MR", 15, conflict()));
    effects.push(note(2, JournalEntry::RECEIVED_AGAIN, 12, again));
    effects.push(note(2, JournalEntry::SENT_AGAIN, 19, "reading".to_owned()));
    // Before and after the window, of another site, and of an instance that nobody knows.
    effects.push(related(400, "x", "CT1", 9, Relation::Variant));
    effects.push(related(401, "x", "CT1", 20, Relation::Variant));
    effects.push(note(3, JournalEntry::SENT_AGAIN, 20, String::new()));
    effects.push(note(999, JournalEntry::SENT_AGAIN, 12, String::new()));
    let mut south = from(image("south", 1, "x"), "CT9", 12);
    south.relation = Relation::Variant;
    effects.push(put_instance(south));
    store.commit(effects.into()).await.unwrap();

    let look = |from, to, limit| {
        let (store, north) = (Arc::clone(&store), site("north"));
        async move { duplicates(&*store, &north, at(from), at(to), limit).await.unwrap() }
    };
    let whole = look(10, 20, 999).await;
    assert_eq!(whole.until, at(20));
    let found = whole.studies;
    let [DuplicateStudy { study_instance_uid, sources, .. }] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(*study_instance_uid, study_uid(1));
    let names: Vec<&str> = sources.iter().map(AeTitle::as_str).collect();
    assert_eq!(names, ["CT1", "MR", "PACS", "QA"]);
    let counted = &found[0];
    assert_eq!((counted.instances, counted.variants, counted.conflicts), (300, 300, 1));
    assert_eq!((counted.received_again, counted.sent_again), (1, 1));
    assert_eq!((counted.first_at, counted.last_at), (at(11), at(19)));
    assert!(look(50, 60, 999).await.studies.is_empty());
    // With few at once: up to the first that is left out, but a moment is never divided.
    let (mut from, mut told) = (10, Vec::new());
    while from < 20 {
        let page = look(from, 20, 2).await;
        assert!(page.until > at(from) && page.until <= at(20));
        from = page.until.as_micros();
        let counts =
            |it: &DuplicateStudy| (it.variants, it.conflicts, it.received_again, it.sent_again);
        told.push((from, page.studies.iter().map(counts).next()));
    }
    let expected = [(11, None), (12, Some((300, 0, 0, 0))), (20, Some((0, 1, 1, 1)))];
    assert_eq!(told, expected);
    let digest = Digest::of(b"native");
    assert_eq!(store.instances_of_payload(&digest).await.unwrap().len(), 300);
}
