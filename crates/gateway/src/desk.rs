//! What people do with studies, instances and messages while a gateway runs.
//!
//! A [`Desk`] is what an operators' page is built on. Everything is asked for at one site and by somebody with a reason
//! ([`Signature`]); it is decided on what the store says, written as a whole together with a line of the journal, and told
//! as [`Event::Decided`]. What makes no sense is refused by name ([`DeskError`]) and changes nothing.
//!
//! What is being sent at that moment may still arrive: then the ledger says `Sent`, which is never unmade, whatever was
//! decided meanwhile.

mod classes;
mod conflicts;
mod error;
mod journey;
mod messages;
mod patients;
mod replay;
mod signature;

use std::sync::Arc;

use telerad_core::{Priority, SiteId, Timestamp, Uid};
use telerad_routing as routing;
use telerad_routing::operation;
use telerad_routing::{DeliveryRecord, DestinationId, OperationError, StudyDecision, lane_name};
use telerad_store::StoreError;
use telerad_store::payload::PayloadHold;

pub use self::error::DeskError;
pub use self::journey::Journey;
pub use self::replay::{Difference, Replay};
pub use self::signature::{InvalidSignature, Signature};

use crate::change::Change;
use crate::event::{Event, Operation};
use crate::state::{DECISIONS_MAX, State};

/// A gateway's desk, for as long as anybody holds it. Clones are the same desk.
#[derive(Clone)]
pub struct Desk {
    state: Arc<State>,
}

/// One wish, for the journal and for listeners.
struct Wish<'a> {
    site: &'a SiteId,
    operation: Operation,
    signature: &'a Signature,
    /// What of, or where to, in words; may be empty.
    what: String,
}

