//! Garbage collection beside everything else: nothing that anybody needs is ever removed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use telerad_routing::{DeliveryState, Digest, Relation};
use telerad_store::memory::MemoryStore;
use telerad_store::payload::{
    DirectorySpool, HeldPayload, MemoryPayloads, PayloadClaim, SpoolOptions,
};
use telerad_store::sqlite::{SqliteOptions, SqliteStore};
use telerad_store::{
    Batch, Collected, Effect, Expectation, Payloads, Retention, Store, StoreError, collect,
};

use crate::fixture::*;

/// North keeps what was delivered for 100 microseconds, south for good.
fn retention() -> Retention {
    let delivered = BTreeMap::from([(site("north"), Duration::from_micros(100))]);
    Retention { unnamed: Duration::ZERO, delivered }
}

async fn put(payloads: &dyn Payloads, number: u32) -> HeldPayload {
    let mut writer = payloads.create();
    writer.write(Bytes::from(format!("content {number}"))).await.unwrap();
    writer.finish().await.unwrap()
}

fn digest(number: u32) -> Digest {
    Digest::of(format!("content {number}").as_bytes())
}

fn register(owner: &str, number: u32, received_at: i64) -> Effect {
    let mut record = instance(owner, number, "");
    (record.digest, record.received_at) = (digest(number), at(received_at));
    put_instance(record)
}

fn deliver(owner: &str, number: u32, to: &str, state: DeliveryState) -> Effect {
    let mut record = delivery(owner, number, to);
    (record.digest, record.state) = (digest(number), state);
    Effect::Delivery(record)
}

async fn is_there(payloads: &dyn Payloads, number: u32) -> bool {
    payloads.hold(&digest(number)).await.unwrap().is_some()
}

#[test]
fn only_what_is_delivered_and_old_is_collected() {
    block_on(async {
        let (store, payloads) = (MemoryStore::new(), MemoryPayloads::new());
        let numbers = 1..=9;
        for number in numbers.clone() {
            put(&payloads, number).await;
        }
        let mut variant = instance("north", 3, "");
        (variant.digest, variant.relation) = (digest(8), Relation::Variant);
        let batch = Batch::from(vec![
            // 1: no row at all. 2: delivered, too young. 3: delivered to one of two, with 8 as its variant.
            register("north", 2, 950),
            deliver("north", 2, "reading", sent(0)),
            register("north", 3, 1),
            deliver("north", 3, "reading", sent(0)),
            deliver("north", 3, "archive", DeliveryState::Held { by: "A".to_owned(), at: at(1) }),
            put_instance(variant),
            // 4: delivered or not wanted everywhere. 5: no rule wanted it. 6: a dead letter. 7: south's.
            register("north", 4, 1),
            deliver("north", 4, "reading", sent(0)),
            deliver("north", 4, "archive", not_wanted()),
            register("north", 5, 1),
            register("north", 6, 1),
            deliver(
                "north",
                6,
                "reading",
                DeliveryState::Failed { status: 1, reason: String::new() },
            ),
            register("south", 7, 1),
            deliver("south", 7, "reading", sent(0)),
            // 9: the same bytes, delivered for north, pending for south.
            register("north", 9, 1),
            deliver("north", 9, "reading", sent(0)),
            register("south", 9, 1),
            deliver("south", 9, "reading", DeliveryState::Pending),
        ]);
        store.commit(batch).await.unwrap();
        let run = async || collect(&store, &payloads, &retention(), at(1000), None, 100).await;
        let collected = run().await.unwrap();
        let mut gone = Vec::new();
        for number in numbers {
            if !is_there(&payloads, number).await {
                gone.push(number);
            }
        }
        assert_eq!(gone, [1, 4]);
        let bytes = 2 * "content 1".len() as u64;
        assert_eq!(collected, Collected { seen: 9, removed: 2, bytes, next: None });
        // When the rest of study 3 is done, its variant may go as well.
        let done = Batch::new().with(deliver("north", 3, "archive", sent(0)));
        store.commit(done).await.unwrap();
        assert_eq!(run().await.unwrap().removed, 2);
        assert!(!is_there(&payloads, 3).await && !is_there(&payloads, 8).await);
    });
}

#[test]
fn pages_follow_each_other_and_a_young_stranger_stays() {
    block_on(async {
        let (store, payloads) = (MemoryStore::new(), MemoryPayloads::new());
        for number in 0..5 {
            put(&payloads, number).await;
        }
        let mut careful = retention();
        // In memory everything was stored at time 0.
        careful.unnamed = Duration::from_micros(1001);
        let page = collect(&store, &payloads, &careful, at(1000), None, 3).await.unwrap();
        assert_eq!((page.seen, page.removed), (3, 0));
        careful.unnamed = Duration::from_micros(1000);
        let page = collect(&store, &payloads, &careful, at(1000), page.next, 3).await.unwrap();
        assert_eq!((page.seen, page.removed, page.next), (2, 2, None));
        assert_eq!(payloads.len(), 3);
    });
}

/// One step of somebody: intake, delivery, collection, or the power that goes.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Content comes in, and is held.
    Publish(u32),
    /// What is held gets its row.
    Register(u32),
    /// Its sender is answered, or has gone.
    LetGo(u32),
    /// A delivery that is pending is settled.
    Deliver(u32),
    /// A person sends it to another destination, if it is still there.
    SendOn(u32),
    Claim(u32),
    Check(u32),
    Remove(u32),
    Collect,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let number = || 0..3_u32;
    prop_oneof![
        3 => number().prop_map(Step::Publish),
        3 => number().prop_map(Step::Register),
        2 => number().prop_map(Step::LetGo),
        2 => number().prop_map(Step::Deliver),
        1 => number().prop_map(Step::SendOn),
        3 => number().prop_map(Step::Claim),
        3 => number().prop_map(Step::Check),
        3 => number().prop_map(Step::Remove),
        1 => Just(Step::Collect),
        1 => Just(Step::Crash),
    ]
}

