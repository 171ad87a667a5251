//! A gateway in this process, in three steps: its state is opened, it runs, it is dropped.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
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
