//! Merges of patients, and how they are taken back.
//!
//! Everything is tried on a copy of what is known: a message is carried out whole, or leaves no trace.

mod admission;
mod undo;

use std::collections::BTreeMap;

use telerad_core::{Patient, PatientId, SiteId, Timestamp};

use crate::adt::{AdtPolicy, InverseMerge, MergedIdentifier, Same, same};
use crate::effect::Effect;
use crate::finding::{FindingCode, Findings};
use crate::identity::IdentityChange;
use crate::patient::PatientFacts;
use crate::record::{Merge, MovedOrder};
use crate::stop::{POSSIBLE_OVERLAY, Stop};
use crate::{Known, Mapping, OrderKey, OrderRecord, PatientRecord};

pub(crate) use admission::is_admission;
pub use undo::{UndoError, undo_merge};

/// The patients and orders of a site while a message about identities is carried out.
pub(crate) struct World<'a> {
    site: &'a SiteId,
    policy: &'a AdtPolicy,
    control_id: &'a str,
    now: Timestamp,
    before: (BTreeMap<PatientId, PatientRecord>, BTreeMap<OrderKey, OrderRecord>),
    patients: BTreeMap<PatientId, PatientRecord>,
    orders: BTreeMap<OrderKey, OrderRecord>,
}

impl<'a> World<'a> {
    pub(crate) fn new(
        known: &Known,
        mapping: &'a Mapping,
        control_id: &'a str,
        now: Timestamp,
    ) -> Self {
        let site = &mapping.site;
        let of_site = known.patients.iter().filter(|record| record.site == *site);
        let patients: BTreeMap<_, _> = of_site
            .filter_map(|record| Some((record.patient.primary_id()?.clone(), record.clone())))
            .collect();
        let of_site = known.orders.iter().filter(|record| record.order.site == *site);
        let orders: BTreeMap<_, _> =
            of_site.map(|record| (record.key.clone(), record.clone())).collect();
        let before = (patients.clone(), orders.clone());
        Self { site, policy: &mapping.adt, control_id, now, before, patients, orders }
    }

    pub(crate) fn apply(
        &mut self,
        change: &IdentityChange,
        findings: &mut Findings,
    ) -> Result<(), Stop> {
        match change {
            IdentityChange::Merge { prior, surviving } => {
                prior.iter().try_for_each(|prior| self.merge(prior, surviving, findings))
            }
            IdentityChange::Rename { prior, surviving } => self.rename(prior, surviving, findings),
            IdentityChange::Link { one, other } => self.link(one, other, findings),
            IdentityChange::Unlink { one, other } => self.unlink(one, other, findings),
            IdentityChange::MoveIdentifier { moved, from, to } => {
                self.move_identifier(moved, from, to, findings)
            }
            IdentityChange::Admission { patient, from, to } => {
                self.change_admission(patient, from, to, findings)
            }
        }
    }

    /// What has become another one.
    pub(crate) fn effects(self) -> Vec<Effect> {
        let (patients, orders) = self.before;
        let now = self.now;
        let patients = self.patients.into_iter().filter_map(move |(id, mut record)| {
            let is_changed = patients.get(&id) != Some(&record);
            record.updated_at = if is_changed { now } else { record.updated_at };
            is_changed.then_some(Effect::PutPatient(record))
        });
        let orders = self.orders.into_iter().filter_map(move |(key, mut record)| {
            let is_changed = orders.get(&key) != Some(&record);
            record.updated_at = if is_changed { now } else { record.updated_at };
            is_changed.then_some(Effect::PutOrder(record))
        });
        patients.chain(orders).collect()
    }

    /// Merges `prior` into the surviving patient (A40).
    fn merge(
        &mut self,
        prior: &PatientId,
        surviving: &PatientFacts,
        findings: &mut Findings,
    ) -> Result<(), Stop> {
        let said = primary(surviving)?;
        let prior = self.known_as(prior, "MRG-1", findings)?;
        let survivor = self.known_as(said, "PID-3", findings)?;
        if same(&prior, &survivor) != Same::No {
            return Err(self.equal(&prior, &survivor));
        }
        // Listed among those that survive it does not end.
        if surviving.ids.iter().any(|id| same(id, &prior) == Same::Yes) {
            return Err(self.equal(&prior, &prior));
        }
        if self.end_of(&survivor)? == prior {
            return self.inverse(&prior, &survivor, surviving, findings);
        }
        let Some(survivor) = self.not_merged(survivor, findings)? else { return Ok(()) };
        if self.get(&prior).is_some_and(|record| record.merged_into.is_some()) {
            return match self.end_of(&prior)? == survivor {
                true => Ok(()),
                false => Err(Stop::park("the prior identifier was merged into another one before")),
            };
        }
        // One that was followed is another identifier than the message speaks of.
        if same(said, &survivor) != Same::No {
            self.update(&survivor, surviving)?;
        }
        self.end(&prior, &survivor, findings)
    }

