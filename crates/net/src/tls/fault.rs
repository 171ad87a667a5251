//! What can be wrong about a TLS connection, told apart by who has to do what about it.

use std::{fmt, io};

/// Why there is no TLS connection, or none any more.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// The peer showed the certificate of an authority as if it were its own. Self-signed certificates often are such.
    #[error(
        "the peer's certificate is one of an authority (CA:TRUE) and cannot be a peer's own; it needs one with CA:FALSE"
    )]
    AuthorityAsPeer,
    /// The peer's certificate cannot be used, for a reason without a variant of its own.
    #[error("the peer's certificate is not usable: {0}")]
    Certificate(Box<str>),
    /// The peer wants a certificate of ours, and was shown none, or one that it does not want.
    #[error("the peer wants a client certificate from us")]
    CertificateWanted,
    /// The peer closed the connection, or broke it off, before TLS was agreed.
    #[error(
        "the peer closed the connection during the TLS handshake; it may expect plain text, or be a port probe"
    )]
    Closed,
    /// The peer's certificate is out of date.
    #[error("the peer's certificate has expired")]
    Expired,
    /// Nothing in common, as the peer tells it: `handshake_failure` of TLS 1.2 has several causes.
    #[error(
        "the peer refused the TLS handshake: no cipher suite in common, or it wants a client certificate"
    )]
    HandshakeRefused,
    /// The peer's certificate names somebody else.
    #[error("the peer's certificate is not for {expected}; it is for {found}")]
    NameMismatch {
        /// Whom we called.
        expected: Box<str>,
        /// Whom the certificate names, with commas between.
        found: Box<str>,
    },
    /// The peer's certificate may not be used at this end (extended key usage).
    #[error(
        "the peer's certificate is not meant for this end of a connection (extended key usage)"
    )]
    NotForThisEnd,
    /// The peer's certificate is for later.
    #[error("the peer's certificate is not valid yet")]
    NotYetValid,
    /// The peer showed no certificate, and has to.
    #[error("the peer showed no client certificate, and one is required")]
    NoCertificate,
    /// No cipher suite in common.
    #[error(
        "no cipher suite in common: the peer has none with ECDHE and AES-GCM or ChaCha20-Poly1305"
    )]
    NoCommonCipher,
    /// No application protocol in common (ALPN).
    #[error("no application protocol in common: the peer asks for another one than `dicom` (ALPN)")]
    NoCommonProtocol,
    /// No version of TLS in common.
    #[error("no version of TLS in common: TLS 1.2 or 1.3 is needed")]
    NoCommonVersion,
    /// The peer speaks without TLS where TLS is expected.
    #[error("the peer speaks {0} without TLS on a port where TLS is expected")]
    PlainText(Spoken),
    /// The peer does not take our certificate or something else of ours; in its own words (RFC 8446 section 6).
    #[error("the peer broke off with the TLS alert {0}")]
    RefusedByPeer(Box<str>),
    /// The peer's certificate has been revoked.
    #[error("the peer's certificate has been revoked")]
    Revoked,
    /// A revocation list of ours is out of date: it has to be fetched and read again here, whoever the peer is.
    #[error("the revocation list here for the peer's certificate has expired")]
    RevocationListExpired,
    /// There are revocation lists, but none of the authority that issued the peer's certificate or one above it.
    #[error("no revocation list here covers the peer's certificate")]
    RevocationUnknown,
    /// Time was up.
    #[error("timed out in the TLS handshake")]
    Timeout,
    /// The transport failed.
    #[error("the connection broke in the TLS handshake: {0}")]
    Transport(io::ErrorKind),
    /// The connection ended without the goodbye (close_notify) that tells an end from a cut.
    #[error("the connection was cut: it ended without a TLS close_notify")]
    Truncated,
    /// The peer speaks TLS where plain text is expected.
    #[error("the peer speaks TLS on a connection that is meant to be without")]
    UnexpectedTls,
    /// The peer does not know the authority of our certificate.
    #[error("the peer does not trust the authority of our certificate (TLS alert unknown_ca)")]
    UntrustedByPeer,
    /// The peer's certificate comes from an authority that is not among those trusted here.
    #[error("the peer's certificate was not issued by an authority that is trusted here")]
    Untrusted,
    /// The peer breaks the protocol, or we disagree about it.
    #[error("TLS protocol error: {0}")]
    Protocol(Box<str>),
}

