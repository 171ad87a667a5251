//! Reading the lossless form. What `derive` writes for this prints the value that it did not expect into its error, and
//! that value may name a patient.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Lossless;

/// The object.
pub(super) struct Fields;

/// A text.
struct Text(String);

/// A list of texts.
struct Texts(Vec<String>);

struct TextVisitor;
struct TextsVisitor;

/// Refuses every value that a visitor has no use for, without repeating it.
macro_rules! refuse {
    ($error:literal: $($method:ident($kind:ty)),*) => {$(
        fn $method<E: Error>(self, _: $kind) -> Result<Self::Value, E> {
            Err(E::custom($error))
        }
    )*};
}

impl<'de> Visitor<'de> for Fields {
    type Value = Lossless;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with segments or hexadecimal")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lossless, A::Error> {
        let mut read = Lossless::default();
        while let Some(Text(name)) = map.next_key()? {
            let is_repeated = match name.as_str() {
                "charset" => put(&mut read.charset, map.next_value::<Option<Text>>()?),
                "hexadecimal" => put(&mut read.hexadecimal, map.next_value::<Option<Text>>()?),
                "segments" => put(&mut read.segments, map.next_value::<Option<Texts>>()?),
                "terminator" => put(&mut read.terminator, map.next_value::<Option<Text>>()?),
                _ => return Err(A::Error::custom("name that no message has")),
            };
            if is_repeated {
                return Err(A::Error::custom("the same name twice"));
            }
        }
        Ok(read)
    }

    refuse! {
        "not an object":
        visit_bool(bool), visit_i64(i64), visit_i128(i128), visit_u64(u64), visit_u128(u128),
        visit_f64(f64), visit_str(&str), visit_bytes(&[u8])
    }
}

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Text, E> {
        Ok(Text(text))
    }

    refuse! {
        "not a text":
        visit_bool(bool), visit_i64(i64), visit_i128(i128), visit_u64(u64), visit_u128(u128),
        visit_f64(f64), visit_bytes(&[u8])
    }
}

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Texts, A::Error> {
        let mut texts = Vec::new();
        while let Some(Text(text)) = seq.next_element()? {
            texts.push(text);
        }
        Ok(Texts(texts))
    }

    refuse! {
        "not a list of texts":
        visit_bool(bool), visit_i64(i64), visit_i128(i128), visit_u64(u64), visit_u128(u128),
        visit_f64(f64), visit_str(&str), visit_bytes(&[u8])
    }
}

/// Puts a value into its place; whether there was one before.
fn put<T>(place: &mut Option<T>, value: Option<impl Into<T>>) -> bool {
    let before = std::mem::replace(place, value.map(Into::into));
    before.is_some()
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl From<Texts> for Vec<String> {
    fn from(texts: Texts) -> Self {
        texts.0
    }
}

// `deserialize_any`: asked for a text, a format would refuse anything else by itself, and print it.
impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextsVisitor)
    }
}
