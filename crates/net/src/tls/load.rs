//! Certificates and keys from PEM files, now and again later.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

/// Certificates or keys cannot be used. Nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsLoadError {
    /// The key is one of another certificate.
    #[error("{key}: is not the private key of the certificate in {certificate}", key = .key.display(), certificate = .certificate.display())]
    KeyMismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// Callers are asked for certificates, and nobody is named whose certificates are taken.
    #[error("{}: client certificates are asked for, so the authorities (ca) that issue them are needed", .0.display())]
    NoAuthorities(PathBuf),
    /// The file has no certificate in it.
    #[error("{}: no certificate in it; expected PEM with BEGIN CERTIFICATE", .0.display())]
    NoCertificate(PathBuf),
    /// The file has no revocation list in it.
    #[error("{}: no revocation list in it; expected PEM with BEGIN X509 CRL", .0.display())]
    NoRevocationList(PathBuf),
    /// The file has no key in it that can be read.
    #[error("{}: no private key in it; expected PEM with BEGIN PRIVATE KEY, without a password", .0.display())]
    NoKey(PathBuf),
    /// No cryptography.
    #[error(
        "no TLS provider; build with the feature `tls-ring` or `tls-aws-lc`, or install one as the default of rustls"
    )]
    NoProvider,
    /// Broken PEM.
    #[error("{}: not valid PEM", .0.display())]
    NotPem(PathBuf),
    /// The file cannot be read.
    #[error("{}: cannot be read: {cause}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: io::ErrorKind,
    },
    /// TLS does not take what is in the file.
    #[error("{}: not usable: {reason}", .file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// In the words of rustls.
        reason: String,
    },
}

/// The certificates of a file, the peer's own first.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsLoadError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(TlsLoadError::NoCertificate(file.to_owned())),
        Err(error) => Err(unread(file, &error, TlsLoadError::NoCertificate)),
    }
}

/// The key of a file.
pub(super) fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsLoadError> {
    PrivateKeyDer::from_pem_file(file).map_err(|error| unread(file, &error, TlsLoadError::NoKey))
}

/// The authorities of a file.
pub(super) fn authorities(file: &Path) -> Result<Arc<RootCertStore>, TlsLoadError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| unusable(file, &error))?;
    }
    Ok(Arc::new(roots))
}

/// The revocation lists of these files, each looked at by itself, so that a wrong one can be named.
pub(super) fn revocation_lists(
    files: &[PathBuf],
    roots: &Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsLoadError> {
    let mut lists = Vec::new();
    for file in files {
        let read = CertificateRevocationListDer::pem_file_iter(file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let own = read.map_err(|error| unread(file, &error, TlsLoadError::NoRevocationList))?;
        if own.is_empty() {
            return Err(TlsLoadError::NoRevocationList(file.clone()));
        }
        let (roots, provider) = (Arc::clone(roots), Arc::clone(provider));
        WebPkiServerVerifier::builder_with_provider(roots, provider)
            .with_crls(own.clone())
            .build()
            .map_err(|error| unusable(file, &error))?;
        lists.extend(own);
    }
    Ok(lists)
}

/// What rustls says of our own certificate and key.
pub(super) fn mismatch(certificate: &Path, key: &Path, error: &rustls::Error) -> TlsLoadError {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            TlsLoadError::KeyMismatch { certificate: certificate.to_owned(), key: key.to_owned() }
        }
        error => unusable(certificate, error),
    }
}

pub(super) fn unusable(file: &Path, error: &impl std::fmt::Display) -> TlsLoadError {
    TlsLoadError::Unusable { file: file.to_owned(), reason: error.to_string() }
}

fn unread(file: &Path, error: &pem::Error, none: fn(PathBuf) -> TlsLoadError) -> TlsLoadError {
    match error {
        pem::Error::Io(error) => {
            TlsLoadError::Unreadable { file: file.to_owned(), cause: error.kind() }
        }
        pem::Error::NoItemsFound => none(file.to_owned()),
        _ => TlsLoadError::NotPem(file.to_owned()),
    }
}

/// A configuration that can be made anew from its files while it is in use.
pub(super) struct Reloadable<T> {
    current: RwLock<Arc<T>>,
    load: Option<Box<Load<T>>>,
}

type Load<T> = dyn Fn() -> Result<T, TlsLoadError> + Send + Sync;

impl<T> Reloadable<T> {
    pub(super) fn load(
        load: impl Fn() -> Result<T, TlsLoadError> + Send + Sync + 'static,
    ) -> Result<Self, TlsLoadError> {
        Ok(Self { current: RwLock::new(Arc::new(load()?)), load: Some(Box::new(load)) })
    }

    pub(super) fn fixed(value: Arc<T>) -> Self {
        Self { current: RwLock::new(value), load: None }
    }

    pub(super) fn reload(&self) -> Result<(), TlsLoadError> {
        if let Some(load) = &self.load {
            let new = Arc::new(load()?);
            *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        }
        Ok(())
    }

    pub(super) fn current(&self) -> Arc<T> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}
