//! A worklist in memory, made of HL7 messages and of the files of another worklist server.

#![expect(
    clippy::disallowed_methods,
    reason = "a program reads the files it is given, and the clock"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use telerad::core::{PatientId, SiteId, Timestamp};
use telerad::dicom::dataset::DataSetLimits;
use telerad::dicom::{DataSet, part10};
use telerad::gateway::Configuration;
use telerad::hl7::Message;
use telerad::worklist::{
    Disposition, Effect, Inbound, Known, Mapping, OrderKey, OrderRecord, Outcome, PatientRecord,
    apply, read, read_item,
};

use crate::read_messages;

/// What messages have left of orders and patients.
pub struct Bridge {
    /// How messages are read.
    pub mapping: Mapping,
    orders: BTreeMap<OrderKey, OrderRecord>,
    patients: BTreeMap<PatientId, PatientRecord>,
}

/// What became of one message or item.
pub struct Taken {
    /// `ORM^O01`, or the name of the file for an item.
    pub kind: String,
    /// What it ended in.
    pub disposition: Disposition,
    /// Where and what, line by line.
    pub findings: Vec<String>,
}

impl Bridge {
    /// An empty one.
    pub fn new(mapping: Mapping) -> Self {
        Self { mapping, orders: BTreeMap::new(), patients: BTreeMap::new() }
    }

    /// What a gateway's configuration says of its first site, or of the one that is named.
    ///
    /// # Errors
    /// When the file cannot be read or has no such site.
    pub fn configured(path: &str, site: Option<&str>) -> Result<Self> {
        let text = read_file(Path::new(path))?;
        let text = String::from_utf8(text).with_context(|| format!("{path} is no text"))?;
        let configuration = Configuration::from_toml(&text, path)?;
        let wanted = |id: &SiteId| site.is_none_or(|site| id.as_str() == site);
        let mut sites = configuration.sites.iter();
        let site = sites.find(|site| wanted(site.id.get_ref()));
        Ok(Self::new(site.with_context(|| format!("{path} has no such site"))?.mapping()))
    }

    /// Every order, by its key.
    pub fn orders(&self) -> impl Iterator<Item = &OrderRecord> {
        self.orders.values()
    }

    /// Every patient.
    pub fn patients(&self) -> impl Iterator<Item = &PatientRecord> {
        self.patients.values()
    }

    /// Takes a file: a DICOM file with a worklist item, else HL7 messages.
    ///
    /// # Errors
    /// When it cannot be read, or is neither.
    pub fn take_file(&mut self, path: &Path, now: Timestamp) -> Result<Vec<Taken>> {
        let bytes = read_file(path)?;
        if let Ok((meta, at)) = part10::read(&bytes) {
            let place = path.display().to_string();
            let body = bytes.get(at..).unwrap_or_default();
            let item = DataSet::decode(body, &meta.transfer_syntax_uid, DataSetLimits::default())
                .with_context(|| format!("{place} is damaged"))?;
            self.take_item(&item, now).with_context(|| place.clone())?;
            let disposition = Disposition::Applied;
            return Ok(vec![Taken { kind: place, disposition, findings: Vec::new() }]);
        }
        let (messages, findings) = read_messages(&path.display().to_string())?;
        let mut taken: Vec<Taken> =
            messages.iter().map(|message| self.take(message, now)).collect();
        if let Some(first) = taken.first_mut() {
            first.findings.splice(0..0, findings);
        }
        Ok(taken)
    }

    /// Applies one message.
    pub fn take(&mut self, message: &Message, now: Timestamp) -> Taken {
        let kind = format!("{}^{}", message.message_code(), message.trigger_event());
        let inbound = match read(message, &self.mapping) {
            Ok(inbound) => inbound,
            Err(refused) => {
                let disposition = Disposition::Rejected(refused);
                return Taken { kind, disposition, findings: Vec::new() };
            }
        };
        let known = Known {
            patients: self
                .patients
                .values()
                .filter(|it| {
                    // Who is who concerns them all, and what was merged leads to another.
                    inbound.wants_orders_of_patients()
                        || it.merged_into.is_some()
                        || !it.aliases.is_empty()
                        || is_one_of(it, &inbound.patients())
                })
                .cloned()
                .collect(),
            orders: self.known_orders(&inbound),
        };
        let Outcome { disposition, effects, findings } = apply(inbound, &known, now);
        for effect in effects {
            self.keep(effect);
        }
        Taken { kind, disposition, findings: findings.iter().map(ToString::to_string).collect() }
    }

    /// The orders that a message names; all of them where it means one by another number than its accession number.
    fn known_orders(&self, inbound: &Inbound) -> Vec<OrderRecord> {
        if !inbound.numbers().is_empty() || inbound.wants_orders_of_patients() {
            return self.orders.values().cloned().collect();
        }
        inbound.orders().iter().filter_map(|key| self.orders.get(key)).cloned().collect()
    }

    fn take_item(&mut self, item: &DataSet, now: Timestamp) -> Result<()> {
        let order = read_item(item, &self.mapping, now)?;
        match self.orders.get_mut(&order.key) {
            Some(kept) => {
                let is_same = kept.absorb(order);
                ensure!(is_same, "its accession number is another order's");
            }
            None => drop(self.orders.insert(order.key.clone(), order)),
        }
        Ok(())
    }

    fn keep(&mut self, effect: Effect) {
        match effect {
            Effect::PutOrder(order) => drop(self.orders.insert(order.key.clone(), order)),
            Effect::PutPatient(patient) => {
                if let Some(id) = patient.patient.primary_id().cloned() {
                    self.patients.insert(id, patient);
                }
            }
        }
    }
}

fn is_one_of(record: &PatientRecord, ids: &[PatientId]) -> bool {
    record.patient.ids.iter().any(|id| ids.contains(id))
}

/// The files that are named, and those in the folders that are named, in order of name.
///
/// # Errors
/// When one of them is not there.
pub fn files_in(paths: &[String]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        let cannot = || format!("cannot read {path}");
        if std::fs::metadata(path).with_context(cannot)?.is_dir() {
            let mut inside = Vec::new();
            for entry in std::fs::read_dir(path).with_context(cannot)? {
                let entry = entry.with_context(cannot)?.path();
                // wlmscpfs keeps an empty `lockfile` beside its items.
                if entry.is_file() && entry.file_name().is_some_and(|name| name != "lockfile") {
                    inside.push(entry);
                }
            }
            inside.sort();
            files.append(&mut inside);
        } else {
            files.push(PathBuf::from(path));
        }
    }
    Ok(files)
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The time of the day on this machine.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
