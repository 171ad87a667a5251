//! The rules of a batch, in one place for every back end.

use telerad_accession::SearchKey;
use telerad_core::{Priority, SiteId, Uid};
use telerad_report::{ReportKey, ReportRecord};
use telerad_routing::{
    BreakerRecord, DeliveryKey, DeliveryRecord, DeliveryState, DestinationId, Digest,
    InstanceRecord, StickyMember, StudyDecision,
};
use telerad_worklist::{OrderKey, OrderRecord, PatientRecord, PerformedStep};

use crate::collect::is_disposable;
use crate::index;
use crate::{
    Batch, Effect, Expectation, JournalEntry, MessageRecord, OutboundMessage, OutboundState,
    ParkedItem, Receipt, RecordKind, StoreError,
};

/// What a back end offers inside one atomic batch: rows, not rules. Writes are seen by later reads of the batch.
pub(crate) trait Rows {
    fn message(&mut self, id: &str) -> Result<Option<MessageRecord>, StoreError>;
    fn put_message(&mut self, record: &MessageRecord) -> Result<(), StoreError>;

    /// Notes that a message made an order or a report what it is.
    fn link_message(&mut self, site: &SiteId, subject: &str, id: &str) -> Result<(), StoreError>;

    fn order_revision(&mut self, key: &OrderKey) -> Result<Option<u64>, StoreError>;
    fn put_order(&mut self, record: &OrderRecord, keys: &[SearchKey]) -> Result<(), StoreError>;

    fn patient_revision(&mut self, site: &SiteId, id: &str) -> Result<Option<u64>, StoreError>;
    fn put_patient(&mut self, id: &str, record: &PatientRecord) -> Result<(), StoreError>;

    fn performed_step_revision(
        &mut self,
        site: &SiteId,
        uid: &Uid,
    ) -> Result<Option<u64>, StoreError>;
    fn put_performed_step(&mut self, record: &PerformedStep) -> Result<(), StoreError>;

    fn digests(&mut self, site: &SiteId, uid: &Uid) -> Result<Vec<Digest>, StoreError>;
    /// Every version of an instance that has this payload, at any site.
    fn instances_of_payload(&mut self, digest: &Digest) -> Result<Vec<InstanceRecord>, StoreError>;
    fn add_instance(
        &mut self,
        record: &InstanceRecord,
        keys: &[SearchKey],
    ) -> Result<(), StoreError>;

    fn study_revision(&mut self, site: &SiteId, study: &str) -> Result<Option<u64>, StoreError>;
    fn put_study(&mut self, record: &StudyDecision) -> Result<(), StoreError>;

    fn delivery_versions(&mut self, key: &DeliveryKey) -> Result<Vec<DeliveryRecord>, StoreError>;
    fn deliveries_of(
        &mut self,
        site: &SiteId,
        uid: &Uid,
    ) -> Result<Vec<DeliveryRecord>, StoreError>;
    fn put_delivery(&mut self, record: &DeliveryRecord) -> Result<(), StoreError>;
    fn deliveries_in_study(&mut self, site: &SiteId, study: &str) -> Result<usize, StoreError>;

    fn breaker(&mut self, to: &DestinationId) -> Result<Option<BreakerRecord>, StoreError>;
    fn put_breaker(&mut self, record: &BreakerRecord) -> Result<(), StoreError>;

    /// The member that is stored for the same site, group and patient.
    fn sticky_like(&mut self, record: &StickyMember) -> Result<Option<StickyMember>, StoreError>;
    fn put_sticky(&mut self, record: &StickyMember) -> Result<(), StoreError>;

    fn report_revision(&mut self, key: &ReportKey) -> Result<Option<u64>, StoreError>;
    fn put_report(&mut self, record: &ReportRecord) -> Result<(), StoreError>;

    fn parked_item(&mut self, id: &str) -> Result<Option<ParkedItem>, StoreError>;
    fn put_parked(&mut self, item: &ParkedItem) -> Result<(), StoreError>;
    fn remove_parked(&mut self, id: &str) -> Result<(), StoreError>;

    fn outbound_message(&mut self, id: &str) -> Result<Option<OutboundMessage>, StoreError>;
    fn put_outbound(&mut self, message: &OutboundMessage) -> Result<(), StoreError>;
    /// The pending messages of a sequence, to any destination.
    fn outbound_pending(
        &mut self,
        site: &SiteId,
        sequence: &str,
    ) -> Result<Vec<OutboundMessage>, StoreError>;

    fn add_journal(&mut self, entry: &JournalEntry) -> Result<(), StoreError>;
}

