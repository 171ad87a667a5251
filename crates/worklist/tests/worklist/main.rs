//! Claims about worklists: from HL7 messages to answers.

mod adt;
mod changes;
mod charsets;
mod controls;
mod convergence;
mod golden;
mod goldens;
mod index;
mod merges;
mod onward;
mod patients;
mod performed;
mod probe;
mod query;
mod schedule;

use telerad_core::{Issuer, PatientId, SiteId, Timestamp};
use telerad_dicom::{DataSet, Tag};
use telerad_hl7::Message;
use telerad_worklist::{
    Disposition, Effect, Inbound, Known, Mapping, OrderRecord, Outcome, PatientRecord, Query,
    Rejection, apply, read,
};

/// A site that keeps what messages make of it.
struct Site {
    mapping: Mapping,
    known: Known,
    second: i64,
}

impl Site {
    fn new() -> Self {
        let mut mapping = Mapping::new(SiteId::new("north").unwrap());
        mapping.accession_issuer = Issuer::local("NORTH").ok();
        mapping.patient_authority = Issuer::local("NORTH-MRN").ok();
        Self { mapping, known: Known::default(), second: 0 }
    }

    /// Segments separated by lines, as tests write them.
    fn try_send(&mut self, text: &str) -> Result<Outcome, Rejection> {
        let text: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        self.try_send_bytes(text.join("\r").into_bytes())
    }

    fn send_bytes(&mut self, bytes: Vec<u8>) -> Outcome {
        self.try_send_bytes(bytes).unwrap()
    }

    fn try_send_bytes(&mut self, bytes: Vec<u8>) -> Result<Outcome, Rejection> {
        let message = Message::parse(bytes).unwrap();
        let inbound = read(&message, &self.mapping)?;
        let known = self.looked_up(&inbound);
        self.second += 1;
        let outcome = apply(inbound, &known, Timestamp::from_micros(self.second * 1_000_000));
        // What is known already may be kept as said again.
        let may_write = matches!(outcome.disposition, Disposition::Applied | Disposition::NoChange);
        assert!(may_write || outcome.effects.is_empty());
        for effect in &outcome.effects {
            self.write(effect.clone());
        }
        Ok(outcome)
    }

    /// What a caller finds for a message, and nothing else.
    fn looked_up(&self, inbound: &Inbound) -> Known {
        let values = inbound.patient_values();
        let has_value =
            |ids: &[PatientId]| ids.iter().any(|id| values.iter().any(|value| value == id.value()));
        let is_of = |record: &PatientRecord| record.site == self.mapping.site;
        let mut known = Known::default();
        for record in &self.known.patients {
            if is_of(record) && has_value(&record.patient.ids) {
                known.patients.push(record.clone());
            }
        }
        loop {
            let missing = known.missing();
            let more = self.known.patients.iter().filter(|record| {
                is_of(record) && record.patient.primary_id().is_some_and(|id| missing.contains(id))
            });
            let more: Vec<_> = more.cloned().collect();
            if more.is_empty() {
                break;
            }
            known.patients.extend(more);
        }
        let keys = inbound.orders();
        let found: Vec<&PatientId> =
            known.patients.iter().filter_map(|record| record.patient.primary_id()).collect();
        for record in &self.known.orders {
            let ids = &record.order.patient.ids;
            let is_found = ids.iter().any(|id| found.iter().any(|it| it.value() == id.value()));
            let is_wanted = inbound.wants_orders_of_patients() && (has_value(ids) || is_found);
            let by_number = !inbound.numbers().is_empty();
            if keys.contains(&record.key)
                || by_number
                || (record.order.site == self.mapping.site && is_wanted)
            {
                known.orders.push(record.clone());
            }
        }
        known
    }

    fn send(&mut self, text: &str) -> Outcome {
        self.try_send(text).unwrap()
    }

    /// As a store does it: compare the revision, then increment it.
    fn write(&mut self, effect: Effect) {
        match effect {
            Effect::PutOrder(mut record) => {
                let at = self.known.orders.iter().position(|kept| kept.key == record.key);
                let before = at.map(|at| self.known.orders.remove(at).revision);
                assert_eq!(before.unwrap_or(0), record.revision);
                record.revision += 1;
                self.known.orders.push(record);
            }
            Effect::PutPatient(mut record) => {
                let at = self
                    .known
                    .patients
                    .iter()
                    .position(|kept| kept.patient.primary_id() == record.patient.primary_id());
                let before = at.map(|at| self.known.patients.remove(at).revision);
                assert_eq!(before.unwrap_or(0), record.revision);
                record.revision += 1;
                self.known.patients.push(record);
            }
        }
    }

    fn ask(&self, identifier: &DataSet) -> Vec<DataSet> {
        Query::read(identifier).unwrap().answers(&self.known.orders, &self.known.patients)
    }

    fn order(&self) -> &OrderRecord {
        self.known.orders.last().unwrap()
    }

    fn patient(&self) -> &PatientRecord {
        self.known.patients.last().unwrap()
    }
}

/// The attributes that have a value, one a line, items indented.
fn dump(set: &DataSet, indent: usize, out: &mut String) {
    for tag in set.tags() {
        let pad = " ".repeat(indent);
        match set.items_ref(tag) {
            Some(items) => {
                for item in items {
                    *out += &format!("{pad}{tag}\n");
                    dump(item, indent + 2, out);
                }
            }
            None => {
                let text = set.text(tag).unwrap_or_default().replace("\r\n", "|");
                if !text.is_empty() {
                    *out += &format!("{pad}{tag} {text}\n");
                }
            }
        }
    }
}

/// A query for these attributes and steps' keys, with every key universal unless a text is given.
fn identifier(root: &[(Tag, &str)], step: &[(Tag, &str)]) -> DataSet {
    let fill = |keys: &[(Tag, &str)]| {
        let mut set = DataSet::new();
        for (tag, text) in keys {
            if text.is_empty() { set.set_empty(*tag) } else { set.set_text(*tag, text) }
        }
        set
    };
    let mut set = fill(root);
    set.set_items(telerad_dicom::tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![fill(step)]);
    set
}

fn findings(outcome: &Outcome) -> Vec<String> {
    outcome.findings.iter().map(ToString::to_string).collect()
}
