//! Messages in JSON and other formats of serde (feature `serde`).
//!
//! Two forms, for two purposes:
//!
//! - A [`Message`] is written so that it reads back to the same bytes, whatever they are, and a person can read it as
//!   far as that allows:
//!   `{"segments": ["MSH|^~\\&|RIS", "PID|1||77"]}`. Beside `segments` stand `terminator`, unless each segment ends with
//!   carriage return, and `charset` (table 0211), unless the bytes are UTF-8. Bytes that this cannot hold are
//!   `{"hexadecimal": "4d5348…"}`.
//! - [`Readable`] is one way: fields by number, decoded, for people and for tools that know no HL7.
//!
//! Both hold patient data. [`Path`], [`Location`] and [`WarningKind`] are written as their texts.

mod read;

use std::fmt;

use serde::de::Error as _;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use telerad_charset::Charset;

use crate::{Component, Field, Location, Message, Path, Repetition, Segment, WarningKind};

#[derive(Default, Serialize)]
struct Lossless {
    #[serde(skip_serializing_if = "Option::is_none")]
    charset: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terminator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hexadecimal: Option<String>,
}

impl Lossless {
    fn of(message: &Message) -> Self {
        let bytes = message.as_bytes();
        let text =
            Self::text(message).filter(|lossless| lossless.bytes().is_ok_and(|it| it == *bytes));
        text.unwrap_or_else(|| {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Self { hexadecimal: Some(digits), ..Self::default() }
        })
    }

    fn text(message: &Message) -> Option<Self> {
        let terminator = message.terminator();
        let utf8 = std::str::from_utf8(message.as_bytes()).is_ok();
        let charset = if utf8 { Charset::Utf8 } else { message.charset() };
        let read = |segment: Segment<'_>| {
            let decoded = charset.decode(segment.raw());
            (!decoded.malformed).then(|| decoded.text.into_owned())
        };
        Some(Self {
            charset: if utf8 { None } else { Some(charset.to_hl7()?.to_owned()) },
            terminator: (terminator != b"\r")
                .then(|| String::from_utf8_lossy(terminator).into_owned()),
            segments: Some(message.segments().map(read).collect::<Option<_>>()?),
            hexadecimal: None,
        })
    }

    fn bytes(&self) -> Result<Vec<u8>, &'static str> {
        match (&self.segments, &self.hexadecimal) {
            (Some(segments), None) => {
                let charset = match &self.charset {
                    Some(name) => Charset::from_hl7(name).ok_or("unknown character set")?,
                    None => Charset::Utf8,
                };
                let terminator = self.terminator.as_deref().unwrap_or("\r");
                let mut bytes = Vec::new();
                for segment in segments {
                    let encoded = charset.encode(segment);
                    bytes.extend(encoded.map_err(|_| "character that the set does not have")?);
                    bytes.extend_from_slice(terminator.as_bytes());
                }
                Ok(bytes)
            }
            (None, Some(digits)) => {
                let pairs = digits.as_bytes().chunks(2);
                let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
                let is_even = digits.len().is_multiple_of(2);
                let bytes = pairs.map(byte).collect::<Option<Vec<_>>>().filter(|_| is_even);
                bytes.ok_or("not hexadecimal")
            }
            _ => Err("either segments or hexadecimal"),
        }
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Lossless::of(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lossless = deserializer.deserialize_any(read::Fields)?;
        let bytes = lossless.bytes().map_err(D::Error::custom)?;
        Self::parse(bytes).map_err(D::Error::custom)
    }
}

/// A message for people: an array of segments, each an object of its id and its fields by number, texts decoded.
///
/// Nothing stands for what is absent or empty, and `null` for the null value. A field with repetitions is an array, a
/// value with components or subcomponents an object of them by number, and one without is its text. A line that is no
/// segment is `{"line": …}`. Delimiters, trailing separators and terminators are not in it, so it cannot be read back.
///
/// ```
/// use telerad_hl7::{Message, Readable};
///
/// let message = Message::parse("MSH|^~\\&|RIS\rPID|1||77^^^N&1.2~88||ROSSI^ANNA|||\"\"\r")?;
/// assert_eq!(
///     serde_json::to_value(Readable(&message))?[1],
///     serde_json::json!({
///         "id": "PID",
///         "1": "1",
///         "3": [{ "1": "77", "4": { "1": "N", "2": "1.2" } }, "88"],
///         "5": { "1": "ROSSI", "2": "ANNA" },
///         "8": null,
///     }),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy)]
pub struct Readable<'a>(
    /// What to write.
    pub &'a Message,
);

impl fmt::Debug for Readable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Readable").field(self.0).finish()
    }
}

impl Serialize for Readable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.segments().map(|segment| Node::Segment(self.0, segment)))
    }
}

/// One level of a message.
#[derive(Clone, Copy)]
enum Node<'a> {
    Component(Component<'a>),
    Field(Field<'a>),
    Repetition(Repetition<'a>),
    Segment(&'a Message, Segment<'a>),
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Segment(message, segment) => {
                let mut map = serializer.serialize_map(None)?;
                if segment.id().is_empty() {
                    let line = message.syntax().decode(segment.raw()).text;
                    map.serialize_entry("line", &line)?;
                    return map.end();
                }
                map.serialize_entry("id", segment.id())?;
                for (field, n) in
                    segment.fields().zip(1_usize..).filter(|(field, _)| !field.is_empty())
                {
                    map.serialize_entry(&n.to_string(), &Node::Field(field))?;
                }
                map.end()
            }
            Self::Field(field) if field.repetitions().nth(1).is_some() => {
                let mut sequence = serializer.serialize_seq(None)?;
                for repetition in field.repetitions() {
                    sequence.serialize_element(&Node::Repetition(repetition))?;
                }
                sequence.end()
            }
            Self::Field(field) => Node::Repetition(field.repetition(1)).serialize(serializer),
            Self::Repetition(repetition) if repetition.components().nth(1).is_some() => {
                let mut map = serializer.serialize_map(None)?;
                let components = repetition.components().zip(1_usize..);
                for (component, n) in components.filter(|(component, _)| !component.is_empty()) {
                    map.serialize_entry(&n.to_string(), &Node::Component(component))?;
                }
                map.end()
            }
            Self::Repetition(repetition) => {
                Node::Component(repetition.component(1)).serialize(serializer)
            }
            Self::Component(component) if component.subcomponents().nth(1).is_some() => {
                let mut map = serializer.serialize_map(None)?;
                let leaves = component.subcomponents().zip(1_usize..);
                for (leaf, n) in leaves.filter(|(leaf, _)| !leaf.is_empty()) {
                    map.serialize_entry(&n.to_string(), &text(leaf.is_null(), &leaf.text()))?;
                }
                map.end()
            }
            Self::Component(component) => {
                text(component.is_null(), &component.text()).serialize(serializer)
            }
        }
    }
}

fn text(is_null: bool, text: &str) -> Option<&str> {
    (!is_null).then_some(text)
}

/// Written and read as text.
macro_rules! as_text {
    ($type:ty, $write:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let write: fn(&$type) -> _ = $write;
                serializer.collect_str(&write(self))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}

as_text!(Location, |location| *location);
as_text!(Path, |path| *path);
as_text!(WarningKind, |kind| kind.code());

#[cfg(test)]
mod tests;