    /// Gives a patient another identifier (A47).
    fn rename(
        &mut self,
        prior: &PatientId,
        surviving: &PatientFacts,
        findings: &mut Findings,
    ) -> Result<(), Stop> {
        let said = primary(surviving)?;
        let prior = self.known_as(prior, "MRG-1", findings)?;
        let new = self.known_as(said, "PID-3", findings)?;
        if same(&prior, &new) != Same::No {
            return Err(self.equal(&prior, &new));
        }
        if self.get(&prior).is_some_and(|record| record.merged_into.as_ref() == Some(&new)) {
            return Ok(());
        }
        if self.get(&prior).is_some_and(|record| record.merged_into.is_some()) {
            return Err(Stop::park("the prior identifier was merged into another one before"));
        }
        if self.get(&new).is_some() || !self.orders_of(&new)?.is_empty() {
            let text = "the new identifier (PID-3) is in use by a known patient";
            return Err(Stop::reject(205, "PID^1^3", text));
        }
        let revision = self.patients.get(&new).map_or(0, |void| void.revision);
        let renamed = self.get(&prior).cloned().map(|mut record| {
            record.patient.ids.retain(|id| *id != prior && *id != new);
            record.patient.ids.insert(0, new.clone());
            // What points at the old identifier still does, and the old one points here.
            record.aliases = Vec::new();
            record.links = Vec::new();
            record.revision = revision;
            record
        });
        if let Some(record) = renamed {
            self.patients.insert(new.clone(), record);
        }
        self.update(&new, surviving)?;
        self.or_new(&new).is_from_merge = true;
        self.end(&prior, &new, findings)
    }

    /// Ends an identifier: its orders go to the survivor, and what was moved is written down.
    fn end(
        &mut self,
        prior: &PatientId,
        survivor: &PatientId,
        findings: &mut Findings,
    ) -> Result<(), Stop> {
        let keys = self.orders_of(prior)?;
        let Some(to) = self.patients.get(survivor).map(|record| record.patient.clone()) else {
            return Err(Stop::park("the surviving patient is not known"));
        };
        let mut moved = Vec::new();
        for key in keys {
            let Some(record) = self.orders.get_mut(&key) else { continue };
            let patient = std::mem::replace(&mut record.order.patient, to.clone());
            moved.push(MovedOrder { key, patient });
        }
        let known = self.get(prior);
        if known.is_some_and(|record| !record.clinical.allergies.is_empty()) {
            let text = "allergies were known under the prior identifier: they stay with its record";
            findings.add(FindingCode::Ignored, "MRG-1", text);
        }
        if known.is_none() && moved.is_empty() {
            let text = "the prior identifier is not known: kept as an alias, nothing was moved";
            findings.add(FindingCode::Missing, "MRG-1", text);
        }
        let (control_id, merged_at) = (self.control_id.to_owned(), self.now);
        let merge = Merge { moved, control_id, merged_at };
        let record = self.or_new(prior);
        record.merged_into = Some(survivor.clone());
        record.merge = Some(merge);
        let record = self.or_new(survivor);
        if !record.aliases.contains(prior) {
            record.aliases.push(prior.clone());
        }
        Ok(())
    }

    /// A into B, where B was merged into A before.
    fn inverse(
        &mut self,
        prior: &PatientId,
        survivor: &PatientId,
        surviving: &PatientFacts,
        findings: &mut Findings,
    ) -> Result<(), Stop> {
        let text = "the surviving identifier (PID-3) was merged into the prior one (MRG-1) before";
        match self.policy.inverse_merge {
            InverseMerge::Park => Err(Stop::park(text)),
            InverseMerge::Reject => Err(Stop::reject(205, "PID^1^3", text)),
            InverseMerge::Reverse => {
                self.undo(survivor).map_err(|error| Stop::park(&error.to_string()))?;
                let text = "the earlier merge the other way round was undone";
                findings.add(FindingCode::Disagreement, "MRG-1", text);
                self.update(survivor, surviving)?;
                self.end(prior, survivor, findings)
            }
        }
    }

    /// The identifier, or what it was merged into where the site follows that; `None` when nothing is to be done.
    fn not_merged(
        &self,
        id: PatientId,
        findings: &mut Findings,
    ) -> Result<Option<PatientId>, Stop> {
        if self.get(&id).is_none_or(|record| record.merged_into.is_none()) {
            return Ok(Some(id));
        }
        match merged(self.policy, "PID-3", findings)? {
            Merged::Follow => self.end_of(&id).map(Some),
            Merged::Ignore => Ok(None),
        }
    }

