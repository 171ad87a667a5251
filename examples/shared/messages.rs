//! HL7 messages in files, and how they are shown.

#![expect(clippy::disallowed_methods, reason = "a program reads the files it is given")]

use std::borrow::Cow;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use telerad::charset::Separators;
use telerad::hl7::Message;
use telerad::hl7::batch::{BatchLimits, File};

/// Every message of a file, which may be one message, several, or a batch; and what is wrong with the envelope.
pub fn read_messages(path: &str) -> Result<(Vec<Message>, Vec<String>)> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
    let bytes = Bytes::from(bytes);
    let file = File::read(bytes.clone(), BatchLimits::default())
        .with_context(|| format!("{path} holds no HL7 message"))?;
    let mut messages = Vec::new();
    for (message, number) in file.messages().zip(1..) {
        let message = message.clone();
        messages.push(message.with_context(|| format!("message {number} of {path}"))?);
    }
    if let ([message], None) = (messages.as_mut_slice(), &file.header)
        && file.batches.iter().all(|batch| batch.header.is_none())
    {
        // What stands around a lone message is told in its warnings.
        *message = Message::parse(bytes).with_context(|| format!("{path} is no HL7 message"))?;
    }
    ensure!(!messages.is_empty(), "{path} holds no HL7 message");
    Ok((messages, file.findings.iter().map(ToString::to_string).collect()))
}

/// Bytes of a message as text that can be shown, escape sequences left as they are.
pub fn decoded<'a>(message: &Message, raw: &'a [u8]) -> Cow<'a, str> {
    printable(message.character_sets().decode(raw, Separators::None).text)
}

/// Text of others, its control characters written out (`\u{1b}`): a terminal would obey them.
pub fn printable<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = text.into();
    if !text.contains(char::is_control) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}
