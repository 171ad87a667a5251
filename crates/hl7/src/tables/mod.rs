//! What the standard says of segments, data types, codes and messages, as tables.
//!
//! Radiology's part of HL7 2.5.1 and 2.3.1: the segments of orders, reports, appointments and patient
//! administration, the composite data types in them, the code tables, the message structures, and the usage that
//! IHE RAD gives to fields. The tables are text beside this module, read once when first asked for. They are facts
//! for reading and checking, never a gate: no view needs them.
//!
//! ```
//! use telerad_hl7::tables::{self, Usage, Version};
//!
//! let field = tables::segment("PID").and_then(|pid| pid.field(3)).ok_or("no PID-3")?;
//! assert_eq!(field.name, "Patient Identifier List");
//! let rule = field.rule(Version::V2_5_1).ok_or("not in 2.5.1")?;
//! assert_eq!((rule.datatype, rule.usage), ("CX", Usage::Required));
//! let codes = tables::codes("0008").ok_or("no table 0008")?;
//! assert_eq!(codes.meaning("AR"), Some("Original mode: Application Reject - Enhanced mode: Application acknowledgment: Reject"));
//! # Ok::<(), &str>(())
//! ```

mod codes;
mod grammar;
mod read;

use std::fmt;
use std::sync::LazyLock;

pub use self::codes::{Code, CodeTable};
pub use self::grammar::{Item, Structure};

/// The versions that the tables tell apart.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// 2.3.1, which stands for everything before 2.4.
    V2_3_1,
    /// 2.5.1, which stands for 2.4 and everything later.
    V2_5_1,
}

impl Version {
    /// The tables to read a message by, from MSH-12.1. What is no version is read by the newest.
    pub fn from_version_id(version_id: &str) -> Self {
        let mut numbers = version_id.trim().split('.').map(|number| number.trim().parse::<u8>());
        match (numbers.next(), numbers.next()) {
            (Some(Ok(2)), Some(Ok(minor))) if minor < 4 => Self::V2_3_1,
            (Some(Ok(2)), None) | (Some(Ok(0 | 1)), _) => Self::V2_3_1,
            _ => Self::V2_5_1,
        }
    }

    /// As MSH-12 writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2_3_1 => "2.3.1",
            Self::V2_5_1 => "2.5.1",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a field or component has to be there (HL7 2.5.1 section 2.5.3.4; IHE RAD TF-2 section 2.4).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Usage {
    /// `B`: for backward compatibility only.
    Backward,
    /// `C`: depends on a condition.
    Conditional,
    /// `CE`: depends on a condition, and may be empty even so (IHE).
    ConditionalOrEmpty,
    /// `O`
    Optional,
    /// `R`
    Required,
    /// `RE` or, in older IHE texts, `R2`: required where the sender knows it.
    RequiredIfKnown,
    /// `X`: not to be sent.
    NotSupported,
    /// `R+`: required by IHE, although HL7 leaves it optional.
    RequiredByIhe,
    /// `W`: withdrawn.
    Withdrawn,
}

impl Usage {
    /// Whether a field without a value is at fault.
    pub fn is_required(self) -> bool {
        matches!(self, Self::Required | Self::RequiredByIhe)
    }

    pub(crate) fn read(letters: &str) -> Option<Self> {
        Some(match letters {
            "B" => Self::Backward,
            "C" => Self::Conditional,
            "CE" => Self::ConditionalOrEmpty,
            "O" => Self::Optional,
            "R" => Self::Required,
            "RE" | "R2" => Self::RequiredIfKnown,
            "X" => Self::NotSupported,
            "R+" => Self::RequiredByIhe,
            "W" => Self::Withdrawn,
            _ => return None,
        })
    }
}

/// One segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SegmentTable {
    /// Such as `PID`.
    pub id: &'static str,
    /// Such as `Patient Identification`.
    pub name: &'static str,
    /// Its fields in order, from field 1 and without gaps.
    pub fields: Vec<FieldTable>,
}

impl SegmentTable {
    /// Field `n`, from 1.
    pub fn field(&self, n: usize) -> Option<&FieldTable> {
        self.fields.get(n.checked_sub(1)?)
    }

    /// The number of fields that the version defines; none when it does not have the segment.
    pub fn field_count(&self, version: Version) -> usize {
        self.fields
            .iter()
            .rposition(|field| field.rule(version).is_some())
            .map_or(0, |last| last.saturating_add(1))
    }
}

/// One field of a segment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldTable {
    /// From 1.
    pub number: u16,
    /// The name of the newer version.
    pub name: &'static str,
    /// The code table of the field, such as `0001`.
    pub table: Option<&'static str>,
    v2_5_1: Option<FieldRule>,
    v2_3_1: Option<FieldRule>,
    ihe_2_5_1: Option<Usage>,
    ihe_2_3_1: Option<Usage>,
}

