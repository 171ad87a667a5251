//! Associations that are kept open between operations.

use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use telerad_core::AeTitle;
use telerad_dicom::{DataSet, PeerAnswer, Status, uids};
use telerad_dimse::{CloseReason, ProposedContext, plan_contexts};

use self::places::{Grant, Place, Shared};
use super::client::ClientAssociation;
use super::error::{AssociationError, AssociationFault, StoreError};
use super::peer::Peer;
use super::store_scp::StoreRequest;
use crate::BoxFuture;
use crate::clock::{Clock, SystemClock, after, until};
use crate::spawn::Spawn;
use crate::transport::Connector;

mod places;
mod sweep;

/// Associations to any number of peers, lent to one user at a time and kept open for a while in between.
///
/// Opening an association costs three or four round trips, which on a long line is more than most instances. So one that
/// comes back in good order stays open for [`PoolConfig::linger`] and is lent again to whoever asks for the same peer
/// with contexts that it has negotiated. How many there are, idle ones included, is bounded per peer and in all; who
/// comes when there is no place waits in the order of arrival, at most [`PoolConfig::wait`].
///
/// An N-EVENT-REPORT that comes while an association is idle waits there for its next user, who may take it with
/// [`next_report`](ClientAssociation::next_report). The pool answers none: an association that comes back with one, or
/// lingers with it, is released, and whoever reported has to report again on another.
///
/// One task, started with the first [`checkout`](Self::checkout), watches what is idle: it releases what has lingered, and
/// lets go of what the peer has closed. The pool is cheap to clone; clones share the associations. When the last is
/// dropped, idle associations are aborted: to part in peace, [`close`](Self::close).
///
/// ```
/// use std::sync::Arc;
/// use telerad_dicom::uids;
/// use telerad_dimse::plan_contexts;
/// use telerad_net::dicom::{Peer, Pool, PoolConfig};
/// use telerad_net::{TcpConnector, TokioSpawn};
///
/// # async fn send(peer: &Peer) -> Result<(), Box<dyn std::error::Error>> {
/// let pool = Pool::new(TcpConnector, PoolConfig::default(), Arc::new(TokioSpawn));
/// let contexts = plan_contexts(&[(uids::VERIFICATION, uids::IMPLICIT_VR_LITTLE_ENDIAN)]).remove(0);
/// let mut association = pool.checkout(peer, contexts).await?;
/// association.echo().await?;
/// drop(association); // Goes back, and stays open for a while.
/// pool.close().await;
/// # Ok(())
/// # }
/// ```
pub struct Pool<C> {
    connector: Arc<C>,
    shared: Arc<Shared>,
    spawn: Arc<dyn Spawn>,
}

/// Limits and deadlines of a [`Pool`]. Every one has a safe default.
#[derive(Clone)]
pub struct PoolConfig {
    /// An association that is older than this is released when it comes back: what a peer answered to a proposal is not
    /// believed for ever.
    pub age: Duration,
    /// Associations at a time, idle ones included.
    pub associations_max: usize,
    /// Associations at a time with one peer (address and title), idle ones included.
    /// [`Quirks::associations_max`](super::Quirks::associations_max) may lower it.
    pub associations_per_peer_max: usize,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// How long [`Pool::close`] waits for what is in use.
    pub drain: Duration,
    /// How long an association stays open unused; at most three quarters of [`Timeouts::idle`](super::Timeouts::idle), at
    /// which it would be aborted. Keep it below what the peer allows.
    pub linger: Duration,
    /// How long to wait for a place.
    pub wait: Duration,
    /// How many may wait for a place; more are refused at once.
    pub waiting_max: usize,
}

/// How many associations a [`Pool`] has.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PoolCounts {
    /// Open, and lent to nobody.
    pub idle: usize,
    /// Lent, being opened or being released.
    pub in_use: usize,
    /// Users who wait for a place.
    pub waiting: usize,
}

