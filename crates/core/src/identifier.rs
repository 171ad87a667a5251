//! Identifiers and who issued them.

use serde::{Deserialize, Serialize};

/// The authority that assigned an identifier (HL7 HD, 2.5.1 section 2.A.36; DICOM Issuer sequences, PS3.3 section 10.14).
///
/// Two issuers are equal when every part is equal; use [`Issuer::agrees_with`] to compare what different senders
/// wrote for the same authority.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Issuer {
    /// HD-1, Local Namespace Entity ID (0040,0031).
    pub namespace: Option<String>,
    /// HD-2 and HD-3, Universal Entity ID (0040,0032) and its type (0040,0033).
    pub universal: Option<UniversalId>,
}

/// An identifier of an authority that is unique beyond one installation.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct UniversalId {
    /// For example a dotted object identifier.
    pub value: String,
    /// For example `ISO`, `DNS`, `UUID` (HL7 table 0301).
    pub kind: String,
}

impl Issuer {
    /// An issuer known by a local namespace only.
    ///
    /// # Errors
    /// When the name is empty or has control characters.
    pub fn local(namespace: &str) -> Result<Self, InvalidIdentifier> {
        Ok(Self { namespace: Some(checked(namespace)?), universal: None })
    }

    /// From the three parts of an HD; `None` when all of them are empty.
    pub fn from_parts(namespace: &str, universal: &str, kind: &str) -> Option<Self> {
        let namespace = checked(namespace).ok();
        let universal = checked(universal)
            .ok()
            .map(|value| UniversalId { value, kind: kind.trim().to_owned() });
        (namespace.is_some() || universal.is_some()).then_some(Self { namespace, universal })
    }

    /// Whether both name the same authority: equal universal identifiers when both have one, else equal namespaces.
    ///
    /// Namespaces are compared exactly. Nothing in common means no agreement, never "any".
    pub fn agrees_with(&self, other: &Self) -> bool {
        match (&self.universal, &other.universal) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => self.namespace.is_some() && self.namespace == other.namespace,
        }
    }
}

impl std::fmt::Display for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.namespace.as_deref().unwrap_or(""))?;
        if let Some(universal) = &self.universal {
            write!(f, "&{}&{}", universal.value, universal.kind)?;
        }
        Ok(())
    }
}

macro_rules! issued {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
        pub struct $name {
            value: String,
            issuer: Option<Issuer>,
        }

        impl $name {
            /// Trims the padding that DICOM and HL7 declare insignificant, then checks that a value is left.
            ///
            /// # Errors
            /// When nothing is left, when there are control characters, or beyond 199 bytes.
            pub fn new(value: &str, issuer: Option<Issuer>) -> Result<Self, InvalidIdentifier> {
                Ok(Self { value: checked(value)?, issuer })
            }

            /// The identifier as its issuer wrote it, without padding.
            pub fn value(&self) -> &str {
                &self.value
            }

            /// Who assigned it, where that is known.
            pub fn issuer(&self) -> Option<&Issuer> {
                self.issuer.as_ref()
            }

            /// The same value under this issuer when none was named.
            #[must_use]
            pub fn or_issuer(mut self, issuer: Option<&Issuer>) -> Self {
                if self.issuer.is_none() {
                    self.issuer = issuer.cloned();
                }
                self
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}(<redacted>, issuer: {:?})", stringify!($name), self.issuer)
            }
        }
    };
}

issued! {
    /// An accession number (0008,0050) with its issuer (0008,0051): unique only within that issuer.
    AccessionNumber
}
issued! {
    /// A placer or filler order number (HL7 EI, 2.5.1 section 2.A.28).
    EntityIdentifier
}
issued! {
    /// A patient identifier (PID-3, (0010,0020)) with its assigning authority (PID-3.4, (0010,0021)).
    PatientId
}

/// Why a text is not an identifier.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidIdentifier {
    /// A control character, which no identifier of DICOM or HL7 may hold.
    #[error("identifier has a control character")]
    Character,
    /// Nothing is left after trimming.
    #[error("identifier is empty")]
    Empty,
    /// More than 199 bytes (the length HL7 2.5.1 gives EI-1).
    #[error("identifier has {bytes} bytes, the limit is 199")]
    TooLong {
        /// Length after trimming.
        bytes: usize,
    },
}

fn checked(text: &str) -> Result<String, InvalidIdentifier> {
    // Spaces around SH and LO values are insignificant (PS3.5 section 6.2). NUL is never significant, and some
    // modalities pad with it.
    let trimmed = text.trim_matches([' ', '\0']);
    if trimmed.is_empty() {
        return Err(InvalidIdentifier::Empty);
    }
    if trimmed.chars().any(char::is_control) {
        return Err(InvalidIdentifier::Character);
    }
    if trimmed.len() > 199 {
        return Err(InvalidIdentifier::TooLong { bytes: trimmed.len() });
    }
    Ok(trimmed.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{AccessionNumber, InvalidIdentifier, Issuer, PatientId};

    #[test]
    fn padding_is_trimmed_and_content_is_kept() {
        let number = AccessionNumber::new(" 00012-A \0", None).unwrap();
        assert_eq!(number.value(), "00012-A");
        assert_eq!(AccessionNumber::new(" \0", None), Err(InvalidIdentifier::Empty));
        assert_eq!(AccessionNumber::new("A\rB", None), Err(InvalidIdentifier::Character));
    }

    #[test]
    fn debug_prints_no_identifier() {
        let id = PatientId::new("MRN-77", None).unwrap();
        assert!(!format!("{id:?}").contains("MRN-77"));
    }

    #[test]
    fn issuers_with_nothing_in_common_do_not_agree() {
        let local = Issuer::local("NORTH").unwrap();
        let universal = Issuer::from_parts("", "1.2.3", "ISO").unwrap();
        let both = Issuer::from_parts("NORTH", "1.2.3", "ISO").unwrap();
        assert!(!local.agrees_with(&universal));
        assert!(local.agrees_with(&both));
        assert!(universal.agrees_with(&both));
        assert!(!Issuer::default().agrees_with(&Issuer::default()));
        assert_eq!(Issuer::from_parts(" ", "", "ISO"), None);
    }
}
