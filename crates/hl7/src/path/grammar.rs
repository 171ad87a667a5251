//! The grammar of paths, which has to run in the compiler as well and so uses no parser library.
//!
//! ```text
//! location   = id [ occurrence ] [ sep ["F"] n [ repetition ] [ sep ["C"] n [ sep ["S"] n ] ] ]
//! occurrence = "[" n "]" | "(" n ")" | n
//! repetition = "[" n "]" | "(" n ")" | sep "R" n
//! sep        = "-" | "."
//! n          = 1 … 65535
//! ```
//!
//! and, of HAPI's Terser, which counts in brackets from 0 and searches the groups of a message where a dot says so, what
//! means the same in any group:
//!
//! ```text
//! location   = "/" [ "." ] id [ "(0)" ] [ "-" n [ "(" n-1 ")" ] [ "-" n [ "-" n ] ] ]
//! ```

use super::{Depth, Path};

/// The place that `text` spells, and how far down it was spelled out.
pub(super) const fn read(text: &str) -> Option<(Path, Depth)> {
    match text.as_bytes() {
        [b'/', b'.', rest @ ..] | [b'/', rest @ ..] => read_terser(rest),
        rest => read_own(rest),
    }
}

const fn read_terser(text: &[u8]) -> Option<(Path, Depth)> {
    let [first, second, third, rest @ ..] = text else { return None };
    let segment = [*first, *second, *third];
    if !is_segment_id(segment) {
        return None;
    }
    let rest = match rest {
        [b'(', b'0', b')', rest @ ..] => rest,
        _ => rest,
    };
    let path =
        Path { segment, occurrence: 1, field: 1, repetition: 1, component: 1, subcomponent: 1 };
    if rest.is_empty() {
        return Some((path, Depth::Segment));
    }
    let Some((field, rest)) = dashed(rest) else { return None };
    let path = Path { field, ..path };
    let (path, rest, depth) = match rest {
        [b'(', b'0', b')', rest @ ..] => (path, rest, Depth::Repetition),
        [b'(', ..] => match count(rest) {
            Some((before, rest)) if before < u16::MAX => {
                (Path { repetition: before + 1, ..path }, rest, Depth::Repetition)
            }
            _ => return None,
        },
        _ => (path, rest, Depth::Field),
    };
    if rest.is_empty() {
        return Some((path, depth));
    }
    let Some((component, rest)) = dashed(rest) else { return None };
    let path = Path { component, ..path };
    if rest.is_empty() {
        return Some((path, Depth::Component));
    }
    match dashed(rest) {
        Some((subcomponent, [])) => Some((Path { subcomponent, ..path }, Depth::Subcomponent)),
        _ => None,
    }
}

const fn dashed(input: &[u8]) -> Option<(u16, &[u8])> {
    match input {
        [b'-', rest @ ..] => number(rest),
        _ => None,
    }
}

const fn read_own(text: &[u8]) -> Option<(Path, Depth)> {
    let [first, second, third, rest @ ..] = text else { return None };
    let segment = [*first, *second, *third];
    if !is_segment_id(segment) {
        return None;
    }
    let Some((occurrence, rest)) = count(rest) else { return None };
    let occurrence = match (occurrence, rest) {
        (0, [b'0'..=b'9', ..]) => number(rest),
        (0, _) => Some((1, rest)),
        (occurrence, _) => Some((occurrence, rest)),
    };
    let Some((occurrence, rest)) = occurrence else { return None };
    let path = Path { segment, occurrence, field: 1, repetition: 1, component: 1, subcomponent: 1 };
    if rest.is_empty() {
        return Some((path, Depth::Segment));
    }
    let Some((field, rest)) = part(rest, b'F') else { return None };
    below_field(Path { field, ..path }, rest)
}

const fn below_field(path: Path, rest: &[u8]) -> Option<(Path, Depth)> {
    let counted = match rest {
        [b'-' | b'.', b'R', ..] => part(rest, b'R'),
        _ => count(rest),
    };
    let (repetition, rest, depth) = match counted {
        None => return None,
        Some((0, rest)) => (1, rest, Depth::Field),
        Some((repetition, rest)) => (repetition, rest, Depth::Repetition),
    };
    let path = Path { repetition, ..path };
    if rest.is_empty() {
        return Some((path, depth));
    }
    let Some((component, rest)) = part(rest, b'C') else { return None };
    let path = Path { component, ..path };
    if rest.is_empty() {
        return Some((path, Depth::Component));
    }
    match part(rest, b'S') {
        Some((subcomponent, [])) => Some((Path { subcomponent, ..path }, Depth::Subcomponent)),
        _ => None,
    }
}

/// Three characters that may name a segment (HL7 2.5.1 section 2.5.2).
pub(super) const fn is_segment_id(id: [u8; 3]) -> bool {
    let [first, second, third] = id;
    first.is_ascii_uppercase() && is_follower(second) && is_follower(third)
}

const fn is_follower(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

/// A separator, the letter that some write before the number, and the number.
const fn part(input: &[u8], letter: u8) -> Option<(u16, &[u8])> {
    let [b'-' | b'.', rest @ ..] = input else { return None };
    match rest {
        [first, after @ ..] if *first == letter => number(after),
        _ => number(rest),
    }
}

/// A number in brackets; 0 where there is none.
const fn count(input: &[u8]) -> Option<(u16, &[u8])> {
    let [open @ (b'[' | b'('), rest @ ..] = input else { return Some((0, input)) };
    let close = if *open == b'[' { b']' } else { b')' };
    match number(rest) {
        Some((number, [last, rest @ ..])) if *last == close => Some((number, rest)),
        _ => None,
    }
}

const fn number(input: &[u8]) -> Option<(u16, &[u8])> {
    let mut rest = input;
    let mut number = 0_u16;
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        let Some(shifted) = number.checked_mul(10) else { return None };
        let Some(sum) = shifted.checked_add((*digit - b'0') as u16) else { return None };
        number = sum;
        rest = after;
    }
    if number == 0 { None } else { Some((number, rest)) }
}