/// Why a pool lends no association, or an operation on one failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The association could not be opened, or failed.
    #[error(transparent)]
    Association(#[from] AssociationError),
    /// The pool has been closed.
    #[error("the pool of associations is closed")]
    Closed,
    /// Our own source failed.
    #[error("cannot read what is to be sent: {0}")]
    Source(#[source] io::Error),
    /// As many wait as may.
    #[error("{called} at {address}: {waiting} others wait for an association already")]
    TooManyWaiting {
        /// The peer's address.
        address: String,
        /// The peer's title.
        called: AeTitle,
        /// How many.
        waiting: usize,
    },
    /// Every association was in use for too long.
    #[error("{called} at {address}: no association became free within {} s", .waited.as_secs())]
    Wait {
        /// The peer's address.
        address: String,
        /// The peer's title.
        called: AeTitle,
        /// How long it was waited: [`PoolConfig::wait`].
        waited: Duration,
    },
}

/// An association on loan. It goes back when this is dropped: kept open if it is usable, else aborted.
pub struct Pooled {
    // Declared before its place: it is gone before another may be opened.
    association: Option<Box<ClientAssociation>>,
    place: Option<Place>,
    opened: Instant,
    is_reused: bool,
}

impl<C: Connector> Pool<C> {
    /// A pool without associations. Nothing runs before the first [`checkout`](Self::checkout).
    pub fn new(connector: C, config: PoolConfig, spawn: Arc<dyn Spawn>) -> Self {
        Self { connector: Arc::new(connector), shared: Arc::new(Shared::new(config)), spawn }
    }

    /// Borrows an association with `peer` that has negotiated `contexts`, or opens one that proposes them.
    ///
    /// One that is open is lent only if it was opened for an equal [`Peer`], and if each of the contexts was
    /// accepted on it in one of its transfer syntaxes, or proposed and refused. When every place is taken but
    /// some are idle, the one that has been so for longest is released first.
    ///
    /// # Errors
    /// [`PoolError`]: no association, no place in time, or no pool any more.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue, or closes the connection that is being made. Nothing is lost.
    pub async fn checkout(
        &self,
        peer: &Peer,
        contexts: Vec<ProposedContext>,
    ) -> Result<Pooled, PoolError> {
        self.shared.start_sweep(&self.spawn);
        let config = &self.shared.config;
        let granted = self.shared.queue(peer, &contexts)?;
        let deadline = after(config.clock.now(), config.wait);
        let place = match until(&config.clock, deadline, granted).await {
            Some(Ok(Grant::Open(place))) => place,
            Some(Ok(Grant::Reuse(mut pooled))) => {
                if pooled.is_usable() {
                    return Ok(pooled);
                }
                match pooled.part() {
                    Some(place) => place,
                    None => return Err(PoolError::Closed),
                }
            }
            Some(Ok(Grant::Replace { idle, place })) => {
                idle.release_quietly().await;
                place
            }
            Some(Err(_)) => return Err(PoolError::Closed),
            None => {
                let (address, called) = (peer.address.clone(), peer.called.clone());
                return Err(PoolError::Wait { address, called, waited: config.wait });
            }
        };
        self.open(place, peer, contexts).await
    }

    /// Verifies that the peer is there (C-ECHO).
    ///
    /// If the association was an idle one and proves to have been closed by the peer, this is done once more on a new one.
    ///
    /// # Errors
    /// [`PoolError`]; not a status.
    pub async fn echo(&self, peer: &Peer) -> Result<Status, PoolError> {
        let contexts = one_context(uids::VERIFICATION, &[uids::IMPLICIT_VR_LITTLE_ENDIAN]);
        self.perform(peer, contexts, |association| {
            Box::pin(async move { Ok(association.echo().await?) })
        })
        .await
    }

    /// Asks a question (C-FIND) and collects the answers. If the association was an idle one and proves to have been
    /// closed by the peer, the question is asked once more on a new one.
    ///
    /// # Errors
    /// [`PoolError`], and whatever [`ClientAssociation::find_all`] reports.
    pub async fn find_all(
        &self,
        peer: &Peer,
        sop_class_uid: &str,
        identifier: &DataSet,
    ) -> Result<Vec<DataSet>, PoolError> {
        let syntaxes = [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN];
        self.perform(peer, one_context(sop_class_uid, &syntaxes), |association| {
            let (class, identifier) = (sop_class_uid.to_owned(), identifier.clone());
            Box::pin(async move { Ok(association.find_all(&class, &identifier).await?) })
        })
        .await
    }

    /// Stores one instance (C-STORE); the answer is the peer's own. If the association was an idle one and proves to
    /// have been closed by the peer, the instance is sent once more on a new one: storing it twice is storing it once.
    ///
    /// # Errors
    /// [`PoolError`]: without an answer nothing is known, and the instance must be sent again.
    pub async fn store(
        &self,
        peer: &Peer,
        request: &StoreRequest,
        data_set: Bytes,
    ) -> Result<PeerAnswer, PoolError> {
        let needs = [(&request.sop_class_uid, &request.transfer_syntax_uid)];
        let contexts = plan_contexts(&needs).into_iter().next().unwrap_or_default();
        self.perform(peer, contexts, |association| {
            let (request, data_set) = (request.clone(), data_set.clone());
            Box::pin(async move { association.store(&request, data_set).await })
        })
        .await
    }

    /// Lends nothing any more, releases what is idle and what comes back, and waits until all have ended, at most for
    /// [`PoolConfig::drain`]. Who waits for a place hears [`PoolError::Closed`].
    ///
    /// Answers how many associations are still in use then. They are released when they come back.
    ///
    /// # Cancel safety
    /// Cancel safe: the pool stays closed.
    pub async fn close(&self) -> usize {
        self.shared.close();
        let clock = &self.shared.config.clock;
        let deadline = after(clock.now(), self.shared.config.drain);
        let _ = until(clock, deadline, self.shared.all_gone()).await;
        let counts = self.counts();
        counts.idle + counts.in_use
    }

    /// Opens a new association, with the same proposals, in the place of one that has failed: see [`Pooled::is_stale`].
    ///
    /// # Errors
    /// [`PoolError`]; the one that failed stays.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection that is being made. The place goes to another then.
    pub async fn renew(&self, failed: &mut Pooled) -> Result<(), PoolError> {
        let (peer, contexts) = (failed.peer().clone(), failed.proposed().to_vec());
        failed.poison(AssociationFault::Poisoned);
        let place = failed.place.take().ok_or(PoolError::Closed)?;
        *failed = self.open(place, &peer, contexts).await?;
        Ok(())
    }

    /// How many associations there are.
    pub fn counts(&self) -> PoolCounts {
        self.shared.counts()
    }

    /// Where the time comes from.
    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.config.clock
    }

    async fn open(
        &self,
        place: Place,
        peer: &Peer,
        contexts: Vec<ProposedContext>,
    ) -> Result<Pooled, PoolError> {
        let clock = Arc::clone(&self.shared.config.clock);
        let association =
            ClientAssociation::connect_with(&*self.connector, clock, peer, contexts).await?;
        let opened = self.shared.config.clock.now();
        let association = Some(Box::new(association));
        Ok(Pooled { association, place: Some(place), opened, is_reused: false })
    }

    /// Does something that can be done twice without harm.
    async fn perform<T>(
        &self,
        peer: &Peer,
        contexts: Vec<ProposedContext>,
        operation: impl Fn(&mut ClientAssociation) -> Operation<'_, T> + Send + Sync,
    ) -> Result<T, PoolError> {
        let mut pooled = self.checkout(peer, contexts.clone()).await?;
        let error = match operation(&mut pooled).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if !error.association_fault().is_some_and(|fault| pooled.is_stale(fault)) {
            return Err(error.into());
        }
        self.renew(&mut pooled).await?;
        Ok(operation(&mut pooled).await?)
    }
}

