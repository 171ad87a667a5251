//! What the workers of one destination share, and how one of them takes from the queue.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use telerad_core::{AeTitle, Priority, Timestamp};
use telerad_net::dicom::Peer;
use telerad_routing::{
    Breaker, BreakerState, Choice, DeficitRoundRobin, DeliveryKey, DeliveryRecord, DestinationId,
    DuplicatePolicy, InFlight, Permit, QueueHead, ResendPolicy, RetryPolicy, Schedule,
};
use telerad_store::{Effect, StoreError};
use tokio::sync::OnceCell;

use super::concurrency::{Places, Takes};
use super::line::{self, Line};
use crate::bell::{Bell, LANES, Mark};
use crate::configuration::Destination;
use crate::event::Event;
use crate::state::State;

/// Deliveries taken onto one association before the queue is looked at again.
pub(super) const BATCH_MAX: usize = 16;

/// The queue of one destination, as its workers see it.
pub(super) struct Queue {
    pub(super) id: DestinationId,
    pub(super) peer: Peer,
    pub(super) policy: RetryPolicy,
    pub(super) bell: Arc<Bell>,
    pub(super) duplicates: DuplicatePolicy,
    pub(super) resend: ResendPolicy,
    schedule: Option<Schedule>,
    line: Option<Arc<Line>>,
    shared: Mutex<Shared>,
    /// The breaker is as an earlier run left it.
    restored: OnceCell<()>,
    /// Breakers are written one after the other, so that the last one written is the last one that was.
    saving: tokio::sync::Mutex<()>,
    /// One worker at a time reads the queue and takes from it.
    taking: tokio::sync::Mutex<()>,
}

pub(super) struct Shared {
    pub(super) breaker: Breaker,
    /// The last fault in words.
    pub(super) cause: String,
    /// The breaker is not as it was written last.
    pub(super) is_unsaved: bool,
    pub(super) places: Places,
    /// SOP classes that it has taken, if only in another transfer syntax.
    pub(super) taken: BTreeSet<String>,
    /// SOP classes of which it has stored instances.
    pub(super) stored: BTreeSet<String>,
    /// Until when it was told that STAT waits for a window.
    stat_waits: Option<Timestamp>,
    /// What was sent, and what came of it could not be recorded.
    pub(super) unrecorded: BTreeSet<DeliveryKey>,
    claimed: BTreeSet<DeliveryKey>,
    fair: DeficitRoundRobin,
    /// What was given back while a worker read the queue: what it has read of these is old.
    given_back: BTreeSet<DeliveryKey>,
}

impl Shared {
    /// Whether a worker that has just read the queue may take this.
    fn is_free(&self, key: &DeliveryKey) -> bool {
        !self.claimed.contains(key) && !self.given_back.contains(key)
    }

    /// Whether what was sent stands nowhere, so that the next time is known to be a repetition.
    pub(super) fn note_written(&mut self, key: &DeliveryKey, is_lost: bool) {
        if !is_lost {
            self.unrecorded.remove(key);
        } else if self.unrecorded.len() < UNRECORDED_MAX {
            self.unrecorded.insert(key.clone());
        }
    }
}

/// What a worker may do next.
pub(super) enum Claim {
    /// Send these.
    Batch(Batch),
    /// Nothing for now.
    Nothing,
    /// Find out whether the destination works again: by C-ECHO and one instance, or by one instance.
    Probe(Permit),
}

/// Deliveries that one worker has taken, in the order in which they are sent.
pub(super) struct Batch {
    pub(super) deliveries: VecDeque<DeliveryRecord>,
    /// How far the bell had been rung before they were taken.
    pub(super) mark: Mark,
}

impl Batch {
    pub(super) fn keys(&self) -> Vec<DeliveryKey> {
        self.deliveries.iter().map(|it| it.key.clone()).collect()
    }
}

