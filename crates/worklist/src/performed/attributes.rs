//! A data set as it is kept.

use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use telerad_dicom::dataset::{DataSet, DataSetError, DataSetLimits};
use telerad_dicom::uids;

/// A data set in explicit VR little endian. Whatever character set it came in, text is kept as Unicode.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Attributes(Vec<u8>);

impl Attributes {
    /// Encodes a data set.
    ///
    /// # Errors
    /// When it cannot be: a text beyond ASCII in an attribute that has none, for instance.
    pub fn encode(data_set: &DataSet) -> Result<Self, DataSetError> {
        data_set.encode(uids::EXPLICIT_VR_LITTLE_ENDIAN).map(Self)
    }

    /// The data set.
    ///
    /// # Errors
    /// When the record was damaged.
    pub fn decode(&self) -> Result<DataSet, DataSetError> {
        // What was within the limits when it came may be longer in UTF-8.
        let standard = DataSetLimits::default();
        let limits = DataSetLimits { bytes_max: standard.bytes_max.saturating_mul(8), ..standard };
        DataSet::decode(&self.0, uids::EXPLICIT_VR_LITTLE_ENDIAN, limits)
    }
}

impl std::fmt::Debug for Attributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attributes(<redacted>, {} bytes)", self.0.len())
    }
}

impl Serialize for Attributes {
    /// As hexadecimal text: records are JSON, in which a list of numbers would be four times as long as the bytes.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(self.0.len().saturating_mul(2));
        for byte in &self.0 {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
        bytes.map(Self).ok_or_else(|| de::Error::custom("not hexadecimal"))
    }
}
