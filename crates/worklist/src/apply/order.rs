//! What a message makes of the orders that it names.

use telerad_core::{Code, Order, Priority, Timestamp, Uid};

use super::Effect;
use super::patient::{Speaker, known_patient, patient};
use crate::adt::AdtFeed;
use crate::build::{self, Context};
use crate::draft::{Draft, StepDraft};
use crate::finding::{FindingCode, Findings};
use crate::inbound::{ChangeKind, Inbound, NewOrder, OrderChange};
use crate::precedence::{self, IDENTIFIERS, NUMBERS, Precedence};
use crate::record::same_patient;
use crate::{
    Advance, Known, OrderRecord, ScheduledStep, StartedCancel, StepEffect, StepEvent, StepHistory,
    StepStatus, Told, UnknownChange, Verdict, instant,
};

/// What is to be written, and whether it is more than when something was said.
pub(super) struct Written {
    pub(super) effects: Vec<Effect>,
    pub(super) is_news: bool,
}

impl From<Vec<Effect>> for Written {
    fn from(effects: Vec<Effect>) -> Self {
        Self { is_news: !effects.is_empty(), effects }
    }
}

/// The records that all changes of a message leave.
///
/// # Errors
/// A reason to park the message: nothing of it is applied.
pub(super) fn orders(
    inbound: &Inbound,
    changes: &[OrderChange],
    known: &Known,
    now: Timestamp,
    findings: &mut Findings,
) -> Result<Written, String> {
    known_patient(known, inbound)?;
    let find = |key: &crate::OrderKey| {
        let is_it =
            |record: &&OrderRecord| record.key == *key && record.order.site == inbound.mapping.site;
        known.orders.iter().find(is_it)
    };
    // An order that comes late does not bring back what the patient was called then.
    let has_say = |change: &OrderChange| {
        let later = find(&change.key).map_or(0, |record| record.said.later(change.at));
        let speaks = match change.kind {
            ChangeKind::New(_) => true,
            ChangeKind::Amend { .. } => inbound.mapping.adt.feed == AdtFeed::None,
            _ => false,
        };
        speaks && later & IDENTIFIERS == 0
    };
    let mut effects = Vec::new();
    if changes.iter().any(has_say) {
        effects.extend(patient(inbound, known, Speaker::Order, now, findings)?);
    }
    let mut is_news = !effects.is_empty();
    for key in inbound.orders() {
        let before = find(&key);
        let is_over = |until: Timestamp| until < now;
        let mut current =
            before.filter(|record| !record.tombstone_until.is_some_and(is_over)).cloned();
        for change in changes.iter().filter(|change| change.key == key) {
            let at = Place { inbound, change, before, now };
            current = Some(at.apply(current, findings)?);
        }
        let Some(mut record) = current.filter(|current| before != Some(current)) else { continue };
        is_news |= before.is_none_or(|before| bare(before) != bare(&record));
        record.updated_at = now;
        record.revision = before.map_or(0, |before| before.revision);
        effects.push(Effect::PutOrder(record));
    }
    Ok(Written { effects, is_news })
}

/// A record without when something was said.
fn bare(record: &OrderRecord) -> OrderRecord {
    let mut record = record.clone();
    record.event_time = None;
    record.said = Default::default();
    if !record.is_tombstone() {
        record.told.clear();
    }
    record.steps.iter_mut().for_each(|step| step.history = StepHistory::default());
    record
}

/// One change of one order, and what it meets.
struct Place<'a> {
    inbound: &'a Inbound,
    change: &'a OrderChange,
    before: Option<&'a OrderRecord>,
    now: Timestamp,
}

