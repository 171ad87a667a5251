//! The mapping of table B-1 of IHE RAD TF-2 and of the field, row by row: a message, the worklist entries it becomes, and
//! everything that must be reported about it.
//!
//! `goldens.txt` states each case as what it changes in one message, and what that changes in the answers and findings:
//! everything else has to stay as it is. Its head says how.

use std::collections::BTreeSet;

use telerad_core::AeTitle;
use telerad_dicom::{DataSet, Tag, tags};
use telerad_worklist::{Disposition, LocationRule, Mapping, Shortening, StationRule};

use crate::golden::ROOT;
use crate::{Site, findings, identifier};

const MESSAGE: &str = r"MSH|^~\&|RIS|NORTH|||20261124080000||ORM^O01|M1|P|2.3.1
PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F
ORC|NW|P-1^HIS|F-1^RIS||||^^^202611241030^^R
OBR||P-1^HIS|F-1^RIS|CTTHX^CT thorax^L^CTTHX-P^Thorax native^LP||||||||||||7^Asks^Olga||A-1|RP-1|SPS-1||||CT
ZDS|1.2.3.4";

/// What the message becomes, written from the table.
const ANSWER: &str = "
(0008,0050) A-1
(0008,0051)/(0040,0031) NORTH
(0010,0010) Doe^Jane
(0010,0020) 4711
(0010,0021) NORTH-MRN
(0010,0030) 19700102
(0010,0040) F
(0020,000D) 1.2.3.4
(0032,1032) Asks^Olga
(0032,1060) CT thorax
(0032,1064)/(0008,0100) CTTHX
(0032,1064)/(0008,0102) L
(0032,1064)/(0008,0104) CT thorax
(0040,0026)/(0040,0031) HIS
(0040,0027)/(0040,0031) RIS
(0040,0100)/(0008,0060) CT
(0040,0100)/(0040,0002) 20261124
(0040,0100)/(0040,0003) 1030
(0040,0100)/(0040,0007) Thorax native
(0040,0100)/(0040,0008)/(0008,0100) CTTHX-P
(0040,0100)/(0040,0008)/(0008,0102) LP
(0040,0100)/(0040,0008)/(0008,0104) Thorax native
(0040,0100)/(0040,0009) SPS-1
(0040,0100)/(0040,0020) SCHEDULED
(0040,1001) RP-1
(0040,1003) ROUTINE
(0040,2016) P-1
(0040,2017) F-1";

const FINDINGS: &str = "
OBR-18: no issuer of the accession number: NORTH assumed
IPC-9: no station: the step is on the list of every station of the site";

/// Asked for beside what the other goldens ask for.
const MORE: [Tag; 5] = [
    tags::INSTITUTION_NAME,
    Tag(0x0038, 0x0016),
    Tag(0x0038, 0x0020),
    Tag(0x0038, 0x0021),
    Tag(0x0040, 0x100A),
];

/// One case of the file.
struct Case<'a> {
    name: &'a str,
    message: Vec<String>,
    site: Site,
    answers: Vec<BTreeSet<String>>,
    findings: BTreeSet<String>,
}

fn set(text: &str) -> BTreeSet<String> {
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

impl<'a> Case<'a> {
    fn new(name: &'a str) -> Self {
        Self {
            name,
            message: MESSAGE.lines().map(str::to_owned).collect(),
            site: Site::new(),
            answers: vec![set(ANSWER)],
            findings: set(FINDINGS),
        }
    }

    fn read(&mut self, line: &str) {
        let name = self.name;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "+" => {
                assert!(self.answers.last_mut().unwrap().insert(rest.to_owned()), "{name}: {line}")
            }
            "-" => self.take(rest),
            "~" => {
                let (old, new) = rest.split_once(" => ").unwrap();
                let tag = old.rsplit_once(' ').map_or(old, |(tag, _)| tag);
                let old = self.answers.last().unwrap().iter().find(|line| line.starts_with(tag));
                let old = old.unwrap_or_else(|| panic!("{name}: {line}")).clone();
                self.take(&old);
                self.read(&format!("+ {tag} {new}"));
            }
            "answer" => self.answers.push(set(ANSWER)),
            "!" => assert!(self.findings.insert(rest.to_owned()), "{name}: {line}"),
            "!-" => assert!(self.findings.remove(rest), "{name}: {line}"),
            "rule" => declare(&mut self.site.mapping, rest),
            "add" => self.message.push(rest.to_owned()),
            "drop" => self.message.retain(|segment| !segment.starts_with(rest)),
            "after" => {
                let (id, segment) = rest.split_once(": ").unwrap();
                let at = self.message.iter().position(|line| line.starts_with(id)).unwrap();
                self.message.insert(at + 1, segment.to_owned());
            }
            field => self.put(field, rest.strip_prefix('=').unwrap().trim_start()),
        }
    }

    fn take(&mut self, line: &str) {
        let taken = self.answers.last_mut().unwrap().remove(line);
        assert!(taken, "{}: the answer has no {line}", self.name);
    }

    /// `OBR-24` is field 24 of the last OBR so far.
    fn put(&mut self, field: &str, value: &str) {
        let (id, number) = field.split_once('-').unwrap();
        let number: usize = number.parse().unwrap();
        // MSH-1 is the separator itself.
        let at = if id == "MSH" { number - 1 } else { number };
        let line = self.message.iter_mut().rfind(|line| line.starts_with(id)).unwrap();
        let mut fields: Vec<&str> = line.split('|').collect();
        fields.resize(fields.len().max(at + 1), "");
        fields[at] = value;
        *line = fields.join("|");
    }

    fn check(mut self) {
        let name = self.name;
        let outcome = self.site.send_bytes(bytes(&self.message.join("\r")));
        assert_eq!(outcome.disposition, Disposition::Applied, "{name}");
        let wanted: Vec<(Tag, &str)> = ROOT.iter().chain(&MORE).map(|tag| (*tag, "")).collect();
        let answers = self.site.ask(&identifier(&wanted, &[]));
        let got: Vec<BTreeSet<String>> = answers.iter().map(flat).collect();
        for (at, expected) in self.answers.iter().enumerate() {
            let got = got.get(at).cloned().unwrap_or_default();
            let missing: Vec<_> = expected.difference(&got).collect();
            let more: Vec<_> = got.difference(expected).collect();
            assert!(
                missing.is_empty() && more.is_empty(),
                "{name}: lacks {missing:#?}, has {more:#?}"
            );
        }
        assert_eq!(got.len(), self.answers.len(), "{name}: answers");
        let got: BTreeSet<String> = findings(&outcome).into_iter().collect();
        let missing: Vec<_> = self.findings.difference(&got).collect();
        let more: Vec<_> = got.difference(&self.findings).collect();
        assert!(
            missing.is_empty() && more.is_empty(),
            "{name}: not said {missing:#?}, said {more:#?}"
        );
    }
}