impl Pooled {
    /// Whether others have used it before, so that the peer may have closed it at this very moment.
    pub fn is_reused(&self) -> bool {
        self.is_reused
    }

    /// Whether this failure may mean no more than that the peer closed the association, which it saw idle, at the very
    /// moment at which we began. What can be done twice without harm is then to be done once more, after
    /// [`Pool::renew`].
    pub fn is_stale(&self, fault: &AssociationFault) -> bool {
        self.is_reused && went_away(fault)
    }

    /// Releases the association now, instead of keeping it for others.
    ///
    /// # Errors
    /// When the peer does not answer, or aborts. Everything that was answered before stays answered.
    pub async fn release(mut self) -> Result<(), AssociationError> {
        let (association, _place) = (self.association.take(), self.place.take());
        match association {
            Some(association) => association.release().await,
            None => Ok(()),
        }
    }

    async fn release_quietly(self) {
        if let Err(error) = self.release().await {
            tracing::debug!("association not released: {error}");
        }
    }

    /// Aborts the association; its place can take another.
    fn part(&mut self) -> Option<Place> {
        self.association = None;
        self.place.take()
    }
}

impl Deref for Pooled {
    type Target = ClientAssociation;

    #[expect(clippy::expect_used, reason = "only methods that consume the loan take it out")]
    fn deref(&self) -> &ClientAssociation {
        self.association.as_ref().expect("on loan")
    }
}

