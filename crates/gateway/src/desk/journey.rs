//! What became of an examination.

use telerad_core::{SiteId, Timestamp};
use telerad_store::{
    Duplicates, JourneyEntry, JourneyEvent, JourneyKey, JourneySubject, duplicates, journey,
};

use super::{Desk, DeskError};
use crate::intake;

/// One examination of a site from its order to the last acknowledgement.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Journey {
    /// What the key led to.
    pub subject: JourneySubject,
    /// What happened, by time: the order and the messages that made it what it is; each version of each instance, from
    /// whom; by which rules the study was decided, and where to; each delivery, with the peer's answer; reports; messages
    /// out, with their acknowledgements; and the journal. Messages are named by the gateway's own identifiers, by which the
    /// store has their bytes.
    pub timeline: Vec<JourneyEntry>,
}

impl Desk {
    /// What a site knows of the examinations that an accession number, a patient's number or name, or a UID leads to; at
    /// most `limit` of them. An order and its study are one examination.
    ///
    /// # Errors
    /// [`DeskError::Store`].
    pub async fn journey(
        &self,
        site: &SiteId,
        by: &JourneyKey,
        limit: usize,
    ) -> Result<Vec<Journey>, DeskError> {
        let store = &*self.state.environment.store;
        let mut journeys: Vec<Journey> = Vec::new();
        // An order comes before the studies, each of which may be its own.
        let subjects = store.journey_subjects(site, by, limit.saturating_mul(2)).await?;
        for subject in subjects {
            if journeys.len() >= limit {
                break;
            }
            if journeys.iter().any(|known| known.tells_of(&subject)) {
                continue;
            }
            let timeline = journey(store, site, &subject).await?;
            journeys.push(Journey { subject, timeline });
        }
        Ok(journeys)
    }

    /// What came to a site, or went from it, more than once, from one time on and before another: one finding for each
    /// study. Of each kind of event at most `limit` are looked at; the answer says up to which time it tells all.
    ///
    /// # Errors
    /// [`DeskError::Store`].
    pub async fn duplicates(
        &self,
        site: &SiteId,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Duplicates, DeskError> {
        Ok(duplicates(&*self.state.environment.store, site, from, to, limit).await?)
    }
}

impl Journey {
    fn tells_of(&self, subject: &JourneySubject) -> bool {
        self.timeline.iter().any(|entry| match (&entry.event, subject) {
            (JourneyEvent::Order(order), JourneySubject::Order(key)) => order.key == *key,
            (JourneyEvent::Received(instance), JourneySubject::Study(uid)) => {
                intake::study_of(instance) == *uid
            }
            _ => false,
        })
    }
}
