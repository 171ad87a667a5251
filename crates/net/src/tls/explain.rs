//! From what rustls says to what somebody should do.

use std::io;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use super::fault::{Spoken, TlsFault};

/// Why a handshake failed, after the peer had begun with these bytes.
pub(super) fn in_handshake(error: &io::Error, first_bytes: &[u8]) -> TlsFault {
    // Records of TLS are of type 20 to 24 (RFC 8446 section 5.1).
    if first_bytes.first().is_some_and(|first| !(0x14..=0x18).contains(first)) {
        return TlsFault::PlainText(Spoken::from_first_bytes(first_bytes));
    }
    match rustls_error(error) {
        Some(error) => fault(error),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => TlsFault::Closed,
            kind => TlsFault::Transport(kind),
        },
    }
}

/// The same for a connection in use. Errors of the transport stay what they are.
pub(super) fn in_use(error: io::Error) -> io::Error {
    match rustls_error(&error) {
        Some(cause) => fault(cause).into(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => TlsFault::Truncated.into(),
        None => error,
    }
}

fn rustls_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

fn fault(error: &Error) -> TlsFault {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::NoCertificatesPresented => TlsFault::NoCertificate,
        Error::NoApplicationProtocol => TlsFault::NoCommonProtocol,
        Error::AlertReceived(alert) => match alert {
            AlertDescription::UnknownCA => TlsFault::UntrustedByPeer,
            AlertDescription::CertificateRequired => TlsFault::CertificateWanted,
            AlertDescription::HandshakeFailure => TlsFault::HandshakeRefused,
            AlertDescription::InsufficientSecurity => TlsFault::NoCommonCipher,
            AlertDescription::NoApplicationProtocol => TlsFault::NoCommonProtocol,
            AlertDescription::ProtocolVersion => TlsFault::NoCommonVersion,
            other => TlsFault::RefusedByPeer(format!("{other:?}").into()),
        },
        Error::PeerIncompatible(reason) => match reason {
            PeerIncompatible::NoCipherSuitesInCommon | PeerIncompatible::NoKxGroupsInCommon => {
                TlsFault::NoCommonCipher
            }
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            // Nobody who knows TLS 1.2 leaves it out (RFC 5246 section 7.4.1.4.1).
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled => TlsFault::NoCommonVersion,
            _ => TlsFault::Protocol(error.to_string().into()),
        },
        error => TlsFault::Protocol(error.to_string().into()),
    }
}

fn certificate(error: &CertificateError) -> TlsFault {
    use CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } => TlsFault::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => TlsFault::NotYetValid,
        E::Revoked => TlsFault::Revoked,
        E::UnknownRevocationStatus => TlsFault::RevocationUnknown,
        E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => {
            TlsFault::RevocationListExpired
        }
        // A certificate of the same name as a trusted one and another key is a stranger as well.
        E::UnknownIssuer | E::BadSignature => TlsFault::Untrusted,
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => TlsFault::NotForThisEnd,
        E::NotValidForNameContext { expected, presented } => TlsFault::NameMismatch {
            expected: text(expected).into(),
            found: names(presented).into(),
        },
        E::NotValidForName => {
            TlsFault::NameMismatch { expected: "the name called".into(), found: "others".into() }
        }
        // The verifier's own error is not part of the public interface of rustls; its name is.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => TlsFault::AuthorityAsPeer,
        other => TlsFault::Certificate(other.to_string().into()),
    }
}

fn text(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

/// Names as the verifier presents them, `DnsName("pacs")`, without their wrapping.
fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        return "nobody: it has no subject alternative name".to_owned();
    }
    let bare = presented.iter().map(|name| {
        let inner = name.split_once('(').map_or(name.as_str(), |(_, inner)| inner);
        inner.trim_end_matches(')').trim_matches('"').to_owned()
    });
    bare.collect::<Vec<_>>().join(", ")
}
