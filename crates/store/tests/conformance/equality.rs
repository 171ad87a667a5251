//! Random batches have the same outcome and leave the same state in every back end.

use crate::fixture::*;
use proptest::prelude::*;
use telerad_accession::SearchKey;
use telerad_core::{AeTitle, Priority, Uid};
use telerad_routing::{DeliveryState, Digest, Relation, StudyMark};
use telerad_store::memory::MemoryStore;
use telerad_store::sqlite::{SqliteOptions, SqliteStore};
use telerad_store::{Batch, Effect, Expectation, MessageOutcome, OutboundState, Store, Unanswered};
use telerad_worklist::{PerformedStatus, StepStatus};

fn owner() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("north"), Just("south")]
}

fn number() -> std::ops::Range<u32> {
    0..4
}

fn time() -> std::ops::Range<i64> {
    0..100
}

fn keys() -> impl Strategy<Value = Vec<SearchKey>> {
    prop::collection::vec(number().prop_map(accession_key), 0..3)
}

fn delivery_state() -> impl Strategy<Value = DeliveryState> {
    prop_oneof![
        3 => Just(DeliveryState::Pending),
        1 => Just(sent(0)),
        1 => Just(not_wanted()),
        1 => Just(DeliveryState::Held { by: "desk".to_owned(), at: at(9) }),
        1 => Just(DeliveryState::Failed { status: 0xC000, reason: "no".to_owned() }),
    ]
}

fn priority() -> impl Strategy<Value = Priority> {
    prop_oneof![Just(Priority::Stat), Just(Priority::Routine), Just(Priority::Low)]
}

fn content() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("first"), Just("second"), Just("third")]
}

fn order_effect() -> impl Strategy<Value = Effect> {
    let start = prop_oneof![
        Just(None),
        Just(Some("2024")),
        Just(Some("20240102")),
        Just(Some("20240104080000")),
    ];
    let status = prop_oneof![Just(StepStatus::Scheduled), Just(StepStatus::Completed)];
    let steps = prop::collection::vec((start, status), 0..3);
    (owner(), number(), 0..3_u64, steps, keys()).prop_map(
        |(owner, number, revision, steps, keys)| {
            let mut record = order(owner, number);
            record.revision = revision;
            record.steps = steps.into_iter().map(|(start, status)| step(start, status)).collect();
            put_order(record, &keys)
        },
    )
}

fn patient_effect() -> impl Strategy<Value = Effect> {
    let ids = prop::collection::vec(1..4_u32, 0..3);
    (owner(), ids, 0..3_u64).prop_map(|(owner, ids, revision)| {
        let mut record = patient_record(owner, "P1");
        record.patient.ids = ids.iter().map(|id| patient_id(&format!("P{id}"), "MRN")).collect();
        record.revision = revision;
        Effect::Patient(record)
    })
}

fn matched(owner: &str, number: u32) -> StudyMark {
    StudyMark::Matched { order_key: order_key(owner, number).as_str().to_owned() }
}

fn instance_effect() -> impl Strategy<Value = Effect> {
    let study = prop::option::of(number());
    (owner(), number(), content(), study, 1..3_u32, keys()).prop_map(
        |(owner, number, content, study, patient_number, keys)| {
            let mut record = instance(owner, number, content);
            record.head.study_instance_uid =
                study.map(|study| Uid::new(&study_uid(study)).unwrap());
            record.head.patient = patient(&format!("P{patient_number}"));
            if patient_number == 2 {
                record.relation = Relation::Variant;
                record.mark = matched(owner, number);
            }
            Effect::Instance { record, keys }
        },
    )
}

fn delivery_effect() -> impl Strategy<Value = Effect> {
    let to = prop_oneof![Just("reading"), Just("archive")];
    let key = (owner(), number(), to, content());
    let source = prop_oneof![Just("CT1"), Just("CT2"), Just("MR1")];
    (key, source, number(), priority(), time(), time(), delivery_state()).prop_map(
        |((owner, number, to, content), source, study, priority, queued_at, not_before, state)| {
            let mut record = delivery(owner, number, to);
            record.digest = Digest::of(content.as_bytes());
            record.source = AeTitle::new(source).unwrap();
            record.study_instance_uid = study_uid(study);
            record.priority = priority;
            (record.queued_at, record.not_before) = (at(queued_at), at(not_before));
            record.state = state;
            Effect::Delivery(record)
        },
    )
}