impl Queue {
    pub(super) fn new(state: &State, destination: &Destination, line: Option<Arc<Line>>) -> Self {
        let id = destination.id.get_ref().clone();
        let (first, longest) = destination.retry_seconds;
        let policy = RetryPolicy {
            first: Duration::from_secs(first),
            longest: Duration::from_secs(longest),
            ..RetryPolicy::default()
        };
        let peer = Peer::new(
            destination.address.get_ref(),
            destination.ae_title.clone(),
            state.configuration.dicom.ae_title.clone(),
        );
        let shared = Shared {
            breaker: Breaker::new(policy),
            cause: String::new(),
            claimed: BTreeSet::new(),
            fair: DeficitRoundRobin::default(),
            given_back: BTreeSet::new(),
            is_unsaved: false,
            places: Places::new(destination.associations_max, state.now()),
            stat_waits: None,
            stored: BTreeSet::new(),
            taken: BTreeSet::new(),
            unrecorded: BTreeSet::new(),
        };
        Self {
            bell: state.delivery_bell(&id).cloned().unwrap_or_default(),
            id,
            peer,
            policy,
            duplicates: destination.duplicates,
            line,
            resend: destination.resend,
            schedule: destination.schedule.clone(),
            restored: OnceCell::new(),
            saving: tokio::sync::Mutex::default(),
            taking: tokio::sync::Mutex::default(),
            shared: Mutex::new(shared),
        }
    }

    pub(super) fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what is due and nobody else has taken. While the breaker is open nothing, and when its pause is over, one
    /// worker is to probe.
    pub(super) async fn claim(&self, state: &State, takes: Takes) -> Result<Claim, StoreError> {
        self.restored.get_or_try_init(|| self.restore(state)).await?;
        let now = state.now();
        {
            let mut shared = self.shared();
            if !shared.places.begin(takes, now) {
                return Ok(Claim::Nothing);
            }
            match shared.breaker.permit(now) {
                Permit::All => {}
                Permit::Wait(_) => {
                    shared.places.end(takes);
                    return Ok(Claim::Nothing);
                }
                permit => return Ok(Claim::Probe(permit)),
            }
        }
        match self.take(state, takes, BATCH_MAX).await {
            Ok(batch) if !batch.deliveries.is_empty() => Ok(Claim::Batch(batch)),
            other => {
                self.shared().places.end(takes);
                other.map(|_| Claim::Nothing)
            }
        }
    }

    /// Takes at most so many: lane by lane, and in a lane from each source by turns.
    async fn take(&self, state: &State, takes: Takes, count: usize) -> Result<Batch, StoreError> {
        self.take_chosen(state, takes, count, |fair, due| choose(fair, due, count)).await
    }

    /// Takes some of what is due and nobody else has. What another worker gave back meanwhile may have been sent since it was
    /// read, or have to wait: it is left alone, and when nothing else was due, all is read once more.
    async fn take_chosen(
        &self,
        state: &State,
        takes: Takes,
        count: usize,
        choose: impl Fn(&mut DeficitRoundRobin, Vec<DeliveryRecord>) -> VecDeque<DeliveryRecord>,
    ) -> Result<Batch, StoreError> {
        let _turn = self.taking.lock().await;
        loop {
            let mark = self.bell.mark();
            let claimed = self.begin_reading();
            let mut due = self.due(state, takes, count + claimed).await?;
            let mut shared = self.shared();
            let is_old = due.iter().any(|it| shared.given_back.contains(&it.key));
            due.retain(|it| shared.is_free(&it.key) && !is_being_changed(state, it));
            if is_old && due.is_empty() {
                continue;
            }
            let deliveries = choose(&mut shared.fair, due);
            shared.claimed.extend(deliveries.iter().map(|it| it.key.clone()));
            return Ok(Batch { deliveries, mark });
        }
    }

    /// From here on what is given back is remembered: it may have been sent since it was read. How much is claimed.
    fn begin_reading(&self) -> usize {
        let mut shared = self.shared();
        shared.given_back.clear();
        shared.claimed.len()
    }

