//! SOP classes that a destination did not take.

use telerad_routing::DestinationId;
use telerad_store::{Effect, JournalEntry};

use super::{Desk, DeskError, Signature};
use crate::event::Event;

impl Desk {
    /// The SOP classes that a destination is known not to take, so that it is not asked.
    ///
    /// # Errors
    /// [`DeskError::UnknownDestination`].
    pub fn refused_classes(&self, destination: &DestinationId) -> Result<Vec<String>, DeskError> {
        self.check_destination(destination)?;
        let now = self.state.now();
        Ok(self.state.refusals.of(destination, |known| known.known(now)))
    }

    /// Asks a destination again for a SOP class that it did not take, or for all: the next instance shows whether it has
    /// learnt it. What was not wanted before is sent by [`Self::resend`]. Which classes it had not taken.
    ///
    /// # Errors
    /// [`DeskError::UnknownDestination`], [`DeskError::Store`] when it cannot be journaled; nothing is forgotten then.
    pub async fn ask_again(
        &self,
        destination: &DestinationId,
        sop_class_uid: Option<&str>,
        signature: &Signature,
    ) -> Result<Vec<String>, DeskError> {
        let (state, by) = (&self.state, signature.by());
        let mut classes = self.refused_classes(destination)?;
        classes.retain(|class| sop_class_uid.is_none_or(|wanted| wanted == class));
        let entry = JournalEntry {
            at: state.now(),
            site: None,
            subject: destination.as_str().to_owned(),
            event: "classes asked again".to_owned(),
            detail: format!("{} by {by}: {}", classes.join(", "), signature.reason()),
        };
        state.commit(vec![Effect::Journal(entry)]).await?;
        let now = state.now();
        let forgotten = state.refusals.of(destination, |known| known.forget(sop_class_uid, now));
        tracing::info!(%destination, by, classes = forgotten.len(), "classes asked again");
        state.tell(Event::ClassesAskedAgain {
            destination: destination.clone(),
            sop_class_uids: forgotten.clone(),
            by: by.to_owned(),
        });
        Ok(forgotten)
    }

    pub(super) fn check_destination(&self, destination: &DestinationId) -> Result<(), DeskError> {
        match self.state.delivery_bell(destination) {
            Some(_) => Ok(()),
            None => Err(DeskError::UnknownDestination { destination: destination.clone() }),
        }
    }
}
