//! Addresses of values in a message.

mod depth;
mod grammar;
mod location;

use std::fmt;
use std::str::FromStr;

pub use self::depth::Depth;
pub use self::location::Location;

/// The place of one value: `OBX[2]-5(1).2.1` is segment OBX, its second occurrence, field 5, first repetition,
/// second component, first subcomponent.
///
/// Everything but segment and field defaults to 1, so `PID-3` is the first component of the first identifier.
/// Reading accepts the habits of other tools as well:
///
/// | written | habit of | same as |
/// |---|---|---|
/// | `PID-5(2).1`, `OBX[3]-5.1.2` | this crate | |
/// | `PID.5.1`, `PID-5-1`, `PID-5.1` | Mirth, HAPI, interface documents | `PID-5` |
/// | `PID-5[2].1`, `OBX(3)-5` | brackets the other way round | `PID-5(2)`, `OBX[3]-5` |
/// | `PID.F5.R2.C1.S2`, `OBX3.F5` | python-hl7 and its kin | `PID-5(2).1.2`, `OBX[3]-5` |
/// | `/PID-5(0)-2`, `/.PID-5(1)-1-2` | HAPI's Terser | `PID-5.2`, `PID-5(2).1.2` |
///
/// Counting starts at 1 in all of them, except that HAPI's Terser counts in parentheses from 0. A path that begins with
/// a slash is one of the Terser's; `PID-5(1)` may be one as well, but nothing in the text tells, so that it has to be
/// translated by whoever knows where it comes from. Groups (`/PATIENT_RESULT/OBSERVATION(1)/OBX-5`) are refused, and
/// segments counted inside one (`/.OBX(1)-5`): which segment of the message that is depends on its structure.
///
/// [`path!`](crate::path!) reads the same grammar when the program is compiled.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Path {
    pub(crate) segment: [u8; 3],
    pub(crate) occurrence: u16,
    pub(crate) field: u16,
    pub(crate) repetition: u16,
    pub(crate) component: u16,
    pub(crate) subcomponent: u16,
}

/// Why a text is no path.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPath {
    /// A path of HAPI's Terser that names groups, or counts segments in one.
    #[error(
        "a Terser path through groups depends on the structure of the message: count the segments of the whole message \
         from 1, as in OBX[2]-5"
    )]
    Group,
    /// It is spelled in no way that is known, or counts beyond 65535.
    #[error("not a path like PID-3 or OBX[2]-5(1).2.1: counting starts at 1 and ends at 65535")]
    Spelling,
    /// It counts from 0 and does not begin with a slash, as paths of HAPI's Terser do.
    #[error(
        "counting starts at 1, as in PID-5(1); a Terser path, which counts from 0, begins with a slash"
    )]
    Zero,
}

impl InvalidPath {
    /// What is wrong with a text that the grammar does not read.
    fn of(text: &str) -> Self {
        let terser = text.strip_prefix('/');
        let counts = |path: &str| path.split('-').next().is_some_and(|id| id.contains('('));
        if terser.is_some_and(|path| path.contains('/') || counts(path)) {
            Self::Group
        } else if terser.is_none() && (text.contains("(0)") || text.contains("[0]")) {
            Self::Zero
        } else {
            Self::Spelling
        }
    }
}

/// A [`Path`] that is checked when the program is compiled.
///
/// ```
/// use telerad_hl7::{Path, path};
///
/// const FAMILY_NAME: Path = path!("PID-5(2).1");
/// assert_eq!(Ok(FAMILY_NAME), "PID-5[2].1".parse());
/// ```
///
/// A slip of the pen does not compile:
///
/// ```compile_fail
/// telerad_hl7::path!("PID-0");
/// ```
///
/// ```compile_fail
/// telerad_hl7::path!("PID-5(2");
/// ```
///
/// ```compile_fail
/// telerad_hl7::path!("PID");
/// ```
///
/// ```compile_fail
/// telerad_hl7::path!("/PATIENT_RESULT/OBX-5");
/// ```
#[macro_export]
macro_rules! path {
    ($text:literal) => {{
        const PATH: $crate::Path = $crate::Path::constant($text);
        PATH
    }};
}

impl Path {
    /// The path that `text` spells, for constants; [`path!`](crate::path!) makes sure that it runs in the compiler.
    ///
    /// # Panics
    /// When `text` is no path. Text that is not known beforehand is read with [`FromStr`].
    #[expect(
        clippy::panic,
        reason = "the text is a literal, and the panic is an error of the compiler"
    )]
    pub const fn constant(text: &str) -> Self {
        match grammar::read(text) {
            Some((path, depth)) if !matches!(depth, Depth::Segment) => path,
            _ => panic!("not a path like PID-3 or OBX[2]-5(1).2.1"),
        }
    }

    /// The segment, as in `PID`.
    pub fn segment(&self) -> &str {
        std::str::from_utf8(&self.segment).unwrap_or_default()
    }

    /// Which of the segments with this id, from 1.
    pub fn occurrence(&self) -> usize {
        usize::from(self.occurrence)
    }

    /// The field, from 1.
    pub fn field(&self) -> usize {
        usize::from(self.field)
    }

    /// The repetition, from 1.
    pub fn repetition(&self) -> usize {
        usize::from(self.repetition)
    }

    /// The component, from 1.
    pub fn component(&self) -> usize {
        usize::from(self.component)
    }

    /// The subcomponent, from 1.
    pub fn subcomponent(&self) -> usize {
        usize::from(self.subcomponent)
    }

    /// The same place in another occurrence of the segment, from 1 (0 counts as 1).
    #[must_use]
    pub const fn in_occurrence(self, occurrence: u16) -> Self {
        Self { occurrence: if occurrence == 0 { 1 } else { occurrence }, ..self }
    }

    /// The same place in another repetition of the field, from 1 (0 counts as 1).
    #[must_use]
    pub const fn in_repetition(self, repetition: u16) -> Self {
        Self { repetition: if repetition == 0 { 1 } else { repetition }, ..self }
    }

    /// This place as an error location: data type ERL of ERR-2 (HL7 2.5.1 section 2.A.28), components joined by `^`.
    ///
    /// [`Location`] says exactly how deep a place is meant, and reads such texts.
    pub fn error_location(&self) -> String {
        Location::from(*self).error_location()
    }
}

impl FromStr for Path {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match grammar::read(text) {
            Some((path, depth)) if depth != Depth::Segment => Ok(path),
            _ => Err(InvalidPath::of(text)),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Location::from(*self).fmt(f)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({self})")
    }
}

#[cfg(test)]
mod tests;
