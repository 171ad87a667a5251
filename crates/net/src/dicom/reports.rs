//! N-EVENT-REPORTs that we send to a peer on the association that it opened (PS3.7 section 10.1.1).

use std::sync::Arc;

use telerad_dicom::dataset::DataSetLimits;
use telerad_dimse::AcceptedContext;

use super::config::ServerConfig;
use super::dialogue::{Dialogue, Gone, InvokeError};
use super::n_scp::{NReply, NRequest, recode};
use crate::BoxFuture;
use crate::clock::{after, until};

/// What we have to report to a peer while its association stands: results that were waiting for it to come, and those
/// that become known meanwhile.
///
/// Only an answer says that a report has arrived. When the association ends, this is dropped, and what was not answered
/// has to be reported again on another association.
pub trait EventReports: Send {
    /// Waits for the next report; `None` when there will be no more. The future is dropped when the association ends.
    ///
    /// A report may be in any transfer syntax that we can read; where the association has another for its SOP class, it is
    /// re-encoded.
    fn next(&mut self) -> BoxFuture<'_, Option<NRequest>>;

    /// The peer has answered this report; `None` when it cannot be reported on this association, for want of a
    /// presentation context, an encoding or an answer.
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
        let reply = match context_of(&contexts, &report) {
            Some(context) => send(&mut dialogue, context, &report, &config).await,
            None => Ok(None),
        };
        let Ok(reply) = reply else { return };
        reports.answered(report, reply).await;
    }
}

/// One on which we are the provider, if possible one that takes the data set as it is.
fn context_of<'a>(
    contexts: &'a [AcceptedContext],
    report: &NRequest,
) -> Option<&'a AcceptedContext> {
    let reportable = |it: &&AcceptedContext| {
        it.abstract_syntax == report.sop_class_uid && report.operation.is_for(it.roles)
    };
    let of_class = || contexts.iter().filter(reportable);
    let as_it_is = of_class().find(|it| it.transfer_syntax == report.transfer_syntax_uid);
    as_it_is.or_else(|| of_class().next())
}

async fn send(
    dialogue: &mut Dialogue,
    context: &AcceptedContext,
    report: &NRequest,
    config: &ServerConfig,
) -> Result<Option<NReply>, Gone> {
    let (from, to) = (&report.transfer_syntax_uid, &context.transfer_syntax);
    let recoded = recode(report.data_set.as_ref(), from, to, DataSetLimits::default());
    let data_set = match recoded {
        Ok(data_set) => data_set.unwrap_or_default(),
        Err(error) => {
            tracing::warn!(class = report.sop_class_uid, "report cannot be told in {to}: {error}");
            return Ok(None);
        }
    };
    let said = dialogue.say_request(context.id, |id| report.command(id), data_set).await;
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
