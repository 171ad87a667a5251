//! Versions in conflict that a person has looked at.

use telerad_core::SiteId;
use telerad_store::{Effect, ParkedKind, StoreError};

use super::{Desk, DeskError, Signature};
use crate::event::{Event, Operation};
use crate::intake::CONFLICT;
use crate::state::DECISIONS_MAX;

impl Desk {
    /// Ends the wait of versions in conflict: of one instance, or of a study that two sources send without it being known
    /// whether their images are the same. All of them stay kept, and what is delivered stays as it was decided. Versions that
    /// come later wait again. How many parked items are ended by this.
    ///
    /// # Errors
    /// [`DeskError::NothingInConflict`], [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn close_conflict(
        &self,
        site: &SiteId,
        subject: &str,
        signature: &Signature,
    ) -> Result<usize, DeskError> {
        let (state, operation, by) = (&self.state, Operation::Close, signature.by());
        for _ in 0..DECISIONS_MAX {
            let about = [subject.to_owned()];
            let parked = state.environment.store.parked_about(site, &about).await?;
            let mut effects = Vec::new();
            for item in parked {
                let is_conflict = item.kind == ParkedKind::Instance && item.reason == CONFLICT;
                if is_conflict {
                    effects.push(Effect::Unpark { id: item.id });
                }
            }
            let count = effects.len();
            if count == 0 {
                return Err(DeskError::NothingInConflict);
            }
            let detail = format!("conflict of versions by {by}: {}", signature.reason());
            effects.push(state.journal(site, subject, operation.as_str(), &detail));
            match state.commit(effects).await {
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    tracing::info!(%site, subject, by, count, "conflict of versions closed");
                    let (site, subject, by) = (site.clone(), subject.to_owned(), by.to_owned());
                    state.tell(Event::Decided { site, subject, operation, by });
                    return Ok(count);
                }
            }
        }
        Err(DeskError::Busy)
    }
}
