//! Passing N-services on.

use std::time::Duration;

use telerad_dicom::dataset::{DataSetError, DataSetLimits};
use telerad_dicom::{Status, uids};
use telerad_dimse::{AcceptedContext, ProposedContext, StatusDetail};

use super::client::ClientAssociation;
use super::context::AssociationContext;
use super::error::AssociationError;
use super::n_scp::{NOperation, NReply, NRequest, recode};
use super::n_service_scp::NServiceScp;
use super::peer::Peer;
use super::pool::{Pool, PoolError};
use crate::any_connector::AnyConnector;
use crate::clock::{after, until};

/// Passes N-services on to another provider and answers what that one answers: an MPPS relay, for instance, whose
/// modalities hear the RIS itself.
///
/// Class, instance and data set stay as they are; a data set is re-encoded only where the other side does not take the
/// transfer syntax in which it came. Nothing is kept, so a request that the other side does not answer fails with
/// [`Status::PROCESSING_FAILURE`], and the one who asked has to ask again; the other side may have acted all the same.
///
/// Associations come from a pool. Where one that was idle proves to have been closed by the other side, what can be asked
/// twice without harm (N-GET, N-SET) is asked again on a new one; the rest is not, since nobody knows whether it was done.
#[derive(Clone)]
pub struct NServiceRelay {
    peer: Peer,
    pool: Pool<AnyConnector>,
    patience: Duration,
    limits: DataSetLimits,
}

impl NServiceRelay {
    /// Passes on to `peer`, in the name that it says is ours, within 60 seconds for each request.
    pub fn new(peer: Peer, pool: Pool<AnyConnector>) -> Self {
        Self { peer, pool, patience: PATIENCE, limits: DataSetLimits::default() }
    }

    /// How long one request may take, from the wait for an association to the reply. To be heard it has to be less than the
    /// [`service_seconds_max`](super::ServerConfig::service_seconds_max) of the server that this serves in.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Passes one request on; the other side's reply, whatever its status.
    ///
    /// # Errors
    /// [`RelayError`] when no reply came within the time that [`Self::within`] says. The other side may have acted all the
    /// same, unless it is [`RelayError::Pool`] or [`RelayError::DataSet`].
    pub async fn relay(&self, request: &NRequest) -> Result<NReply, RelayError> {
        let clock = self.pool.clock();
        let deadline = after(clock.now(), self.patience);
        let passed_on = until(clock, deadline, self.pass_on(request)).await;
        passed_on.unwrap_or(Err(RelayError::Timeout))
    }

    async fn pass_on(&self, request: &NRequest) -> Result<NReply, RelayError> {
        let mut transfer_syntaxes = vec![request.transfer_syntax_uid.clone()];
        // Everybody takes this one (PS3.5 section 10.1).
        if request.transfer_syntax_uid != uids::IMPLICIT_VR_LITTLE_ENDIAN {
            transfer_syntaxes.push(uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned());
        }
        let abstract_syntax = request.sop_class_uid.clone();
        let contexts = vec![ProposedContext { id: 1, abstract_syntax, transfer_syntaxes }];
        let mut association = self.pool.checkout(&self.peer, contexts).await?;
        match self.ask(&mut association, request).await {
            Err(RelayError::Association(error))
                if association.is_stale(&error.fault) && may_be_repeated(request) =>
            {
                self.pool.renew(&mut association).await?;
                self.ask(&mut association, request).await
            }
            other => other,
        }
    }

    async fn ask(
        &self,
        association: &mut ClientAssociation,
        request: &NRequest,
    ) -> Result<NReply, RelayError> {
        let asked = request.transfer_syntax_uid.as_str();
        let of_class = |it: &&AcceptedContext| it.abstract_syntax == request.sop_class_uid;
        let mut accepted = association.accepted().iter().filter(of_class);
        let as_it_is = accepted.clone().any(|it| it.transfer_syntax == asked);
        let other = accepted.next().filter(|_| !as_it_is);
        let spoken = other.map_or_else(|| asked.to_owned(), |it| it.transfer_syntax.clone());
        let request = NRequest {
            data_set: recode(request.data_set.as_ref(), asked, &spoken, self.limits)?,
            transfer_syntax_uid: spoken.clone(),
            ..request.clone()
        };
        let reply = association.n_service(&request).await?;
        let data_set = recode(reply.data_set.as_ref(), &spoken, asked, self.limits)?;
        Ok(NReply { data_set, ..reply })
    }
}

/// Whether doing it twice is doing it once (PS3.7 section 10.1).
fn may_be_repeated(request: &NRequest) -> bool {
    matches!(request.operation, NOperation::Get { .. } | NOperation::Set)
}

impl NServiceScp for NServiceRelay {
    async fn n_service(&self, _context: AssociationContext, request: NRequest) -> NReply {
        match self.relay(&request).await {
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

/// Why a request was not answered by the other side.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The association failed; the request may have arrived.
    #[error(transparent)]
    Association(#[from] AssociationError),
    /// The data set cannot be encoded for the other side; it was not sent.
    #[error("data set: {0}")]
    DataSet(#[from] DataSetError),
    /// There is no association; nothing was sent.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// No reply came in time; the request may have arrived.
    #[error("no reply in time")]
    Timeout,
}

/// Less than a server has with a service, as both come.
const PATIENCE: Duration = Duration::from_secs(60);
