//! A gateway in this process, in three steps: its state is opened, it runs, it is dropped.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use telerad::core::{SiteId, Uid};
use telerad::gateway::{Configuration, Desk, Environment, Gateway};
use telerad::net::{TcpAcceptor, TcpConnector};
use telerad::store::payload::DirectorySpool;
use telerad::store::sqlite::SqliteStore;
use telerad_trials::gateway::Addresses;
use telerad_trials::wait;
use tokio::runtime::Runtime;

use crate::house::House;
use crate::layer::Layer;
use crate::wires::Wires;

/// A gateway, from the opening of its state to its end.
pub struct Life {
    pub runtime: Runtime,
    pub environment: Environment,
    gateway: Option<Gateway>,
}

impl Life {
    /// Opens state and payloads below `root`, as the gateway's own program does.
    ///
    /// # Errors
    /// Whatever keeps a gateway from starting.
    pub fn open(root: &Path) -> Result<Self> {
        let directory = root.join("data");
        std::fs::create_dir_all(&directory).context("cannot create the data directory")?;
        let store = SqliteStore::open(&directory, Default::default())?;
        let payloads = DirectorySpool::open(&directory.join("spool"), Default::default())?;
        let environment = Environment::system(store, payloads);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(Self { runtime, environment, gateway: None })
    }

    /// Runs the gateway until the layer's power goes.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(&mut self, house: &House, layer: &Layer) -> Result<Addresses> {
        let text = house.text(&layer.directory().join("data"))?;
        let configuration = Configuration::from_toml(&text, "gateway.toml")?;
        let power = layer.power();
        let environment = self.environment.clone();
        let gateway = self.runtime.block_on(async {
            let dicom = TcpAcceptor::bind("127.0.0.1:0").await?;
            let hl7 = TcpAcceptor::bind("127.0.0.1:0").await?;
            let dicom = Wires { inner: dicom, power: Arc::clone(&power) };
            let hl7 = Wires { inner: hl7, power: Arc::clone(&power) };
            let connector = Wires { inner: TcpConnector, power };
            anyhow::Ok(Gateway::start(configuration, environment, dicom, hl7, connector)?)
        })?;
        let addresses = Addresses {
            dicom: gateway.dicom_address().parse()?,
            hl7: gateway.hl7_address().parse()?,
        };
        self.gateway = Some(gateway);
        Ok(addresses)
    }

    /// Where people decide, once it runs.
    pub fn desk(&self) -> Option<Desk> {
        self.gateway.as_ref().map(Gateway::desk)
    }

    /// What the state says of an instance: its versions, its deliveries, and what the journal has on it and its study.
    pub fn told_of(&self, sop_instance_uid: &str) -> String {
        let (store, mut told) = (&self.environment.store, String::new());
        let (Ok(site), Ok(uid)) = (SiteId::new("north"), Uid::new(sop_instance_uid)) else {
            return told;
        };
        self.runtime.block_on(async {
            let versions = store.versions(&site, &uid).await.unwrap_or_default();
            for one in &versions {
                let (relation, source) = (&one.relation, &one.source);
                let _ = write!(
                    told,
                    "\n    version {relation:?} from {source} at {:?}",
                    one.received_at
                );
            }
            let study = versions.first().and_then(|it| it.head.study_instance_uid.clone());
            for one in store.deliveries_of(&site, &uid).await.unwrap_or_default() {
                let _ = write!(told, "\n    {one:?}");
            }
            let subjects = [Some(uid.clone()), study].into_iter().flatten();
            let subjects: Vec<String> = subjects.map(|uid| uid.as_str().to_owned()).collect();
            for entry in store.journal_of(&site, &subjects).await.unwrap_or_default() {
                let (at, event, detail) = (entry.at, entry.event, entry.detail);
                let _ = write!(told, "\n    {at:?} {event} {detail}");
            }
        });
        told
    }

    /// The gateway is dropped as it is. Returns when nobody has the disk any more.
    pub fn end(self) {
        let Self { runtime, environment, gateway } = self;
        drop(gateway);
        runtime.shutdown_timeout(Duration::from_secs(5));
        let shared =
            || Arc::strong_count(&environment.store) + Arc::strong_count(&environment.payloads);
        wait::until(Duration::from_secs(5), || shared() == 2);
    }
}
