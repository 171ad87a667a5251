//! N-EVENT-REPORTs that we send to a peer on the association that it opened (PS3.7 section 10.1.1).

use std::sync::Arc;

use telerad_dimse::AcceptedContext;

use super::config::ServerConfig;
use super::dialogue::{Dialogue, Gone, InvokeError};
use super::n_scp::{NReply, NRequest};
use crate::BoxFuture;
use crate::clock::{after, until};

/// What we have to report to a peer while its association stands: results that were waiting for it to come, and those
/// that become known meanwhile.
///
/// Only an answer says that a report has arrived. When the association ends, this is dropped, and what was not answered
/// has to be reported again on another association.
pub trait EventReports: Send {
    /// Waits for the next report; `None` when there will be no more. The future is dropped when the association ends.
    fn next(&mut self) -> BoxFuture<'_, Option<NRequest>>;

    /// The peer has answered this report; `None` when it cannot be reported on this association, for want of a
    /// presentation context or of an answer.
    fn answered(&mut self, report: NRequest, reply: Option<NReply>) -> BoxFuture<'_, ()>;
}

/// Reports one after the other.
pub(super) async fn run(
    mut dialogue: Dialogue,
    contexts: Arc<[AcceptedContext]>,
    config: Arc<ServerConfig>,
    mut reports: Box<dyn EventReports>,
) {
    loop {
        // An answer that came with the release is still told: only waiting for more ends here.
        let next = tokio::select! {
            biased;
            () = dialogue.cancelled() => return,
            next = reports.next() => next,
        };
        let Some(report) = next else { return };
        let context = contexts.iter().find(|it| it.abstract_syntax == report.sop_class_uid);
        let reply = match context {
            Some(context) => send(&mut dialogue, context.id, &report, &config).await,
            None => Ok(None),
        };
        let Ok(reply) = reply else { return };
        reports.answered(report, reply).await;
    }
}

async fn send(
    dialogue: &mut Dialogue,
    context_id: u8,
    report: &NRequest,
    config: &ServerConfig,
) -> Result<Option<NReply>, Gone> {
    let data_set = report.data_set.clone().unwrap_or_default();
    let said = dialogue.say_request(context_id, |id| report.command(id), data_set).await;
    let message_id = match said {
        Ok(message_id) => message_id,
        Err(InvokeError::Gone(gone)) => return Err(gone),
        Err(InvokeError::Source(_)) => return Err(Gone),
    };
    let deadline = after(config.clock.now(), config.association.timers.response);
    match until(&config.clock, deadline, dialogue.reply_to(message_id)).await {
        Some(reply) => {
            let reply = reply?;
            Ok(NReply::read(reply.command, reply.data_set))
        }
        None => {
            tracing::warn!(class = report.sop_class_uid, "report not answered");
            Ok(None)
        }
    }
}
