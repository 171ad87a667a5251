//! A modality: sends instances and asks for the worklist, one call after the other.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use telerad::core::AeTitle;
use telerad::dicom::dataset::DataSet;
use telerad::dicom::{Status, tags};
use telerad::dimse::ProposedContext;
use telerad::net::TcpConnector;
use telerad::net::dicom::{BodySource, ClientAssociation, Peer, StoreRequest};
use tokio::runtime::Runtime;

use crate::GATEWAY_TITLE;
use crate::synthetic::{CT_IMAGE_STORAGE, EXPLICIT_LITTLE, Instance, US_MULTIFRAME_STORAGE};
use crate::twins;

const VERIFICATION: &str = "1.2.840.10008.1.1";
const WORKLIST: &str = "1.2.840.10008.5.1.4.31";
const IMPLICIT_LITTLE: &str = "1.2.840.10008.1.2";

/// One association with the gateway.
pub struct DicomClient {
    runtime: Runtime,
    association: ClientAssociation,
}

impl DicomClient {
    /// Associates as `calling`, for everything that trials do.
    ///
    /// # Errors
    /// When nobody listens or the association is refused.
    pub fn connect(address: SocketAddr, calling: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let contexts = [
            (VERIFICATION, IMPLICIT_LITTLE),
            (CT_IMAGE_STORAGE, EXPLICIT_LITTLE),
            (US_MULTIFRAME_STORAGE, EXPLICIT_LITTLE),
            (WORKLIST, IMPLICIT_LITTLE),
        ];
        let twins = twins::transfer_syntaxes().map(|syntax| (CT_IMAGE_STORAGE, syntax));
        let contexts: Vec<(&str, &str)> = contexts.into_iter().chain(twins).collect();
        let contexts = contexts
            .iter()
            .zip((1..).step_by(2))
            .map(|((class, syntax), id)| ProposedContext {
                id,
                abstract_syntax: (*class).to_owned(),
                transfer_syntaxes: vec![(*syntax).to_owned()],
            })
            .collect();
        let peer =
            Peer::new(address.to_string(), AeTitle::new(GATEWAY_TITLE)?, AeTitle::new(calling)?);
        let association =
            runtime.block_on(ClientAssociation::connect(&TcpConnector, &peer, contexts))?;
        Ok(Self { runtime, association })
    }

    /// C-ECHO.
    ///
    /// # Errors
    /// When the association breaks.
    pub fn echo(&mut self) -> Result<Status> {
        Ok(self.runtime.block_on(self.association.echo())?)
    }

    /// C-STORE of an instance in memory; the status is what the gateway answered.
    ///
    /// # Errors
    /// When the association breaks before the answer.
    pub fn store(&mut self, instance: &Instance) -> Result<Status> {
        self.store_as(instance, EXPLICIT_LITTLE)
    }

    /// C-STORE of an instance in memory whose data set is in this transfer syntax.
    ///
    /// # Errors
    /// When the gateway does not take the transfer syntax, or the association breaks before the answer.
    pub fn store_as(&mut self, instance: &Instance, transfer_syntax_uid: &str) -> Result<Status> {
        let request =
            request(instance.sop_class_uid, &instance.sop_instance_uid, transfer_syntax_uid);
        let source = instance.data_set.clone();
        let answer = self.runtime.block_on(self.association.store(&request, source))?;
        Ok(answer.status())
    }

    /// C-STORE of an instance that is made while it is sent.
    ///
    /// # Errors
    /// When the association breaks before the answer.
    pub fn store_from(
        &mut self,
        sop_class_uid: &str,
        sop_instance_uid: &str,
        source: impl BodySource,
    ) -> Result<Status> {
        let request = request(sop_class_uid, sop_instance_uid, EXPLICIT_LITTLE);
        let answer = self.runtime.block_on(self.association.store(&request, source))?;
        Ok(answer.status())
    }

    /// The steps on the worklist with this accession number.
    ///
    /// # Errors
    /// When the association breaks or the query is refused.
    pub fn worklist(&mut self, accession: &str) -> Result<Vec<DataSet>> {
        let mut step = DataSet::new();
        step.set_empty(tags::MODALITY);
        step.set_empty(tags::SCHEDULED_PROCEDURE_STEP_ID);
        let mut identifier = DataSet::new();
        identifier.set_text(tags::ACCESSION_NUMBER, accession);
        identifier.set_empty(tags::PATIENT_ID);
        identifier.set_empty(tags::PATIENT_NAME);
        identifier.set_empty(tags::STUDY_INSTANCE_UID);
        identifier.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![step]);
        let found = self.runtime.block_on(self.association.find_all(WORKLIST, &identifier));
        found.context("asking for the worklist")
    }

    /// Releases the association in good order.
    ///
    /// # Errors
    /// When the peer does not answer.
    pub fn release(self) -> Result<()> {
        Ok(self.runtime.block_on(self.association.release())?)
    }
}

fn request(class: &str, instance: &str, transfer_syntax_uid: &str) -> StoreRequest {
    StoreRequest {
        message_id: 1,
        sop_class_uid: class.to_owned(),
        sop_instance_uid: instance.to_owned(),
        transfer_syntax_uid: transfer_syntax_uid.to_owned(),
        move_originator: None,
    }
}
