//! Images against the order: is this the patient, the examination and the side that was asked for?
//!
//! [`compare`] says what agrees and what does not, attribute by attribute, each with a [`Severity`]. It links nothing and
//! withholds nothing: the study goes out to reading whatever it says, and only the filing of a report stops at
//! [`Severity::Stop`], which means another patient or the wrong side. A value that is missing on one side is no
//! conflict, and nothing is read out of free prose: words and codes count as far as the site declares them in
//! [`ReconcilePolicy`].

mod examination;
mod patient;
mod side;

pub use side::{SideWords, Sides};

use std::collections::BTreeMap;

use telerad_core::{AccessionNumber, Code, Issuer, PatientId};
use telerad_dicom::InstanceHead;

use crate::{OrderRecord, ScheduledStep};

/// What an image says about itself, as far as an order can contradict it.
#[derive(Clone, Copy)]
pub struct ImageFacts<'a> {
    /// Patient, numbers, modality, body part and descriptions.
    pub head: &'a InstanceHead,
    /// Laterality (0020,0060) of its series.
    pub laterality: &'a str,
    /// Image Laterality (0020,0062).
    pub image_laterality: &'a str,
    /// Protocol Name (0018,1030).
    pub protocol_name: &'a str,
    /// What was performed: Performed Protocol Code Sequence (0040,0260) or Procedure Code Sequence (0008,1032).
    pub performed: &'a [Code],
}

impl<'a> ImageFacts<'a> {
    /// What a head says; the rest is unknown.
    pub fn of(head: &'a InstanceHead) -> Self {
        Self { head, laterality: "", image_laterality: "", protocol_name: "", performed: &[] }
    }
}

impl std::fmt::Debug for ImageFacts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImageFacts").field("head", self.head).finish_non_exhaustive()
    }
}

/// What a site declares for the comparison.
#[derive(Clone, Default)]
pub struct ReconcilePolicy {
    /// Issuer of accession numbers that come without one.
    pub accession_issuer: Option<Issuer>,
    /// Other identifiers of the order's patient, by recorded merges.
    pub also_known_as: Vec<PatientId>,
    /// Body parts as (0018,0015) names them, each with the words and codes that mean it.
    pub body_parts: Vec<(String, Vec<String>)>,
    /// Assigning authority of patient identifiers that come without one.
    pub patient_authority: Option<Issuer>,
    /// Words and codes that name a side.
    pub sides: SideWords,
}

impl std::fmt::Debug for ReconcilePolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReconcilePolicy").field("sides", &self.sides).finish_non_exhaustive()
    }
}

/// How much it matters. Ordered: the worst is the greatest.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Both say the same.
    Agree,
    /// They say it differently, as systems often do; worth knowing and no reason to doubt.
    Note,
    /// They contradict each other; a person should look.
    Warn,
    /// Another patient or the wrong side: no report is filed before a person or a correction has decided.
    Stop,
}

/// What was compared, by the standard's name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Attribute {
    /// (0008,0050) with its issuer (0008,0051).
    AccessionNumber,
    /// (0018,0015)
    BodyPartExamined,
    /// (0020,0060) and (0020,0062).
    Laterality,
    /// (0008,0060)
    Modality,
    /// The patient as a whole.
    Patient,
    /// (0010,0030)
    PatientBirthDate,
    /// (0010,0020) with its issuer.
    PatientId,
    /// (0010,0010)
    PatientName,
    /// (0010,0040)
    PatientSex,
    /// Scheduled against performed codes.
    ProcedureCode,
    /// (0040,1001)
    RequestedProcedureId,
    /// (0020,000D)
    StudyInstanceUid,
}

impl Attribute {
    /// The attribute's name in PS3.6, as evidence words it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessionNumber => "Accession Number",
            Self::BodyPartExamined => "Body Part Examined",
            Self::Laterality => "Laterality",
            Self::Modality => "Modality",
            Self::Patient => "Patient",
            Self::PatientBirthDate => "Patient's Birth Date",
            Self::PatientId => "Patient ID",
            Self::PatientName => "Patient's Name",
            Self::PatientSex => "Patient's Sex",
            Self::ProcedureCode => "Procedure Code",
            Self::RequestedProcedureId => "Requested Procedure ID",
            Self::StudyInstanceUid => "Study Instance UID",
        }
    }
}

/// One thing that was compared.
///
/// `Debug` and `Display` carry no values; [`describe_with_values`](Self::describe_with_values) does, for the person who
/// decides and never for a log.
#[derive(Clone, Eq, PartialEq)]
pub struct Difference {
    /// What.
    pub attribute: Attribute,
    /// How much it matters.
    pub severity: Severity,
    /// In words, without values.
    pub statement: &'static str,
    ordered: String,
    imaged: String,
}

impl Difference {
    fn new(attribute: Attribute, severity: Severity, statement: &'static str) -> Self {
        Self { attribute, severity, statement, ordered: String::new(), imaged: String::new() }
    }

    fn between(self, ordered: impl Into<String>, imaged: impl Into<String>) -> Self {
        Self { ordered: ordered.into(), imaged: imaged.into(), ..self }
    }

    /// With what the order and the image say.
    pub fn describe_with_values(&self) -> String {
        match (self.ordered.as_str(), self.imaged.as_str()) {
            ("", "") => self.to_string(),
            (ordered, imaged) => format!("{self} (order `{ordered}`, image `{imaged}`)"),
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.attribute.name(), self.statement)
    }
}