fn outbound_effect() -> impl Strategy<Value = Effect> {
    let state = prop_oneof![
        3 => Just(OutboundState::Pending),
        1 => Just(OutboundState::Answered { code: "AA".to_owned(), at: at(1) }),
        1 => Just(OutboundState::SetAside { reason: "AR".to_owned() }),
    ];
    let names =
        || (owner(), prop_oneof![Just("ris"), Just("other")], prop_oneof![Just("A"), Just("B")]);
    let put = (0..3_u32, names(), 0..4_i64, time(), priority(), 0..3_u32, state).prop_map(
        |(id, (owner, to, sequence), queued_at, not_before, priority, tries, state)| {
            let mut message = outbound(&id.to_string(), sequence, queued_at);
            message.site = site(owner);
            message.destination = to.to_owned();
            message.not_before = at(not_before);
            message.priority = priority;
            message.unanswered = (tries > 0).then_some(Unanswered { tries, last: at(3) });
            message.state = state;
            Effect::Outbound(message)
        },
    );
    let raise = (names(), priority()).prop_map(|((owner, _, sequence), priority)| {
        let (site, sequence) = (site(owner), sequence.to_owned());
        Effect::RaiseOutbound { site, sequence, priority }
    });
    let join = (names(), prop_oneof![Just("A"), Just("B")]).prop_map(|((owner, _, from), into)| {
        let (site, sequence, into) = (site(owner), from.to_owned(), into.to_owned());
        Effect::JoinOutbound { site, sequence, into }
    });
    prop_oneof![5 => put, 1 => raise, 1 => join]
}

fn other_effect() -> impl Strategy<Value = Effect> {
    let id = || (0..3_u32).prop_map(|id| id.to_string());
    prop_oneof![
        (owner(), number(), 0..3_u64).prop_map(|(owner, number, revision)| {
            let mut record = study(owner, number);
            record.revision = revision;
            Effect::Study(record)
        }),
        (owner(), number(), number(), 0..3_u64).prop_map(|(owner, number, other, revision)| {
            let mut record = report(owner, number);
            record.order_key = order_key(owner, other).as_str().to_owned();
            record.revision = revision;
            Effect::Report(record)
        }),
        (owner(), number(), prop::option::of(number()), any::<bool>(), 0..3_u64).prop_map(
            |(owner, number, order, ended, revision)| {
                let mut record = performed(owner, number, order);
                if ended {
                    record.status = PerformedStatus::Completed;
                }
                record.revision = revision;
                Effect::PerformedStep(record)
            }
        ),
        (id(), id(), time(), any::<bool>()).prop_map(|(id, control_id, received_at, applied)| {
            let mut record = message(&id, &control_id);
            record.received_at = at(received_at);
            if applied {
                record.outcome = MessageOutcome::NoChange;
            }
            Effect::Message(record)
        }),
        (id(), owner(), time(), any::<bool>()).prop_map(|(id, owner, parked_at, other)| {
            let mut item = parked(&id, owner);
            if other {
                item.subject = "m2".to_owned();
            }
            item.parked_at = at(parked_at);
            Effect::Park(item)
        }),
        id().prop_map(|id| Effect::Unpark { id }),
        (owner(), 0..3_u32).prop_map(|(to, consecutive)| Effect::Breaker(breaker(to, consecutive))),
        (owner(), prop_oneof![Just("P1"), Just("P2")], prop_oneof![Just("a"), Just("b")])
            .prop_map(|(owner, patient, member)| Effect::Sticky(sticky(owner, patient, member))),
        (id(), id()).prop_map(|(subject, event)| Effect::Journal(journal(&subject, &event))),
        (owner(), number(), 0..3_usize).prop_map(|(owner, number, count)| {
            let sop_instance_uid = uid(number);
            let site = site(owner);
            Effect::Expect(Expectation::Versions { site, sop_instance_uid, count })
        }),
        (owner(), number()).prop_map(|(owner, number)| {
            let key = delivery_key(owner, number, "reading");
            Effect::Expect(Expectation::DeliveryPending(key))
        }),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    let effect = prop_oneof![
        order_effect(),
        patient_effect(),
        instance_effect(),
        delivery_effect(),
        outbound_effect(),
        other_effect(),
    ];
    // Short batches, so that many of them succeed although revisions are guessed.
    prop::collection::vec(effect, 1..4).prop_map(Batch::from)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_sqlite_are_the_same_to_whoever_looks(
        batches in prop::collection::vec(batch(), 1..30),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let sqlite = SqliteStore::open(directory.path(), SqliteOptions::default()).unwrap();
        let memory = MemoryStore::new();
        block_on(async {
            for batch in batches {
                let outcome = memory.commit(batch.clone()).await;
                prop_assert_eq!(&outcome, &sqlite.commit(batch).await);
            }
            prop_assert_eq!(everything(&memory).await, everything(&sqlite).await);
            Ok(())
        })?;
    }
}
