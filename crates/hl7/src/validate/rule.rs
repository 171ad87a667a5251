//! Rules of a profile.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::finding::{FindingCode, InvalidFindingCode};
use super::list::Findings;
use super::{InvalidSeverity, Severity};
use crate::group::Placed;
use crate::tables::Version;
use crate::{Depth, Location};

/// One rule: what has to hold of a place, or of one of several.
///
/// Written as a line: `[version] place[|place…] usage [= value, …] [if place [= value, …]]`, where a version is `3` for
/// 2.3.1 and older or `5` for later ones, a place is a segment, field or component (`ZDS`, `OBR-18`, `ORC-2.3`), and a
/// usage is `R` required, `RE` required if known, `O` anything, `X` forbidden, or `any`: one of its occurrences, at
/// least, has one of the values.
///
/// A rule for a field holds for each occurrence of its segment, and where there is none only if it names another place
/// as well: `ZDS R` asks for the segment, `ZDS-1 R` for the field in it. The condition is asked of the same segment where it
/// names one with the same id, else of any in the message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// The version it is for; every one, when `None`.
    pub version: Option<Version>,
    /// The places, of which one has to have a value.
    pub places: Vec<Location>,
    /// What has to hold.
    pub requirement: Requirement,
    /// The values that are allowed; any, when empty.
    pub values: Vec<String>,
    /// When the rule holds; always, when `None`.
    pub condition: Option<Condition>,
    /// How bad a breach is; by the requirement, when `None`.
    pub severity: Option<Severity>,
    /// Words of the site's own for a breach; generated when empty.
    pub text: String,
}

/// What has to hold of a place.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Requirement {
    /// `any`: one of the occurrences has one of the values.
    Any,
    /// `X`
    Forbidden,
    /// `O`: if it has a value, it is one of those allowed.
    Optional,
    /// `R`
    Required,
    /// `RE`: a breach is only worth a remark.
    RequiredIfKnown,
}

/// When a rule holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    /// The place that is asked.
    pub place: Location,
    /// The values of which it has to have one; any, when empty.
    pub values: Vec<String>,
}

/// A text is no rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRule {
    /// The severity that an adjustment gives is none that is known.
    #[error("not a severity: error, warning, information, or none to silence the finding")]
    AdjustedSeverity,
    /// The code is that of no finding.
    #[error(transparent)]
    Code(#[from] InvalidFindingCode),
    /// An adjustment has neither code nor place, so that it would hold for everything.
    #[error("needs `code`, `place` or both")]
    Everything,
    /// A place is neither segment, field nor component.
    #[error("not a place like ZDS, OBR-18 or ORC-2.3")]
    Place,
    /// The usage is none that is known.
    #[error("not a usage: R, RE, O, X or any")]
    Usage,
    /// `any` without values says nothing.
    #[error("`any` needs values")]
    Values,
    /// The severity is none that is known.
    #[error(transparent)]
    Severity(#[from] InvalidSeverity),
    /// The version is none that is known.
    #[error("not a version: 2.3.1 or 2.5.1")]
    Version,
}

impl Requirement {
    pub(super) fn read(word: &str) -> Option<Self> {
        Some(match word {
            "any" => Self::Any,
            "X" => Self::Forbidden,
            "O" => Self::Optional,
            "R" => Self::Required,
            "RE" => Self::RequiredIfKnown,
            _ => return None,
        })
    }

    fn severity(self) -> Severity {
        match self {
            Self::Any | Self::Required | Self::Optional => Severity::Error,
            Self::Forbidden | Self::RequiredIfKnown => Severity::Information,
        }
    }
}

impl FromStr for Rule {
    type Err = InvalidRule;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let (line, condition) = match line.split_once(" if ") {
            Some((line, condition)) => (line, Some(condition.parse()?)),
            None => (line, None),
        };
        let (head, values) = line.split_once(" = ").unwrap_or((line, ""));
        let mut words = head.split_whitespace();
        let mut place = words.next().ok_or(InvalidRule::Place)?;
        let version = match place {
            "3" => Some(Version::V2_3_1),
            "5" => Some(Version::V2_5_1),
            _ => None,
        };
        if version.is_some() {
            place = words.next().ok_or(InvalidRule::Place)?;
        }
        let requirement = words.next().and_then(Requirement::read).ok_or(InvalidRule::Usage)?;
        let rule = Self {
            version,
            places: places(place)?,
            requirement,
            values: list(values),
            condition,
            severity: None,
            text: String::new(),
        };
        rule.checked()
    }
}

