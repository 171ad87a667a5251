//! What a certificate says of its holder.

use std::fmt;
use std::str::FromStr;

/// What the certificate says with which a peer has identified itself in a TLS handshake.
///
/// It exists only for a certificate that was verified: issued by a trusted authority, in date, and the peer holds its
/// key.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PeerIdentity {
    /// The subject as RFC 4514 writes it, the last part first: `CN=ct1,O=North`.
    pub subject: String,
    /// The common names (CN) of the subject.
    pub common_names: Vec<String>,
    /// The subject alternative names: DNS names as they are, IP addresses in digits, e-mail addresses and URIs.
    pub alternative_names: Vec<String>,
    /// SHA-256 of the whole certificate, as `openssl x509 -fingerprint -sha256` shows it.
    pub fingerprint: Fingerprint,
}

impl PeerIdentity {
    /// The holder of a certificate with this fingerprint, of whom nothing else is known.
    pub fn new(fingerprint: Fingerprint) -> Self {
        Self {
            subject: String::new(),
            common_names: Vec::new(),
            alternative_names: Vec::new(),
            fingerprint,
        }
    }

    /// Whether the certificate carries this name: among the alternative names, or as common name if it has none.
    ///
    /// Letter case does not matter, as in DNS. A wildcard in the certificate stands for itself only: it is no proof of
    /// who the holder is.
    pub fn is_named(&self, name: &str) -> bool {
        let names = match self.alternative_names.as_slice() {
            [] => &self.common_names,
            _ => &self.alternative_names,
        };
        names.iter().any(|own| own.eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for PeerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.subject.as_str() {
            "" => write!(f, "sha256:{}", self.fingerprint),
            subject => f.write_str(subject),
        }
    }
}

/// SHA-256 of a certificate in its DER encoding.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// From the 32 bytes of the digest.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    /// Reads 64 hexadecimal digits, with or without colons between pairs.
    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let digits: Vec<u32> = (text.trim().chars().filter(|character| *character != ':'))
            .map(|character| character.to_digit(16).ok_or(InvalidFingerprint))
            .collect::<Result<_, _>>()?;
        let bytes: Vec<u8> = digits
            .chunks(2)
            .filter_map(|pair| match pair {
                [high, low] => u8::try_from(high * 16 + low).ok(),
                _ => None,
            })
            .collect();
        match <[u8; 32]>::try_from(bytes) {
            Ok(bytes) if digits.len() == 64 => Ok(Self(bytes)),
            _ => Err(InvalidFingerprint),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Not the SHA-256 of anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "not a SHA-256 fingerprint; expected 64 hexadecimal digits, as `openssl x509 -fingerprint -sha256` shows them"
)]
pub struct InvalidFingerprint;

#[cfg(test)]
mod tests {
    use super::{Fingerprint, InvalidFingerprint, PeerIdentity};

    #[test]
    fn a_fingerprint_is_read_as_openssl_prints_it() {
        let plain = "00112233445566778899aabbccddeeff".repeat(2);
        let fingerprint: Fingerprint = plain.parse().unwrap();
        assert_eq!(fingerprint.to_string(), plain);
        let pairs: Vec<String> =
            fingerprint.as_bytes().iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(pairs.join(":").parse(), Ok(fingerprint));
    }

    #[test]
    fn anything_else_is_no_fingerprint() {
        for text in ["", "00", &"g".repeat(64), &"0".repeat(63), &"0".repeat(66)] {
            assert_eq!(text.parse::<Fingerprint>(), Err(InvalidFingerprint), "{text}");
        }
    }

    #[test]
    fn alternative_names_take_the_place_of_common_names() {
        let mut identity = PeerIdentity::new(Fingerprint::from_bytes([0; 32]));
        identity.common_names = vec!["ct1".to_owned()];
        assert!(identity.is_named("CT1"));
        identity.alternative_names = vec!["*.north.example".to_owned()];
        assert!(!identity.is_named("ct1"));
        assert!(!identity.is_named("ct1.north.example"));
    }
}
