//! Reports in: matched, filed or parked, and queued for the RIS in the same transaction.

mod again;

pub(crate) use again::decide_again;

use std::collections::BTreeMap;

use telerad_accession::{
    AccessionPolicy, Candidate, CandidateSource, Claim, Decision, EvidenceLine, decide,
};
use telerad_core::{Order, Priority, SiteId};
use telerad_hl7::Message;
use telerad_report as report;
use telerad_report::{ReportRecord, ReportVersion};
use telerad_store::{
    Effect, MessageOutcome, OutboundMessage, OutboundState, ParkedItem, ParkedKind, StoreError,
};
use telerad_worklist::OrderKey;
use telerad_worklist::reconcile::{Difference, Severity};

use crate::event::Event;
use crate::handled::{self, Answer, Handled, Incoming, reject};
use crate::receivers::{Content, Receiver, receivers};
use crate::state::State;
use crate::{candidates, standing, steps};

/// Files one ORU, or parks it; a valid report is accepted either way, since sending it again would not help.
pub(crate) async fn handle(state: &State, incoming: Incoming<'_>) -> Result<Handled, StoreError> {
    let (site, store) = (incoming.site, &state.environment.store);
    let policy = state.directory.accession_policy(site);
    let reading = report::Reading { site: site.clone(), accession_policy: policy.clone() };
    let read = match report::read(incoming.message, &reading) {
        Ok(read) => read,
        Err(refused) => return Ok(reject(refused.condition, &refused.location, &refused.text)),
    };
    if is_damaged(&read) {
        let reason = "the text has bytes that its character set does not have";
        let findings = read.findings.iter().map(describe).collect();
        return Ok(handled::park(state, incoming, ParkedKind::Report, reason, findings));
    }
    let (mut decisions, orders) = matched(state, site, &read.claims, &policy).await?;
    let mut existing = Vec::new();
    for key in read.report_keys(site, &decisions) {
        existing.extend(store.report(&key).await?);
    }
    let stopped = stop(state, site, &read, &mut decisions).await?;
    let received = report::receive(&read, &decisions, &existing, site, incoming.id, state.now());
    let mut handled = Handled {
        outcome: MessageOutcome::NoChange,
        answer: Answer::accept(),
        effects: Vec::new(),
        findings: received.findings.iter().map(describe).collect(),
        events: doubts(incoming, &received.findings),
        turns: Vec::new(),
        wake: Vec::new(),
    };
    match received.disposition {
        report::Disposition::Duplicate => {}
        report::Disposition::Filed => {
            handled.outcome = MessageOutcome::Applied;
            let (site, control_id) = (site.clone(), incoming.message.control_id());
            handled.events.push(Event::ReportFiled { site, control_id });
        }
        report::Disposition::Superseded => handled.outcome = MessageOutcome::Applied,
        report::Disposition::Parked(reason) => {
            handled.outcome = MessageOutcome::Parked(reason_of(reason, stopped.as_deref()));
        }
    }
    let finished = finished(&received);
    for effect in received.effects {
        match effect {
            report::Effect::PutReport(record) => {
                if received.disposition == report::Disposition::Filed {
                    queue(state, &record, &orders, &mut handled);
                } else if is_hidden_by_time(&record, &read) {
                    let reason = "a signed report came after one that says it is newer";
                    let evidence = format!("kept as a version under {}", record.order_key);
                    handled.effects.push(park_version(
                        state,
                        &record,
                        incoming.id,
                        reason,
                        evidence,
                    ));
                }
                handled.effects.push(Effect::Report(record));
            }
            report::Effect::Park(parked) => {
                let parked = stopped_as(parked, &handled.outcome);
                handled.effects.push(park(state, parked));
            }
        }
    }
    steps::reported(state, site, &finished, &mut handled).await?;
    Ok(handled)
}

/// The orders of which a final report stands now.
fn finished(received: &report::Outcome) -> Vec<String> {
    let is_filed = received.disposition == report::Disposition::Filed;
    let records = received.effects.iter().filter_map(|effect| match effect {
        report::Effect::PutReport(record) => Some(record),
        report::Effect::Park(_) => None,
    });
    let is_final = |record: &&ReportRecord| {
        is_filed && record.current().is_some_and(|version| version.status.is_final())
    };
    records.filter(is_final).map(|record| record.order_key.clone()).collect()
}