impl Rule {
    pub(super) fn checked(self) -> Result<Self, InvalidRule> {
        if self.requirement == Requirement::Any && self.values.is_empty() {
            return Err(InvalidRule::Values);
        }
        if self.places.is_empty() { Err(InvalidRule::Place) } else { Ok(self) }
    }

    fn severity(&self) -> Severity {
        self.severity.unwrap_or(self.requirement.severity())
    }

    fn words(&self, generated: impl fmt::Display) -> String {
        if self.text.is_empty() { generated.to_string() } else { self.text.clone() }
    }

    fn places_text(&self) -> String {
        let places: Vec<String> = self.places.iter().map(ToString::to_string).collect();
        places.join(" or ")
    }
}

impl FromStr for Condition {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (place, values) = text.split_once(" = ").unwrap_or((text, ""));
        let place = place.trim().parse().map_err(|_| InvalidRule::Place)?;
        Ok(Self { place, values: list(values) })
    }
}

pub(super) fn places(text: &str) -> Result<Vec<Location>, InvalidRule> {
    text.split('|').map(|place| place.trim().parse().map_err(|_| InvalidRule::Place)).collect()
}

impl Condition {
    fn holds(&self, segment: &Placed<'_>) -> bool {
        segment.segment().id() == self.place.path().segment()
            && said(segment, self.place)
                .is_some_and(|(text, _)| self.values.is_empty() || self.values.contains(&text))
    }
}

