//! How a transfer syntax encodes data elements.

use crate::uids;

/// Encoding of the data elements of a data set (PS3.5 section 7.1, annex A).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Encoding {
    /// Explicit VR little endian, then deflated (PS3.5 section A.5).
    DeflatedExplicitLittle,
    /// Explicit VR big endian (retired; PS3.5 2016b section A.3).
    ExplicitBig,
    /// Explicit VR little endian (PS3.5 section A.2); every encapsulated syntax too (section A.4).
    ExplicitLittle,
    /// Implicit VR little endian (PS3.5 section A.1).
    ImplicitLittle,
}

impl Encoding {
    /// Whether each element names its value representation.
    pub const fn is_explicit(self) -> bool {
        !matches!(self, Self::ImplicitLittle)
    }

    /// Whether numbers have their most significant byte first.
    pub const fn is_big_endian(self) -> bool {
        matches!(self, Self::ExplicitBig)
    }

    /// Whether the whole data set is deflated.
    pub const fn is_deflated(self) -> bool {
        matches!(self, Self::DeflatedExplicitLittle)
    }
}

/// The encoding behind a transfer syntax; padding of the identifier does not matter.
///
/// Every encapsulated syntax and every syntax not known here is taken as explicit VR little endian, which
/// PS3.5 section A.4 demands of encapsulation and vendors follow for theirs. The private syntax of GE has implicit
/// VR little endian elements; only its pixel values are big endian, which does not concern us.
pub fn encoding_of(transfer_syntax_uid: &str) -> Encoding {
    match transfer_syntax_uid.trim_end_matches(['\0', ' ']) {
        uids::IMPLICIT_VR_LITTLE_ENDIAN | uids::GE_PRIVATE_IMPLICIT_VR => Encoding::ImplicitLittle,
        uids::EXPLICIT_VR_BIG_ENDIAN => Encoding::ExplicitBig,
        uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
        | uids::JPIP_REFERENCED_DEFLATE
        | uids::JPIP_HTJ2K_REFERENCED_DEFLATE => Encoding::DeflatedExplicitLittle,
        _ => Encoding::ExplicitLittle,
    }
}

#[cfg(test)]
mod tests {
    use super::{Encoding, encoding_of};

    #[test]
    fn encapsulated_and_unknown_syntaxes_are_explicit_little_endian() {
        for uid in ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5", "1.3.46.670589.33.1.4.1", ""] {
            assert_eq!(encoding_of(uid), Encoding::ExplicitLittle, "{uid}");
        }
    }

    #[test]
    fn padding_does_not_change_the_encoding() {
        assert_eq!(encoding_of("1.2.840.10008.1.2\0"), Encoding::ImplicitLittle);
        assert_eq!(encoding_of("1.2.840.113619.5.2"), Encoding::ImplicitLittle);
        assert_eq!(encoding_of("1.2.840.10008.1.2.2\0"), Encoding::ExplicitBig);
        assert_eq!(encoding_of("1.2.840.10008.1.2.1.99"), Encoding::DeflatedExplicitLittle);
    }
}
