//! The end that is called.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::certificate::identity;
use super::explain;
use super::link::{Observed, TlsLink};
use super::load::{
    Reloadable, TlsLoadError, authorities, certificates, mismatch, private_key, revocation_lists,
    unusable,
};
use super::provider::{CivilTime, provider};
use crate::clock::Clock;
use crate::identity::PeerIdentity;
use crate::transport::Listener;

/// Whether those who call have to show a certificate.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ClientCertificate {
    /// They are not asked for one.
    None,
    /// They may show one; it must be good then.
    Allowed,
    /// Without one they are turned away.
    #[default]
    Required,
}

/// What a listener needs for TLS. All files are PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerFiles {
    /// Our certificate, followed by those of intermediate authorities.
    pub certificate: PathBuf,
    /// Its private key, without a password.
    pub key: PathBuf,
    /// The authorities whose certificates we take. Needed unless nobody is asked for one.
    pub ca: Option<PathBuf>,
    /// Revocation lists. With any, each certificate of a caller's chain below the trusted authority has to be covered by one of its
    /// issuer's, and every list has to be in date: an old one says nothing about today, so nobody is let in by it. Without any,
    /// nobody asks whether a certificate has been revoked.
    pub crls: Vec<PathBuf>,
    /// Whether callers have to show a certificate.
    pub client_certificate: ClientCertificate,
}

/// TLS for listeners: TLS 1.2 and 1.3 with the cipher suites of the BCP 195 profile of PS3.15. Clones share it.
#[derive(Clone)]
pub struct ServerTls(Arc<Reloadable<ServerConfig>>);

impl ServerTls {
    /// Reads the files. The clock tells whether certificates are in date.
    ///
    /// # Errors
    /// Which file is wrong, and how.
    pub fn load(files: ServerFiles, clock: Arc<dyn Clock>) -> Result<Self, TlsLoadError> {
        Ok(Self(Arc::new(Reloadable::load(move || build(&files, &clock))?)))
    }

    /// A configuration of the embedder's own, as it is.
    pub fn from_config(config: Arc<ServerConfig>) -> Self {
        Self(Arc::new(Reloadable::fixed(config)))
    }

    /// Reads the files again. Connections that are there go on as they are; later ones use what is new.
    ///
    /// # Errors
    /// As [`load`](Self::load); what was there before stays in use.
    pub fn reload(&self) -> Result<(), TlsLoadError> {
        self.0.reload()
    }

    async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
        self,
        stream: S,
    ) -> io::Result<(TlsLink<S>, Option<PeerIdentity>)> {
        let config = self.0.current();
        let provider = Arc::clone(config.crypto_provider());
        let acceptor = tokio_rustls::TlsAcceptor::from(config);
        match acceptor.accept(Observed::new(stream)).into_fallible().await {
            Ok(stream) => {
                let identity = identity(&provider, stream.get_ref().1.peer_certificates());
                Ok((TlsLink::secure(stream), identity))
            }
            Err((error, mut stream)) => {
                let fault = explain::in_handshake(&error, stream.first_bytes());
                // The alert is on its way; an abrupt end might overtake it.
                let _ = stream.shutdown().await;
                Err(fault.into())
            }
        }
    }
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

/// A listener with TLS on top, or without, as it is told at run time.
#[derive(Debug)]
pub struct TlsAcceptor<L> {
    listener: L,
    tls: Option<ServerTls>,
}

impl<L: Listener> TlsAcceptor<L> {
    /// Every stream of `listener` has to speak TLS.
    pub fn new(listener: L, tls: ServerTls) -> Self {
        Self { listener, tls: Some(tls) }
    }

    /// The streams of `listener` as they are.
    pub fn without(listener: L) -> Self {
        Self { listener, tls: None }
    }
}

impl<L: Listener> Listener for TlsAcceptor<L> {
    type Stream = TlsLink<L::Stream>;

    async fn accept(&mut self) -> io::Result<(Self::Stream, String)> {
        let (stream, address) = self.listener.accept().await?;
        Ok((TlsLink::unready(stream), address))
    }

    fn local_address(&self) -> String {
        self.listener.local_address()
    }

    fn handshake(
        &self,
        stream: Self::Stream,
    ) -> impl Future<Output = io::Result<(Self::Stream, Option<PeerIdentity>)>> + Send + 'static
    {
        let beneath = stream.into_unready().map(|stream| self.listener.handshake(stream));
        let tls = self.tls.clone();
        async move {
            let (stream, identity) = beneath?.await?;
            match tls {
                Some(tls) => tls.handshake(stream).await,
                None => Ok((TlsLink::plain(stream), identity)),
            }
        }
    }

    fn is_secure(&self) -> bool {
        self.tls.is_some() || self.listener.is_secure()
    }
}

fn build(files: &ServerFiles, clock: &Arc<dyn Clock>) -> Result<ServerConfig, TlsLoadError> {
    let provider = provider()?;
    let time = Arc::new(CivilTime(Arc::clone(clock)));
    let builder = ServerConfig::builder_with_details(Arc::clone(&provider), time)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| unusable(&files.certificate, &error))?;
    let builder = match (files.client_certificate, &files.ca) {
        (ClientCertificate::None, _) => builder.with_no_client_auth(),
        (ClientCertificate::Allowed | ClientCertificate::Required, None) => {
            return Err(TlsLoadError::NoAuthorities(files.certificate.clone()));
        }
        (wanted, Some(ca)) => {
            let roots = authorities(ca)?;
            let lists = revocation_lists(&files.crls, &roots, &provider)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
            // Without lists neither is heard.
            let verifier = verifier.with_crls(lists).enforce_revocation_expiration();
            let verifier = match wanted {
                ClientCertificate::Allowed => verifier.allow_unauthenticated(),
                ClientCertificate::None | ClientCertificate::Required => verifier,
            };
            let verifier = verifier.build().map_err(|error| unusable(ca, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let (chain, key) = (certificates(&files.certificate)?, private_key(&files.key)?);
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| mismatch(&files.certificate, &files.key, &error))?;
    // The name of DICOM in ALPN (PS3.15 annex B). Whoever offers protocols has to offer this one; nobody has to offer any.
    config.alpn_protocols = vec![b"dicom".to_vec()];
    Ok(config)
}
