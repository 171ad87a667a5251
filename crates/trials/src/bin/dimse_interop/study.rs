//! What is stored, asked for and sent back: made-up studies, and the files that the project carries.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use telerad::dicom::part10::{FileMeta, write};
use telerad_testkit::dicom;
use telerad_trials::messages::Order;
use telerad_trials::part10;
use telerad_trials::synthetic::{EXPLICIT_LITTLE, Instance};

/// Data sets by SOP instance UID.
pub type Held = BTreeMap<String, Bytes>;

/// One instance in the encoding in which it is kept and sent.
#[derive(Clone)]
pub struct Sample {
    pub sop_class_uid: String,
    pub sop_instance_uid: String,
    pub transfer_syntax_uid: String,
    pub data_set: Bytes,
}

/// Some CT slices of one patient.
pub struct Study {
    pub order: Order,
    pub samples: Vec<Sample>,
}

impl Study {
    /// `count` slices of `pixels` bytes; the series of letters keeps studies apart.
    pub fn new(series: &str, count: u64, pixels: usize) -> Self {
        let order = Order::new(series, 1);
        let slice = |number: u64| {
            let uid = format!("{}.1.{number}", order.study_instance_uid);
            let instance = Instance::ct(&order, &uid, pixels, number);
            Sample {
                sop_class_uid: instance.sop_class_uid.to_owned(),
                sop_instance_uid: uid,
                transfer_syntax_uid: EXPLICIT_LITTLE.to_owned(),
                data_set: instance.data_set,
            }
        };
        let samples = (1..=count).map(slice).collect();
        Self { order, samples }
    }

    /// The same as a receiver should have it.
    pub fn held(&self) -> Held {
        held(&self.samples)
    }

    /// Writes each instance as a file; their paths.
    pub fn write(&self, folder: &Path) -> Result<Vec<String>> {
        std::fs::create_dir_all(folder)?;
        let mut paths = Vec::new();
        for (number, sample) in self.samples.iter().enumerate() {
            let path = folder.join(format!("{number:03}.dcm"));
            std::fs::write(&path, sample.file())?;
            paths.push(path.to_string_lossy().into_owned());
        }
        Ok(paths)
    }
}

impl Sample {
    /// With a file's head.
    pub fn file(&self) -> Vec<u8> {
        let mut file = write(&FileMeta {
            sop_class_uid: self.sop_class_uid.clone(),
            sop_instance_uid: self.sop_instance_uid.clone(),
            transfer_syntax_uid: self.transfer_syntax_uid.clone(),
        });
        file.extend_from_slice(&self.data_set);
        file
    }
}

/// One real file of each kind that the project carries, each SOP instance once.
pub fn carried() -> Result<Vec<Sample>> {
    let mut samples: BTreeMap<String, Sample> = BTreeMap::new();
    for file in dicom::files() {
        let head = part10::read(&file.bytes).context(file.name)?;
        samples.entry(file.sop_instance_uid.to_owned()).or_insert(Sample {
            sop_class_uid: file.sop_class_uid.to_owned(),
            sop_instance_uid: file.sop_instance_uid.to_owned(),
            transfer_syntax_uid: file.transfer_syntax_uid.to_owned(),
            data_set: file.bytes.slice(head.data_set..),
        });
    }
    Ok(samples.into_values().collect())
}

/// By SOP instance UID.
pub fn held(samples: &[Sample]) -> Held {
    samples.iter().map(|it| (it.sop_instance_uid.clone(), it.data_set.clone())).collect()
}

/// The data sets of the files in a folder.
pub fn read_folder(folder: &Path) -> Result<Held> {
    let mut held = Held::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            let file = Bytes::from(std::fs::read(&path)?);
            let head = part10::read(&file).with_context(|| path.display().to_string())?;
            held.insert(head.sop_instance_uid, file.slice(head.data_set..));
        }
    }
    Ok(held)
}

/// Whether everything is there, bit for bit, and nothing else; for the report.
pub fn same(expected: &Held, got: &Held) -> Result<String> {
    let missing = expected.keys().filter(|uid| !got.contains_key(*uid)).count();
    let others = got.keys().filter(|uid| !expected.contains_key(*uid)).count();
    ensure!(missing == 0, "{missing} of {} instances are missing", expected.len());
    ensure!(others == 0, "{others} instances that nobody sent");
    let mut bytes = 0;
    for (uid, data_set) in expected {
        let got = &got[uid];
        let at = data_set.iter().zip(got).take_while(|(one, other)| one == other).count();
        let (ours, theirs) = (data_set.len(), got.len());
        ensure!(data_set == got, "{uid} differs at byte {at} ({ours} and {theirs} bytes)");
        bytes += data_set.len();
    }
    Ok(format!("{} data sets, {bytes} bytes, all equal", expected.len()))
}