impl DerefMut for Pooled {
    #[expect(clippy::expect_used, reason = "only methods that consume the loan take it out")]
    fn deref_mut(&mut self) -> &mut ClientAssociation {
        self.association.as_mut().expect("on loan")
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some(mut association) = self.association.take() else { return };
        if let Some(place) = self.place.take()
            && association.is_usable()
        {
            place.keep(association, self.opened);
        }
    }
}

impl<C> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Self {
            connector: Arc::clone(&self.connector),
            shared: Arc::clone(&self.shared),
            spawn: Arc::clone(&self.spawn),
        }
    }
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            age: Duration::from_secs(3600),
            associations_max: 64,
            associations_per_peer_max: 4,
            clock: SystemClock::shared(),
            drain: Duration::from_secs(30),
            linger: Duration::from_secs(10),
            wait: Duration::from_secs(60),
            waiting_max: 1024,
        }
    }
}

impl From<StoreError> for PoolError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Association(error) => Self::Association(error),
            StoreError::Source(error) => Self::Source(error),
        }
    }
}

impl PoolError {
    /// Whether the same may work later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Association(error) => error.is_retryable(),
            Self::Closed | Self::Source(_) => false,
            Self::TooManyWaiting { .. } | Self::Wait { .. } => true,
        }
    }
}

impl<C> std::fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pool").field(&self.shared.counts()).finish()
    }
}

impl std::fmt::Debug for PoolConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolConfig")
            .field("associations_max", &self.associations_max)
            .field("associations_per_peer_max", &self.associations_per_peer_max)
            .field("linger", &self.linger)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Pooled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Pooled").field(&self.association).finish()
    }
}

type Operation<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Whether the peer has left, rather than been slow or contrary.
fn went_away(fault: &AssociationFault) -> bool {
    matches!(
        fault,
        AssociationFault::Aborted { .. }
            | AssociationFault::Closed(CloseReason::Transport)
            | AssociationFault::Released
            | AssociationFault::Transport(_)
    )
}

fn one_context(sop_class_uid: &str, transfer_syntaxes: &[&str]) -> Vec<ProposedContext> {
    vec![ProposedContext {
        id: 1,
        abstract_syntax: sop_class_uid.to_owned(),
        transfer_syntaxes: transfer_syntaxes.iter().map(|&it| it.to_owned()).collect(),
    }]
}
