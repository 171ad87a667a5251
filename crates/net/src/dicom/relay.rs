//! Passing N-services on.

use std::sync::Arc;

use telerad_dicom::dataset::{DataSetError, DataSetLimits};
use telerad_dicom::{Status, uids};
use telerad_dimse::{ProposedContext, StatusDetail};

use super::client::ClientAssociation;
use super::context::AssociationContext;
use super::error::AssociationError;
use super::n_scp::{NReply, NRequest, recode};
use super::n_service_scp::NServiceScp;
use super::peer::Peer;
use crate::any_connector::AnyConnector;
use crate::clock::{Clock, SystemClock};
use crate::transport::Connector;

/// Passes N-services on to another provider and answers what that one answers: an MPPS relay, for instance, whose
/// modalities hear the RIS itself.
///
/// Class, instance and data set stay as they are; a data set is re-encoded only where the other side does not take the
/// transfer syntax in which it came. Nothing is kept, so a request that the other side does not answer fails with
/// [`Status::PROCESSING_FAILURE`], and the one who asked has to ask again; the other side may have acted all the same.
/// Each request opens an association of its own.
#[derive(Clone)]
pub struct NServiceRelay {
    peer: Peer,
    connector: AnyConnector,
    clock: Arc<dyn Clock>,
    limits: DataSetLimits,
}

impl NServiceRelay {
    /// Passes on to `peer`, in the name that it says is ours.
    pub fn new(peer: Peer, connector: impl Connector) -> Self {
        Self::with_clock(peer, connector, SystemClock::shared())
    }

    /// As [`Self::new`], with deadlines measured by `clock`.
    pub fn with_clock(peer: Peer, connector: impl Connector, clock: Arc<dyn Clock>) -> Self {
        let (connector, limits) = (AnyConnector::new(connector), DataSetLimits::default());
        Self { peer, connector, clock, limits }
    }

    async fn pass_on(&self, request: &NRequest) -> Result<NReply, NotRelayed> {
        let mut transfer_syntaxes = vec![request.transfer_syntax_uid.clone()];
        // Everybody takes this one (PS3.5 section 10.1).
        if request.transfer_syntax_uid != uids::IMPLICIT_VR_LITTLE_ENDIAN {
            transfer_syntaxes.push(uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned());
        }
        let abstract_syntax = request.sop_class_uid.clone();
        let contexts = vec![ProposedContext { id: 1, abstract_syntax, transfer_syntaxes }];
        let clock = Arc::clone(&self.clock);
        let mut association =
            ClientAssociation::connect_with(&self.connector, clock, &self.peer, contexts).await?;
        let asked = request.transfer_syntax_uid.as_str();
        let accepted = association.accepted().first();
        let spoken = accepted.map_or_else(|| asked.to_owned(), |it| it.transfer_syntax.clone());
        let request = NRequest {
            data_set: recode(request.data_set.as_ref(), asked, &spoken, self.limits)?,
            transfer_syntax_uid: spoken.clone(),
            ..request.clone()
        };
        let reply = association.n_service(&request).await?;
        // What was answered stays answered, however they part.
        if let Err(error) = association.release().await {
            tracing::debug!("not released: {error}");
        }
        let data_set = recode(reply.data_set.as_ref(), &spoken, asked, self.limits)?;
        Ok(NReply { data_set, ..reply })
    }
}

impl NServiceScp for NServiceRelay {
    async fn n_service(&self, _context: AssociationContext, request: NRequest) -> NReply {
        match self.pass_on(&request).await {
            Ok(reply) => reply,
            Err(error) => {
                tracing::warn!(?request, "not relayed: {error}");
                let comment = Some("the system behind this relay did not answer".to_owned());
                let detail = StatusDetail { comment, ..StatusDetail::default() };
                NReply { detail, ..Status::PROCESSING_FAILURE.into() }
            }
        }
    }
}

impl std::fmt::Debug for NServiceRelay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NServiceRelay").field("peer", &self.peer).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
enum NotRelayed {
    #[error(transparent)]
    Association(#[from] AssociationError),
    #[error("data set: {0}")]
    DataSet(#[from] DataSetError),
}