    fn link(
        &mut self,
        one: &PatientFacts,
        other: &PatientFacts,
        findings: &mut Findings,
    ) -> Result<(), Stop> {
        let Some((first, second)) = self.pair(one, other, findings)? else { return Ok(()) };
        for (id, facts) in [(&first, one), (&second, other)] {
            if self.get(id).is_none() {
                self.update(id, facts)?;
                self.or_new(id).is_from_merge = false;
            }
        }
        for (id, to) in [(&first, &second), (&second, &first)] {
            let links = &mut self.or_new(id).links;
            if !links.contains(to) {
                links.push(to.clone());
            }
        }
        Ok(())
    }

    fn unlink(
        &mut self,
        one: &PatientFacts,
        other: &PatientFacts,
        findings: &mut Findings,
    ) -> Result<(), Stop> {
        let Some((first, second)) = self.pair(one, other, findings)? else { return Ok(()) };
        for (id, to) in [(&first, &second), (&second, &first)] {
            if let Some(record) = self.patients.get_mut(id) {
                record.links.retain(|link| link != to);
            }
        }
        Ok(())
    }

    fn pair(
        &self,
        one: &PatientFacts,
        other: &PatientFacts,
        findings: &mut Findings,
    ) -> Result<Option<(PatientId, PatientId)>, Stop> {
        let first = self.known_as(primary(one)?, "PID-3", findings)?;
        let second = self.known_as(primary(other)?, "PID[2]-3", findings)?;
        if same(&first, &second) != Same::No {
            return Err(self.equal(&first, &second));
        }
        let first = self.not_merged(first, findings)?;
        Ok(first.zip(self.not_merged(second, findings)?).filter(|(first, second)| first != second))
    }

    /// Gives an identifier of one patient to another (A43); no order goes along.
    fn move_identifier(
        &mut self,
        moved: &PatientId,
        from: &PatientId,
        to: &PatientId,
        findings: &mut Findings,
    ) -> Result<(), Stop> {
        let from = self.known_as(from, "MRG-4", findings)?;
        let to = self.known_as(to, "PID-2", findings)?;
        if same(&from, &to) != Same::No {
            return Err(self.equal(&from, &to));
        }
        let is_current = |id| self.get(id).is_some_and(PatientRecord::is_current);
        if !is_current(&from) || !is_current(&to) {
            return Err(Stop::park("an identifier is moved from or to a patient who is not known"));
        }
        if same(moved, &from) != Same::No {
            let text = "the identifier that is to be moved is the one its patient is kept under";
            return Err(Stop::park(text));
        }
        let Some(source) = self.patients.get_mut(&from) else { return Ok(()) };
        let had = source.patient.ids.len();
        source.patient.ids.retain(|id| same(id, moved) != Same::Yes);
        let was_there = source.patient.ids.len() < had;
        let Some(target) = self.patients.get_mut(&to) else { return Ok(()) };
        if target.patient.ids.iter().any(|id| same(id, moved) == Same::Yes) {
            return Ok(());
        }
        if !was_there {
            return Err(Stop::park("the identifier that is to be moved is not its patient's"));
        }
        target.patient.ids.push(moved.clone());
        Ok(())
    }

    /// Takes in what the message says of a patient, who may be new.
    fn update(&mut self, id: &PatientId, facts: &PatientFacts) -> Result<(), Stop> {
        let before = self.get(id).map(|record| record.patient.clone());
        let record = self.or_new(id);
        if facts.is_another_person_than(&record.patient) {
            return Err(Stop::park(POSSIBLE_OVERLAY));
        }
        facts.put_patient(&mut record.patient);
        // Kept under what it is known by, however the message writes the authority.
        record.patient.ids.retain(|other| same(other, id) == Same::No);
        record.patient.ids.insert(0, id.clone());
        let is_news = before.as_ref() != Some(&record.patient);
        record.is_registered |= is_news;
        record.is_from_merge &= before.is_none() || !is_news;
        Ok(())
    }