impl std::fmt::Debug for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Difference({:?}: {self})", self.severity)
    }
}

/// Everything that was compared, in the order of [`Attribute`]. What is missing on either side is not among it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Comparison {
    /// One for each attribute that both sides speak about.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// The worst of all; `None` when nothing could be compared.
    pub fn severity(&self) -> Option<Severity> {
        self.differences.iter().map(|difference| difference.severity).max()
    }

    /// Whether it is another patient or the wrong side.
    pub fn stops_filing(&self) -> bool {
        self.severity() == Some(Severity::Stop)
    }

    /// What is at least this bad.
    pub fn at_least(&self, severity: Severity) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(move |difference| difference.severity >= severity)
    }

    /// What is at least this bad, in words and without values; empty where nothing is.
    pub fn words(&self, severity: Severity) -> String {
        let words: Vec<String> = self.at_least(severity).map(ToString::to_string).collect();
        words.join("; ")
    }

    /// The same with values: may hold patient data.
    pub fn words_with_values(&self, severity: Severity) -> String {
        let with = |difference: &Difference| difference.describe_with_values();
        self.at_least(severity).map(with).collect::<Vec<_>>().join("; ")
    }
}

/// Compares an image with an order, and with one step of it where it is known which; else with all its steps.
///
/// It reads nothing but what is handed in, and looks at no pixels.
pub fn compare(
    order: &OrderRecord,
    step: Option<&ScheduledStep>,
    image: &ImageFacts<'_>,
    policy: &ReconcilePolicy,
) -> Comparison {
    let steps = step.map_or(order.steps.as_slice(), std::slice::from_ref);
    let mut differences = patient::compare(&order.order.patient, &image.head.patient, policy);
    differences.extend(accession(order, image, policy));
    differences.extend(study(order, image));
    differences.extend(examination::compare(order, steps, image, policy));
    differences.extend(side::compare(order, steps, image, &policy.sides));
    differences.sort_by_key(|difference| difference.attribute);
    Comparison { differences }
}

/// Compares all images of a study with an order: the worst of each attribute. The side is that of all images together, so
/// that a picture of the other side for comparison is no wrong side as long as the ordered one is there.
pub fn compare_study<'a>(
    order: &OrderRecord,
    images: impl IntoIterator<Item = ImageFacts<'a>>,
    policy: &ReconcilePolicy,
) -> Comparison {
    let (mut worst, mut imaged) = (BTreeMap::<Attribute, Difference>::new(), Sides::NONE);
    for image in images {
        for difference in compare(order, None, &image, policy).differences {
            let known = worst.get(&difference.attribute).map(|known| known.severity);
            if known.is_none_or(|known| known < difference.severity) {
                worst.insert(difference.attribute, difference);
            }
        }
        imaged = imaged.and(side::imaged(&image, &policy.sides));
    }
    worst.remove(&Attribute::Laterality);
    let ordered = side::ordered(order, &order.steps, &policy.sides);
    if let Some(side) = side::difference(ordered, imaged) {
        worst.insert(Attribute::Laterality, side);
    }
    Comparison { differences: worst.into_values().collect() }
}

/// The sides that an order names, in its codes and in the words that the site declared.
pub fn ordered_sides(order: &OrderRecord, policy: &ReconcilePolicy) -> Sides {
    side::ordered(order, &order.steps, &policy.sides)
}

/// Equal numbers of two issuers are two numbers; one of an unnamed issuer is of the site's own.
fn accession(
    order: &OrderRecord,
    image: &ImageFacts<'_>,
    policy: &ReconcilePolicy,
) -> Option<Difference> {
    let ordered = &order.order.accession;
    let imaged = image.head.accession.as_ref()?;
    let issuer = policy.accession_issuer.as_ref();
    let same = patient::same_issuer(ordered.issuer().or(issuer), imaged.issuer().or(issuer));
    // Modalities copy the number that the worklist gave them, which may be a shortened one.
    let is_equal = [ordered.value(), order.worklist_accession()].contains(&imaged.value());
    let (severity, statement) = match (is_equal, same) {
        (true, Some(true)) => (Severity::Agree, "is equal"),
        (true, None) => (Severity::Note, "is equal, and it is not known whether its issuer is"),
        (true, Some(false)) => (Severity::Warn, "is equal and of another issuer"),
        (false, _) => (Severity::Warn, "differs"),
    };
    let text = |number: &AccessionNumber| number.value().to_owned();
    let difference = Difference::new(Attribute::AccessionNumber, severity, statement);
    Some(difference.between(text(ordered), text(imaged)))
}

/// Many modalities make their own study, though the worklist gave them one (PS3.4 section K.6.1.2.2 asks them not to).
fn study(order: &OrderRecord, image: &ImageFacts<'_>) -> Option<Difference> {
    let ordered = &order.order.study_instance_uid;
    let imaged = image.head.study_instance_uid.as_ref()?;
    let (severity, statement) = match ordered == imaged {
        true => (Severity::Agree, "is equal"),
        false => (Severity::Note, "is not the one of the order"),
    };
    let difference = Difference::new(Attribute::StudyInstanceUid, severity, statement);
    Some(difference.between(ordered.as_str(), imaged.as_str()))
}

#[cfg(test)]
mod tests;