/// What each claim belongs to, and the orders that come into question, by key.
async fn matched(
    state: &State,
    site: &SiteId,
    claims: &[Claim],
    policy: &AccessionPolicy,
) -> Result<(Vec<Decision>, BTreeMap<String, Order>), StoreError> {
    let (mut decisions, mut orders) = (Vec::new(), BTreeMap::new());
    for claim in claims {
        let known = candidates::orders_and_studies(state, site, claim, policy).await?;
        decisions.push(decide(claim, &known, policy));
        known.into_iter().for_each(|candidate| keep_order(&mut orders, candidate));
    }
    Ok((decisions, orders))
}

/// Makes a conflict of every match under whose order images of another patient or the wrong side have come; in words.
async fn stop(
    state: &State,
    site: &SiteId,
    read: &report::IncomingReport,
    decisions: &mut [Decision],
) -> Result<Option<String>, StoreError> {
    let mut stopped = None;
    // What was filed wrongly must be taken back all the same.
    let claims = if read.status.is_retraction() { &[][..] } else { &read.claims };
    for (claim, decision) in claims.iter().zip(decisions) {
        let Decision::Match { key, evidence } = decision else { continue };
        let key = OrderKey::from_text(key);
        let orders = state.environment.store.orders(site, std::slice::from_ref(&key)).await?;
        let Some(order) = orders.first() else { continue };
        let Some(comparison) =
            standing::stops_filing(state, order, claim.study_instance_uid.as_ref()).await?
        else {
            continue;
        };
        let line = |difference: &Difference| EvidenceLine {
            candidate: None,
            statement: difference.to_string(),
            values: vec![("compared".to_owned(), difference.describe_with_values())],
        };
        evidence.lines.extend(comparison.at_least(Severity::Warn).map(line));
        let (keys, evidence) = (vec![key.as_str().to_owned()], std::mem::take(evidence));
        *decision = Decision::Conflict { keys, evidence };
        stopped = Some(comparison.words(Severity::Stop));
    }
    Ok(stopped)
}

/// Why a report waits; the gravest reason alone, and what its images say where that is it.
fn reason_of(reason: report::ParkReason, stopped: Option<&str>) -> String {
    match stopped {
        Some(words) if reason == report::ParkReason::Conflict => format!("{STOPPED}{words}"),
        _ => reason.to_string(),
    }
}

/// Parked for the reason that the message has.
fn stopped_as(parked: report::ParkedReport, outcome: &MessageOutcome) -> report::ParkedReport {
    match outcome {
        MessageOutcome::Parked(reason) => report::ParkedReport { reason: reason.clone(), ..parked },
        _ => parked,
    }
}

/// Before what the images of an order contradict.
const STOPPED: &str = "the images and their order disagree: ";

fn doubts(incoming: Incoming<'_>, findings: &[report::Finding]) -> Vec<Event> {
    let is_doubt = |finding: &&report::Finding| finding.code == report::FindingCode::DoubtfulText;
    let doubts = findings.iter().filter(is_doubt);
    doubts.map(|finding| incoming.identity_text_doubted(&finding.location)).collect()
}

/// The site's own order, where there is one, is what its RIS is answered with.
fn keep_order(orders: &mut BTreeMap<String, Order>, candidate: Candidate) {
    let Candidate { key, order, source, .. } = candidate;
    match source {
        CandidateSource::Order => drop(orders.insert(key, order)),
        CandidateSource::StudyHead => drop(orders.entry(key).or_insert(order)),
    }
}

/// Whether some byte of the report could not be read: what goes on to the RIS would not be what was signed.
fn is_damaged(report: &report::IncomingReport) -> bool {
    let encoded = report.lines.iter().filter_map(|line| line.encoded.as_ref());
    let mut texts = report.lines.iter().map(|line| &line.text).chain(encoded);
    texts.any(|text| text.contains(char::REPLACEMENT_CHARACTER))
}

/// Whether the report that came does not stand, and nothing but the times that the messages name says so: a wrong clock
/// would hide a correction from everybody.
fn is_hidden_by_time(record: &ReportRecord, came: &report::IncomingReport) -> bool {
    came.status.is_final()
        && record.current().is_some_and(|standing| {
            standing.status == came.status && standing.content != came.content()
        })
}

/// For a person: a version that is filed, and does not go where it should.
fn park_version(
    state: &State,
    record: &ReportRecord,
    message_id: &str,
    reason: &str,
    evidence: String,
) -> Effect {
    Effect::Park(ParkedItem {
        id: state.new_id(),
        site: record.site.clone(),
        kind: ParkedKind::Report,
        reason: reason.to_owned(),
        evidence,
        subject: message_id.to_owned(),
        parked_at: state.now(),
    })
}

