//! What has to be true when a schedule is over, by what sources and destinations have seen themselves, and by what became
//! durable, in its order.

use std::collections::{BTreeMap, BTreeSet};

use telerad::core::Timestamp;
use telerad::gateway::Event;
use telerad::routing::{
    DeliveryKey, DeliveryRecord, DeliveryState, Digest, InstanceRecord, NotWantedReason, Relation,
    SentEvidence, StudyDecision,
};
use telerad::store::memory::MemoryStore;
use telerad::store::payload::MemoryPayloads;
use telerad::store::{Deliveries, Instances, ParkedItem, Parking, Payloads, StoreFuture};

use crate::copies;
use crate::executor::timestamp;
use crate::plan::SOURCES;
use crate::urgent;
use crate::world::{Given, Kept, Log, World, destination_id, north, uid};

/// What the audit rests on.
pub struct Audit<'a> {
    pub world: &'a World,
    pub log: &'a Log,
    pub store: &'a MemoryStore,
    pub payloads: &'a MemoryPayloads,
    pub parked: Vec<ParkedItem>,
    pub findings: Vec<String>,
    pub outcomes: BTreeMap<&'static str, u64>,
}

/// Everything that is not as it has to be.
pub fn audit(world: &World, store: &MemoryStore, payloads: &MemoryPayloads) -> Vec<String> {
    let parked = now(store.parked(None, None, usize::MAX));
    let taken = std::mem::take(&mut *world.log());
    let mut audit = Audit {
        world,
        log: &taken,
        store,
        payloads,
        parked,
        findings: Vec::new(),
        outcomes: BTreeMap::new(),
    };
    audit.acknowledged();
    audit.ledger();
    audit.decisions();
    audit.after_delivery();
    copies::check(&mut audit);
    urgent::check(&mut audit);
    let Audit { findings, outcomes, .. } = audit;
    *world.log() = taken;
    for (kind, count) in outcomes {
        *world.log().reached.entry(kind).or_default() += count;
    }
    findings
}

/// What a store in memory answers.
pub fn now<T>(answer: StoreFuture<'_, T>) -> T {
    ready(answer).expect("a store in memory can be read")
}

/// What is ready at once.
fn ready<T>(mut answer: std::pin::Pin<Box<dyn Future<Output = T> + Send + '_>>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match answer.as_mut().poll(&mut context) {
        std::task::Poll::Ready(answer) => answer,
        std::task::Poll::Pending => panic!("nothing in memory has to be waited for"),
    }
}

