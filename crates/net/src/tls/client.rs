//! The end that calls.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};

use super::certificate::identity;
use super::explain;
use super::fault::TlsFault;
use super::link::{Observed, TlsLink};
use super::load::{
    Reloadable, TlsLoadError, authorities, certificates, mismatch, private_key, revocation_lists,
    unusable,
};
use super::provider::{CivilTime, provider};
use crate::clock::Clock;
use crate::identity::PeerIdentity;
use crate::transport::Connector;

/// What is needed to call somebody over TLS. All files are PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientFiles {
    /// The authorities whose certificates we take.
    pub ca: PathBuf,
    /// Revocation lists. With any, each certificate of the peer's chain below the trusted authority has to be covered by one of its
    /// issuer's, and every list has to be in date: an old one says nothing about today, so nobody is let in by it. Without any,
    /// nobody asks whether a certificate has been revoked.
    pub crls: Vec<PathBuf>,
    /// Our certificate, followed by those of intermediate authorities, and its key without a password: for peers that
    /// want one.
    pub own: Option<(PathBuf, PathBuf)>,
    /// The name that the peer's certificate has to carry, where it is not the host of the address.
    pub server_name: Option<String>,
}

/// TLS for calls: TLS 1.2 and 1.3 with the cipher suites of the BCP 195 profile of PS3.15. Clones share it.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<Reloadable<ClientConfig>>,
    server_name: Option<String>,
}

impl ClientTls {
    /// Reads the files. The clock tells whether certificates are in date.
    ///
    /// # Errors
    /// Which file is wrong, and how.
    pub fn load(files: ClientFiles, clock: Arc<dyn Clock>) -> Result<Self, TlsLoadError> {
        let server_name = files.server_name.clone();
        let config = Arc::new(Reloadable::load(move || build(&files, &clock))?);
        Ok(Self { config, server_name })
    }

    /// A configuration of the embedder's own, as it is. Without a name, the host of the address is what the peer's
    /// certificate has to carry.
    pub fn from_config(config: Arc<ClientConfig>, server_name: Option<String>) -> Self {
        Self { config: Arc::new(Reloadable::fixed(config)), server_name }
    }

    /// Reads the files again. Connections that are there go on as they are; later ones use what is new.
    ///
    /// # Errors
    /// As [`load`](Self::load); what was there before stays in use.
    pub fn reload(&self) -> Result<(), TlsLoadError> {
        self.config.reload()
    }

    async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        address: &str,
        stream: S,
    ) -> io::Result<(TlsLink<S>, Option<PeerIdentity>)> {
        let name = self.server_name.as_deref().unwrap_or_else(|| host_of(address));
        let Ok(name) = ServerName::try_from(name.to_owned()) else {
            let reason = format!("`{name}` is neither a host name nor an IP address");
            return Err(TlsFault::Protocol(reason.into()).into());
        };
        let config = self.config.current();
        let provider = Arc::clone(config.crypto_provider());
        let connector = tokio_rustls::TlsConnector::from(config);
        match connector.connect(name, Observed::new(stream)).into_fallible().await {
            Ok(stream) => {
                let identity = identity(&provider, stream.get_ref().1.peer_certificates());
                Ok((TlsLink::secure(stream), identity))
            }
            Err((error, stream)) => Err(explain::in_handshake(&error, stream.first_bytes()).into()),
        }
    }
}

impl std::fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// A connector with TLS on top: to everybody, or to some addresses.
#[derive(Debug)]
pub struct TlsConnector<C> {
    connector: C,
    everybody: Option<ClientTls>,
    by_address: BTreeMap<String, ClientTls>,
}

impl<C: Connector> TlsConnector<C> {
    /// TLS to every address.
    pub fn new(connector: C, tls: ClientTls) -> Self {
        Self { connector, everybody: Some(tls), by_address: BTreeMap::new() }
    }

    /// TLS to these addresses, as [`Connector::connect`] is given them. Others are called without.
    pub fn by_address(connector: C, by_address: BTreeMap<String, ClientTls>) -> Self {
        Self { connector, everybody: None, by_address }
    }

    fn tls(&self, address: &str) -> Option<&ClientTls> {
        self.by_address.get(address).or(self.everybody.as_ref())
    }
}

impl<C: Connector> Connector for TlsConnector<C> {
    type Stream = TlsLink<C::Stream>;

    async fn connect(&self, address: &str) -> io::Result<Self::Stream> {
        Ok(TlsLink::unready(self.connector.connect(address).await?))
    }

    async fn handshake(
        &self,
        address: &str,
        stream: Self::Stream,
    ) -> io::Result<(Self::Stream, Option<PeerIdentity>)> {
        let (stream, identity) = self.connector.handshake(address, stream.into_unready()?).await?;
        match self.tls(address) {
            Some(tls) => tls.handshake(address, stream).await,
            None => Ok((TlsLink::plain(stream), identity)),
        }
    }

    fn is_secure(&self, address: &str) -> bool {
        self.tls(address).is_some() || self.connector.is_secure(address)
    }
}

fn build(files: &ClientFiles, clock: &Arc<dyn Clock>) -> Result<ClientConfig, TlsLoadError> {
    let provider = provider()?;
    let time = Arc::new(CivilTime(Arc::clone(clock)));
    let roots = authorities(&files.ca)?;
    let lists = revocation_lists(&files.crls, &roots, &provider)?;
    // Without lists neither is heard.
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .with_crls(lists)
        .enforce_revocation_expiration()
        .build()
        .map_err(|error| unusable(&files.ca, &error))?;
    let builder = ClientConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| unusable(&files.ca, &error))?
        .with_webpki_verifier(verifier);
    let Some((certificate, key)) = &files.own else { return Ok(builder.with_no_client_auth()) };
    builder
        .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
        .map_err(|error| mismatch(certificate, key, &error))
}

/// The host of `host:port`, without the brackets of an IPv6 address.
fn host_of(address: &str) -> &str {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}
