//! Identifiers of patients that were merged into others.

use telerad_accession::AccessionPolicy;
use telerad_core::{PatientId, SiteId};
use telerad_store::StoreError;
use telerad_worklist::{OrderRecord, PatientRecord};

use crate::state::State;

/// The patients with these identifiers, and those that they were merged into.
pub(crate) async fn patients(
    state: &State,
    site: &SiteId,
    mut ids: Vec<PatientId>,
    changed: &[&PatientRecord],
) -> Result<Vec<PatientRecord>, StoreError> {
    let policy = state.directory.accession_policy(site);
    let mut known: Vec<PatientRecord> = changed.iter().copied().cloned().collect();
    for _ in 0..MERGES_MAX {
        let named: Vec<PatientId> = ids.iter().map(|id| qualified(id, &policy)).collect();
        for found in state.environment.store.patients(site, &named).await? {
            let is_same =
                |kept: &PatientRecord| kept.patient.primary_id() == found.patient.primary_id();
            if !known.iter().any(is_same) {
                known.push(found);
            }
        }
        let targets = known.iter().filter_map(|record| record.merged_into.clone());
        let has = |id: &PatientId| known.iter().any(|record| record.patient.ids.contains(id));
        ids = targets.filter(|id| !has(id)).collect();
        if ids.is_empty() {
            break;
        }
    }
    Ok(known)
}

/// Merges of merges that are followed.
const MERGES_MAX: usize = 8;

fn qualified(id: &PatientId, policy: &AccessionPolicy) -> PatientId {
    id.clone().or_issuer(policy.patient_authority.as_ref())
}

/// Those of the claimed identifiers that were merged, directly or by way of others, into one of the order's.
pub(crate) fn also_known_as(
    order: &OrderRecord,
    claimed: &[PatientId],
    patients: &[PatientRecord],
    policy: &AccessionPolicy,
) -> Vec<PatientId> {
    let of_order: Vec<PatientId> =
        order.order.patient.ids.iter().map(|id| qualified(id, policy)).collect();
    let leads_there = |id: &&PatientId| {
        let into = merged_into(std::slice::from_ref(*id), patients, policy);
        into.iter().any(|id| of_order.contains(id))
    };
    claimed.iter().filter(leads_there).cloned().collect()
}

/// The identifiers that these were merged into, directly or by way of others.
pub(crate) fn merged_into(
    ids: &[PatientId],
    patients: &[PatientRecord],
    policy: &AccessionPolicy,
) -> Vec<PatientId> {
    let mut all: Vec<PatientId> = Vec::new();
    for id in ids {
        let mut at = qualified(id, policy);
        for _ in 0..MERGES_MAX {
            let merged = patients.iter().find(|record| record.patient.primary_id() == Some(&at));
            let Some(next) = merged.and_then(|record| record.merged_into.clone()) else { break };
            all.push(next.clone());
            at = next;
        }
    }
    all
}