/// Applies the effects in order. On an error the back end takes back what was written.
pub(crate) fn apply(batch: Batch, rows: &mut impl Rows) -> Result<Receipt, StoreError> {
    let mut receipt = Receipt { changed: 0, unchanged: 0 };
    // The message that the effects after it follow from.
    let mut message = None;
    for effect in batch.effects {
        if let Effect::Message(record) = &effect {
            message = Some(record.id.clone());
        }
        let subjects = subjects(&effect);
        match apply_effect(effect, rows)? {
            Change::Written => {
                receipt.changed += 1;
                for (site, subject) in subjects {
                    message.iter().try_for_each(|id| rows.link_message(&site, &subject, id))?;
                }
            }
            Change::None => receipt.unchanged += 1,
        }
    }
    Ok(receipt)
}

/// What a message that came with the effect is to be found by.
fn subjects(effect: &Effect) -> Vec<(SiteId, String)> {
    match effect {
        Effect::Order { record, .. } => {
            vec![(record.order.site.clone(), record.key.as_str().to_owned())]
        }
        Effect::Report(record) => vec![
            (record.site.clone(), record.order_key.clone()),
            (record.site.clone(), record.key.as_str().to_owned()),
        ],
        _ => Vec::new(),
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Change {
    None,
    Written,
}

fn apply_effect(effect: Effect, rows: &mut impl Rows) -> Result<Change, StoreError> {
    match effect {
        Effect::Message(record) => return message(&record, rows),
        Effect::Order { mut record, keys } => {
            let found = rows.order_revision(&record.key)?;
            record.revision = next(RecordKind::Order, record.revision, found)?;
            rows.put_order(&record, &keys)?;
        }
        Effect::Patient(mut record) => {
            let id = index::primary_id(&record)?;
            let found = rows.patient_revision(&record.site, &id)?;
            record.revision = next(RecordKind::Patient, record.revision, found)?;
            rows.put_patient(&id, &record)?;
        }
        Effect::PerformedStep(record) => performed_step(record, rows)?,
        Effect::Instance { record, keys } => {
            let known = rows.digests(&record.site, &record.sop_instance_uid)?;
            if known.contains(&record.digest) {
                return Ok(Change::None);
            }
            rows.add_instance(&record, &keys)?;
        }
        Effect::Study(mut record) => {
            let found = rows.study_revision(&record.site, &record.study_instance_uid)?;
            record.revision = next(RecordKind::Study, record.revision, found)?;
            rows.put_study(&record)?;
        }
        Effect::Delivery(record) => return delivery(&record, rows),
        Effect::Breaker(record) => {
            if rows.breaker(&record.destination)?.as_ref() == Some(&record) {
                return Ok(Change::None);
            }
            rows.put_breaker(&record)?;
        }
        Effect::Sticky(record) => {
            if rows.sticky_like(&record)?.as_ref() == Some(&record) {
                return Ok(Change::None);
            }
            rows.put_sticky(&record)?;
        }
        Effect::Report(mut record) => {
            let found = rows.report_revision(&record.key)?;
            record.revision = next(RecordKind::Report, record.revision, found)?;
            rows.put_report(&record)?;
        }
        Effect::Park(item) => {
            if rows.parked_item(&item.id)?.as_ref() == Some(&item) {
                return Ok(Change::None);
            }
            rows.put_parked(&item)?;
        }
        Effect::Unpark { id } => {
            if rows.parked_item(&id)?.is_none() {
                return Err(StoreError::conflict(RecordKind::Parked, "no longer parked"));
            }
            rows.remove_parked(&id)?;
        }
        Effect::Outbound(message) => return outbound(message, rows),
        Effect::RaiseOutbound { site, sequence, priority } => {
            return raise_outbound(&site, &sequence, priority, rows);
        }
        Effect::JoinOutbound { site, sequence, into } => {
            return join_outbound(&site, &sequence, &into, rows);
        }
        Effect::Journal(entry) => rows.add_journal(&entry)?,
        Effect::Expect(expectation) => return expect(&expectation, rows),
    }
    Ok(Change::Written)
}

fn performed_step(mut record: PerformedStep, rows: &mut impl Rows) -> Result<(), StoreError> {
    let found = rows.performed_step_revision(&record.site, &record.sop_instance_uid)?;
    record.revision = next(RecordKind::PerformedStep, record.revision, found)?;
    rows.put_performed_step(&record)
}

/// The revision to write, when the one that was read is still the one in the store.
fn next(kind: RecordKind, read: u64, found: Option<u64>) -> Result<u64, StoreError> {
    let found = found.unwrap_or(0);
    if read != found {
        let reason = format!("read at revision {read}, now at {found}");
        return Err(StoreError::conflict(kind, reason));
    }
    Ok(found + 1)
}

fn message(record: &MessageRecord, rows: &mut impl Rows) -> Result<Change, StoreError> {
    if let Some(known) = rows.message(&record.id)? {
        if known == *record {
            return Ok(Change::None);
        }
        if known.raw != record.raw {
            let reason = "another message has this id";
            return Err(StoreError::conflict(RecordKind::Message, reason));
        }
    }
    rows.put_message(record)?;
    Ok(Change::Written)
}

fn delivery(record: &DeliveryRecord, rows: &mut impl Rows) -> Result<Change, StoreError> {
    let versions = rows.delivery_versions(&record.key)?;
    if let Some(known) = versions.iter().find(|known| known.digest == record.digest) {
        if known == record {
            return Ok(Change::None);
        }
        // The peer has it. Writing anything else would send it again, or forget the peer's answer; unless a person asks
        // for just that, which is a round of its own.
        if matches!(known.state, DeliveryState::Sent { .. }) && record.round <= known.round {
            return Err(StoreError::conflict(RecordKind::Delivery, "already sent"));
        }
    }
    rows.put_delivery(record)?;
    Ok(Change::Written)
}

fn outbound(mut message: OutboundMessage, rows: &mut impl Rows) -> Result<Change, StoreError> {
    if let Some(known) = rows.outbound_message(&message.id)? {
        // Whoever sends it may have read it before it was raised, or before its sequence was joined to another.
        if known.state == OutboundState::Pending {
            message.priority = message.priority.min(known.priority);
        }
        message.sequence.clone_from(&known.sequence);
        if known == message {
            return Ok(Change::None);
        }
        if matches!(known.state, OutboundState::Answered { .. }) {
            return Err(StoreError::conflict(RecordKind::Outbound, "already answered"));
        }
        if known.raw != message.raw {
            let reason = "another message has this id";
            return Err(StoreError::conflict(RecordKind::Outbound, reason));
        }
    }
    rows.put_outbound(&message)?;
    Ok(Change::Written)
}

fn raise_outbound(
    site: &SiteId,
    sequence: &str,
    priority: Priority,
    rows: &mut impl Rows,
) -> Result<Change, StoreError> {
    let mut change = Change::None;
    for message in rows.outbound_pending(site, sequence)? {
        if priority < message.priority {
            rows.put_outbound(&OutboundMessage { priority, ..message })?;
            change = Change::Written;
        }
    }
    Ok(change)
}

fn join_outbound(
    site: &SiteId,
    sequence: &str,
    into: &str,
    rows: &mut impl Rows,
) -> Result<Change, StoreError> {
    let mut change = Change::None;
    if sequence == into {
        return Ok(change);
    }
    for message in rows.outbound_pending(site, sequence)? {
        rows.put_outbound(&OutboundMessage { sequence: into.to_owned(), ..message })?;
        change = Change::Written;
    }
    Ok(change)
}

fn expect(expectation: &Expectation, rows: &mut impl Rows) -> Result<Change, StoreError> {
    match expectation {
        Expectation::DeliveriesOfStudy { site, study_instance_uid, count } => {
            let found = rows.deliveries_in_study(site, study_instance_uid)?;
            if found != *count {
                let reason = format!("decided on {count} of a study, now {found}");
                return Err(StoreError::conflict(RecordKind::Delivery, reason));
            }
        }
        Expectation::DeliveryPending(key) => {
            let pending = |known: &DeliveryRecord| known.state == DeliveryState::Pending;
            if !rows.delivery_versions(key)?.iter().any(pending) {
                return Err(StoreError::conflict(RecordKind::Delivery, "no longer pending"));
            }
        }
        Expectation::PayloadUnneeded { digest, received_before } => {
            for instance in rows.instances_of_payload(digest)? {
                let site = &instance.site;
                let deliveries = rows.deliveries_of(site, &instance.sop_instance_uid)?;
                if !is_disposable(&instance, &deliveries, received_before.get(site)) {
                    return Err(StoreError::conflict(RecordKind::Instance, "payload is needed"));
                }
            }
        }
        Expectation::Versions { site, sop_instance_uid, count } => {
            let found = rows.digests(site, sop_instance_uid)?.len();
            if found != *count {
                let reason = format!("decided on {count} versions, now {found}");
                return Err(StoreError::conflict(RecordKind::Instance, reason));
            }
        }
        Expectation::StudyRevision { site, study_instance_uid, revision } => {
            let found = rows.study_revision(site, study_instance_uid)?;
            next(RecordKind::Study, *revision, found)?;
        }
    }
    Ok(Change::None)
}
