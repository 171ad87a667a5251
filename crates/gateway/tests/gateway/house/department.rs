use std::sync::{Arc, Mutex};

use telerad_dicom::dataset::DataSetLimits;
use telerad_dicom::{Status, tags, uids};
use telerad_dimse::{AssociateRequest, ContextResult, Rejection};
use telerad_net::dicom::{
    AssociationContext, Body, ClientAssociation, NReply, NRequest, Offers, ServerConfig, Services,
    StepMessage, StoreReply, StoreRequest, negotiate, serve_stream,
};
use telerad_net::{BoxFuture, Listener, Remote, shutdown};
use tokio::task::{JoinHandle, JoinSet};

use super::House;
use super::network::Network;

type Script = Arc<dyn Fn(&str, usize) -> NReply + Send + Sync>;

/// A system that is told what modalities perform, on its address until it is dropped.
pub struct Department {
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    script: Mutex<Option<Script>>,
    told: Mutex<Vec<String>>,
}

impl Department {
    pub fn open(network: &Network, address: &str) -> Self {
        let shared = Arc::<Shared>::default();
        let mut port = network.bind(address);
        let services = Arc::clone(&shared);
        let serving = tokio::spawn(async move {
            let mut associations = JoinSet::new();
            while let Ok((stream, caller)) = port.accept().await {
                let desk = Arc::new(Desk(Arc::clone(&services)));
                associations.spawn(async move {
                    let (_handle, stop) = shutdown();
                    let config = ServerConfig::default();
                    serve_stream(stream, caller.as_str(), desk, config, stop).await;
                });
            }
        });
        Self { shared, serving }
    }

    /// Answers as this says, by what is told and how much was told before.
    pub fn script(self, script: impl Fn(&str, usize) -> NReply + Send + Sync + 'static) -> Self {
        *self.shared.script.lock().unwrap() = Some(Arc::new(script));
        self
    }

    /// What it was told: operation, SOP Instance UID and status.
    pub fn told(&self) -> Vec<String> {
        self.shared.told.lock().unwrap().clone()
    }
}

impl Drop for Department {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Desk(Arc<Shared>);

impl Services for Desk {
    fn admit(&self, _: &AssociateRequest, _: &Remote) -> Result<(), Rejection> {
        Ok(())
    }

    fn negotiate(&self, request: &AssociateRequest) -> Vec<(u8, ContextResult)> {
        negotiate(request, Offers { performed_steps: true, ..Offers::NONE })
    }

    fn store(
        &self,
        _: AssociationContext,
        _: StoreRequest,
        _: Body,
    ) -> BoxFuture<'static, StoreReply> {
        Box::pin(std::future::ready(Status::SOP_CLASS_NOT_SUPPORTED.into()))
    }

    fn n_service(
        &self,
        _: AssociationContext,
        _: &str,
        request: NRequest,
    ) -> BoxFuture<'static, NReply> {
        let message = StepMessage::read(&request, DataSetLimits::default()).unwrap();
        let operation =
            if matches!(message, StepMessage::Create { .. }) { "create" } else { "set" };
        let attributes = telerad_dicom::DataSet::from(message);
        let status = attributes.text(tags::PERFORMED_PROCEDURE_STEP_STATUS).unwrap_or_default();
        let what = format!("{operation} {} {status}", request.sop_instance_uid);
        let mut told = self.0.told.lock().unwrap();
        let script = self.0.script.lock().unwrap().clone();
        let reply = script.map_or(Status::SUCCESS.into(), |script| script(&what, told.len()));
        told.push(what);
        Box::pin(std::future::ready(reply))
    }
}

impl House {
    /// Opens an association on which a modality tells what it performs.
    pub async fn modality(&self, calling: &str) -> ClientAssociation {
        let need = (uids::MODALITY_PERFORMED_PROCEDURE_STEP, uids::EXPLICIT_VR_LITTLE_ENDIAN);
        self.associate(calling, &[need]).await.unwrap()
    }

    /// Tells one thing of a performed step; the reply.
    pub async fn perform(&self, calling: &str, message: &StepMessage) -> NReply {
        let mut association = self.modality(calling).await;
        let request = message.request(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap();
        let reply = association.n_service(&request).await.unwrap();
        association.release().await.unwrap();
        reply
    }
}
