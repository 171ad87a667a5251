//! Which certificate may speak in whose name.

use crate::identity::{Fingerprint, PeerIdentity};

/// Who may use which names: calling AE titles in DICOM, sending applications in HL7. Whatever is not allowed is denied.
///
/// An AE title and MSH-3 are claims that anybody can make who reaches the port. A certificate proves who is there; this
/// says what that entitles to.
///
/// ```
/// use telerad_net::tls::{CertificateMatch, CertificatePolicy, Fingerprint, PeerIdentity};
///
/// let own: Fingerprint = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff".parse()?;
/// let policy = CertificatePolicy::new().allow("CT1", CertificateMatch::Fingerprint(own));
/// let holder = PeerIdentity::new(own);
/// assert!(policy.permits(&"CT1", Some(&holder)).is_ok());
/// let refusal = policy.permits(&"CT2", Some(&holder)).unwrap_err();
/// assert_eq!(refusal.to_string(), format!("the certificate sha256:{own} does not entitle to this name"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CertificatePolicy<N> {
    allowed: Vec<(N, CertificateMatch)>,
}

/// The certificates that entitle to a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CertificateMatch {
    /// Any that was verified.
    Any,
    /// This very one. It has to be told again when the certificate is renewed.
    Fingerprint(Fingerprint),
    /// Those that carry this name, as [`PeerIdentity::is_named`] says. It survives renewal.
    Named(String),
}

impl CertificateMatch {
    fn is_met(&self, identity: &PeerIdentity) -> bool {
        match self {
            Self::Any => true,
            Self::Fingerprint(fingerprint) => identity.fingerprint == *fingerprint,
            Self::Named(name) => identity.is_named(name),
        }
    }
}

impl<N: PartialEq> CertificatePolicy<N> {
    /// Nobody may use any name.
    pub fn new() -> Self {
        Self { allowed: Vec::new() }
    }

    /// Allows these certificates the use of a name, beside those allowed before.
    #[must_use]
    pub fn allow(mut self, name: N, certificates: CertificateMatch) -> Self {
        self.allowed.push((name, certificates));
        self
    }

    /// Whether a peer may use a name.
    ///
    /// # Errors
    /// Why not, for the log; the peer is told only that its name is not known.
    pub fn permits<Q>(
        &self,
        name: &Q,
        identity: Option<&PeerIdentity>,
    ) -> Result<(), CertificateRefusal>
    where
        N: PartialEq<Q>,
    {
        let identity = identity.ok_or(CertificateRefusal::NoCertificate)?;
        let mut own = self.allowed.iter().filter(|(allowed, _)| *allowed == *name);
        if own.any(|(_, certificates)| certificates.is_met(identity)) {
            return Ok(());
        }
        Err(CertificateRefusal::NotEntitled(identity.to_string()))
    }
}

impl<N: PartialEq> Default for CertificatePolicy<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a peer may not use a name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CertificateRefusal {
    /// It has shown none.
    #[error("a certificate is needed for this name, and none was shown")]
    NoCertificate,
    /// It has shown the one of somebody else.
    #[error("the certificate {0} does not entitle to this name")]
    NotEntitled(String),
}

#[cfg(test)]
mod tests {
    use super::{CertificateMatch, CertificatePolicy, CertificateRefusal};
    use crate::tls::{Fingerprint, PeerIdentity};

    fn named(name: &str) -> PeerIdentity {
        let mut identity = PeerIdentity::new(Fingerprint::from_bytes([7; 32]));
        identity.subject = format!("CN={name}");
        identity.alternative_names = vec![name.to_owned()];
        identity
    }

    fn policy() -> CertificatePolicy<&'static str> {
        CertificatePolicy::new()
            .allow("CT1", CertificateMatch::Named("ct1.north.example".to_owned()))
            .allow("ANY", CertificateMatch::Any)
    }

    #[track_caller]
    fn check(name: &str, identity: Option<&PeerIdentity>, expected: Result<(), &str>) {
        let got = policy().permits(&name, identity).map_err(|refusal| refusal.to_string());
        assert_eq!(got, expected.map_err(str::to_owned));
    }

    #[test]
    fn the_holder_of_the_right_certificate_may_use_its_name() {
        check("CT1", Some(&named("ct1.north.example")), Ok(()));
        check("ANY", Some(&named("whoever")), Ok(()));
    }

    #[test]
    fn nobody_else_may() {
        let refusal = "the certificate CN=ct2.north.example does not entitle to this name";
        check("CT1", Some(&named("ct2.north.example")), Err(refusal));
        check("CT2", Some(&named("ct2.north.example")), Err(refusal));
    }

    #[test]
    fn without_a_certificate_no_name_may_be_used() {
        let refusal = CertificateRefusal::NoCertificate.to_string();
        check("CT1", None, Err(&refusal));
        check("ANY", None, Err(&refusal));
    }
}