impl Desk {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }

    /// Holds a study: nothing of it is sent until [`Self::release`], instances that come later included. How many deliveries
    /// are held by this.
    ///
    /// # Errors
    /// [`OperationError::AlreadyHeld`], [`DeskError::UnknownStudy`], [`DeskError::Busy`], [`DeskError::Store`].
    ///
    /// # Cancel safety
    /// As for every operation here: a dropped future leaves all of it done, or nothing.
    pub async fn hold(
        &self,
        site: &SiteId,
        study_instance_uid: &str,
        signature: &Signature,
    ) -> Result<usize, DeskError> {
        let wish = Wish { site, operation: Operation::Hold, signature, what: String::new() };
        let by = signature.by();
        self.change_study(&wish, study_instance_uid, |study, deliveries, now| {
            operation::hold(study, deliveries, by, now)
        })
        .await
    }

    /// Lets a held study go on. How many deliveries are pending by this.
    ///
    /// # Errors
    /// [`OperationError::NotHeld`], [`DeskError::UnknownStudy`], [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn release(
        &self,
        site: &SiteId,
        study_instance_uid: &str,
        signature: &Signature,
    ) -> Result<usize, DeskError> {
        let wish = Wish { site, operation: Operation::Release, signature, what: String::new() };
        self.change_study(&wish, study_instance_uid, operation::release).await
    }

    /// Takes a study back from one destination, or from all, instances that come later included. What was sent stays sent.
    /// How many deliveries are not wanted by this.
    ///
    /// # Errors
    /// [`OperationError::NotADestination`], [`OperationError::AlreadyCancelled`], [`DeskError::UnknownStudy`],
    /// [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn cancel(
        &self,
        site: &SiteId,
        study_instance_uid: &str,
        destination: Option<&DestinationId>,
        signature: &Signature,
    ) -> Result<usize, DeskError> {
        let wish = Wish { site, operation: Operation::Cancel, signature, what: named(destination) };
        let by = signature.by();
        self.change_study(&wish, study_instance_uid, |study, deliveries, now| {
            operation::cancel(study, deliveries, destination, by, now)
        })
        .await
    }

    /// Raises a study to a more urgent lane, what is queued of it and instances that come later. How many deliveries are
    /// more urgent by this.
    ///
    /// # Errors
    /// [`OperationError::AlreadyAsUrgent`], [`DeskError::UnknownStudy`], [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn raise(
        &self,
        site: &SiteId,
        study_instance_uid: &str,
        lane: Priority,
        signature: &Signature,
    ) -> Result<usize, DeskError> {
        let what = format!("to lane {}", lane_name(lane));
        let wish = Wish { site, operation: Operation::Raise, signature, what };
        self.change_study(&wish, study_instance_uid, |study, deliveries, _| {
            operation::raise(study, deliveries, lane)
        })
        .await
    }

    /// Sends a study somewhere else: all of it goes `to` there, instances that come later included, and what has not been
    /// sent `from` here is not any more. How many deliveries are new or not wanted by this.
    ///
    /// # Errors
    /// [`OperationError::NotADestination`], [`OperationError::AlreadyThere`], [`DeskError::PayloadRemoved`],
    /// [`DeskError::Payloads`], [`DeskError::UnknownDestination`],
    /// [`DeskError::UnknownStudy`], [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn reroute(
        &self,
        site: &SiteId,
        study_instance_uid: &str,
        from: &DestinationId,
        to: &DestinationId,
        signature: &Signature,
    ) -> Result<usize, DeskError> {
        self.check_destination(to)?;
        let what = format!("from {from} to {to}");
        let wish = Wish { site, operation: Operation::Reroute, signature, what };
        self.change_study(&wish, study_instance_uid, |study, deliveries, now| {
            operation::reroute(study, deliveries, from, to, now)
        })
        .await
    }

    /// Sends again what was sent of a study, and after all what was cancelled or of a class that was not taken, to one
    /// destination or to all. How many deliveries are pending, or held with their study, by this.
    ///
    /// # Errors
    /// [`OperationError::NotADestination`], [`OperationError::NothingSent`], [`DeskError::PayloadRemoved`],
    /// [`DeskError::Payloads`], [`DeskError::UnknownStudy`],
    /// [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn resend(
        &self,
        site: &SiteId,
        study_instance_uid: &str,
        destination: Option<&DestinationId>,
        signature: &Signature,
    ) -> Result<usize, DeskError> {
        let wish = Wish { site, operation: Operation::Resend, signature, what: named(destination) };
        self.change_study(&wish, study_instance_uid, |study, deliveries, now| {
            operation::resend(study, deliveries, destination, now)
        })
        .await
    }

    /// Tries once more what failed of a study or is parked, at one destination or at all, with all tries; it waits for a
    /// person no longer. How many deliveries are pending, or held with their study, by this.
    ///
    /// # Errors
    /// [`OperationError::NothingFailed`], [`DeskError::UnknownStudy`], [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn requeue(
        &self,
        site: &SiteId,
        study_instance_uid: &str,
        destination: Option<&DestinationId>,
        signature: &Signature,
    ) -> Result<usize, DeskError> {
        let wish =
            Wish { site, operation: Operation::Requeue, signature, what: named(destination) };
        self.change_study(&wish, study_instance_uid, |study, deliveries, now| {
            operation::requeue(Some(study), &at(deliveries, destination), now)
        })
        .await
    }

    /// The same for one instance: a dead letter, or one that is parked.
    ///
    /// # Errors
    /// [`OperationError::NothingFailed`], [`DeskError::UnknownInstance`], [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn requeue_instance(
        &self,
        site: &SiteId,
        sop_instance_uid: &Uid,
        destination: Option<&DestinationId>,
        signature: &Signature,
    ) -> Result<usize, DeskError> {
        let wish =
            Wish { site, operation: Operation::Requeue, signature, what: named(destination) };
        let store = &self.state.environment.store;
        let known = store.deliveries_of(site, sop_instance_uid).await?;
        let first = known.first().ok_or(DeskError::UnknownInstance)?;
        let study_instance_uid = first.study_instance_uid.as_str();
        let _turn = self.state.turns.take(site, study_instance_uid).await;
        for _ in 0..DECISIONS_MAX {
            let study = store.study(site, study_instance_uid).await?;
            let before = store.deliveries_of(site, sop_instance_uid).await?;
            let here = at(&before, destination);
            let decided = operation::requeue(study.as_ref(), &here, self.state.now())?;
            let change = Change::new(site, study_instance_uid, study.as_ref(), &before, decided);
            let subject = sop_instance_uid.as_str();
            if let Some(changed) = self.commit(&wish, subject, &change, None).await? {
                return Ok(changed);
            }
        }
        Err(DeskError::Busy)
    }

    async fn change_study(
        &self,
        wish: &Wish<'_>,
        study_instance_uid: &str,
        decide: impl Fn(
            &StudyDecision,
            &[DeliveryRecord],
            Timestamp,
        ) -> Result<Vec<routing::Effect>, OperationError>,
    ) -> Result<usize, DeskError> {
        let (store, site) = (&self.state.environment.store, wish.site);
        let _turn = self.state.turns.take(site, study_instance_uid).await;
        for _ in 0..DECISIONS_MAX {
            let study = store.study(site, study_instance_uid).await?;
            let study = study.ok_or(DeskError::UnknownStudy)?;
            let before = store.deliveries_of_study(site, study_instance_uid).await?;
            let decided = decide(&study, &before, self.state.now())?;
            let change = Change::new(site, study_instance_uid, Some(&study), &before, decided);
            let all = Some(change.expect_all_known());
            if let Some(changed) = self.commit(wish, study_instance_uid, &change, all).await? {
                return Ok(changed);
            }
        }
        Err(DeskError::Busy)
    }

    /// What was delivered may have been removed since. What is still there is kept from now on, until its rows say so.
    async fn hold_payloads(&self, change: &Change<'_>) -> Result<Vec<PayloadHold>, DeskError> {
        let mut held = Vec::new();
        for digest in change.wanted_again() {
            let hold = self.state.environment.payloads.hold(digest).await;
            let hold = hold.map_err(|error| DeskError::Payloads { reason: error.to_string() })?;
            held.push(hold.ok_or(DeskError::PayloadRemoved)?);
        }
        Ok(held)
    }

    /// Writes a change and tells of it; `None` when something came between.
    async fn commit(
        &self,
        wish: &Wish<'_>,
        subject: &str,
        change: &Change<'_>,
        expectation: Option<telerad_store::Effect>,
    ) -> Result<Option<usize>, DeskError> {
        let (state, site, operation) = (&self.state, wish.site, wish.operation);
        let changed = change.after().count();
        let _held = self.hold_payloads(change).await?;
        let parked = state.environment.store.parked_about(site, &change.subjects()).await?;
        let mut effects = Vec::from_iter(expectation);
        effects.extend(change.effects());
        effects.extend(change.unpark(&parked));
        effects.push(state.journal(site, subject, operation.as_str(), &wish.detail(changed)));
        match state.commit(effects).await {
            Err(StoreError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
            Ok(_) => {
                let by = wish.signature.by().to_owned();
                tracing::info!(%site, subject, by, changed, "{}", operation.as_str());
                let (site, subject) = (site.clone(), subject.to_owned());
                state.tell(Event::Decided { site, subject, operation, by });
                Ok(Some(changed))
            }
        }
    }
}

impl Wish<'_> {
    fn detail(&self, changed: usize) -> String {
        let space = if self.what.is_empty() { "" } else { " " };
        let (by, reason) = (self.signature.by(), self.signature.reason());
        format!("{}{space}by {by}: {reason} ({changed} deliveries)", self.what)
    }
}

fn named(destination: Option<&DestinationId>) -> String {
    destination.map_or_else(String::new, |destination| format!("at {destination}"))
}

fn at(deliveries: &[DeliveryRecord], destination: Option<&DestinationId>) -> Vec<DeliveryRecord> {
    let here = |it: &&DeliveryRecord| destination.is_none_or(|here| it.key.destination == *here);
    deliveries.iter().filter(here).cloned().collect()
}
