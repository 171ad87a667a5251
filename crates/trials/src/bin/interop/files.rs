//! The files that are sent.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use telerad::dicom::{HeadLimits, HeadScanner, encoding_of, tags};
use telerad_testkit::dicom;
use telerad_trials::{part10, tool, verdict};

/// Where a file comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// The project carries it: one for each kind of content that matters.
    Carried,
    /// From the folder that `TELERAD_CORPUS` names.
    Corpus,
}

/// A file to be sent.
#[derive(Clone, Debug)]
pub struct Case {
    /// For the report.
    pub name: String,
    /// Where the file lies.
    pub path: PathBuf,
    /// Identifies it at the receiver.
    pub sop_instance_uid: String,
    /// Where it comes from.
    pub origin: Origin,
    transfer_syntax_uid: String,
}

/// Transfer syntaxes with their names and the option by which `storescu` proposes them.
const SYNTAXES: [(&str, &str, &str); 14] = [
    ("1.2.840.10008.1.2", "implicit little endian", "-xi"),
    ("1.2.840.10008.1.2.1", "explicit little endian", "-xe"),
    ("1.2.840.10008.1.2.1.99", "deflated", "-xd"),
    ("1.2.840.10008.1.2.2", "explicit big endian", "-xb"),
    ("1.2.840.10008.1.2.4.50", "JPEG baseline", "-xy"),
    ("1.2.840.10008.1.2.4.51", "JPEG extended", "-xx"),
    ("1.2.840.10008.1.2.4.57", "JPEG lossless", "-xs"),
    ("1.2.840.10008.1.2.4.70", "JPEG lossless SV1", "-xs"),
    ("1.2.840.10008.1.2.4.80", "JPEG-LS lossless", "-xt"),
    ("1.2.840.10008.1.2.4.81", "JPEG-LS lossy", "-xu"),
    ("1.2.840.10008.1.2.4.90", "JPEG 2000 lossless", "-xv"),
    ("1.2.840.10008.1.2.4.91", "JPEG 2000", "-xw"),
    ("1.2.840.10008.1.2.4.100", "MPEG-2", "-xm"),
    ("1.2.840.10008.1.2.5", "RLE", "-xr"),
];

impl Case {
    fn read(name: &str, path: PathBuf, origin: Origin) -> Result<Self> {
        let file = std::fs::read(&path)?;
        let head = part10::read(&file)?;
        // Senders name an instance as its data set does, even where the file's head differs.
        let mut scanner =
            HeadScanner::new(encoding_of(&head.transfer_syntax_uid), HeadLimits::default());
        scanner.push(&file[head.data_set..]);
        let uid = scanner.finish().ok().and_then(|head| head.text(tags::SOP_INSTANCE_UID));
        Ok(Self {
            name: name.to_owned(),
            path,
            sop_instance_uid: uid.unwrap_or(head.sop_instance_uid),
            origin,
            transfer_syntax_uid: head.transfer_syntax_uid,
        })
    }

    /// The transfer syntax in words.
    pub fn syntax(&self) -> &str {
        let known = SYNTAXES.iter().find(|(uid, ..)| *uid == self.transfer_syntax_uid);
        known.map_or(&self.transfer_syntax_uid, |(_, name, _)| name)
    }

    /// The option by which `storescu` proposes the file's transfer syntax.
    pub fn proposal(&self) -> &'static str {
        let known = SYNTAXES.iter().find(|(uid, ..)| *uid == self.transfer_syntax_uid);
        known.map_or("-x=", |(.., option)| option)
    }
}

/// Writes the carried files below `folder` and adds the corpus, each SOP instance UID once.
pub fn write(folder: &Path, quick: bool) -> Result<Vec<Case>> {
    std::fs::create_dir_all(folder)?;
    let mut cases = Vec::new();
    let mut seen = BTreeSet::new();
    for (name, bytes) in carried() {
        let path = folder.join(format!("{:02}.dcm", cases.len()));
        std::fs::write(&path, &bytes)?;
        let mut case = Case::read(name, path, Origin::Carried).with_context(|| name.to_owned())?;
        if !seen.insert(case.sop_instance_uid.clone()) {
            // One instance in several transfer syntaxes: each file becomes an instance of its own.
            let words = ["-nb", "-gin", &case.path.to_string_lossy()].map(str::to_owned);
            tool::run("/usr/bin/dcmodify", &words, Duration::from_secs(20))?;
            case = Case::read(name, case.path, Origin::Carried)?;
            ensure!(seen.insert(case.sop_instance_uid.clone()), "{name} kept its UID");
        }
        cases.push(case);
    }
    match std::env::var_os("TELERAD_CORPUS") {
        Some(corpus) => {
            let before = cases.len();
            add_corpus(&Path::new(&corpus).join("dicom").join("registry"), &mut cases, &mut seen)?;
            if quick {
                cases.truncate(before + CORPUS_FILES_QUICK);
            }
            verdict::note(format!(
                "{before} carried files, {} of the corpus",
                cases.len() - before
            ));
        }
        None => {
            verdict::note(format!("{} carried files; TELERAD_CORPUS names no corpus", cases.len()))
        }
    }
    Ok(cases)
}

/// Real files of many kinds, and the two kinds of which there is no real one to carry.
fn carried() -> Vec<(&'static str, Bytes)> {
    let real = dicom::files().into_iter().map(|sample| (sample.name, sample.bytes));
    let made = [
        ("encapsulated_pdf", dicom::Instance::encapsulated_pdf(1).file()),
        ("private_sop_class", dicom::Instance::private_class(2).file()),
    ];
    real.chain(made).collect()
}

/// A quick run takes some of the corpus, which is about ten times as many files.
const CORPUS_FILES_QUICK: usize = 120;

fn is_uid(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit())
}

fn add_corpus(folder: &Path, cases: &mut Vec<Case>, seen: &mut BTreeSet<String>) -> Result<()> {
    let mut folders = vec![folder.to_owned()];
    let mut paths = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                paths.push(path);
            }
        }
    }
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Files without file meta information are not for DCMTK's senders either.
        let Ok(case) = Case::read(&name, path, Origin::Corpus) else { continue };
        // An instance whose UID is none (PS3.5 section 9.1) is refused, which its sender is told.
        if !is_uid(&case.sop_instance_uid) {
            verdict::note(format!("left out {}: its SOP instance UID is no UID", case.name));
        } else if seen.insert(case.sop_instance_uid.clone()) {
            cases.push(case);
        }
    }
    Ok(())
}
