//! Who has which place, who waits for one, and what is idle.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use telerad_core::AeTitle;
use telerad_dimse::{AcceptedContext, ProposedContext};
use tokio::sync::{Notify, oneshot};

use super::super::client::ClientAssociation;
use super::super::peer::Peer;
use super::{PoolConfig, PoolCounts, PoolError, Pooled};
use crate::clock::after;

/// What clones of a pool, loans and the sweep have in common.
///
/// Nothing is dropped while the state is locked: what is dropped gives back its place, and that needs the lock.
pub(super) struct Shared {
    pub(super) config: PoolConfig,
    state: Mutex<State>,
    vacated: Notify,
}

#[derive(Default)]
struct State {
    /// Places taken, idle associations included.
    taken: BTreeMap<Lane, usize>,
    taken_total: usize,
    /// The one that has been idle for longest is first.
    idle: VecDeque<Idle>,
    /// Who came first is first.
    waiting: VecDeque<Waiting>,
    is_closed: bool,
    is_swept: bool,
    sweeper: Option<Waker>,
}

/// Whom the limit per peer counts.
type Lane = (String, AeTitle);

/// An association between two loans. It holds a place, without a guard that would keep the pool alive.
struct Idle {
    association: Box<ClientAssociation>,
    opened: Instant,
    until: Instant,
    /// Only to be released.
    is_spent: bool,
}

struct Waiting {
    peer: Peer,
    contexts: Vec<ProposedContext>,
    sender: oneshot::Sender<Grant>,
}

/// What somebody gets who waited.
pub(super) enum Grant {
    /// A place to open an association in.
    Open(Place),
    /// An association that fits.
    Reuse(Pooled),
    /// A place, once this one has been released.
    Replace { idle: Pooled, place: Place },
}

/// A place for one association, taken until it is dropped.
pub(super) struct Place {
    shared: Option<Arc<Shared>>,
    lane: Lane,
}

/// What the sweep has to do.
#[derive(Default)]
pub(super) struct Swept {
    /// To be released.
    pub(super) expired: Vec<Pooled>,
    /// Closed by the peer.
    pub(super) ended: Vec<Pooled>,
    /// When the next one expires.
    pub(super) next: Option<Instant>,
}

impl Shared {
    pub(super) fn new(config: PoolConfig) -> Self {
        Self { config, state: Mutex::default(), vacated: Notify::new() }
    }

    /// Joins the queue; what comes first, a place or nothing, is decided at once for all who wait.
    pub(super) fn queue(
        self: &Arc<Self>,
        peer: &Peer,
        contexts: &[ProposedContext],
    ) -> Result<oneshot::Receiver<Grant>, PoolError> {
        let mut state = self.lock();
        if state.is_closed {
            return Err(PoolError::Closed);
        }
        state.waiting.retain(|it| !it.sender.is_closed());
        let waiting = state.waiting.len();
        if waiting >= self.config.waiting_max {
            let (address, called) = (peer.address.clone(), peer.called.clone());
            return Err(PoolError::TooManyWaiting { address, called, waiting });
        }
        let (sender, receiver) = oneshot::channel();
        let (peer, contexts) = (peer.clone(), contexts.to_vec());
        state.waiting.push_back(Waiting { peer, contexts, sender });
        self.serve_queue(state);
        Ok(receiver)
    }

    pub(super) fn close(self: &Arc<Self>) {
        let mut state = self.lock();
        state.is_closed = true;
        for idle in &mut state.idle {
            idle.is_spent = true;
        }
        let waiting = std::mem::take(&mut state.waiting);
        let sweeper = state.sweeper.take();
        drop(state);
        drop(waiting);
        if let Some(sweeper) = sweeper {
            sweeper.wake();
        }
    }

    /// Waits until no place is taken.
    pub(super) async fn all_gone(&self) {
        loop {
            let vacated = self.vacated.notified();
            if self.lock().taken_total == 0 {
                return;
            }
            vacated.await;
        }
    }

    pub(super) fn counts(&self) -> PoolCounts {
        let state = self.lock();
        let idle = state.idle.len();
        let waiting = state.waiting.iter().filter(|it| !it.sender.is_closed()).count();
        PoolCounts { idle, in_use: state.taken_total.saturating_sub(idle), waiting }
    }

    /// Whether the sweep is still to be started; from now on it counts as such.
    pub(super) fn claim_sweep(&self) -> bool {
        !std::mem::replace(&mut self.lock().is_swept, true)
    }

    pub(super) fn sweep_ended(&self) {
        self.lock().is_swept = false;
    }

    /// Looks at everything that is idle, and is woken when something happens to any of it.
    pub(super) fn sweep(self: &Arc<Self>, context: &mut Context<'_>) -> Swept {
        let now = self.config.clock.now();
        let mut swept = Swept::default();
        let mut state = self.lock();
        state.sweeper = Some(context.waker().clone());
        for mut idle in std::mem::take(&mut state.idle) {
            if idle.is_spent || idle.until <= now {
                swept.expired.push(idle.lend(self));
            } else if idle.association.poll_ended(context).is_ready() {
                swept.ended.push(idle.lend(self));
            } else {
                let next = swept.next.unwrap_or(idle.until);
                swept.next = Some(next.min(idle.until));
                state.idle.push_back(idle);
            }
        }
        swept
    }

