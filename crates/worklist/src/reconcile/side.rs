//! Left or right.

use serde::{Deserialize, Serialize};
use telerad_core::Code;

use super::{Attribute, Difference, ImageFacts, Severity};
use crate::query::fold;
use crate::{OrderRecord, ScheduledStep};

/// Words and codes by which a site names sides, beside the coded ones that everybody knows.
///
/// They count as whole words, whatever their case and accents, in the procedure and protocol of an order, and in Series
/// Description (0008,103E), Protocol Name (0018,1030) and Body Part Examined (0018,0015) of an image; a code counts
/// when it is the whole code value. Without any, nothing is read out of such texts: `L` is as often a vertebra.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct SideWords {
    /// For both sides.
    pub both: Vec<String>,
    /// For the left one.
    pub left: Vec<String>,
    /// For the right one.
    pub right: Vec<String>,
}

/// Which sides somebody named.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Sides {
    /// The left one is among them.
    pub left: bool,
    /// The right one is among them.
    pub right: bool,
}

impl Sides {
    /// No side was named, or the part of the body has none.
    pub const NONE: Self = Self { left: false, right: false };
    /// The left one.
    pub const LEFT: Self = Self { left: true, right: false };
    /// The right one.
    pub const RIGHT: Self = Self { left: false, right: true };
    /// Both.
    pub const BOTH: Self = Self { left: true, right: true };

    /// The sides of either.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { left: self.left || other.left, right: self.right || other.right }
    }

    fn shares(self, other: Self) -> bool {
        self.left && other.left || self.right && other.right
    }

    /// The enumerated values of (0020,0060) and (0020,0062); `U` and everything else name no side.
    fn from_dicom(text: &str) -> Self {
        match text.trim() {
            "B" => Self::BOTH,
            "L" => Self::LEFT,
            "R" => Self::RIGHT,
            _ => Self::NONE,
        }
    }

    fn word(self) -> &'static str {
        match (self.left, self.right) {
            (true, true) => "both",
            (true, false) => "left",
            (false, true) => "right",
            (false, false) => "",
        }
    }
}

impl SideWords {
    fn in_text(&self, text: &str) -> Sides {
        if text.is_empty() || self.is_empty() {
            return Sides::NONE;
        }
        let text = fold::text(text);
        let words = || text.split(|one: char| !one.is_alphanumeric());
        let names = |declared: &[String]| {
            declared.iter().any(|word| {
                let word = fold::text(word);
                !word.is_empty() && (words().any(|one| one == word) || text == word)
            })
        };
        self.sides(names)
    }

    fn of_code(&self, code: &Code) -> Sides {
        let value = fold::text(&code.value);
        let by_rule = self.sides(|declared| {
            !value.is_empty() && declared.iter().any(|word| fold::text(word) == value)
        });
        by_rule.and(known_code(code))
    }

    fn sides(&self, names: impl Fn(&[String]) -> bool) -> Sides {
        let (both, left, right) = (names(&self.both), names(&self.left), names(&self.right));
        Sides { left: both || left, right: both || right }
    }

    fn is_empty(&self) -> bool {
        self.both.is_empty() && self.left.is_empty() && self.right.is_empty()
    }
}

/// Codes whose meaning is a side and nothing else: DICOM CID 244 in SNOMED CT and in its older form, HL7 table 0495 (body
/// site modifier), and the anatomic modifiers of HCPCS and CPT (HL7 table 0340).
fn known_code(code: &Code) -> Sides {
    let scheme = code.scheme.to_ascii_uppercase();
    let row = CODES.iter().find(|(schemes, value, _)| {
        schemes.contains(&scheme.as_str()) && value.eq_ignore_ascii_case(&code.value)
    });
    row.map_or(Sides::NONE, |(_, _, sides)| *sides)
}

