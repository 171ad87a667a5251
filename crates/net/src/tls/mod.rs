//! TLS, for DICOM and HL7 alike (features `tls`, `tls-ring`, `tls-aws-lc`).
//!
//! A `TlsAcceptor` wraps any [`Listener`](crate::Listener), a `TlsConnector` any [`Connector`](crate::Connector).
//! The profile is that of PS3.15 annex B after BCP 195 (RFC 8996 and 9325): TLS 1.2 and 1.3, ECDHE, AES-GCM and
//! ChaCha20-Poly1305. Peers that know nothing but older versions, CBC suites or Diffie-Hellman without elliptic curves
//! (DICOM's retired AES profile) cannot connect; put a proxy in front of them.
//!
//! The handshake runs in the connection's own task, under a deadline of its own. Certificates and
//! revocation lists are read from PEM files and can be read again while connections last; nothing is fetched.
//!
//! What a peer has proved ([`PeerIdentity`]), what that entitles it to ([`CertificatePolicy`]) and what can go wrong
//! ([`TlsFault`]) is here in every build, so that services can ask and answer without knowing whether TLS was compiled
//! in. An embedder with a TLS of its own implements `Listener::handshake` and `Connector::handshake` likewise.
//!
//! With `tls` alone, cryptography is what the process has installed as the default provider of rustls; `tls-ring` and
//! `tls-aws-lc` bring one for processes that have installed none.
//!
//! ```no_run
//! # #[cfg(feature = "tls")]
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! use telerad_net::tls::{ClientCertificate, ServerFiles, ServerTls, TlsAcceptor};
//! use telerad_net::{SystemClock, TcpAcceptor};
//!
//! let files = ServerFiles {
//!     certificate: "gateway.pem".into(),
//!     key: "gateway.key".into(),
//!     ca: Some("sites.pem".into()),
//!     crls: Vec::new(),
//!     client_certificate: ClientCertificate::Required,
//! };
//! let tls = ServerTls::load(files, SystemClock::shared())?;
//! let listener = TlsAcceptor::new(TcpAcceptor::bind("0.0.0.0:2762").await?, tls.clone());
//! // … telerad_net::dicom::serve(listener, …); and when certificates were renewed:
//! tls.reload()?;
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "tls")]
mod certificate;
#[cfg(feature = "tls")]
mod client;
#[cfg(feature = "tls")]
mod explain;
mod fault;
#[cfg(feature = "tls")]
mod link;
#[cfg(feature = "tls")]
mod load;
mod policy;
#[cfg(feature = "tls")]
mod provider;
#[cfg(feature = "tls")]
mod server;

pub use crate::identity::{Fingerprint, InvalidFingerprint, PeerIdentity};
#[cfg(feature = "tls")]
pub use client::{ClientFiles, ClientTls, TlsConnector};
pub(crate) use fault::is_tls;
pub use fault::{Spoken, TlsFault};
#[cfg(feature = "tls")]
pub use link::TlsLink;
#[cfg(feature = "tls")]
pub use load::TlsLoadError;
pub use policy::{CertificateMatch, CertificatePolicy, CertificateRefusal};
#[cfg(feature = "tls")]
pub use server::{ClientCertificate, ServerFiles, ServerTls, TlsAcceptor};