/// What a site declares, as its configuration would.
fn declare(mapping: &mut Mapping, rule: &str) {
    let (name, value) = rule.split_once(' ').unwrap();
    let titles = |text: &str| text.split(',').map(|title| AeTitle::new(title).unwrap()).collect();
    let value_of = |key: &str| {
        let mut pairs = value.split(' ').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value.to_owned())
    };
    match name {
        "accession" => {
            mapping.accession_sources =
                value.split(' ').map(|field| field.parse().unwrap()).collect();
        }
        "shorten" => {
            mapping.accession_shortening =
                vec![Shortening::StripPrefix { prefix: value.to_owned() }];
        }
        "table" => {
            let (code, modality) = value.split_once('=').unwrap();
            mapping.modality_by_procedure.insert(code.to_owned(), modality.to_owned());
        }
        "modality" => mapping.modality_default = Some(value.to_owned()),
        "stations" => mapping.station_ae_titles.push(StationRule {
            modality: value_of("modality"),
            procedure: value_of("procedure"),
            location: value_of("location"),
            facility: value_of("facility"),
            ae_titles: titles(&value_of("ae").unwrap()),
        }),
        "default_stations" => mapping.stations_default = titles(value),
        "station_sources" => {
            use telerad_worklist::StationSource::{Ipc9, Obr21, Orc18};
            mapping.station_sources = match value {
                "OBR-21" => vec![Ipc9, Obr21],
                "ORC-18" => vec![Ipc9, Orc18],
                other => panic!("{other}"),
            };
        }
        "place" => mapping.locations.push(LocationRule {
            location: value_of("location"),
            facility: value_of("facility"),
            modality: value_of("modality"),
            ae_titles: value_of("ae").map(|text| titles(&text)).unwrap_or_default(),
            start: value_of("start").map(|text| text.parse().unwrap()),
        }),
        "start" => mapping.missing_start = value.parse().unwrap(),
        "start_sources" => {
            mapping.start_sources = value.split(' ').map(|field| field.parse().unwrap()).collect();
        }
        "study" => mapping.study_instance_uid = telerad_worklist::StudyUidPolicy::Derived,
        "protocol" => mapping.protocol = telerad_worklist::ProtocolSource::Universal,
        "referring" => {
            mapping.referring_physician = telerad_worklist::ReferringPhysician::VisitElseOrderer;
        }
        "other_ids" => {
            use telerad_worklist::OtherPatientId::{Pid2, Pid4};
            mapping.other_patient_ids = vec![Pid2, Pid4];
        }
        "vip" => {
            mapping.patient_confidentiality = telerad_worklist::PatientConfidentiality::Pv1Vip;
        }
        "institution" => mapping.institution = Some(value.to_owned()),
        other => panic!("no rule {other}"),
    }
}

/// Bytes that the file cannot hold as text are written `\xHH`.
fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    bytes
}

/// The attributes that have a value, each with the sequences it stands in.
fn flat(answer: &DataSet) -> BTreeSet<String> {
    fn walk(set: &DataSet, path: &str, out: &mut BTreeSet<String>) {
        for tag in set.tags() {
            match set.items_ref(tag) {
                Some(items) => {
                    for item in items {
                        walk(item, &format!("{path}{tag}/"), out);
                    }
                }
                None => {
                    let text = set.text(tag).unwrap_or_default().replace("\r\n", "|");
                    if !text.is_empty() {
                        out.insert(format!("{path}{tag} {text}"));
                    }
                }
            }
        }
    }
    let mut out = BTreeSet::new();
    walk(answer, "", &mut out);
    out
}

#[test]
fn every_row_of_the_mapping_is_as_its_table_says() {
    let mut cases = Vec::new();
    let lines = include_str!("goldens.txt").lines().map(str::trim_end);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix("== ") {
            Some(name) => cases.push(Case::new(name)),
            None => cases.last_mut().unwrap().read(line),
        }
    }
    assert!(cases.len() >= 60, "{} goldens", cases.len());
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "two goldens of one name");
    cases.into_iter().for_each(Case::check);
}