    fn keep(self: &Arc<Self>, association: Box<ClientAssociation>, opened: Instant) {
        let now = self.config.clock.now();
        let peer = association.peer();
        let linger = peer.quirks.linger.unwrap_or(self.config.linger);
        // Our own idle timer would end it by an abort.
        let linger = linger.min(peer.timeouts.idle / 4 * 3);
        let operations_max = peer.quirks.operations_max.map_or(u64::MAX, |it| it.get().into());
        let is_spent = linger == Duration::ZERO
            || association.operations() >= operations_max
            || now.saturating_duration_since(opened) >= self.config.age
            // A report that nobody has read is no business of the next user's.
            || !association.reports.is_empty();
        let mut state = self.lock();
        let is_spent = is_spent || state.is_closed;
        let until = after(now, linger);
        state.idle.push_back(Idle { association, opened, until, is_spent });
        let sweeper = state.sweeper.take();
        self.serve_queue(state);
        if let Some(sweeper) = sweeper {
            sweeper.wake();
        }
    }

    fn vacate(self: &Arc<Self>, lane: &Lane) {
        let mut state = self.lock();
        state.taken_total -= 1;
        if let Some(count) = state.taken.get_mut(lane) {
            *count -= 1;
            if *count == 0 {
                state.taken.remove(lane);
            }
        }
        self.serve_queue(state);
        self.vacated.notify_waiters();
    }

    /// Gives what there is to whoever came first and can use it. A peer that has no place keeps nobody waiting who
    /// wants another.
    fn serve_queue(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let mut unwanted = Vec::new();
        for waiting in std::mem::take(&mut state.waiting) {
            if waiting.sender.is_closed() {
                continue;
            }
            match self.grant(&mut state, &waiting) {
                Some(grant) => unwanted.extend(waiting.sender.send(grant).err()),
                None => state.waiting.push_back(waiting),
            }
        }
        drop(state);
        // Given up at this very moment: whoever is next gets it.
        drop(unwanted);
    }

    fn grant(self: &Arc<Self>, state: &mut State, waiting: &Waiting) -> Option<Grant> {
        // The one that was used last has the best chance to be alive, and lets the others expire.
        if let Some(at) = state.idle.iter().rposition(|idle| idle.fits(waiting)) {
            return Some(Grant::Reuse(state.idle.remove(at)?.lend(self)));
        }
        let config = &self.config;
        let lane = (waiting.peer.address.clone(), waiting.peer.called.clone());
        let quirk = waiting.peer.quirks.associations_max.map_or(usize::MAX, |it| it.get());
        let lane_max = config.associations_per_peer_max.min(quirk);
        let lane_is_full = state.taken.get(&lane).copied().unwrap_or(0) >= lane_max;
        if !lane_is_full && state.taken_total < config.associations_max {
            return Some(Grant::Open(Place::take(self, state, lane)));
        }
        let at = state.idle.iter().position(|idle| !lane_is_full || idle.lane() == lane)?;
        let idle = state.idle.remove(at)?.lend(self);
        Some(Grant::Replace { idle, place: Place::take(self, state, lane) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(sweeper) = state.sweeper.take() {
            sweeper.wake();
        }
    }
}

impl Idle {
    fn lane(&self) -> Lane {
        let peer = self.association.peer();
        (peer.address.clone(), peer.called.clone())
    }

    fn fits(&self, waiting: &Waiting) -> bool {
        let association = &self.association;
        !self.is_spent
            && *association.peer() == waiting.peer
            && waiting.contexts.iter().all(|wanted| {
                is_accepted(association.accepted(), wanted) || was_refused(association, wanted)
            })
    }

    fn lend(self, shared: &Arc<Shared>) -> Pooled {
        let lane = self.lane();
        Pooled {
            association: Some(self.association),
            place: Some(Place { shared: Some(Arc::clone(shared)), lane }),
            opened: self.opened,
            is_reused: true,
        }
    }
}

impl Place {
    fn take(shared: &Arc<Shared>, state: &mut State, lane: Lane) -> Self {
        state.taken_total += 1;
        *state.taken.entry(lane.clone()).or_default() += 1;
        Self { shared: Some(Arc::clone(shared)), lane }
    }

    /// The place stays taken, by an association that is idle from now on.
    pub(super) fn keep(mut self, association: Box<ClientAssociation>, opened: Instant) {
        if let Some(shared) = self.shared.take() {
            shared.keep(association, opened);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.vacate(&self.lane);
        }
    }
}

fn is_accepted(accepted: &[AcceptedContext], wanted: &ProposedContext) -> bool {
    accepted.iter().any(|context| {
        context.abstract_syntax == wanted.abstract_syntax
            && wanted.transfer_syntaxes.contains(&context.transfer_syntax)
    })
}

/// Asked already, on this association: asking again on another would bring the same answer.
fn was_refused(association: &ClientAssociation, wanted: &ProposedContext) -> bool {
    wanted.transfer_syntaxes.iter().all(|syntax| {
        association.proposed().iter().any(|context| {
            context.abstract_syntax == wanted.abstract_syntax
                && context.transfer_syntaxes.contains(syntax)
                && association.refused().iter().any(|(id, _)| *id == context.id)
        })
    })
}
