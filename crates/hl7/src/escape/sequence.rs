//! The grammar of escape sequences, and the cutting of a value into text and sequences.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::{digit1, one_of, space0};
use nom::combinator::{all_consuming, map, map_opt, opt, recognize, value, verify};
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};

use super::page::Command;
use crate::syntax::Syntax;

/// What stands between two escape characters (HL7 2.5.1 sections 2.7.1 to 2.7.7).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sequence<'a> {
    Component,
    Escape,
    Field,
    Formatting(Command),
    /// Hexadecimal digits, an even number of them.
    Hexadecimal(&'a [u8]),
    Highlight,
    Local,
    Normal,
    Repetition,
    /// Designation of a character set: the number that the digits of `\Cxxyy\` or `\Mxxyyzz\` write.
    Set(u32),
    Subcomponent,
    Truncation,
}

impl<'a> Sequence<'a> {
    /// Reads the part between the escape characters.
    pub(super) fn read(body: &'a [u8]) -> Option<Self> {
        all_consuming(sequence).parse(body).ok().map(|(_, sequence)| sequence)
    }
}

fn sequence(input: &[u8]) -> IResult<&[u8], Sequence<'_>> {
    alt((
        value(Sequence::Field, tag("F")),
        value(Sequence::Component, tag("S")),
        value(Sequence::Subcomponent, tag("T")),
        value(Sequence::Repetition, tag("R")),
        value(Sequence::Escape, tag("E")),
        value(Sequence::Truncation, tag("P")),
        value(Sequence::Highlight, tag("H")),
        value(Sequence::Normal, tag("N")),
        map(preceded(tag("X"), hexadecimal), Sequence::Hexadecimal),
        map(preceded(tag("C"), designation(&[4])), Sequence::Set),
        map(preceded(tag("M"), designation(&[4, 6])), Sequence::Set),
        map(preceded(tag("."), command), Sequence::Formatting),
        value(Sequence::Local, preceded(tag("Z"), take_while1(|_| true))),
    ))
    .parse(input)
}

fn hexadecimal(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let digits = take_while1(|byte: u8| byte.is_ascii_hexdigit());
    let whole = verify(digits, |digits: &[u8]| digits.len().is_multiple_of(2));
    // Some senders (HAPI is one) write the code of the character, not its byte.
    map(whole, |digits: &[u8]| match digits {
        [b'0', b'0', b'0', b'd' | b'D'] => b"0D",
        [b'0', b'0', b'0', b'a' | b'A'] => b"0A",
        digits => digits,
    })
    .parse(input)
}

fn designation<'a>(
    lengths: &'static [usize],
) -> impl Parser<&'a [u8], Output = u32, Error = nom::error::Error<&'a [u8]>> {
    let digits = take_while1(|byte: u8| byte.is_ascii_hexdigit());
    let digits = verify(digits, move |digits: &[u8]| lengths.contains(&digits.len()));
    map_opt(digits, |digits: &[u8]| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok())
}

fn command(input: &[u8]) -> IResult<&[u8], Command> {
    let line = |count: Option<i16>| u8::try_from(count.unwrap_or(1)).ok();
    alt((
        value(Command::Break, tag("br")),
        value(Command::Fill, tag("fi")),
        value(Command::NoFill, tag("nf")),
        value(Command::Centre, tag("ce")),
        map_opt(preceded(tag("sp"), opt(number)), move |count| line(count).map(Command::Space)),
        map_opt(preceded(tag("sk"), opt(number)), move |count| line(count).map(Command::Skip)),
        map(preceded(tag("in"), number), Command::Indent),
        map(preceded(tag("ti"), number), Command::TemporaryIndent),
    ))
    .parse(input)
}

/// A number from -255 to 255. Larger ones are no layout but an attack on memory, so they stay text.
fn number(input: &[u8]) -> IResult<&[u8], i16> {
    let signed = recognize(pair(opt(one_of("+-")), digit1));
    map_opt(preceded(space0, signed), |digits: &[u8]| {
        let number: i16 = std::str::from_utf8(digits).ok()?.parse().ok()?;
        (-255..=255).contains(&number).then_some(number)
    })
    .parse(input)
}

/// Appends the bytes that an even number of hexadecimal digits stand for.
pub(super) fn push_bytes(digits: &[u8], bytes: &mut Vec<u8>) {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    bytes.extend(digits.chunks_exact(2).filter_map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    }));
}

/// A stretch of a value.
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) start: usize,
    pub(super) end: usize,
}

pub(super) enum Kind<'a> {
    Escape(Sequence<'a>),
    Text,
}

/// Cuts a value into text and known sequences, left to right; whatever is no sequence is text.
pub(super) struct Tokens<'a> {
    syntax: &'a Syntax,
    raw: &'a [u8],
    position: usize,
    /// A sequence found while looking for the end of the text before it.
    found: Option<Token<'a>>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(syntax: &'a Syntax, raw: &'a [u8]) -> Self {
        Self { syntax, raw, position: 0, found: None }
    }

    /// The first sequence at or after the current position. Each stretch between two escape characters is looked
    /// at a fixed number of times, so that the whole is linear.
    fn next_sequence(&self) -> Option<Token<'a>> {
        let escape = self.syntax.delimiters.escape?;
        let mut from = self.position;
        loop {
            let start = from + self.syntax.find(escape, self.raw.get(from..)?)?;
            let rest = self.raw.get(start + 1..)?;
            let length = self.syntax.find(escape, rest)?;
            if let Some(sequence) = Sequence::read(rest.get(..length)?) {
                let end = start + length + 2;
                return Some(Token { kind: Kind::Escape(sequence), start, end });
            }
            from = start + 1;
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(token) = self.found.take() {
            return Some(token);
        }
        let start = self.position;
        if start >= self.raw.len() {
            return None;
        }
        match self.next_sequence() {
            Some(token) if token.start == start => {
                self.position = token.end;
                Some(token)
            }
            Some(token) => {
                self.position = token.end;
                let end = token.start;
                self.found = Some(token);
                Some(Token { kind: Kind::Text, start, end })
            }
            None => {
                self.position = self.raw.len();
                Some(Token { kind: Kind::Text, start, end: self.raw.len() })
            }
        }
    }
}