    /// The identifier of the one patient that is meant, as it is kept; as it is said when nobody is known by it.
    fn known_as(
        &self,
        said: &PatientId,
        place: &str,
        findings: &mut Findings,
    ) -> Result<PatientId, Stop> {
        let known = self.patients.values().filter(|record| !record.is_void);
        let of_orders = self.orders.values().filter_map(|it| it.order.patient.primary_id());
        let mut ids: Vec<&PatientId> =
            known.filter_map(|record| record.patient.primary_id()).chain(of_orders).collect();
        ids.sort();
        ids.dedup();
        let having = |wanted| ids.iter().filter(move |id| same(id, said) == wanted);
        let (sure, unclear) = (having(Same::Yes).count(), having(Same::Unclear).count());
        let text = "the identifier is known under several authorities, or under none: \
                    whose it is cannot be told";
        if unclear > 0 && (sure > 0 || unclear > 1 || said.issuer().is_some()) {
            return Err(Stop::park(text));
        }
        if unclear == 1 {
            let text = "no assigning authority: the only one that is known was assumed";
            findings.add(FindingCode::Assumed, place, text);
        }
        let found = having(Same::Yes).find(|id| **id == said);
        if found.is_none() && sure > 1 {
            return Err(Stop::park(text));
        }
        let found = found.or_else(|| having(Same::Yes).next());
        Ok((*found.or_else(|| having(Same::Unclear).next()).unwrap_or(&said)).clone())
    }

    /// Where the merges of an identifier lead; itself when it was not merged.
    fn end_of(&self, id: &PatientId) -> Result<PatientId, Stop> {
        end_of_merges(id, |id| self.get(id)).ok_or_else(|| Stop::park(CIRCLE))
    }

    /// The orders of the patient with exactly this identifier.
    fn orders_of(&self, id: &PatientId) -> Result<Vec<OrderKey>, Stop> {
        let mut keys = Vec::new();
        for (key, record) in &self.orders {
            let Some(of) = record.order.patient.primary_id() else { continue };
            match same(of, id) {
                Same::Yes => keys.push(key.clone()),
                Same::No => {}
                Same::Unclear => {
                    let text = "an order names the identifier without its authority";
                    return Err(Stop::park(text));
                }
            }
        }
        Ok(keys)
    }

    fn get(&self, id: &PatientId) -> Option<&PatientRecord> {
        self.patients.get(id).filter(|record| !record.is_void)
    }

    fn or_new(&mut self, id: &PatientId) -> &mut PatientRecord {
        let (site, now) = (self.site, self.now);
        let made = || {
            let patient = Patient { ids: vec![id.clone()], ..Patient::default() };
            let record = PatientRecord::new(site.clone(), patient, now);
            PatientRecord { is_from_merge: true, ..record }
        };
        let record = self.patients.entry(id.clone()).or_insert_with(made);
        if record.is_void {
            *record = PatientRecord { revision: record.revision, ..made() };
        }
        record
    }

    fn equal(&self, one: &PatientId, other: &PatientId) -> Stop {
        match same(one, other) {
            Same::Unclear => Stop::park("equal identifiers, one of them without its authority"),
            _ => Stop::reject(205, "MRG^1^1", "prior and surviving identifier are the same"),
        }
    }
}

/// What is to be done with a message that names a merged identifier.
pub(crate) enum Merged {
    Follow,
    Ignore,
}

/// As the site has it.
pub(crate) fn merged(
    policy: &AdtPolicy,
    place: &str,
    findings: &mut Findings,
) -> Result<Merged, Stop> {
    let text = "the patient identifier was merged into another";
    match policy.merged_identifier {
        MergedIdentifier::Follow => {
            let text = "the patient identifier was merged: the surviving one was taken";
            findings.add(FindingCode::Derived, place, text);
            Ok(Merged::Follow)
        }
        MergedIdentifier::Ignore => {
            let text = "the patient identifier was merged into another: nothing was changed";
            findings.add(FindingCode::Ignored, place, text);
            Ok(Merged::Ignore)
        }
        MergedIdentifier::Park => Err(Stop::park(text)),
        MergedIdentifier::Reject => Err(Stop::reject(204, "PID^1^3", text)),
    }
}

/// Where the merges of an identifier lead; `None` when they lead in a circle, or further than anybody merges.
pub(crate) fn end_of_merges<'a>(
    id: &PatientId,
    get: impl Fn(&PatientId) -> Option<&'a PatientRecord>,
) -> Option<PatientId> {
    let mut at = id.clone();
    for _ in 0..CHAIN_MAX {
        match get(&at).and_then(|record| record.merged_into.clone()) {
            Some(next) => at = next,
            None => return Some(at),
        }
    }
    None
}

fn primary(facts: &PatientFacts) -> Result<&PatientId, Stop> {
    let text = "no patient identifier in PID-3";
    facts.ids.first().ok_or_else(|| Stop::reject(101, "PID^1^3", text))
}

pub(crate) const CIRCLE: &str = "the merges of the identifier lead in a circle";
/// Merges one after the other; real ones are one, two or three.
pub(crate) const CHAIN_MAX: usize = 64;
