//! Who speaks TLS with which certificates, and which certificate a source has to show.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use telerad_core::SiteId;
use telerad_net::tls::CertificateMatch;
use toml::Spanned;

use super::Configuration;
use super::read::{Fault, fault};

/// TLS of a listener: TLS 1.2 and 1.3 after BCP 195. Files are PEM.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct ListenerTls {
    /// Our certificate, followed by those of intermediate authorities.
    pub certificate: PathBuf,
    /// Its private key, without a password.
    pub key: PathBuf,
    /// The authorities whose certificates we take from callers.
    pub ca: Option<PathBuf>,
    /// Whether callers have to show a certificate. Default: they have to.
    #[serde(default)]
    pub client_certificate: ClientCertificate,
}

/// Whether callers have to show a certificate.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum ClientCertificate {
    /// They may show one; it must be good then.
    Allowed,
    /// They are not asked for one.
    None,
    /// Without one they are turned away.
    #[default]
    Required,
}

/// TLS to somebody we call. Files are PEM.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct DestinationTls {
    /// The authorities whose certificates we take.
    pub ca: PathBuf,
    /// Our certificate, for peers that want one.
    pub certificate: Option<PathBuf>,
    /// Its private key, without a password.
    pub key: Option<PathBuf>,
    /// The name that the peer's certificate has to carry, where it is not the host of the address.
    pub server_name: Option<String>,
}

/// The certificate that a source has to show: a name that it carries (`ct1.north.example`), its digest (`sha256:` and
/// 64 hexadecimal digits), or `any`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub struct SourceCertificate(pub CertificateMatch);

impl TryFrom<String> for SourceCertificate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Ok(Self(match text.strip_prefix("sha256:") {
            Some(digits) => {
                let fingerprint = digits.parse();
                CertificateMatch::Fingerprint(
                    fingerprint.map_err(|error| format!("`{digits}` is {error}"))?,
                )
            }
            None if text == "any" => CertificateMatch::Any,
            None if text.trim().is_empty() => {
                return Err("certificate is empty; expected a name, sha256:… or any".to_owned());
            }
            None => CertificateMatch::Named(text),
        }))
    }
}

impl Configuration {
    /// Reads relative paths as relative to this folder, which is mostly that of the configuration file.
    pub fn resolve_paths(&mut self, folder: &Path) {
        let resolve = |path: &mut PathBuf| *path = folder.join(&*path);
        resolve(&mut self.data_directory);
        for tls in [&mut self.dicom.tls, &mut self.hl7.tls].into_iter().flatten() {
            let tls = tls.as_mut();
            resolve(&mut tls.certificate);
            resolve(&mut tls.key);
            tls.ca.iter_mut().for_each(resolve);
        }
        let destinations = self.destinations.iter_mut().map(|to| &mut to.tls);
        let reports = self.report_destinations.iter_mut().map(|to| &mut to.tls);
        let announcements = self.announcements.iter_mut().map(|to| &mut to.tls);
        let orders = self.order_destinations.iter_mut().map(|to| &mut to.tls);
        let receivers = reports.chain(orders).chain(announcements);
        for tls in destinations.chain(receivers).flatten() {
            let tls = tls.as_mut();
            resolve(&mut tls.ca);
            tls.certificate.iter_mut().chain(&mut tls.key).for_each(resolve);
        }
    }

    /// Everybody we call, with the TLS that is spoken there.
    pub(crate) fn called(
        &self,
    ) -> impl Iterator<Item = (&Spanned<String>, Option<&Spanned<DestinationTls>>)> {
        (self.destinations.iter().map(|to| (&to.address, to.tls.as_ref())))
            .chain(self.report_destinations.iter().map(|to| (&to.address, to.tls.as_ref())))
            .chain(self.order_destinations.iter().map(|to| (&to.address, to.tls.as_ref())))
            .chain(self.mpps_destinations.iter().map(|to| (&to.address, to.tls.as_ref())))
            .chain(self.announcements.iter().map(|to| (&to.address, to.tls.as_ref())))
    }

    pub(super) fn check_tls(&self) -> Result<(), Fault> {
        for tls in [&self.dicom.tls, &self.hl7.tls].into_iter().flatten() {
            check_listener(tls)?;
        }
        let named = self.sources.iter().map(|source| {
            let name = format!("source `{}`", source.ae_title.get_ref());
            (name, &source.site, source.certificate.as_ref())
        });
        check_certificates("dicom", self.dicom.tls.as_ref(), named.collect())?;
        let named = self.hl7_sources.iter().map(|source| {
            let name = format!("hl7_source `{}`", source.application.get_ref());
            (name, &source.site, source.certificate.as_ref())
        });
        check_certificates("hl7", self.hl7.tls.as_ref(), named.collect())?;
        self.check_called()
    }

    /// A connector knows destinations by their addresses alone.
    fn check_called(&self) -> Result<(), Fault> {
        let mut known = BTreeMap::new();
        for (address, tls) in self.called() {
            if let Some(spanned) = tls {
                let tls = spanned.get_ref();
                if tls.certificate.is_some() != tls.key.is_some() {
                    let missing = if tls.key.is_some() { "certificate" } else { "key" };
                    let text =
                        format!("tls: certificate and key belong together; {missing} is missing");
                    return fault(spanned, text);
                }
            }
            let tls = tls.map(Spanned::get_ref);
            if *known.entry(address.get_ref().as_str()).or_insert(tls) != tls {
                let text = format!("`{}` is declared twice, with different tls", address.get_ref());
                return fault(address, text);
            }
        }
        Ok(())
    }
}

fn check_listener(spanned: &Spanned<ListenerTls>) -> Result<(), Fault> {
    let tls = spanned.get_ref();
    match (tls.client_certificate, &tls.ca) {
        (ClientCertificate::Allowed | ClientCertificate::Required, None) => fault(
            spanned,
            "tls: expected ca, the authorities that issue the certificates of callers, or client_certificate = \"none\""
                .to_owned(),
        ),
        (ClientCertificate::None, Some(_)) => fault(
            spanned,
            "tls: ca is of no use with client_certificate = \"none\"; expected \"allowed\" or \"required\"".to_owned(),
        ),
        _ => Ok(()),
    }
}

/// A source by its name, with its place in the file and the certificate that it is bound to.
type Named<'a> = (String, &'a Spanned<SiteId>, Option<&'a Spanned<SourceCertificate>>);

/// Once one source is bound to a certificate, one that is not would be the way around it.
fn check_certificates(
    listener: &str,
    tls: Option<&Spanned<ListenerTls>>,
    named: Vec<Named<'_>>,
) -> Result<(), Fault> {
    let asks = tls.is_some_and(|tls| tls.get_ref().client_certificate != ClientCertificate::None);
    let binds = named.iter().any(|(_, _, certificate)| certificate.is_some());
    for (name, place, certificate) in named {
        match certificate {
            Some(certificate) if !asks => {
                let text = format!(
                    "{name} has to show a certificate, but {listener} asks for none; expected {listener}.tls with client_certificate = \"required\""
                );
                return fault(certificate, text);
            }
            None if binds => {
                let text = format!(
                    "{name} names no certificate although others do; expected certificate = a name, \"sha256:…\" or \"any\""
                );
                return fault(place, text);
            }
            _ => {}
        }
    }
    Ok(())
}
