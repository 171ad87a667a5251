//! Cryptography from whoever the embedder chose, narrowed to what DICOM allows.

use std::sync::Arc;
use std::time::Duration;

use rustls::CipherSuite;
use rustls::crypto::CryptoProvider;
use rustls::crypto::hash::HashAlgorithm;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use super::load::TlsLoadError;
use crate::clock::Clock;
use crate::identity::Fingerprint;

/// The provider that the process has installed, or else the one that this build brings, with nothing but the cipher
/// suites of PS3.15 annex B, "BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile".
pub(super) fn provider() -> Result<Arc<CryptoProvider>, TlsLoadError> {
    let mut provider = match CryptoProvider::get_default() {
        Some(installed) => CryptoProvider::clone(installed),
        None => built_in().ok_or(TlsLoadError::NoProvider)?,
    };
    provider.cipher_suites.retain(|suite| PROFILE.contains(&suite.suite()));
    Ok(Arc::new(provider))
}

/// SHA-256 by the same cryptography; TLS cannot be had without.
pub(super) fn fingerprint(provider: &CryptoProvider, der: &[u8]) -> Option<Fingerprint> {
    let hash = provider.cipher_suites.iter().find_map(|suite| {
        let common = match suite {
            rustls::SupportedCipherSuite::Tls12(suite) => &suite.common,
            rustls::SupportedCipherSuite::Tls13(suite) => &suite.common,
        };
        (common.hash_provider.algorithm() == HashAlgorithm::SHA256).then_some(common.hash_provider)
    })?;
    Some(Fingerprint::from_bytes(hash.hash(der).as_ref().try_into().ok()?))
}

/// Certificates are judged by the time of the clock that everything else goes by.
pub(super) struct CivilTime(pub(super) Arc<dyn Clock>);

impl TimeProvider for CivilTime {
    fn current_time(&self) -> Option<UnixTime> {
        let micros = u64::try_from(self.0.timestamp().as_micros()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_micros(micros)))
    }
}

impl std::fmt::Debug for CivilTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CivilTime")
    }
}

#[cfg(feature = "tls-ring")]
fn built_in() -> Option<CryptoProvider> {
    Some(rustls::crypto::ring::default_provider())
}

#[cfg(all(feature = "tls-aws-lc", not(feature = "tls-ring")))]
fn built_in() -> Option<CryptoProvider> {
    Some(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
fn built_in() -> Option<CryptoProvider> {
    None
}

/// Forward secrecy and authenticated encryption. The Diffie-Hellman suites without elliptic curves, which the profile
/// allows too, no provider of rustls has.
const PROFILE: [CipherSuite; 9] = [
    CipherSuite::TLS13_AES_256_GCM_SHA384,
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS13_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
];
