//! What every flow of a running gateway shares.

use std::collections::BTreeMap;
use std::sync::Arc;

use telerad_core::{SiteId, Timestamp};
use telerad_routing::{DestinationGroup, DestinationId, RuleSet};
use telerad_store::{Batch, Effect, JournalEntry, Receipt, StoreError};
use tokio::sync::{Notify, Semaphore, broadcast};

use crate::answers::Answers;
use crate::bell::Bell;
use crate::configuration::{Configuration, MppsDestination};
use crate::directory::Directory;
use crate::environment::Environment;
use crate::event::Event;
use crate::health::Health;
use crate::new_orders::NewOrders;
use crate::order_changes::OrderChanges;
use crate::refusals::Refusals;
use crate::turns::Turns;
use crate::waiting_reports::WaitingReports;
use crate::watermarks::Watermarks;
use crate::worklists::Worklists;

/// The shared part: configuration, environment, who is who, and how flows wake each other.
pub(crate) struct State {
    /// Bounds how many comparisons of pixels go on at once, and with that their memory.
    pub(crate) comparisons: Arc<Semaphore>,
    pub(crate) configuration: Configuration,
    pub(crate) directory: Directory,
    pub(crate) environment: Environment,
    pub(crate) groups: Vec<DestinationGroup>,
    pub(crate) health: Health,
    pub(crate) refusals: Refusals,
    pub(crate) rules: RuleSet,
    pub(crate) answers: Answers,
    pub(crate) new_orders: NewOrders,
    pub(crate) order_changes: OrderChanges,
    pub(crate) turns: Arc<Turns>,
    pub(crate) waiting_reports: WaitingReports,
    pub(crate) watermarks: Watermarks,
    pub(crate) worklists: Worklists,
    events: broadcast::Sender<Event>,
    deliveries: BTreeMap<DestinationId, Arc<Bell>>,
    receivers: BTreeMap<String, Arc<Notify>>,
}

impl State {
    pub(crate) fn new(configuration: Configuration, environment: Environment) -> Self {
        let deliveries = configuration.destinations.iter();
        let deliveries: BTreeMap<DestinationId, Arc<Bell>> =
            deliveries.map(|to| (to.id.get_ref().clone(), Arc::default())).collect();
        let receivers = crate::receivers::receivers(&configuration);
        let relays = configuration.mpps_destinations.iter().map(MppsDestination::queue);
        let queues = receivers.into_iter().map(|to| to.name).chain(relays);
        let receivers = queues.map(|name| (name, Arc::default())).collect();
        let groups = configuration.groups.iter().map(|group| group.get_ref().clone()).collect();
        let rules = configuration.rules.iter().map(|rule| rule.get_ref().clone()).collect();
        Self {
            comparisons: Arc::new(Semaphore::new(COMPARISONS_MAX)),
            directory: Directory::new(&configuration),
            refusals: Refusals::new(&configuration.destinations),
            rules: RuleSet { rules },
            answers: Answers::new(),
            new_orders: NewOrders::default(),
            order_changes: OrderChanges::default(),
            turns: Turns::new(deliveries.values().cloned().collect()),
            waiting_reports: WaitingReports::default(),
            watermarks: Watermarks::new(),
            worklists: Worklists::new(&configuration),
            configuration,
            environment,
            groups,
            health: Health::default(),
            events: broadcast::channel(EVENTS_MAX).0,
            deliveries,
            receivers,
        }
    }

    /// Civil time.
    pub(crate) fn now(&self) -> Timestamp {
        self.environment.clock.timestamp()
    }

    /// A name for a record that sorts by time and is unique without asking anyone.
    pub(crate) fn new_id(&self) -> String {
        format!("{:016x}-{:016x}", self.now().as_micros(), self.environment.rng.next_u64())
    }

    /// A fresh MSH-10: 16 characters, within the 20 that HL7 2.3.1 allows.
    pub(crate) fn new_control_id(&self) -> String {
        format!("{:016X}", self.environment.rng.next_u64())
    }

    /// Tells listeners; nobody listening is not a fault.
    pub(crate) fn tell(&self, event: Event) {
        let _ = self.events.send(event);
    }

    pub(crate) fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// What wakes the deliveries of a destination.
    pub(crate) fn delivery_bell(&self, destination: &DestinationId) -> Option<&Arc<Bell>> {
        self.deliveries.get(destination)
    }

    /// What wakes the messages to a receiver.
    pub(crate) fn receiver_bell(&self, receiver: &str) -> Option<&Arc<Notify>> {
        self.receivers.get(receiver)
    }

    pub(crate) async fn commit(&self, effects: Vec<Effect>) -> Result<Receipt, StoreError> {
        let changes_orders = effects.iter().any(changes_orders);
        let _change = changes_orders.then(|| self.order_changes.begin());
        let note = self.worklists.note(&effects);
        let result = self.environment.store.commit(Batch { effects }).await;
        note.done();
        result
    }

    /// A line of the journal as an effect.
    pub(crate) fn journal(
        &self,
        site: &SiteId,
        subject: &str,
        event: &str,
        detail: &str,
    ) -> Effect {
        Effect::Journal(JournalEntry {
            at: self.now(),
            site: Some(site.clone()),
            subject: subject.to_owned(),
            event: event.to_owned(),
            detail: detail.to_owned(),
        })
    }
}

/// Whether what is decided about images may be decided otherwise: orders, and who is who.
fn changes_orders(effect: &Effect) -> bool {
    match effect {
        Effect::Order { .. } => true,
        Effect::Patient(record) => !record.is_current() || !record.aliases.is_empty(),
        _ => false,
    }
}

/// Comparisons of pixels at once.
const COMPARISONS_MAX: usize = 2;
/// Events kept for a listener that lags; older ones are dropped, as all of them can be read from the store.
const EVENTS_MAX: usize = 4096;

/// How often a decision is taken again when what it rested on changed between reading and committing. Each try
/// loses only to another writer that won, so a handful is far beyond what happens.
pub(crate) const DECISIONS_MAX: usize = 16;