impl TlsFault {
    /// The fault that an error of a stream carries, if it is one of TLS.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    /// Whether the same may work later without anybody changing a certificate or a configuration.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Closed | Self::Timeout | Self::Transport(_) | Self::Truncated)
    }
}

impl From<TlsFault> for io::Error {
    fn from(fault: TlsFault) -> Self {
        let kind = match &fault {
            TlsFault::Closed | TlsFault::Truncated => io::ErrorKind::UnexpectedEof,
            TlsFault::Timeout => io::ErrorKind::TimedOut,
            TlsFault::Transport(kind) => *kind,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, fault)
    }
}

/// What somebody speaks who does not speak TLS, going by the first bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Spoken {
    /// PDUs of PS3.8 section 9.3.
    Dicom,
    /// MLLP frames.
    Hl7,
    /// A web browser, or a probe that is looking for a web server.
    Http,
    /// Nothing that is known here.
    Unknown,
}

impl Spoken {
    /// Judges by the first bytes of a stream.
    pub fn from_first_bytes(bytes: &[u8]) -> Self {
        let is_http = HTTP.iter().any(|word| bytes.starts_with(word));
        match bytes {
            [0x01..=0x07, 0x00, ..] => Self::Dicom,
            [0x0B, ..] | [b'M', b'S', b'H', ..] => Self::Hl7,
            _ if is_http => Self::Http,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dicom => "DICOM",
            Self::Hl7 => "HL7",
            Self::Http => "HTTP",
            Self::Unknown => "something unknown",
        })
    }
}

/// Whether a stream begins with a TLS record: an alert or a handshake message of any version (RFC 8446 section 5.1).
pub(crate) fn is_tls(first_bytes: &[u8]) -> bool {
    matches!(first_bytes, [0x15 | 0x16, 0x03, 0x00..=0x04, ..])
}

const HTTP: [&[u8]; 6] = [b"GET ", b"HEAD ", b"POST ", b"OPTIONS ", b"CONNECT ", b"HTTP/"];

#[cfg(test)]
mod tests {
    use super::{Spoken, TlsFault, is_tls};
    use std::io;

    #[test]
    fn the_first_bytes_tell_what_is_spoken() {
        let check = |bytes: &[u8], expected| {
            assert_eq!(Spoken::from_first_bytes(bytes), expected, "{bytes:02X?}");
        };
        check(b"\x01\x00\x00\x00\x00\xCD", Spoken::Dicom);
        check(b"\x07\x00\x00\x00\x00\x04", Spoken::Dicom);
        check(b"\x0BMSH|^~\\&|", Spoken::Hl7);
        check(b"GET / HTTP/1.0\r\n", Spoken::Http);
        check(b"HTTP/1.1 400 Bad Request", Spoken::Http);
        check(b"SSH-2.0-OpenSSH", Spoken::Unknown);
        check(b"", Spoken::Unknown);
    }

    #[test]
    fn tls_is_known_by_its_first_record() {
        assert!(is_tls(b"\x16\x03\x01\x02\x00"));
        assert!(is_tls(b"\x15\x03\x03\x00\x02\x02\x28"));
        assert!(!is_tls(b"\x01\x00\x00\x00"));
        assert!(!is_tls(b"\x16\x03"));
    }

    #[test]
    fn a_fault_survives_the_way_through_a_stream() {
        let error: io::Error = TlsFault::Expired.into();
        assert_eq!(TlsFault::of(&error), Some(&TlsFault::Expired));
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert_eq!(TlsFault::of(&io::ErrorKind::BrokenPipe.into()), None);
    }
}