    /// Takes the one delivery that shows best whether the destination works again: one that it has not refused before.
    pub(super) async fn take_for_probe(&self, state: &State) -> Result<Batch, StoreError> {
        self.take_chosen(state, Takes::All, BATCH_MAX, |_, mut due| {
            due.sort_by_key(|it| it.last_fault.is_some());
            due.truncate(1);
            due.into()
        })
        .await
    }

    /// The heads of every source's queue in the lanes that may be sent now. A delivery that waits longer than any pause
    /// was queued before the clock was set back.
    async fn due(
        &self,
        state: &State,
        takes: Takes,
        per_source: usize,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let now = state.now();
        let open = |lane: &Priority| line::is_open(self.schedule.as_ref(), *lane, now);
        let lanes: Vec<Priority> =
            LANES.into_iter().filter(|lane| takes.lane(*lane) && open(lane)).collect();
        self.tell_when_stat_waits(state, now).await?;
        let (Some(first), Some(last)) = (lanes.first(), lanes.last()) else {
            return Ok(Vec::new());
        };
        let read = |now: Timestamp| {
            let lanes: RangeInclusive<Priority> = *first..=*last;
            state.environment.store.due_by_source(&self.id, lanes, now, per_source)
        };
        let mut due = read(now).await?;
        if due.is_empty() {
            let next = state.environment.store.next_due(&self.id).await?;
            if let Some(next) = next.filter(|at| at.since(now) > self.policy.longest_pause()) {
                due = read(next).await?;
            }
        }
        due.retain(|it| lanes.contains(&it.priority));
        Ok(due)
    }

    /// Urgent studies wait for a window only where it says so. That they do now is told once for each time it is shut.
    async fn tell_when_stat_waits(&self, state: &State, now: Timestamp) -> Result<(), StoreError> {
        let schedule = self.schedule.as_ref();
        let Some(until) = schedule.and_then(|it| it.opens_at(Priority::Stat, now)) else {
            return Ok(());
        };
        if self.shared().stat_waits == Some(until)
            || !state.environment.store.lane_pending(&self.id, Priority::Stat).await?
        {
            return Ok(());
        }
        if self.shared().stat_waits.replace(until) != Some(until) {
            tracing::warn!(destination = %self.id, %until, "STAT waits for a window");
            state.tell(Event::StatWaits { destination: self.id.clone(), until });
        }
        Ok(())
    }

    /// Whether a delivery may leave now. Its bytes are taken then.
    ///
    /// # Errors
    /// When it may.
    pub(super) fn admit(&self, delivery: &DeliveryRecord, now: Timestamp) -> Result<(), Timestamp> {
        let schedule = self.schedule.as_ref();
        match schedule.and_then(|schedule| schedule.opens_at(delivery.priority, now)) {
            Some(at) => Err(at),
            None => self.line.as_ref().map_or(Ok(()), |line| line.take(delivery, now)),
        }
    }

    /// A delivery that was admitted did not leave.
    pub(super) fn not_left(&self, delivery: &DeliveryRecord) {
        if let Some(line) = &self.line {
            line.give_back(delivery);
        }
    }

