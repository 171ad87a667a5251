//! Places that need not be values: whole segments, fields, repetitions.

use std::fmt;
use std::str::FromStr;

use super::{Depth, InvalidPath, Path, grammar};

/// A place to blame or to change: a segment, or something in it, of which `MSH-9` and `MSH-9.1` are two.
///
/// It is what data type ERL of ERR-2 holds (HL7 2.5.1 section 2.A.28), and reads and writes like a [`Path`], except
/// that it keeps how deep it was spelled.
///
/// ```
/// use telerad_hl7::Location;
///
/// let place: Location = "MSH-9.1".parse()?;
/// assert_eq!(place.error_location(), "MSH^1^9^1^1");
/// assert_eq!(Location::from_error_location("OBX^4^5")?.to_string(), "OBX[4]-5");
/// # Ok::<(), telerad_hl7::InvalidPath>(())
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Location {
    path: Path,
    depth: Depth,
}

impl Location {
    /// The place of `path`, `depth` levels down; what lies below counts as 1.
    pub const fn new(path: Path, depth: Depth) -> Self {
        let Path { mut field, mut repetition, mut component, mut subcomponent, .. } = path;
        if matches!(depth, Depth::Segment) {
            field = 1;
        }
        if matches!(depth, Depth::Segment | Depth::Field) {
            repetition = 1;
        }
        if !matches!(depth, Depth::Component | Depth::Subcomponent) {
            component = 1;
        }
        if !matches!(depth, Depth::Subcomponent) {
            subcomponent = 1;
        }
        Self { path: Path { field, repetition, component, subcomponent, ..path }, depth }
    }

    /// A whole segment: the `occurrence`th, from 1, with this id.
    ///
    /// # Errors
    /// [`InvalidPath`] when `id` names no segment, or `occurrence` is 0.
    pub fn segment(id: &str, occurrence: u16) -> Result<Self, InvalidPath> {
        match grammar::read(id) {
            Some((path, Depth::Segment)) if id.len() == 3 && occurrence > 0 => {
                Ok(Self::new(path.in_occurrence(occurrence), Depth::Segment))
            }
            _ => Err(InvalidPath::Spelling),
        }
    }

    /// Reads data type ERL (HL7 2.5.1 section 2.A.28), its components joined by `^`. Empty components count as 1
    /// where a later one follows, and end the location where none does. ELD of ERR-1, whose fourth component is a code, is
    /// read by [`Eld`](crate::datatype::Eld).
    ///
    /// # Errors
    /// [`InvalidPath`] when there is no segment id, or a component is no number from 1 to 65535.
    pub fn from_error_location(text: &str) -> Result<Self, InvalidPath> {
        let mut parts = text.trim_end_matches('^').split('^');
        let id = parts.next().unwrap_or_default();
        let Self { mut path, mut depth } = Self::segment(id, 1)?;
        let places = [
            (&mut path.occurrence, Depth::Segment),
            (&mut path.field, Depth::Field),
            (&mut path.repetition, Depth::Repetition),
            (&mut path.component, Depth::Component),
            (&mut path.subcomponent, Depth::Subcomponent),
        ];
        for (place, deeper) in places {
            let Some(part) = parts.next() else { break };
            depth = deeper;
            if !part.is_empty() {
                *place =
                    part.parse().ok().filter(|&number| number > 0).ok_or(InvalidPath::Spelling)?;
            }
        }
        if parts.next().is_some() { Err(InvalidPath::Spelling) } else { Ok(Self { path, depth }) }
    }

    /// Data type ERL, its components joined by `^`.
    pub fn error_location(&self) -> String {
        let Path { occurrence, field, repetition, component, subcomponent, .. } = self.path;
        let mut location = format!("{}^{occurrence}", self.path.segment());
        for (number, depth) in [
            (field, Depth::Field),
            (repetition, Depth::Repetition),
            (component, Depth::Component),
            (subcomponent, Depth::Subcomponent),
        ] {
            if self.depth >= depth {
                location.push('^');
                location.push_str(&number.to_string());
            }
        }
        location
    }

    /// The first value here, and the segment of it.
    pub const fn path(&self) -> Path {
        self.path
    }

    /// How far down this goes.
    pub const fn depth(&self) -> Depth {
        self.depth
    }

    /// Whether `other` is this place or lies in it.
    pub fn contains(&self, other: &Self) -> bool {
        self.depth <= other.depth && Self::new(other.path, self.depth) == *self
    }
}

/// As deep as the path says something else than 1: `PID-3` is the field, `PID-3.2` the component.
impl From<Path> for Location {
    fn from(path: Path) -> Self {
        let depth = match (path.repetition, path.component, path.subcomponent) {
            (1, 1, 1) => Depth::Field,
            (_, 1, 1) => Depth::Repetition,
            (_, _, 1) => Depth::Component,
            _ => Depth::Subcomponent,
        };
        Self { path, depth }
    }
}

impl FromStr for Location {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        grammar::read(text)
            .map(|(path, depth)| Self { path, depth })
            .ok_or_else(|| InvalidPath::of(text))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Path { occurrence, field, repetition, component, subcomponent, .. } = self.path;
        f.write_str(self.path.segment())?;
        if occurrence != 1 {
            write!(f, "[{occurrence}]")?;
        }
        if self.depth >= Depth::Field {
            write!(f, "-{field}")?;
        }
        if self.depth == Depth::Repetition || (self.depth > Depth::Repetition && repetition != 1) {
            write!(f, "({repetition})")?;
        }
        if self.depth >= Depth::Component {
            write!(f, ".{component}")?;
        }
        if self.depth >= Depth::Subcomponent {
            write!(f, ".{subcomponent}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}
