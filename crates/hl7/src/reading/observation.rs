//! Observations.

use std::fmt;
use std::ops::Range;

use telerad_core::Uid;

use crate::datatype::{Ce, Datatype, Hd, Ts, Xcn};
use crate::group::ObservationGroup;
use crate::{Location, Segment, tables};

/// One OBX with its text.
#[derive(Clone, Eq, PartialEq)]
pub struct Observation {
    /// OBX-2, table 0125; empty means text.
    pub value_type: String,
    /// OBX-3.
    pub identifier: Ce,
    /// The suffix of OBX-3.1 after `&`, such as `GDT`, `IMP`, `ADT` (HL7 2.3.1 section 7.1.3), or one of these alone in
    /// OBX-3.1, as is as common.
    pub suffix: String,
    /// OBX-4.
    pub sub_id: String,
    /// OBX-5 as lines: each repetition is one or more. Of coded values the text, of a number the number; empty for
    /// encapsulated data.
    pub text: String,
    /// Whether OBX-5 is null, which deletes the value that was sent before.
    pub is_null: bool,
    /// OBX-6, identifier or text.
    pub units: String,
    /// OBX-8, table 0078.
    pub abnormal_flags: Vec<String>,
    /// OBX-11.
    pub status: ObservationStatus,
    /// OBX-11 as it stands.
    pub status_code: String,
    /// OBX-14.
    pub observed: Ts,
    /// OBX-19.
    pub analyzed: Ts,
    /// OBX-16, who is responsible.
    pub responsible: Xcn,
    /// The Study Instance UID, where the OBX says nothing else: `Study Instance UID` as text (IHE RAD-28), 113014 (IHE
    /// RAD-128) or 110180 (DCM) with a UID as value. Anything else under these names is part of the report.
    pub study_instance_uid: Option<Uid>,
    /// NTE after the OBX, as lines.
    pub notes: Vec<String>,
    /// Where the OBX is.
    pub location: Option<Location>,
    /// The bytes of OBX-5 in the message.
    pub span: Range<usize>,
}

/// OBX-11, table 0085.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ObservationStatus {
    /// `C`: corrects a final result.
    Correction,
    /// `D`: deletes the line.
    Delete,
    /// `A`, of later versions: amended by the patient's demographics; says nothing of the text.
    DemographicsAmended,
    /// `F`
    Final,
    /// `N`
    NotAsked,
    /// `X`
    NotObtainable,
    /// `O`: detail of an order, no result.
    OrderDetail,
    /// `S`
    Partial,
    /// `I`
    Pending,
    /// `P`
    Preliminary,
    /// `U`: final without being sent again.
    StatusOnly,
    /// Empty, or a code that is not in the table.
    #[default]
    Unknown,
    /// `R`
    Unverified,
    /// `W`: wrong, such as another patient's.
    Wrong,
}

impl ObservationStatus {
    /// Reads a code of table 0085.
    pub fn from_code(code: &str) -> Self {
        match code.trim() {
            "A" => Self::DemographicsAmended,
            "C" => Self::Correction,
            "D" => Self::Delete,
            "F" => Self::Final,
            "I" => Self::Pending,
            "N" => Self::NotAsked,
            "O" => Self::OrderDetail,
            "P" => Self::Preliminary,
            "R" => Self::Unverified,
            "S" => Self::Partial,
            "U" => Self::StatusOnly,
            "W" => Self::Wrong,
            "X" => Self::NotObtainable,
            _ => Self::Unknown,
        }
    }

    /// Whether the line is taken back rather than said.
    pub fn is_withdrawn(self) -> bool {
        matches!(self, Self::Delete | Self::Wrong)
    }
}

impl Observation {
    /// Reads one OBX and its notes.
    pub fn of(group: &ObservationGroup<'_>) -> Self {
        Self {
            notes: group.notes.iter().map(|note| lines(note, 3)).collect(),
            location: group.observation.location(),
            ..Self::of_segment(&group.observation)
        }
    }

    /// Reads one OBX by itself, without its notes and its place among the others.
    pub fn of_segment(obx: &Segment<'_>) -> Self {
        let value_type = String::read(obx.field(2));
        let units = Ce::read(obx.field(6));
        let mut identifier = Ce::read(obx.field(3));
        let study_instance_uid = study(obx, &identifier);
        let mut suffix = obx.field(3).component(1).subcomponent(2).text().trim().to_owned();
        if suffix.is_empty() && matches!(&*identifier.identifier, "GDT" | "IMP" | "ADT" | "REC") {
            suffix = std::mem::take(&mut identifier.identifier);
        }
        Self {
            text: text(obx, &value_type),
            value_type,
            identifier,
            suffix,
            study_instance_uid,
            is_null: obx.field(5).is_null(),
            sub_id: String::read(obx.field(4)),
            units: if units.identifier.is_empty() { units.text } else { units.identifier },
            abnormal_flags: String::read_all(obx.field(8)),
            status: ObservationStatus::from_code(&obx.field(11).text()),
            status_code: String::read(obx.field(11)),
            observed: Ts::read(obx.field(14)),
            analyzed: Ts::read(obx.field(19)),
            responsible: Xcn::read(obx.field(16)),
            notes: Vec::new(),
            location: None,
            span: obx.field(5).span(),
        }
    }

    /// Whether OBX-5 is text to be read by a person.
    pub fn is_text(&self) -> bool {
        matches!(self.value_type.as_str(), "" | "TX" | "FT" | "ST")
    }
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A shifted field can put anything into OBX-2.
        let codes = tables::codes("0125").map_or(&[][..], |table| &table.codes);
        let known = codes.iter().map(|code| code.code).find(|code| *code == self.value_type);
        write!(f, "Observation({:?}, {:?}, <redacted>)", known.unwrap_or(""), self.status)
    }
}

fn study(obx: &Segment<'_>, identifier: &Ce) -> Option<Uid> {
    let is_label = |text: &String| text.eq_ignore_ascii_case("Study Instance UID");
    let is_named = matches!(identifier.identifier.as_str(), "113014" | "110180")
        || [&identifier.identifier, &identifier.text].into_iter().any(is_label);
    // In an HD the UID may stand in the first component or in the second.
    let value = Hd::read(obx.field(5));
    let parts = [value.namespace_id, value.universal_id];
    let said = parts.into_iter().find(|part| !part.is_empty()).filter(|_| is_named)?;
    Uid::new(&said).ok()
}

fn text(obx: &Segment<'_>, value_type: &str) -> String {
    match value_type {
        "ED" | "RP" => String::new(),
        "CE" | "CWE" | "CNE" | "CF" => {
            let said = Ce::read_all(obx.field(5)).into_iter();
            let words =
                said.map(|code| if code.text.is_empty() { code.identifier } else { code.text });
            words.collect::<Vec<_>>().join("\n")
        }
        _ => lines(obx, 5),
    }
}

/// The repetitions of a field, each as one or more lines.
pub(super) fn lines(segment: &Segment<'_>, n: usize) -> String {
    let field = segment.field(n);
    if field.is_null() {
        return String::new();
    }
    let lines: Vec<String> =
        field.repetitions().map(|repetition| repetition.whole_text()).collect();
    lines.join("\n")
}
