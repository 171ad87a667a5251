//! The TLS that a configuration asks for, on whatever listeners and connector the embedder has.

use std::collections::BTreeMap;
use std::sync::Arc;

use telerad_net::tls::{
    ClientCertificate, ClientFiles, ClientTls, ServerFiles, ServerTls, TlsAcceptor, TlsConnector,
    TlsLoadError,
};
use telerad_net::{Clock, Connector, Listener};

use crate::configuration::{self, Configuration, DestinationTls, ListenerTls};

/// Certificates and keys of a gateway, read from the files that its configuration names.
///
/// ```no_run
/// # async fn f(configuration: telerad_gateway::Configuration, environment: telerad_gateway::Environment)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use telerad_gateway::{Gateway, tls::GatewayTls};
/// use telerad_net::{SystemClock, TcpAcceptor, TcpConnector};
///
/// let tls = GatewayTls::load(&configuration, &SystemClock::shared())?;
/// let dicom = tls.dicom(TcpAcceptor::bind("0.0.0.0:2762").await?);
/// let hl7 = tls.hl7(TcpAcceptor::bind("0.0.0.0:2575").await?);
/// let connector = tls.connector(TcpConnector);
/// let gateway = Gateway::start(configuration, environment, dicom, hl7, connector)?;
/// // … and when certificates were renewed:
/// tls.reload()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GatewayTls {
    dicom: Option<ServerTls>,
    hl7: Option<ServerTls>,
    called: BTreeMap<String, ClientTls>,
}

impl GatewayTls {
    /// Reads every file. Without any `tls` in the configuration there is nothing to read, and everything stays plain.
    ///
    /// # Errors
    /// The first file that is wrong, and how.
    pub fn load(
        configuration: &Configuration,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, TlsLoadError> {
        let listener = |tls: &ListenerTls| ServerTls::load(server_files(tls), Arc::clone(clock));
        let dicom = configuration.dicom.tls.as_ref().map(|tls| listener(tls.get_ref()));
        let hl7 = configuration.hl7.tls.as_ref().map(|tls| listener(tls.get_ref()));
        let mut called = BTreeMap::new();
        for (address, tls) in configuration.called() {
            if let Some(tls) = tls {
                let tls = ClientTls::load(client_files(tls.get_ref()), Arc::clone(clock))?;
                called.insert(address.get_ref().clone(), tls);
            }
        }
        Ok(Self { dicom: dicom.transpose()?, hl7: hl7.transpose()?, called })
    }

    /// The listener for DICOM.
    pub fn dicom<L: Listener>(&self, listener: L) -> TlsAcceptor<L> {
        wrap(listener, self.dicom.as_ref())
    }

    /// The listener for HL7.
    pub fn hl7<L: Listener>(&self, listener: L) -> TlsAcceptor<L> {
        wrap(listener, self.hl7.as_ref())
    }

    /// The connector to everybody who is called.
    pub fn connector<C: Connector>(&self, connector: C) -> TlsConnector<C> {
        TlsConnector::by_address(connector, self.called.clone())
    }

    /// Reads every file again; new connections use what is new.
    ///
    /// # Errors
    /// The first file that is wrong. What it belongs to, and what comes after it, stays as it was.
    pub fn reload(&self) -> Result<(), TlsLoadError> {
        for tls in self.dicom.iter().chain(&self.hl7) {
            tls.reload()?;
        }
        self.called.values().try_for_each(ClientTls::reload)
    }
}

fn wrap<L: Listener>(listener: L, tls: Option<&ServerTls>) -> TlsAcceptor<L> {
    match tls {
        Some(tls) => TlsAcceptor::new(listener, tls.clone()),
        None => TlsAcceptor::without(listener),
    }
}

fn server_files(tls: &ListenerTls) -> ServerFiles {
    ServerFiles {
        certificate: tls.certificate.clone(),
        key: tls.key.clone(),
        ca: tls.ca.clone(),
        crls: Vec::new(),
        client_certificate: match tls.client_certificate {
            configuration::ClientCertificate::Allowed => ClientCertificate::Allowed,
            configuration::ClientCertificate::None => ClientCertificate::None,
            configuration::ClientCertificate::Required => ClientCertificate::Required,
        },
    }
}

fn client_files(tls: &DestinationTls) -> ClientFiles {
    ClientFiles {
        ca: tls.ca.clone(),
        crls: Vec::new(),
        own: tls.certificate.clone().zip(tls.key.clone()),
        server_name: tls.server_name.clone(),
    }
}
