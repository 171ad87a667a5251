//! Reading what a verified certificate says of its holder (RFC 5280 section 4.1).
//!
//! Only certificates that rustls has verified come here, so that nothing is judged. What cannot be read is left out:
//! then a policy that asks for a name denies.

use std::net::{Ipv4Addr, Ipv6Addr};

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;

use super::provider::fingerprint;
use crate::identity::PeerIdentity;

/// The holder of the first certificate of a verified chain.
pub(super) fn identity(
    provider: &CryptoProvider,
    chain: Option<&[CertificateDer<'_>]>,
) -> Option<PeerIdentity> {
    let der: &[u8] = chain?.first()?;
    let mut identity = PeerIdentity::new(fingerprint(provider, der)?);
    if let Some(names) = Names::read(der) {
        identity.subject = names.subject;
        identity.common_names = names.common;
        identity.alternative_names = names.alternative;
    }
    Some(identity)
}

#[derive(Default)]
struct Names {
    subject: String,
    common: Vec<String>,
    alternative: Vec<String>,
}

impl Names {
    fn read(der: &[u8]) -> Option<Self> {
        let certificate = Reader(der).expect(SEQUENCE)?;
        let mut fields = Reader(Reader(certificate).expect(SEQUENCE)?);
        let (first, _) = fields.next()?;
        // The version may be missing. Then: serial number, signature, issuer, validity.
        for _ in 0..if first == VERSION { 4 } else { 3 } {
            fields.next()?;
        }
        let mut names = Self::default();
        names.read_subject(fields.expect(SEQUENCE)?);
        while let Some((tag, value)) = fields.next() {
            if tag == EXTENSIONS {
                names.read_extensions(value);
            }
        }
        Some(names)
    }

    /// RDNSequence: sets of attributes, each an object identifier and a string. RFC 4514 writes the last one first.
    fn read_subject(&mut self, name: &[u8]) {
        let mut parts = Vec::new();
        let mut sets = Reader(name);
        while let Some((SET, set)) = sets.next() {
            let mut attributes = Reader(set);
            while let Some((SEQUENCE, attribute)) = attributes.next() {
                let mut attribute = Reader(attribute);
                let (Some(kind), Some((tag, text))) =
                    (attribute.expect(OBJECT_IDENTIFIER), attribute.next())
                else {
                    continue;
                };
                let text = string(tag, text);
                if let Some((_, label)) = LABELS.iter().find(|(own, _)| *own == kind) {
                    parts.push(format!("{label}={text}"));
                }
                if kind == COMMON_NAME {
                    self.common.push(text);
                }
            }
        }
        parts.reverse();
        self.subject = parts.join(",");
    }

    fn read_extensions(&mut self, wrapped: &[u8]) {
        let Some(list) = Reader(wrapped).expect(SEQUENCE) else { return };
        let mut extensions = Reader(list);
        while let Some((SEQUENCE, extension)) = extensions.next() {
            let mut extension = Reader(extension);
            if extension.expect(OBJECT_IDENTIFIER) != Some(SUBJECT_ALTERNATIVE_NAME) {
                continue;
            }
            while let Some((tag, value)) = extension.next() {
                // Before it may stand whether the extension is critical.
                if tag == OCTET_STRING
                    && let Some(names) = Reader(value).expect(SEQUENCE)
                {
                    self.read_alternatives(names);
                }
            }
        }
    }

    /// GeneralNames (RFC 5280 section 4.2.1.6): e-mail, DNS and URI are texts, addresses are bytes.
    fn read_alternatives(&mut self, names: &[u8]) {
        let mut names = Reader(names);
        while let Some((tag, value)) = names.next() {
            match (tag, value) {
                (0x81 | 0x82 | 0x86, text) => {
                    self.alternative.push(String::from_utf8_lossy(text).into_owned());
                }
                (0x87, bytes) => {
                    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
                        self.alternative.push(Ipv4Addr::from(bytes).to_string());
                    } else if let Ok(bytes) = <[u8; 16]>::try_from(bytes) {
                        self.alternative.push(Ipv6Addr::from(bytes).to_string());
                    }
                }
                _ => {}
            }
        }
    }
}

/// Elements of DER one after the other: tag, length, value (X.690 section 8.1).
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, length], mut rest) = self.0.split_first_chunk::<2>()?;
        let mut count = usize::from(length);
        if length & 0x80 != 0 {
            let (digits, after) = rest.split_at_checked(usize::from(length & 0x7F))?;
            if digits.is_empty() || digits.len() > 4 {
                return None;
            }
            count = digits.iter().fold(0, |count, digit| count << 8 | usize::from(*digit));
            rest = after;
        }
        let (value, rest) = rest.split_at_checked(count)?;
        self.0 = rest;
        Some((tag, value))
    }

    fn expect(&mut self, wanted: u8) -> Option<&'a [u8]> {
        self.next().filter(|(tag, _)| *tag == wanted).map(|(_, value)| value)
    }
}

/// BMPString is two bytes to a character; the others are UTF-8 or a part of it.
fn string(tag: u8, bytes: &[u8]) -> String {
    if tag != BMP_STRING {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [high, low] => u16::from_be_bytes([*high, *low]),
        _ => 0xFFFD,
    });
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const BMP_STRING: u8 = 0x1E;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xA0;
const EXTENSIONS: u8 = 0xA3;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1D, 0x11];
/// The attributes that RFC 4514 section 3 has names for, and that are seen.
const LABELS: [(&[u8], &str); 6] = [
    (COMMON_NAME, "CN"),
    (&[0x55, 0x04, 0x06], "C"),
    (&[0x55, 0x04, 0x07], "L"),
    (&[0x55, 0x04, 0x08], "ST"),
    (&[0x55, 0x04, 0x0A], "O"),
    (&[0x55, 0x04, 0x0B], "OU"),
];