    /// When a lane opens that is shut now.
    pub(super) fn opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        line::opens_at(self.schedule.as_ref(), now)
    }

    /// Gives back what a worker had taken and whatever it has not sent.
    pub(super) fn give_back(&self, keys: &[DeliveryKey]) {
        let mut shared = self.shared();
        for key in keys {
            shared.claimed.remove(key);
            shared.given_back.insert(key.clone());
        }
    }

    /// Those whose outcome could not be recorded, and the others.
    pub(super) fn part_unrecorded(
        &self,
        keys: Vec<DeliveryKey>,
    ) -> (Vec<DeliveryKey>, Vec<DeliveryKey>) {
        let shared = self.shared();
        keys.into_iter().partition(|key| shared.unrecorded.contains(key))
    }

    /// A worker that had begun has ended.
    pub(super) fn end(&self, takes: Takes) {
        self.shared().places.end(takes);
    }

    /// A worker has probed, or was cut off while it did.
    pub(super) fn probed(&self, takes: Takes, now: Timestamp) {
        let works = {
            let mut shared = self.shared();
            shared.places.end(takes);
            shared.breaker.give_back(now);
            shared.breaker.state() == BreakerState::Closed
        };
        if works {
            self.bell.wake();
        }
    }

    /// Until when nothing is sent because the destination failed.
    pub(super) fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.shared().breaker.retry_at().filter(|until| *until > now)
    }

    /// An outage that an earlier run met goes on until a probe shows that it is over.
    async fn restore(&self, state: &State) -> Result<(), StoreError> {
        let records = state.environment.store.breakers().await?;
        if let Some(record) = records.iter().find(|record| record.destination == self.id) {
            let mut shared = self.shared();
            shared.breaker = Breaker::restore(self.policy, record);
            shared.cause.clone_from(&record.cause);
            state.health.set(&self.id, shared.breaker.down_since());
        }
        Ok(())
    }

    /// Writes the breaker, when it has changed. What cannot be written is written with the next change: it says how a
    /// destination does, not what became of an instance.
    pub(super) async fn save(&self, state: &State) {
        if !self.shared().is_unsaved {
            return;
        }
        let _turn = self.saving.lock().await;
        let record = {
            let mut shared = self.shared();
            if !std::mem::take(&mut shared.is_unsaved) {
                return;
            }
            shared.breaker.record(&self.id, &shared.cause)
        };
        if let Err(error) = state.commit(vec![Effect::Breaker(record)]).await {
            self.shared().is_unsaved = true;
            tracing::error!(destination = %self.id, "breaker not stored: {error}");
        }
    }
}

/// Whether somebody is about to change what becomes of the study; whoever it is wakes the workers afterwards.
fn is_being_changed(state: &State, delivery: &DeliveryRecord) -> bool {
    state.turns.is_taken(&delivery.key.site, &delivery.study_instance_uid)
}

/// The next deliveries, lane by lane: sources take turns, and none waits for the whole of another's queue.
fn choose(
    fair: &mut DeficitRoundRobin,
    due: Vec<DeliveryRecord>,
    count: usize,
) -> VecDeque<DeliveryRecord> {
    let mut queues: BTreeMap<(Priority, AeTitle), Vec<DeliveryRecord>> = BTreeMap::new();
    for delivery in due {
        queues.entry((delivery.priority, delivery.source.clone())).or_default().push(delivery);
    }
    let mut queues: Vec<VecDeque<DeliveryRecord>> = queues.into_values().map(in_turn).collect();
    let mut chosen = VecDeque::new();
    while chosen.len() < count {
        queues.retain(|queue| !queue.is_empty());
        let heads: Vec<QueueHead> =
            queues.iter().filter_map(|queue| queue.front()).map(head).collect();
        let Choice::Send(at) = fair.choose(&heads, UNLIMITED) else { break };
        chosen.extend(queues.get_mut(at).and_then(VecDeque::pop_front));
    }
    chosen
}

/// The queues of two sites whose sources have the same title are one.
fn in_turn(mut queue: Vec<DeliveryRecord>) -> VecDeque<DeliveryRecord> {
    queue.sort_by(|a, b| {
        let order = |it: &DeliveryRecord| (it.not_before, it.queued_at);
        order(a).cmp(&order(b)).then_with(|| a.key.cmp(&b.key))
    });
    queue.into()
}

fn head(delivery: &DeliveryRecord) -> QueueHead {
    QueueHead { bytes: delivery.bytes, lane: delivery.priority, source: delivery.source.clone() }
}

/// Whether a worker may begin has been decided by then.
const UNLIMITED: InFlight = InFlight { associations_max: usize::MAX, other: 0, stat: 0 };

/// Workers pause when nothing can be recorded: there are a few for each.
const UNRECORDED_MAX: usize = 1024;
