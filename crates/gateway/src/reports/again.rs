//! Reports that wait for a person, decided again when an order, a correction or a merge may have settled the matter.

use std::collections::BTreeSet;

use telerad_accession::{SearchKey, search_keys};
use telerad_hl7::Message;
use telerad_report::{self as report, ParkReason};
use telerad_store::{
    Effect, MessageOutcome, MessageRecord, ParkedItem, ParkedKind, RecordKind, StoreError,
};

use super::STOPPED;
use crate::handled::Incoming;
use crate::standing;
use crate::state::{DECISIONS_MAX, State};

/// Decides a parked report as if it came now, where it waits for want of a certain order and, with `keys`, names one that is
/// found by them. Whether it waits no longer.
pub(crate) async fn decide_again(
    state: &State,
    item: &ParkedItem,
    keys: Option<&[SearchKey]>,
) -> Result<bool, StoreError> {
    if item.kind != ParkedKind::Report || !waits_for_certainty(&item.reason) {
        return Ok(false);
    }
    for _ in 0..DECISIONS_MAX {
        let Some(record) = state.environment.store.message(&item.subject).await? else {
            return Ok(false);
        };
        let Ok(message) = Message::parse(record.raw.clone()) else { return Ok(false) };
        let is_still_parked = record.outcome == MessageOutcome::Parked(item.reason.clone());
        if !is_still_parked || !names(state, item, &message, keys) {
            return Ok(false);
        }
        let incoming = Incoming { id: &record.id, site: &item.site, message: &message };
        let handled = super::handle(state, incoming).await?;
        if !matches!(handled.outcome, MessageOutcome::Applied | MessageOutcome::NoChange) {
            return Ok(false);
        }
        let control_id = record.control_id.clone();
        let mut findings = record.findings.clone();
        findings.extend(handled.findings);
        findings.dedup();
        let mut effects = vec![
            Effect::Message(MessageRecord { outcome: handled.outcome, findings, ..record }),
            Effect::Unpark { id: item.id.clone() },
            state.journal(&item.site, &item.subject, "decided again", &item.reason),
        ];
        effects.extend(handled.effects);
        match state.commit(effects).await {
            Ok(_) => {
                tracing::info!(site = %item.site, %control_id, "a parked report is filed");
                handled.events.into_iter().for_each(|event| standing::announce(state, event));
                let bells = handled.wake.iter().filter_map(|name| state.receiver_bell(name));
                bells.for_each(|bell| bell.notify_one());
                return Ok(true);
            }
            // Somebody else has ended its wait.
            Err(StoreError::Conflict { kind: RecordKind::Parked, .. }) => return Ok(false),
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Only what was parked for its order; everything else needs a person, whatever orders say.
fn waits_for_certainty(reason: &str) -> bool {
    let certainty = [ParkReason::NoCandidate, ParkReason::Ambiguous, ParkReason::Conflict];
    reason.starts_with(STOPPED) || certainty.iter().any(|one| one.to_string() == reason)
}

fn names(state: &State, item: &ParkedItem, message: &Message, keys: Option<&[SearchKey]>) -> bool {
    let Some(keys) = keys else { return true };
    let accession_policy = state.directory.accession_policy(&item.site);
    let reading =
        report::Reading { site: item.site.clone(), accession_policy: accession_policy.clone() };
    let Ok(read) = report::read(message, &reading) else { return false };
    let named: BTreeSet<SearchKey> =
        read.claims.iter().flat_map(|claim| search_keys(claim, &accession_policy)).collect();
    keys.iter().any(|key| named.contains(key))
}