impl FieldTable {
    /// What the version says of the field; `None` when it does not have it.
    pub fn rule(&self, version: Version) -> Option<FieldRule> {
        match version {
            Version::V2_3_1 => self.v2_3_1,
            Version::V2_5_1 => self.v2_5_1,
        }
    }

    /// The usage that IHE RAD gives to the field, where it says one.
    pub fn ihe_usage(&self, version: Version) -> Option<Usage> {
        match version {
            Version::V2_3_1 => self.ihe_2_3_1,
            Version::V2_5_1 => self.ihe_2_5_1,
        }
    }
}

/// What one version says of a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FieldRule {
    /// Such as `CX`; `varies` where another field names the type.
    pub datatype: &'static str,
    /// Whether it has to be there.
    pub usage: Usage,
    /// How often it may repeat; `None` for any number.
    pub repetitions_max: Option<u16>,
    /// The length printed in the standard. Advisory: every report with a PDF file exceeds it.
    pub length: Option<u32>,
}

/// One composite data type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DatatypeTable {
    /// Such as `CX`.
    pub id: &'static str,
    /// Such as `Extended Composite ID with Check Digit`.
    pub name: &'static str,
    v2_5_1: Vec<ComponentTable>,
    v2_3_1: Vec<ComponentTable>,
}

impl DatatypeTable {
    /// The components of the version, from component 1; none when it does not have the type.
    pub fn components(&self, version: Version) -> &[ComponentTable] {
        match version {
            Version::V2_3_1 => &self.v2_3_1,
            Version::V2_5_1 => &self.v2_5_1,
        }
    }
}

/// One component of a data type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ComponentTable {
    /// Such as `Assigning Authority`.
    pub name: &'static str,
    /// Such as `HD`.
    pub datatype: &'static str,
    /// Whether it has to be there; optional where the standard says nothing.
    pub usage: Usage,
    /// The code table of the component.
    pub table: Option<&'static str>,
}

/// All segments, in the order of the standard's chapters.
pub fn segments() -> &'static [SegmentTable] {
    &TABLES.segments
}

/// The segment with this id.
pub fn segment(id: &str) -> Option<&'static SegmentTable> {
    TABLES.segments.iter().find(|segment| segment.id == id)
}

/// All composite data types, sorted by id as far as the standard's appendix is.
pub fn datatypes() -> &'static [DatatypeTable] {
    &TABLES.datatypes
}

/// The composite data type with this id; `None` for primitive types.
pub fn datatype(id: &str) -> Option<&'static DatatypeTable> {
    TABLES.datatypes.iter().find(|datatype| datatype.id == id)
}

/// All code tables by number.
pub fn code_tables() -> &'static [CodeTable] {
    &TABLES.codes
}

/// The code table with this number, such as `0001`.
pub fn codes(number: &str) -> Option<&'static CodeTable> {
    TABLES.codes.iter().find(|table| table.number == number)
}

/// All message structures of a version.
pub fn structures(version: Version) -> impl Iterator<Item = &'static Structure> {
    TABLES.structures.iter().filter(move |structure| structure.version == version)
}

/// The structure of this name, such as `OMI_O23`.
pub fn structure(version: Version, id: &str) -> Option<&'static Structure> {
    structures(version).find(|structure| structure.id == id)
}

/// The structure of a message by MSH-9.1 and MSH-9.2, whatever MSH-9.3 claims.
///
/// An event that the version does not have yet is looked up in the other one: senders label 2.3 and send OMI.
/// Every acknowledgement is `ACK`, whatever its event.
pub fn structure_of(version: Version, code: &str, event: &str) -> Option<&'static Structure> {
    if code == "ACK" {
        return structure(version, "ACK");
    }
    let other = match version {
        Version::V2_3_1 => Version::V2_5_1,
        Version::V2_5_1 => Version::V2_3_1,
    };
    [version, other].into_iter().find_map(|version| {
        let events = TABLES.events.iter().filter(|each| each.version == version);
        let mut events = events.filter(|each| each.code == code && each.event == event);
        structure(version, events.next()?.structure)
    })
}

/// A trigger event and the structure its message has.
#[derive(Clone, Copy, Debug)]
struct Event {
    version: Version,
    code: &'static str,
    event: &'static str,
    structure: &'static str,
}

struct Tables {
    segments: Vec<SegmentTable>,
    datatypes: Vec<DatatypeTable>,
    codes: Vec<CodeTable>,
    structures: Vec<Structure>,
    events: Vec<Event>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let (structures, events) = read::messages(include_str!("messages.txt"));
    Tables {
        segments: read::segments(include_str!("segments.txt")),
        datatypes: read::datatypes(include_str!("datatypes.txt")),
        codes: read::codes(include_str!("codes.txt")),
        structures,
        events,
    }
});

#[cfg(test)]
mod tests;