fn list(values: &str) -> Vec<String> {
    let values = values.split(',').map(str::trim);
    values.filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

/// What a segment says at a place: `None` when nothing.
fn said(segment: &Placed<'_>, place: Location) -> Option<Said> {
    let path = place.path();
    let field = segment.field(path.field());
    let repetition = field.repetition(path.repetition());
    let component = repetition.component(path.component());
    let (is_empty, text, span) = match place.depth() {
        Depth::Segment => return Some((String::new(), segment.span())),
        Depth::Field => (field.is_empty(), field.text(), field.span()),
        Depth::Repetition => (repetition.is_empty(), repetition.text(), repetition.span()),
        Depth::Component => (component.is_empty(), component.text(), component.span()),
        Depth::Subcomponent => {
            let leaf = component.subcomponent(path.subcomponent());
            (leaf.is_empty(), leaf.text(), leaf.span())
        }
    };
    (!is_empty).then(|| (text.trim().to_owned(), span))
}

pub(super) fn check(
    rule: &Rule,
    version: Version,
    placed: &[Placed<'_>],
    findings: &mut Findings<'_>,
) {
    if rule.version.is_some_and(|of| of != version) {
        return;
    }
    let Some(first) = rule.places.first() else { return };
    let id = first.path();
    let id = id.segment();
    let of_id: Vec<&Placed<'_>> =
        placed.iter().filter(|segment| segment.segment().id() == id).collect();
    // What is asked of other segments is asked once, not again for every segment of this kind.
    let condition = rule.condition.as_ref();
    let is_own = condition.is_some_and(|condition| condition.place.path().segment() == id);
    let holds_anywhere =
        condition.is_none_or(|condition| placed.iter().any(|segment| condition.holds(segment)));
    if !holds_anywhere {
        return;
    }
    let elsewhere = rule.places.iter().find_map(|place| {
        let other = place.path();
        let mut others = placed.iter().filter(|each| {
            let of = each.segment().id();
            of == other.segment() && of != id
        });
        others.find_map(|each| said(each, *place)).map(|said| (*place, said))
    });
    if rule.requirement == Requirement::Any {
        check_any(rule, *first, &of_id, placed, findings);
        return;
    }
    if of_id.is_empty() {
        check_absent(rule, *first, elsewhere.is_some(), placed, findings);
    }
    for segment in of_id {
        let holds = !is_own || condition.is_none_or(|condition| condition.holds(segment));
        if holds && !findings.is_full() {
            check_one(rule, segment, elsewhere.clone(), findings);
        }
    }
}

fn end(placed: &[Placed<'_>]) -> usize {
    placed.last().map_or(0, |segment| segment.span().end)
}

fn check_any(
    rule: &Rule,
    place: Location,
    segments: &[&Placed<'_>],
    placed: &[Placed<'_>],
    findings: &mut Findings<'_>,
) {
    let mut all = segments.iter().filter_map(|segment| said(segment, place));
    if all.any(|(text, _)| rule.values.contains(&text)) {
        return;
    }
    let text = rule.words(format_args!("none is {}", rule.values.join(" or ")));
    let kind = (FindingCode::ValueNotAllowed, rule.severity());
    findings.add(kind, place, end(placed)..end(placed), text);
}

/// None of the segments of the first place is there.
fn check_absent(
    rule: &Rule,
    place: Location,
    is_elsewhere: bool,
    placed: &[Placed<'_>],
    findings: &mut Findings<'_>,
) {
    let is_required =
        matches!(rule.requirement, Requirement::Required | Requirement::RequiredIfKnown);
    // What has to be in a segment is not asked for where there is none; a rule for the segment says so.
    let is_asked = place.depth() == Depth::Segment || rule.places.len() > 1;
    if !is_required || !is_asked || is_elsewhere {
        return;
    }
    let Ok(location) = Location::segment(place.path().segment(), 1) else { return };
    let text = rule.words(format_args!("{} is required", rule.places_text()));
    let kind = (FindingCode::SegmentMissing, rule.severity());
    findings.add(kind, location, end(placed)..end(placed), text);
}

/// What a place says: its text and its bytes.
type Said = (String, Range<usize>);

/// An alternative in the same kind of segment is looked for in the same segment.
fn check_one(
    rule: &Rule,
    segment: &Placed<'_>,
    elsewhere: Option<(Location, Said)>,
    findings: &mut Findings<'_>,
) {
    let Some(first) = rule.places.first() else { return };
    let own = Location::new(first.path().in_occurrence(segment.occurrence()), first.depth());
    let id = segment.segment().id();
    let mut here = rule.places.iter().filter(|place| place.path().segment() == id);
    let found = here.find_map(|place| {
        let at = Location::new(place.path().in_occurrence(segment.occurrence()), place.depth());
        said(segment, *place).map(|said| (at, said))
    });
    let found = found.or(elsewhere);
    match (rule.requirement, found) {
        (Requirement::Forbidden, Some((location, (_, span)))) => {
            let text = rule.words("is not to be sent");
            findings.add((FindingCode::Forbidden, rule.severity()), location, span, text);
        }
        (Requirement::Required | Requirement::RequiredIfKnown, None) => {
            let span = segment.span().end..segment.span().end;
            let text = rule.words(format_args!("{} is required", rule.places_text()));
            findings.add((FindingCode::FieldMissing, rule.severity()), own, span, text);
        }
        (_, Some((location, (text, span)))) => {
            if !rule.values.is_empty() && !rule.values.contains(&text) {
                let text = rule.words(format_args!("only {}", rule.values.join(", ")));
                let kind = (FindingCode::ValueNotAllowed, rule.severity());
                findings.add(kind, location, span, text);
            }
        }
        (Requirement::Any | Requirement::Forbidden | Requirement::Optional, None) => {}
    }
}
