//! What a modality may ask, and what the standard has answered (PS3.4 annex K).

use serde_json::{Value, json};

/// One question about the ten items of DCMTK.
pub struct Question {
    pub name: &'static str,
    root: &'static [(&'static str, &'static str)],
    step: &'static [(&'static str, &'static str)],
    shape: &'static str,
    /// The status of the answers, or the refusal.
    pub status: &'static str,
    /// How many answers.
    pub answers: usize,
}

impl Question {
    /// For the script that asks.
    pub fn to_json(&self) -> Value {
        json!({ "root": self.root, "step": self.step, "shape": self.shape })
    }
}

type Keys = &'static [(&'static str, &'static str)];

const fn root(name: &'static str, root: Keys, status: &'static str, answers: usize) -> Question {
    Question { name, root, step: &[], shape: "", status, answers }
}

const fn step(name: &'static str, step: Keys, status: &'static str, answers: usize) -> Question {
    Question { name, root: &[], step, shape: "", status, answers }
}

const fn shape(shape: &'static str, status: &'static str, answers: usize) -> Question {
    Question { name: shape, root: &[], step: &[], shape, status, answers }
}

const DATE: &str = "ScheduledProcedureStepStartDate";
const TIME: &str = "ScheduledProcedureStepStartTime";
const STATION: &str = "ScheduledStationAETitle";
const NAME: &str = "PatientName";
const ID: &str = "PatientID";

/// Where the standard leaves a choice, the answer is the one that `telerad_worklist::Query` states.
#[rustfmt::skip]
pub const QUESTIONS: [Question; 50] = [
    step("everything", &[], "FF00", 10),
    step("modality", &[("Modality", "MR")], "FF00", 2),
    step("modality in lower case", &[("Modality", "mr")], "FF00", 0),
    step("two modalities", &[("Modality", "MR\\CT")], "FF00", 6),
    step("modality with wildcard", &[("Modality", "M*")], "FF00", 0),
    step("second of two stations", &[(STATION, "AA33")], "FF00", 1),
    step("station with wildcard", &[(STATION, "AA*")], "FF00", 0),
    step("station in lower case", &[(STATION, "aa32")], "FF00", 0),
    step("day", &[(DATE, "19951015")], "FF00", 1),
    step("days", &[(DATE, "19951001-19951231")], "FF00", 2),
    step("days from", &[(DATE, "19960101-")], "FF00", 6),
    step("days until", &[(DATE, "-19951231")], "FF00", 4),
    step("range without ends", &[(DATE, "-")], "FF00", 10),
    step("wildcard for a day", &[(DATE, "*")], "A900", 0),
    step("day in the old form", &[(DATE, "1995.10.15")], "FF00", 1),
    step("days the wrong way round", &[(DATE, "19961231-19950101")], "FF00", 0),
    step("hour and minute", &[(TIME, "0856")], "FF00", 0),
    step("time", &[(TIME, "085607")], "FF00", 1),
    step("times", &[(TIME, "080000-090000")], "FF00", 1),
    step("one interval of day and time", &[(DATE, "19951015-19960123"), (TIME, "090000-080000")], "FF00", 2),
    root("name with wildcard", &[(NAME, "VIVALDI*")], "FF00", 3),
    root("name in lower case", &[(NAME, "vivaldi*")], "FF00", 3),
    root("family name alone", &[(NAME, "VIVALDI")], "FF00", 0),
    root("name with empty components", &[(NAME, "VIVALDI^ANTONIO^^^")], "FF00", 3),
    root("name with a comma", &[(NAME, "VIVALDI, ANTONIO")], "FF00", 0),
    root("name with one character open", &[(NAME, "V?VALDI*")], "FF00", 3),
    root("any name", &[(NAME, "*")], "FF00", 10),
    root("patient ID", &[(ID, "AV35674")], "FF00", 3),
    root("patient ID in lower case", &[(ID, "av35674")], "FF00", 0),
    root("patient ID, padded", &[(ID, "AV35674 ")], "FF00", 3),
    root("patient ID after a space", &[(ID, " AV35674")], "FF00", 3),
    root("patient ID with wildcard", &[(ID, "AV*")], "FF00", 0),
    root("accession number", &[("AccessionNumber", "00000")], "FF00", 1),
    root("accession number without its zeros", &[("AccessionNumber", "0")], "FF00", 0),
    root("two studies", &[("StudyInstanceUID", "1.2.276.0.7230010.3.2.101\\1.2.276.0.7230010.3.2.104")], "FF00", 2),
    root("an admission that nobody has", &[("AdmissionID", "X")], "FF00", 0),
    root("priority", &[("RequestedProcedurePriority", "HIGH")], "FF00", 4),
    step("physician", &[("ScheduledPerformingPhysicianName", "JOHN*")], "FF00", 3),
    step("physician in lower case", &[("ScheduledPerformingPhysicianName", "john*")], "FF00", 3),
    step("station name", &[("ScheduledStationName", "STN*")], "FF00", 10),
    shape("none", "FF00", 10),
    shape("no item", "FF00", 10),
    shape("empty item", "FF00", 10),
    shape("two items", "A900", 0),
    root("a level of retrieval", &[("QueryRetrieveLevel", "STUDY")], "FF01", 10),
    root("comments are asked for", &[("PatientComments", "")], "FF00", 10),
    root("comments are a key", &[("PatientComments", "x")], "FF00", 0),
    root("name in UTF-8", &[("SpecificCharacterSet", "ISO_IR 192"), (NAME, "MÜLLER*")], "FF00", 0),
    root("empty character set", &[("SpecificCharacterSet", "")], "FF00", 10),
    step("day, modality and station", &[("Modality", "US"), (STATION, "AA32"), (DATE, "19960103")], "FF00", 1),
];

/// The names of the items in several character sets.
pub const NAMES: [&str; 6] = [
    "MÜLLER^JÖRG",
    "Müller^Jörg=山田^太郎=やまだ^たろう",
    "Люкceмбypг^Иван",
    "Διονυσιος",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "SMITH^JOHN",
];

/// A question about these, by the character set it is asked in and the name that is a key; the accession numbers of the
/// answers.
pub const OF_NAMES: [(&str, &str, &[&str]); 8] = [
    ("", "", &["C0", "C1", "C2", "C3", "C4", "C5"]),
    ("ISO_IR 100", "", &["C0", "C1", "C2", "C3", "C4", "C5"]),
    ("ISO_IR 192", "", &["C0", "C1", "C2", "C3", "C4", "C5"]),
    ("ISO_IR 100", "MÜLLER*", &["C0", "C1"]),
    ("ISO_IR 192", "müller*", &["C0", "C1"]),
    ("", "MULLER*", &["C0", "C1"]),
    ("", "M?LLER*", &["C0", "C1"]),
    ("ISO_IR 192", "*山田*", &["C1", "C4"]),
];

/// One of [`OF_NAMES`] for the script that asks.
pub fn of_name(set: &str, name: &str) -> Value {
    let mut root = Vec::new();
    if !set.is_empty() {
        root.push(["SpecificCharacterSet", set]);
    }
    root.push([NAME, name]);
    json!({ "root": root, "step": [], "shape": "" })
}