impl Place<'_> {
    fn apply(
        &self,
        current: Option<OrderRecord>,
        findings: &mut Findings,
    ) -> Result<OrderRecord, String> {
        let said = self.inbound.facts.ids.first();
        if let Some(record) = &current
            && !same_patient(record.order.patient.primary_id(), said)
        {
            return Err("the accession number is known for another patient".to_owned());
        }
        let at = self.change.at;
        let is_known = current.as_ref().is_some_and(|record| !record.is_tombstone());
        let mut record = match (&self.change.kind, current) {
            (ChangeKind::New(order), Some(record)) if is_known => {
                self.order_again(record, order, findings)?
            }
            (ChangeKind::Amend { draft, .. }, Some(record)) if is_known => {
                self.amend(record, draft, findings)?
            }
            (ChangeKind::New(order), tombstone) => {
                let mut record = self.create(&order.draft, true, tombstone, findings)?;
                record.parent.clone_from(&order.parent);
                record.replaces.clone_from(&order.replaces);
                record
            }
            (ChangeKind::Amend { draft, .. }, tombstone) => {
                self.create_by_change(draft, tombstone, findings)?
            }
            (ChangeKind::Number { placer, filler }, Some(mut record)) if is_known => {
                let later = record.said.later(at);
                let [of_placer, of_filler] = NUMBERS;
                if later & of_placer == 0 {
                    placer.put_some(&mut record.order.placer_order_number);
                }
                if later & of_filler == 0 {
                    filler.put_some(&mut record.order.filler_order_number);
                }
                let said = |is_nothing: bool, bit| if is_nothing { 0 } else { bit };
                let bits =
                    said(placer.is_nothing(), of_placer) | said(filler.is_nothing(), of_filler);
                record.said.add(at, bits);
                record
            }
            (ChangeKind::Number { .. }, _) => {
                return Err("a number for an order that is not known".to_owned());
            }
            (ChangeKind::Tell { step_id, event }, record) => {
                self.tell(record, step_id.clone(), *event, findings)?
            }
            (ChangeKind::Replaced(by), record) => {
                let mut record = self.tell(record, None, StepEvent::Cancel, findings)?;
                let new = by.iter().filter(|key| !record.replaced_by.contains(*key));
                let new: Vec<_> = new.cloned().collect();
                record.replaced_by.extend(new);
                record
            }
        };
        if record.event_time.is_none() || instant::is_before(record.event_time, at) {
            record.event_time = at.or(record.event_time);
        }
        Ok(record)
    }

    fn context(&self) -> Context<'_> {
        let Inbound { mapping, facts, visit, event_time, .. } = self.inbound;
        Context { mapping, facts, visit, event_time: *event_time }
    }

    /// An order that was not known; what was told of it before takes its place in time.
    fn create(
        &self,
        draft: &Draft,
        has_patient: bool,
        tombstone: Option<OrderRecord>,
        findings: &mut Findings,
    ) -> Result<OrderRecord, String> {
        let mut record = build::create(draft, self.context(), self.now, findings)?;
        if let Some(tombstone) = tombstone {
            record.told = tombstone.told;
            record.replaced_by = tombstone.replaced_by;
        }
        let all = Precedence::new(draft, &self.inbound.facts, &self.inbound.visit);
        record.said.add(self.change.at, all.said(has_patient));
        self.tell_named(&mut record, draft, 0, findings);
        Ok(record)
    }

    fn create_by_change(
        &self,
        draft: &Draft,
        tombstone: Option<OrderRecord>,
        findings: &mut Findings,
    ) -> Result<OrderRecord, String> {
        if self.inbound.mapping.status.unknown_change == UnknownChange::Park {
            return Err("a change of an order that is not known".to_owned());
        }
        let text = "a change of an order that is not known: the order was created";
        findings.add(FindingCode::Derived, "ORC-1", text);
        self.create(draft, false, tombstone, findings)
    }

    fn order_again(
        &self,
        mut record: OrderRecord,
        order: &NewOrder,
        findings: &mut Findings,
    ) -> Result<OrderRecord, String> {
        let unchanged = bare(&record);
        self.put(&mut record, &order.draft, true, findings)?;
        if !order.parent.is_empty() {
            record.parent.clone_from(&order.parent);
        }
        let new = order.replaces.iter().filter(|key| !record.replaces.contains(*key));
        let new: Vec<_> = new.cloned().collect();
        record.replaces.extend(new);
        if self.before.is_some() && bare(&record) != unchanged {
            let text = "a new order that is known already: taken as a change";
            findings.add(FindingCode::Disagreement, "ORC-1", text);
        }
        Ok(record)
    }

    fn amend(
        &self,
        mut record: OrderRecord,
        draft: &Draft,
        findings: &mut Findings,
    ) -> Result<OrderRecord, String> {
        if self.inbound.mapping.adt.feed == AdtFeed::None {
            self.put(&mut record, draft, true, findings)?;
            return Ok(record);
        }
        let mut said = record.order.patient.clone();
        self.inbound.facts.put_patient(&mut said);
        if said != record.order.patient {
            let text = "a change does not update the patient (IHE RAD-13): not used";
            findings.add(FindingCode::Ignored, "PID", text);
        }
        self.put(&mut record, draft, false, findings)?;
        Ok(record)
    }

    /// Puts what the message says and nothing has said later.
    fn put(
        &self,
        record: &mut OrderRecord,
        draft: &Draft,
        has_patient: bool,
        findings: &mut Findings,
    ) -> Result<(), String> {
        let at = self.change.at;
        let mut all = Precedence::new(draft, &self.inbound.facts, &self.inbound.visit);
        let (said, later) = (all.said(has_patient), record.said.later(at));
        let mut is_late = said & later != 0;
        all.mute(later);
        if later & IDENTIFIERS != 0 {
            all.facts.ids.clone_from(&record.order.patient.ids);
        }
        let lone = draft.steps.len() == 1 && record.steps.len() == 1;
        for step in &mut all.draft.steps {
            let Some(kept) = named(&mut record.steps, step, lone) else { continue };
            let later = kept.history.said.later(at);
            is_late |= precedence::step_bits(step) & later != 0;
            precedence::mute_step(step, later);
        }
        if is_late {
            findings.add(FindingCode::Ignored, "MSH-7", OLDER);
        }
        let context = Context { facts: &all.facts, visit: &all.visit, ..self.context() };
        if has_patient {
            build::put_patient(record, context);
        }
        let count = record.steps.len();
        build::amend(record, &all.draft, context, findings)?;
        record.said.add(at, said);
        self.tell_named(record, draft, count, findings);
        Ok(())
    }

    /// That the order was made, or changed, which says that it is wanted.
    fn wanted(&self) -> Option<StepEvent> {
        match self.change.kind {
            ChangeKind::New(_) => Some(StepEvent::New),
            ChangeKind::Amend { has_status: false, .. } => Some(StepEvent::Change),
            _ => None,
        }
    }

    /// Tells the steps that the draft names what is said of them; those from `count` on are new and catch up first.
    fn tell_named(
        &self,
        record: &mut OrderRecord,
        draft: &Draft,
        count: usize,
        findings: &mut Findings,
    ) {
        let (at, event) = (self.change.at, self.wanted());
        for step in record.steps.iter_mut().skip(count) {
            for told in &record.told {
                if told.step_id.as_ref().is_none_or(|step_id| *step_id == step.step_id) {
                    step.advance(told.event, told.at);
                }
            }
        }
        let lone = draft.steps.len() == 1;
        let mut steps: Vec<StepDraft> = draft.steps.clone();
        for (number, step) in record.steps.iter_mut().enumerate() {
            let of_step = steps.iter_mut().find(|said| match said.step_id.this() {
                Some(id) => *id == step.step_id,
                None => lone && (number >= count || count == 1),
            });
            // A step without an ID of its own was named by the only draft that it can come from.
            let bits = of_step.map(precedence::step_bits);
            let is_named = bits.is_some() || number >= count;
            if !is_named {
                continue;
            }
            step.history.said.add(at, bits.unwrap_or(0));
            if let Some(event) = event {
                let advance = step.advance(event, at);
                note(event, advance, step.status, findings);
            }
        }
    }

    /// Tells an event to the step with this ID, or to all.
    fn tell(
        &self,
        record: Option<OrderRecord>,
        step_id: Option<String>,
        event: StepEvent,
        findings: &mut Findings,
    ) -> Result<OrderRecord, String> {
        let at = self.change.at;
        let mut record = record.unwrap_or_else(|| self.tombstone());
        let told = Told { step_id, event, at };
        let step_id = told.step_id.as_deref();
        if record.is_tombstone() {
            let text = "the order is not known yet: what is said of it waits for it";
            findings.add(FindingCode::Derived, "ORC-1", text);
        } else if step_id.is_some_and(|id| record.steps.iter().all(|step| step.step_id != id)) {
            return Err("a status for a step that the order does not have".to_owned());
        }
        let rules = &self.inbound.mapping.status;
        for step in &mut record.steps {
            if step_id.is_some_and(|id| step.step_id != id) {
                continue;
            }
            let advance = step.advance(event, at);
            let is_refused = rules.started_cancel == StartedCancel::Park
                && event == StepEvent::Cancel
                && advance.effect == Some(StepEffect::To(StepStatus::Discontinued));
            if is_refused {
                let reason = "a step that has started cannot be cancelled, only discontinued";
                return Err(reason.to_owned());
            }
            note(event, advance, step.status, findings);
        }
        if (record.is_tombstone() || step_id.is_none()) && !record.told.contains(&told) {
            record.told.push(told);
            if record.told.len() > TOLD_MAX {
                record.told.remove(0);
            }
        }
        Ok(record)
    }

    /// The record of an order of which only what was told is known.
    fn tombstone(&self) -> OrderRecord {
        let (site, key) = (&self.inbound.mapping.site, self.change.key.as_str());
        // No image has this one: it stands in a field that cannot be empty.
        let study = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, key.as_bytes()).as_u128();
        let order = Order {
            site: site.clone(),
            patient: Default::default(),
            accession: self.change.accession.clone(),
            placer_order_number: None,
            filler_order_number: None,
            requested_procedure_id: String::new(),
            study_instance_uid: Uid::from_u128(study),
            procedure: Code::default(),
            priority: Priority::default(),
            referring_physician: Default::default(),
            requesting_physician: Default::default(),
            reason: String::new(),
        };
        let mut record = OrderRecord::new(order, self.now);
        self.inbound.facts.put_patient(&mut record.order.patient);
        record.tombstone_until = Some(self.now.after(self.inbound.mapping.status.tombstone));
        record
    }
}