pub(super) const CODES: [(&[&str], &str, Sides); 12] = [
    (SNOMED_CT, "7771000", Sides::LEFT),
    (SNOMED_CT, "24028007", Sides::RIGHT),
    (SNOMED_CT, "51440002", Sides::BOTH),
    (SNOMED_RT, "G-A101", Sides::LEFT),
    (SNOMED_RT, "G-A100", Sides::RIGHT),
    (SNOMED_RT, "G-A102", Sides::BOTH),
    (HL7_0495, "L", Sides::LEFT),
    (HL7_0495, "R", Sides::RIGHT),
    (HL7_0495, "BIL", Sides::BOTH),
    (MODIFIERS, "LT", Sides::LEFT),
    (MODIFIERS, "RT", Sides::RIGHT),
    (MODIFIERS, "50", Sides::BOTH),
];
/// The same without a scheme, as they stand in OBR-15.5, OBR-45 and OBR-46.
pub(super) const MODIFIERS_ALONE: [(&str, Sides); 10] = [
    ("L", Sides::LEFT),
    ("LT", Sides::LEFT),
    ("LEFT", Sides::LEFT),
    ("R", Sides::RIGHT),
    ("RT", Sides::RIGHT),
    ("RIGHT", Sides::RIGHT),
    ("B", Sides::BOTH),
    ("BIL", Sides::BOTH),
    ("BILATERAL", Sides::BOTH),
    ("50", Sides::BOTH),
];
const SNOMED_CT: &[&str] = &["SCT", "SNOMED-CT", "2.16.840.1.113883.6.96"];
const SNOMED_RT: &[&str] = &["SRT", "SNM3", "99SDM"];
const HL7_0495: &[&str] = &["HL70495"];
const MODIFIERS: &[&str] = &["C4", "CPTM", "HCPCS", "HL70340"];

/// The sides that an order names, in codes and in the words that the site declared.
pub(super) fn ordered(order: &OrderRecord, steps: &[ScheduledStep], words: &SideWords) -> Sides {
    let procedure = &order.order.procedure;
    let protocols = steps.iter().map(|step| &step.protocol);
    let codes = protocols.chain([procedure]);
    let coded = codes.fold(Sides::NONE, |sides, code| {
        sides.and(words.of_code(code)).and(words.in_text(&code.meaning))
    });
    steps.iter().fold(coded, |sides, step| {
        let modifier = modifier(&step.laterality).and(words.of_code(&step.laterality));
        sides
            .and(modifier)
            .and(words.in_text(&step.description))
            .and(words.in_text(&step.body_site))
    })
}

/// What stands in a field for the side alone, where most senders name no scheme.
fn modifier(code: &Code) -> Sides {
    if !code.scheme.is_empty() {
        return Sides::NONE;
    }
    let row = MODIFIERS_ALONE.iter().find(|(value, _)| value.eq_ignore_ascii_case(&code.value));
    row.map_or(Sides::NONE, |(_, sides)| *sides)
}

/// The sides that an image names. Its own element comes before that of its series, and both before declared words.
pub(super) fn imaged(image: &ImageFacts<'_>, words: &SideWords) -> Sides {
    let coded = [image.image_laterality, image.laterality].into_iter().map(Sides::from_dicom);
    let coded = coded.into_iter().find(|sides| *sides != Sides::NONE).unwrap_or_default();
    let texts = [&image.head.series_description, image.protocol_name, &image.head.body_part];
    texts.into_iter().fold(coded, |sides, text| sides.and(words.in_text(text)))
}

pub(super) fn compare(
    order: &OrderRecord,
    steps: &[ScheduledStep],
    image: &ImageFacts<'_>,
    words: &SideWords,
) -> Option<Difference> {
    difference(ordered(order, steps, words), imaged(image, words))
}

pub(super) fn difference(ordered: Sides, imaged: Sides) -> Option<Difference> {
    let (severity, statement) = verdict(ordered, imaged)?;
    let difference = Difference::new(Attribute::Laterality, severity, statement);
    Some(difference.between(ordered.word(), imaged.word()))
}

/// Tested cell by cell.
pub(super) fn verdict(ordered: Sides, imaged: Sides) -> Option<(Severity, &'static str)> {
    if ordered == Sides::NONE || imaged == Sides::NONE {
        return None;
    }
    Some(match (ordered == imaged.and(ordered), ordered.shares(imaged)) {
        // One side of two that were ordered: the other may be in another series.
        (true, _) => (Severity::Agree, "is as ordered"),
        (false, true) => (Severity::Warn, "is of both sides where one was ordered"),
        (false, false) => (Severity::Stop, "is the wrong side"),
    })
}
