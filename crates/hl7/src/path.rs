//! Addresses of values in a message.

use std::fmt;
use std::str::FromStr;

use nom::branch::alt;
use nom::bytes::complete::take_while_m_n;
use nom::character::complete::{char, digit1, one_of};
use nom::combinator::{all_consuming, map_res, opt, verify};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

/// The place of one value: `OBX[2]-5(1).2.1` is segment OBX, its second occurrence, field 5, first repetition,
/// second component, first subcomponent.
///
/// Everything but segment and field defaults to 1, so `PID-3` is the first component of the first identifier.
/// Reading accepts the habits of other tools as well: `PID.5.1`, `PID-5-1`, `PID-5[2].1`, `OBX(3)-5`.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Path {
    pub(crate) segment: [u8; 3],
    pub(crate) occurrence: u16,
    pub(crate) field: u16,
    pub(crate) repetition: u16,
    pub(crate) component: u16,
    pub(crate) subcomponent: u16,
}

/// A text is no path.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a path like PID-3 or OBX[2]-5(1).2.1: counting starts at 1 and ends at 65535")]
pub struct InvalidPath;

impl Path {
    /// The segment, as in `PID`.
    pub fn segment(&self) -> &str {
        std::str::from_utf8(&self.segment).unwrap_or_default()
    }

    /// The field, from 1.
    pub fn field(&self) -> usize {
        usize::from(self.field)
    }

    /// The same place in another occurrence of the segment, from 1 (0 counts as 1).
    #[must_use]
    pub fn in_occurrence(self, occurrence: u16) -> Self {
        Self { occurrence: occurrence.max(1), ..self }
    }

    /// This place as an error location: data type ERL of ERR-2 (HL7 2.5.1 section 2.A.28), components joined by `^`.
    pub fn error_location(&self) -> String {
        let Self { occurrence, field, repetition, component, subcomponent, .. } = self;
        let mut location = format!("{}^{occurrence}^{field}", self.segment());
        let rest = [*repetition, *component, *subcomponent];
        let shown = rest.iter().rposition(|&number| number != 1).map_or(0, |last| last + 1);
        for number in rest.iter().take(shown) {
            location.push('^');
            location.push_str(&number.to_string());
        }
        location
    }
}

impl FromStr for Path {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        all_consuming(path).parse(text).map(|(_, path)| path).map_err(|_| InvalidPath)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.segment())?;
        if self.occurrence != 1 {
            write!(f, "[{}]", self.occurrence)?;
        }
        write!(f, "-{}", self.field)?;
        if self.repetition != 1 {
            write!(f, "({})", self.repetition)?;
        }
        match (self.component, self.subcomponent) {
            (1, 1) => Ok(()),
            (component, 1) => write!(f, ".{component}"),
            (component, subcomponent) => write!(f, ".{component}.{subcomponent}"),
        }
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({self})")
    }
}

fn path(input: &str) -> IResult<&str, Path> {
    let (input, segment) = segment_id(input)?;
    let (input, occurrence) = opt(bracketed).parse(input)?;
    let (input, field) = preceded(one_of("-."), number).parse(input)?;
    let (input, repetition) = opt(bracketed).parse(input)?;
    let (input, component) = opt(preceded(one_of("-."), number)).parse(input)?;
    let (input, subcomponent) = match component {
        Some(_) => opt(preceded(one_of("-."), number)).parse(input)?,
        None => (input, None),
    };
    let path = Path {
        segment,
        occurrence: occurrence.unwrap_or(1),
        field,
        repetition: repetition.unwrap_or(1),
        component: component.unwrap_or(1),
        subcomponent: subcomponent.unwrap_or(1),
    };
    Ok((input, path))
}

fn segment_id(input: &str) -> IResult<&str, [u8; 3]> {
    let letters =
        take_while_m_n(3, 3, |letter: char| letter.is_ascii_uppercase() || letter.is_ascii_digit());
    map_res(letters, |letters: &str| <[u8; 3]>::try_from(letters.as_bytes())).parse(input)
}

fn bracketed(input: &str) -> IResult<&str, u16> {
    alt((delimited(char('['), number, char(']')), delimited(char('('), number, char(')'))))
        .parse(input)
}

fn number(input: &str) -> IResult<&str, u16> {
    verify(map_res(digit1, str::parse::<u16>), |&number| number > 0).parse(input)
}

#[cfg(test)]
mod tests {
    use super::{InvalidPath, Path};

    #[track_caller]
    fn check(text: &str, expected: Result<&str, InvalidPath>) {
        let got = text.parse::<Path>().map(|path| path.to_string());
        assert_eq!(got.as_deref(), expected.as_deref(), "{text}");
    }

    #[test]
    fn paths_have_one_canonical_form() {
        check("PID-3", Ok("PID-3"));
        check("PID-3.1", Ok("PID-3"));
        check("PID-3.1.1", Ok("PID-3"));
        check("PID.5.2", Ok("PID-5.2"));
        check("PID-5-2", Ok("PID-5.2"));
        check("PID-5[2].1", Ok("PID-5(2)"));
        check("OBX[2]-5(1).2.1", Ok("OBX[2]-5.2"));
        check("OBX(3)-5(4).1.2", Ok("OBX[3]-5(4).1.2"));
        check("ZDS-1", Ok("ZDS-1"));
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "",
            "PID",
            "PID-",
            "PID-0",
            "PI-3",
            "pid-3",
            "PID-3.",
            "PID-3.0",
            "PID[0]-3",
            "PID[1-3",
            "PID-3(2",
            "PID-65536",
            "PID-3.1.1.1",
            "PID-3 ",
            " PID-3",
            "PID--3",
            "PÏD-3",
        ] {
            check(text, Err(InvalidPath));
        }
    }

    #[test]
    fn a_path_is_an_error_location_too() {
        #[track_caller]
        fn check(path: &str, expected: &str) {
            assert_eq!(path.parse().map(|path: Path| path.error_location()), Ok(expected.into()));
        }
        check("PID-3", "PID^1^3");
        check("MSH-9.2", "MSH^1^9^1^2");
        check("OBX[4]-5(2)", "OBX^4^5^2");
    }

    #[test]
    fn the_error_says_what_was_expected() {
        assert_eq!(
            InvalidPath.to_string(),
            "not a path like PID-3 or OBX[2]-5(1).2.1: counting starts at 1 and ends at 65535"
        );
    }
}