impl Audit<'_> {
    pub fn find(&mut self, finding: String) {
        self.findings.push(finding);
    }

    pub fn count(&mut self, kind: &'static str) {
        *self.outcomes.entry(kind).or_default() += 1;
    }

    pub fn name(&self, destination: usize) -> &str {
        &self.world.plan.destinations[destination].name
    }

    fn number(&self, delivery: &DeliveryRecord) -> Option<usize> {
        let name = delivery.key.destination.as_str();
        self.world.plan.destinations.iter().position(|it| it.name == name)
    }

    /// Everything that a source was told is safe is there, byte for byte, and goes where its study goes.
    fn acknowledged(&mut self) {
        let mut seen = BTreeSet::new();
        for answer in self.log.answers.iter().filter(|it| it.status == 0) {
            if seen.insert((answer.instance, answer.version)) {
                self.acknowledged_version(answer.instance, answer.version);
            }
        }
    }

    fn acknowledged_version(&mut self, instance: usize, version: usize) {
        let sent = &self.world.plan.instances[instance].versions[version];
        let (name, data_set) = (sent.sop_instance_uid.clone(), sent.data_set());
        let digest = Digest::from_bytes(*blake3::hash(&data_set).as_bytes());
        let versions = now(self.store.versions(&north(), &uid(&name)));
        let Some(kept) = versions.iter().find(|it| it.digest == digest).cloned() else {
            return self.find(format!("{name} v{version}: acknowledged, and not in the store"));
        };
        let deliveries = now(self.store.deliveries_of(&north(), &uid(&name)));
        self.payload(&name, &kept, &deliveries, &data_set);
        match &kept.relation {
            Relation::First => self.first(&kept, &deliveries),
            Relation::UidConflict { .. } => {
                self.count("a UID in conflict");
                let study = kept.head.study_instance_uid.as_ref().map_or("", |it| it.as_str());
                // What is only in doubt is parked and told once for its study.
                let parked = [&name, study].into_iter().find(|it| self.is_parked(it, CONFLICT));
                let is_told = parked.is_some_and(|subject| {
                    self.was_told(|event| match event {
                        Event::UidConflict { sop_instance_uid, .. } => {
                            sop_instance_uid.as_str() == name
                        }
                        Event::PixelsNotCompared { study_instance_uid, .. } => {
                            study_instance_uid == subject
                        }
                        event => is_still_parked(event, subject, CONFLICT),
                    })
                });
                if !is_told {
                    self.find(format!("{name} v{version}: in conflict, and nobody was told"));
                }
            }
            Relation::Variant => self.count("a variant"),
            Relation::Repeated => self.find(format!("{name} v{version}: kept as a repetition")),
        }
        if kept.relation != Relation::First && deliveries.iter().any(|it| it.digest == digest) {
            self.find(format!("{name} v{version}: not the first of its name, and queued"));
        }
    }

    fn payload(
        &mut self,
        name: &str,
        kept: &InstanceRecord,
        deliveries: &[DeliveryRecord],
        data_set: &[u8],
    ) {
        let may_be_gone = self.world.plan.keep_hours.is_some()
            && !deliveries.is_empty()
            && deliveries.iter().all(|it| it.state.is_complete());
        match ready(self.payloads.open(&kept.digest)) {
            Ok(mut reader) => {
                let mut bytes = Vec::new();
                while let Ok(Some(block)) = ready(reader.next()) {
                    bytes.extend_from_slice(&block);
                }
                if bytes != data_set {
                    self.find(format!("{name}: its payload has other bytes"));
                }
            }
            Err(_) if may_be_gone => self.count("a payload whose time was over"),
            Err(error) => self.find(format!("{name}: its payload is gone: {error}")),
        }
    }

    /// The first under its name has a delivery to each destination of its study, or nobody wants it and a person knows.
    fn first(&mut self, kept: &InstanceRecord, deliveries: &[DeliveryRecord]) {
        let name = kept.sop_instance_uid.as_str().to_owned();
        let study = kept.head.study_instance_uid.as_ref().map_or("", |it| it.as_str());
        let study = now(self.store.study(&north(), study));
        let Some(study) = study else {
            self.count("no rule");
            if !self.is_parked(&name, "no rule") {
                self.find(format!("{name}: no rule wants it, and it is not parked"));
            }
            let is_told = self.was_told(|event| match event {
                Event::NoRule { sop_instance_uid, .. } => sop_instance_uid.as_str() == name,
                event => is_still_parked(event, &name, "no rule"),
            });
            if !is_told {
                self.find(format!("{name}: no rule wants it, and nobody was told"));
            }
            return;
        };
        if deliveries.is_empty() && self.is_parked(&name, "no rule") {
            // It came before the study was decided by another image, and nothing has brought it up since.
            return self.count("no rule for this image of a study");
        }
        for destination in &study.destinations {
            if !deliveries.iter().any(|it| it.key.destination == *destination) {
                self.find(format!("{name}: its study goes to {destination}, and it does not"));
            }
        }
    }

    /// Every line of the ledger has come to an end that its destination and the people explain.
    fn ledger(&mut self) {
        let mut keys = BTreeSet::new();
        for (_, seen) in &self.log.seen {
            keys.extend(seen.deliveries.iter().map(|it| it.key.clone()));
        }
        for key in keys {
            match now(self.store.delivery(&key)) {
                Some(delivery) => self.line(&delivery),
                None => self.find(format!("{}: forgotten by the ledger", key.sop_instance_uid)),
            }
        }
    }

    fn line(&mut self, delivery: &DeliveryRecord) {
        let (key, name) = (&delivery.key, delivery.key.sop_instance_uid.as_str());
        let to = format!("{name} to {}", key.destination);
        let Some(number) = self.number(delivery) else {
            return self.find(format!("{to}: no such destination"));
        };
        let word = delivery.state.as_str();
        let copies = self.log.copies.iter();
        let has = copies.clone().any(|it| {
            it.destination == number && it.uid == name && it.digest == *delivery.digest.as_bytes()
        });
        let fault = match &delivery.state {
            DeliveryState::Sent { .. } if has => Ok("sent"),
            DeliveryState::Sent { evidence: SentEvidence::DuplicateCompared, .. }
                if self.has_by(number, name, u64::MAX) =>
            {
                Ok("held already, and the same")
            }
            DeliveryState::Sent { .. } => {
                Err("sent, says the ledger, and its destination has it not")
            }
            DeliveryState::Pending => Err("still to be sent, although everybody is well"),
            DeliveryState::Held { .. } => {
                let study = now(self.store.study(&north(), &delivery.study_instance_uid));
                let held = study.is_some_and(|study| study.held.is_some());
                if held { Ok("held by a person") } else { Err("held, and its study is not") }
            }
            DeliveryState::Failed { status, .. } => self.failed(number, delivery, *status),
            DeliveryState::NotWanted { reason } => self.not_wanted(number, delivery, reason),
            DeliveryState::Parked { .. } => self.waits(number, delivery),
        };
        let needs_person =
            matches!(delivery.state, DeliveryState::Failed { .. } | DeliveryState::Parked { .. });
        if needs_person && !self.has_alert(delivery) {
            self.find(format!("{to}: {word}, and nobody was told"));
        }
        match fault {
            Ok(outcome) => self.count(outcome),
            Err(fault) => self.find(format!("{to}: {fault}")),
        }
    }

    fn failed(
        &self,
        number: usize,
        delivery: &DeliveryRecord,
        status: u16,
    ) -> Result<&'static str, &'static str> {
        let name = delivery.key.sop_instance_uid.as_str();
        // Of a class of which it has stored others, it is the instance that is refused.
        if matches!(status, 0 | CLASS_NOT_SUPPORTED) && self.refused_class(number, delivery) {
            return Ok("failed");
        }
        let refusals = self.log.refusals.iter().filter(|it| {
            it.destination == number && it.status == status && (it.uid == name || status == 0)
        });
        if refusals.count() == 0 {
            Err("failed, and its destination never said so")
        } else {
            Ok("failed")
        }
    }

    fn not_wanted(
        &self,
        number: usize,
        delivery: &DeliveryRecord,
        reason: &NotWantedReason,
    ) -> Result<&'static str, &'static str> {
        let did = |word: &str| {
            self.log.seen.iter().any(|(_, seen)| seen.journal.iter().any(|it| it == word))
        };
        match reason {
            NotWantedReason::ClassNotTaken => match self.refused_class(number, delivery) {
                true => Ok("class not taken"),
                false => Err("not wanted, and its destination never said so"),
            },
            NotWantedReason::Cancelled { .. } if did("cancelled") => Ok("cancelled by a person"),
            NotWantedReason::MovedTo { .. } if did("study moved") || did("re-routed") => {
                Ok("moved elsewhere")
            }
            _ => Err("not wanted, and nobody asked for that"),
        }
    }

    fn refused_class(&self, number: usize, delivery: &DeliveryRecord) -> bool {
        self.log.refused_classes.contains(&(number, delivery.sop_class_uid.clone()))
    }

    fn waits(
        &self,
        number: usize,
        delivery: &DeliveryRecord,
    ) -> Result<&'static str, &'static str> {
        let name = delivery.key.sop_instance_uid.as_str();
        let duplicate = self
            .log
            .refusals
            .iter()
            .any(|it| it.destination == number && it.uid == name && it.status == 0x0111);
        let syntax = self.log.refused_syntaxes.contains(&number);
        let gone = self.world.plan.keep_hours.is_some();
        // Of a class that it has taken before.
        if self.refused_class(number, delivery) {
            return Ok("parked: class no longer taken");
        }
        match (duplicate, syntax, gone) {
            (true, ..) => Ok("parked: held already"),
            (_, true, _) => Ok("parked: syntax not taken"),
            (_, _, true) => Ok("parked: no longer kept"),
            _ => Err("parked without a reason"),
        }
    }

    fn is_parked(&self, subject: &str, reason: &str) -> bool {
        self.parked.iter().any(|item| item.subject == subject && item.reason == reason)
    }

    /// A person finds it among what is parked, and listeners were told when it became so.
    fn has_alert(&self, delivery: &DeliveryRecord) -> bool {
        let name = delivery.key.sop_instance_uid.as_str();
        let subjects = [name, delivery.study_instance_uid.as_str()];
        let to = delivery.key.destination.as_str();
        let begins = format!("{to}:");
        let mut parked = self.parked.iter().filter(|item| {
            subjects.contains(&item.subject.as_str()) && item.evidence.starts_with(&begins)
        });
        parked.any(|item| {
            self.was_told(|event| match event {
                Event::InstanceFailed { destination, sop_instance_uid, .. } => {
                    destination.as_str() == to && sop_instance_uid.as_str() == name
                }
                Event::StudyWaits { study_instance_uid, destination, .. } => {
                    destination.as_str() == to && *study_instance_uid == item.subject
                }
                event => is_still_parked(event, &item.subject, &item.reason),
            })
        })
    }

    /// Whether listeners were told. What a crash kept from them is told at the next start.
    fn was_told(&self, is: impl Fn(&Event) -> bool) -> bool {
        self.log.events.iter().any(|(_, event)| is(event))
    }

    /// The first decision of each study is that of its rules, and changes only when a person or an outage moves it.
    fn decisions(&mut self) {
        let mut known: BTreeMap<String, StudyDecision> = BTreeMap::new();
        for (at, seen) in &self.log.seen {
            for study in &seen.studies {
                let uid = study.study_instance_uid.clone();
                let before = known.insert(uid.clone(), study.clone());
                match before {
                    None => self.first_decision(*at, study, seen.instances.first()),
                    Some(before) if before.destinations != study.destinations => {
                        let moved = |it: &String| it == "study moved" || it == "re-routed";
                        if !seen.journal.iter().any(moved) {
                            self.find(format!("study {uid}: goes elsewhere, and nobody said so"));
                        }
                    }
                    Some(before) if before.rule_set_version != study.rule_set_version => {
                        self.find(format!("study {uid}: decided twice"));
                    }
                    Some(_) => {}
                }
            }
        }
    }

    fn first_decision(
        &mut self,
        at: u64,
        study: &StudyDecision,
        instance: Option<&InstanceRecord>,
    ) {
        // One that is decided again later brings no instance along.
        let Some(instance) = instance else { return };
        let rules = self.log.rules.iter().rev().find(|(from, _)| *from <= at).map_or(0, |it| it.1);
        let second = seconds(study.decided_at);
        let modality = instance.head.modality.as_str();
        let mut wanted = BTreeSet::new();
        for rule in &self.world.plan.rules[rules] {
            if rule.holds(modality, instance.source.as_str(), second) {
                wanted.extend(rule.send_to.iter().cloned());
            }
        }
        let got: BTreeSet<String> =
            study.destinations.iter().map(|it| it.as_str().to_owned()).collect();
        let is_group = wanted.remove("readers");
        let members: BTreeSet<String> = ["d0".to_owned(), "d1".to_owned()].into();
        let rest: BTreeSet<String> = got.difference(&wanted).cloned().collect();
        let fits = wanted.is_subset(&got)
            && match is_group {
                true => {
                    rest.len() <= 1
                        && got.intersection(&members).count() >= 1
                        && rest.is_subset(&members)
                }
                false => rest.is_empty(),
            };
        if !fits {
            self.find(format!("study {}: goes to {got:?}", study.study_instance_uid));
        }
    }

    /// Where a source is answered after delivery only, its 0000H says that every destination has the instance.
    fn after_delivery(&mut self) {
        for answer in self.log.answers.iter().filter(|it| it.status == 0) {
            if !self.world.plan.after_delivery[answer.source] {
                continue;
            }
            let instance = &self.world.plan.instances[answer.instance];
            let name = instance.versions[answer.version].sop_instance_uid.clone();
            let (source, mut delivered) = (SOURCES[answer.source], 0);
            for destination in 0..self.world.plan.destinations.len() {
                match self.standing(destination, &name, answer.at) {
                    Standing::Delivered => delivered += 1,
                    Standing::None => {}
                    Standing::Owed => {
                        let to = self.name(destination).to_owned();
                        self.find(format!("{name}: {source} was told that {to} has it"));
                    }
                }
            }
            if delivered == 0 {
                self.find(format!("{name}: {source} was told that it is delivered, and it is not"));
            } else {
                self.count("answered after delivery");
            }
            if delivered > 1 {
                self.count("answered after several deliveries");
            }
        }
    }

    /// What a destination is owed of an instance when a source is answered.
    fn standing(&self, destination: usize, name: &str, at: u64) -> Standing {
        let key = DeliveryKey {
            site: north(),
            sop_instance_uid: uid(name),
            destination: destination_id(self.name(destination)),
        };
        if self.has_by(destination, name, at) {
            return Standing::Delivered;
        }
        let said: Vec<_> = history(self.log, &key).filter(|(then, _)| *then <= at).collect();
        // The answer was decided on a little earlier: what came to the ledger since was not known then.
        let was_known = said.iter().any(|(then, _)| then + ANSWER_UNDER_WAY < at);
        let is_taken_back = |it: &DeliveryRecord| match &it.state {
            DeliveryState::NotWanted { reason } => *reason != NotWantedReason::ClassNotTaken,
            _ => false,
        };
        let mut lately = said.iter().rev();
        let last = lately.next().is_some_and(|(_, it)| is_taken_back(it));
        if was_known && !last { Standing::Owed } else { Standing::None }
    }

    /// Whether a destination has an instance by then, or has shown that it had it.
    fn has_by(&self, destination: usize, name: &str, at: u64) -> bool {
        let kept = |it: &&Kept| it.destination == destination && it.uid == name && it.at <= at;
        let gave =
            |it: &&Given| it.destination == destination && it.uid == name && it.at <= at && it.same;
        self.log.copies.iter().find(kept).is_some() || self.log.given.iter().find(gave).is_some()
    }
}

/// What is true of a destination when a source is answered.
enum Standing {
    Delivered,
    /// It is not to go there.
    None,
    Owed,
}

fn is_still_parked(event: &Event, about: &str, why: &str) -> bool {
    matches!(event, Event::StillParked { subject, reason, .. } if subject == about && reason == why)
}

const CONFLICT: &str = "uid conflict";
/// An answer arrives up to so many microseconds after it was decided on.
const ANSWER_UNDER_WAY: u64 = 1_000_000;

/// PS3.7 section 9.1.1.1.9.
const CLASS_NOT_SUPPORTED: u16 = 0x0122;

/// Seconds since the schedule began.
fn seconds(at: Timestamp) -> u64 {
    at.since(timestamp(0)).as_secs()
}

/// What the ledger said of one delivery, in its order.
pub fn history<'a>(
    log: &'a Log,
    key: &'a DeliveryKey,
) -> impl Iterator<Item = (u64, &'a DeliveryRecord)> + 'a {
    log.seen.iter().flat_map(move |(at, seen)| {
        seen.deliveries.iter().filter(move |it| it.key == *key).map(move |it| (*at, it))
    })
}
