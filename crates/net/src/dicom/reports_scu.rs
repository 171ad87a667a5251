//! N-EVENT-REPORTs that come on an association that we opened.

use std::time::Duration;

use super::client::{ClientAssociation, unexpected};
use super::error::AssociationError;
use super::inbox::EventReport;
use super::n_scp::{NReply, respond};
use crate::clock::{after, until};

impl ClientAssociation {
    /// Waits for the next N-EVENT-REPORT, at most this long; `None` when none has come.
    ///
    /// Reports that came during other operations are kept, up to 16 of them. Each is to be answered with
    /// [`Self::answer_report`]. The association's own idle time has to be long enough for the wait.
    ///
    /// # Errors
    /// A failure of the association.
    ///
    /// # Cancel safety
    /// Dropping the future half-way makes the association unusable.
    pub async fn next_report(
        &mut self,
        patience: Duration,
    ) -> Result<Option<EventReport>, AssociationError> {
        self.begin()?;
        let clock = self.pump.clock();
        let deadline = after(clock.now(), patience);
        while self.reports.is_empty() {
            match self.poll_event() {
                Ok(None) => {}
                Ok(Some(event)) => return Err(self.poison(unexpected(&event))),
                Err(fault) => return Err(self.poison(fault)),
            }
            if !self.reports.is_empty() {
                break;
            }
            if until(&clock, deadline, self.pump.turn()).await.is_none() {
                break;
            }
        }
        self.busy = false;
        Ok(self.reports.pop())
    }

    /// Answers a report.
    ///
    /// # Errors
    /// A failure of the association.
    pub async fn answer_report(
        &mut self,
        report: EventReport,
        reply: NReply,
    ) -> Result<(), AssociationError> {
        self.begin()?;
        let Some(response) = respond(&report.command, &reply) else { return self.end(Ok(())) };
        let data_set = reply.data_set.filter(|_| response.has_data_set());
        let result = self.say(report.context_id, &response, data_set).await;
        // It shall leave even when nothing else is done on this association.
        while result.is_ok() && self.pump.backlog() > 0 && !self.pump.is_finished() {
            self.pump.turn().await;
        }
        self.end(result)
    }
}