/// Most events that an order remembers for steps that are named later.
const TOLD_MAX: usize = 24;
const OLDER: &str = "older than what is known of the order: what was said later stands";

/// The step that a draft names.
fn named<'a>(
    steps: &'a mut [ScheduledStep],
    draft: &StepDraft,
    lone: bool,
) -> Option<&'a mut ScheduledStep> {
    match draft.step_id.this() {
        Some(id) => steps.iter_mut().find(|step| step.step_id == *id),
        None if lone => steps.first_mut(),
        None => None,
    }
}

/// Says what a person has to know of what became of an event.
fn note(event: StepEvent, advance: Advance, status: StepStatus, findings: &mut Findings) {
    let is_wanted = matches!(event, StepEvent::New | StepEvent::Change);
    let now = status.as_dicom();
    let (code, place, text) = match advance.verdict {
        Verdict::Kept | Verdict::Taken => return,
        Verdict::Older => (FindingCode::Ignored, "MSH-7", OLDER.to_owned()),
        Verdict::Performed => {
            let text = format!("a step that was withdrawn or had ended is {now}");
            (FindingCode::Disagreement, "ORC-5", text)
        }
        Verdict::Reopened => {
            let text = format!("a step that was withdrawn is {now} again, since this came later");
            (FindingCode::Disagreement, "ORC-1", text)
        }
        Verdict::Stayed if is_wanted => {
            let text = "the order has ended: its steps keep their status";
            (FindingCode::Ignored, "ORC-1", text.to_owned())
        }
        Verdict::Stayed => {
            let text = format!(
                "a step stays {now} although {} was said: it is not reopened by itself",
                word(event)
            );
            (FindingCode::Ignored, "ORC-5", text)
        }
    };
    findings.add(code, place, text);
}

/// What an order message said, in the words of (0040,0020) where it has one.
fn word(event: StepEvent) -> &'static str {
    match event {
        StepEvent::Schedule => StepStatus::Scheduled.as_dicom(),
        StepEvent::Start => StepStatus::Started.as_dicom(),
        StepEvent::Hold => "on hold",
        StepEvent::Release => "released",
        _ => "something else",
    }
}