/// A site's gateway, taken apart: each of its parts goes one step at a time.
struct World<'a> {
    store: Arc<dyn Store>,
    payloads: Arc<dyn Payloads>,
    reopen: &'a dyn Fn() -> (Arc<dyn Store>, Arc<dyn Payloads>),
    held: BTreeMap<u32, HeldPayload>,
    claims: BTreeMap<u32, (PayloadClaim, bool)>,
    registered: BTreeMap<u32, DeliveryState>,
}

impl World<'_> {
    async fn go(&mut self, step: Step) {
        match step {
            Step::Publish(number) => {
                self.held.insert(number, put(&*self.payloads, number).await);
            }
            Step::Register(number) => {
                if self.held.contains_key(&number) && !self.registered.contains_key(&number) {
                    let pending = deliver("north", number, "reading", DeliveryState::Pending);
                    let batch = Batch::new().with(register("north", number, 1)).with(pending);
                    self.store.commit(batch).await.unwrap();
                    self.registered.insert(number, DeliveryState::Pending);
                }
            }
            Step::LetGo(number) => drop(self.held.remove(&number)),
            Step::Deliver(number) => {
                if self.registered.get(&number) == Some(&DeliveryState::Pending) {
                    for to in ["reading", "archive"] {
                        let key = delivery_key("north", number, to);
                        if self.store.delivery(&key).await.unwrap().is_some() {
                            let settled = deliver("north", number, to, sent(0));
                            self.store.commit(Batch::new().with(settled)).await.unwrap();
                        }
                    }
                    self.registered.insert(number, sent(0));
                }
            }
            Step::SendOn(number) => {
                let key = delivery_key("north", number, "archive");
                if self.registered.get(&number) == Some(&sent(0))
                    && self.store.delivery(&key).await.unwrap().is_none()
                    && let Some(_hold) = self.payloads.hold(&digest(number)).await.unwrap()
                {
                    let pending = deliver("north", number, "archive", DeliveryState::Pending);
                    self.store.commit(Batch::new().with(pending)).await.unwrap();
                    self.registered.insert(number, DeliveryState::Pending);
                }
            }
            Step::Claim(number) => {
                if let Some(claim) = self.payloads.claim(&digest(number)) {
                    self.claims.insert(number, (claim, false));
                }
            }
            Step::Check(number) => {
                if let Some((_, is_checked)) = self.claims.get_mut(&number) {
                    *is_checked = is_unneeded(&*self.store, number).await;
                }
            }
            Step::Remove(number) => {
                if let Some((claim, true)) = self.claims.remove(&number) {
                    self.payloads.remove(claim).await.unwrap();
                }
            }
            Step::Collect => {
                let (store, payloads) = (&*self.store, &*self.payloads);
                collect(store, payloads, &retention(), at(1000), None, 100).await.unwrap();
            }
            Step::Crash => self.crash(),
        }
    }

    /// What is durable stays, what was in memory is gone.
    fn crash(&mut self) {
        self.held.clear();
        self.claims.clear();
        // The old ones free their directories first.
        self.store = Arc::new(MemoryStore::new());
        self.payloads = Arc::new(MemoryPayloads::new());
        (self.store, self.payloads) = (self.reopen)();
    }

    async fn check(&self) -> Result<(), TestCaseError> {
        for (number, state) in &self.registered {
            if *state == DeliveryState::Pending {
                prop_assert!(is_there(&*self.payloads, *number).await, "{number} was needed");
            }
        }
        Ok(())
    }
}

async fn is_unneeded(store: &dyn Store, number: u32) -> bool {
    let unneeded = Expectation::PayloadUnneeded {
        digest: digest(number),
        received_before: BTreeMap::from([(site("north"), at(900))]),
    };
    match store.commit(Batch::new().with(Effect::Expect(unneeded))).await {
        Ok(_) => true,
        Err(StoreError::Conflict { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

fn run(
    steps: Vec<Step>,
    reopen: &dyn Fn() -> (Arc<dyn Store>, Arc<dyn Payloads>),
) -> Result<(), TestCaseError> {
    let (store, payloads) = reopen();
    let (held, claims, registered) = Default::default();
    let mut world = World { store, payloads, reopen, held, claims, registered };
    block_on(async {
        for step in steps {
            world.go(step).await;
            world.check().await?;
        }
        // When nobody holds anything any more and all is delivered and old, nothing stays.
        world.crash();
        for number in 0..3 {
            world.go(Step::Deliver(number)).await;
        }
        world.go(Step::Collect).await;
        prop_assert!(world.payloads.list(None, 9).await.unwrap().is_empty());
        Ok(())
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn nothing_needed_is_removed_in_memory(steps in steps()) {
        let (store, payloads) = (MemoryStore::new(), MemoryPayloads::new());
        run(steps, &|| {
            // A crash takes what is held, and the rows and contents stay.
            (Arc::new(store.clone()), Arc::new(payloads.clone()))
        })?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    #[test]
    fn nothing_needed_is_removed_from_a_directory(steps in steps()) {
        let directory = tempfile::tempdir().unwrap();
        let open = |path: &Path| -> (Arc<dyn Store>, Arc<dyn Payloads>) {
            let store = SqliteStore::open(&path.join("state"), SqliteOptions::default()).unwrap();
            let spool =
                DirectorySpool::open(&path.join("spool"), SpoolOptions::default()).unwrap();
            (Arc::new(store), Arc::new(spool))
        };
        run(steps, &|| open(directory.path()))?;
    }
}
