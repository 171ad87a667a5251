//! Asking for N-services.

use telerad_dimse::Command;

use super::client::ClientAssociation;
use super::error::{AssociationError, AssociationFault};
use super::n_scp::{NOperation, NReply, NRequest};

impl ClientAssociation {
    /// Invokes an N-service; the peer's reply, whatever its status.
    ///
    /// A request with a data set goes to the presentation context that was accepted for the SOP class in the transfer
    /// syntax of that data set; the data set of the reply is in the same one.
    ///
    /// # Errors
    /// A failure of the association, no such context, a role that was not agreed (a report is the provider's, everything
    /// else the user's), or a request with a data set where its service has none or without where it must.
    ///
    /// # Cancel safety
    /// Dropping the future half-way makes the association unusable.
    pub async fn n_service(&mut self, request: &NRequest) -> Result<NReply, AssociationError> {
        // Bytes on a context of another transfer syntax would be read as something else.
        let syntax = request.data_set.as_ref().map(|_| request.transfer_syntax_uid.as_str());
        let context = self.context_of(&request.sop_class_uid, syntax)?;
        let fits = match request.operation {
            NOperation::Set => request.data_set.is_some(),
            NOperation::Get { .. } | NOperation::Delete => request.data_set.is_none(),
            _ => true,
        };
        if !fits {
            let fault = "its presence does not fit the service that is asked for".to_owned();
            return Err(self.peer.error(AssociationFault::DataSet(fault)));
        }
        if !request.operation.is_for(context.roles) {
            let sop_class_uid = request.sop_class_uid.clone();
            return Err(self.peer.error(AssociationFault::NoRole { sop_class_uid }));
        }
        let message_id = self.begin()?;
        let command = request.command(message_id);
        let result = match self.say(context.id, &command, request.data_set.clone()).await {
            Ok(()) => self.n_reply(&command).await,
            Err(fault) => Err(fault),
        };
        self.end(result)
    }

    async fn n_reply(&mut self, request: &Command) -> Result<NReply, AssociationFault> {
        let (response, data_set) = self.response(request.message_id()).await?;
        if response.field() != request.field() | RESPONSE {
            return Err(AssociationFault::Unexpected("another command"));
        }
        NReply::read(response, data_set).ok_or(AssociationFault::Unexpected("another command"))
    }
}

/// Bit 15 of the Command Field (PS3.7 section E.1).
const RESPONSE: u16 = 0x8000;