fn describe(finding: &report::Finding) -> String {
    format!("{:?} at {}: {}", finding.code, finding.location, finding.text)
}

fn park(state: &State, parked: report::ParkedReport) -> Effect {
    Effect::Park(ParkedItem {
        id: state.new_id(),
        site: parked.site,
        kind: ParkedKind::Report,
        reason: parked.reason,
        evidence: parked.evidence,
        subject: parked.message_id,
        parked_at: state.now(),
    })
}

/// Queues the version that now stands for everyone who gets reports, or the news of them, from this site.
fn queue(
    state: &State,
    record: &ReportRecord,
    orders: &BTreeMap<String, Order>,
    handled: &mut Handled,
) {
    let (Some(version), Some(order)) = (record.current(), orders.get(&record.order_key)) else {
        return;
    };
    let priority = urgency(version, order);
    let receivers = receivers(&state.configuration);
    for receiver in receivers.iter().filter(|receiver| gets_reports(receiver, &record.site)) {
        let control_id = state.new_control_id();
        match message(state, receiver, record, version, order, &control_id) {
            Ok(message) => {
                let message = outbound(state, receiver, record, priority, control_id, &message);
                handled.effects.push(Effect::Outbound(message));
                handled.wake.push(receiver.name.clone());
            }
            Err(error) => {
                // The report is filed; that it cannot be told in this receiver's dialect needs a person.
                tracing::error!(receiver = %receiver.name, "report cannot be sent: {error}");
                handled.findings.push(format!("not sent to {}: {error}", receiver.name));
                let reason = "report cannot be written for its receiver";
                let evidence = format!("{}: {error}", receiver.name);
                let message_id = &version.message_id;
                handled.effects.push(park_version(state, record, message_id, reason, evidence));
            }
        }
    }
}

/// The version that stands now, once more, for every receiver of its site in whose dialect it can be written.
pub(crate) fn messages(
    state: &State,
    record: &ReportRecord,
    order: &Order,
) -> Vec<OutboundMessage> {
    let Some(version) = record.current() else { return Vec::new() };
    let priority = urgency(version, order);
    let receivers = receivers(&state.configuration);
    let of_site = receivers.iter().filter(|receiver| gets_reports(receiver, &record.site));
    let written = of_site.filter_map(|receiver| {
        let control_id = state.new_control_id();
        match message(state, receiver, record, version, order, &control_id) {
            Ok(message) => Some(outbound(state, receiver, record, priority, control_id, &message)),
            Err(error) => {
                tracing::error!(receiver = %receiver.name, "report cannot be sent: {error}");
                None
            }
        }
    });
    written.collect()
}

fn gets_reports(receiver: &Receiver, site: &SiteId) -> bool {
    receiver.site == *site && !matches!(receiver.content, Content::Orders { .. })
}

/// The lane of a message: a critical result goes first, whatever was ordered.
fn urgency(version: &ReportVersion, order: &Order) -> Priority {
    if version.is_critical() { Priority::Stat } else { order.priority }
}

fn message(
    state: &State,
    receiver: &Receiver,
    record: &ReportRecord,
    version: &ReportVersion,
    order: &Order,
    control_id: &str,
) -> Result<Message, report::OutgoingError> {
    let (dialect, now) = (&receiver.dialect, state.now());
    match &receiver.content {
        Content::Report => report::outgoing(record, version, order, dialect, control_id, now),
        // Nobody who gets orders is asked for here.
        Content::Announcement | Content::Orders { .. } => {
            report::announcement(record, version, order, dialect, control_id, now)
        }
    }
}

fn outbound(
    state: &State,
    receiver: &Receiver,
    record: &ReportRecord,
    priority: Priority,
    control_id: String,
    message: &Message,
) -> OutboundMessage {
    let now = state.now();
    OutboundMessage {
        id: state.new_id(),
        site: record.site.clone(),
        destination: receiver.name.clone(),
        sequence: record.order_key.clone(),
        subject: record.order_key.clone(),
        control_id,
        raw: message.as_bytes().to_vec(),
        queued_at: now,
        not_before: now,
        priority,
        attempts: 0,
        unanswered: None,
        round: 0,
        state: OutboundState::Pending,
    }
}

#[cfg(test)]
mod tests;
