//! TLS, for DICOM and HL7 alike.
//!
//! What a peer has proved ([`PeerIdentity`]) and what can go wrong ([`TlsFault`]) is here in every build, so that
//! services can ask and answer without knowing whether TLS was compiled in.

mod fault;
mod identity;
mod policy;

pub(crate) use fault::is_tls;
pub use fault::{Spoken, TlsFault};
pub use identity::{Fingerprint, InvalidFingerprint, PeerIdentity};
pub use policy::{CertificateMatch, CertificatePolicy, CertificateRefusal};
