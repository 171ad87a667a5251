//! Who is who at a site: what a message about patients is decided on, and which identifiers are one patient's.

use std::collections::BTreeSet;

use telerad_accession::{AccessionPolicy, Candidate, Merges};
use telerad_core::{Issuer, Patient, PatientId, SiteId};
use telerad_store::{Effect, Store, StoreError};
use telerad_worklist as worklist;
use telerad_worklist::{Inbound, Known, OrderRecord, PatientRecord};

use crate::state::State;

/// Everything at its site that a message may be about; `orders` are those that it names.
pub(crate) async fn known(
    store: &dyn Store,
    site: &SiteId,
    inbound: &Inbound,
    orders: Vec<OrderRecord>,
) -> Result<Known, StoreError> {
    let values = inbound.patient_values();
    let mut known = Known { patients: Vec::new(), orders };
    for value in &values {
        add(&mut known.patients, store.patients_by_value(site, value).await?);
    }
    for _ in 0..CHAIN_MAX {
        let missing = known.missing();
        let before = known.patients.len();
        if !missing.is_empty() {
            add(&mut known.patients, store.patients(site, &missing).await?);
        }
        if known.patients.len() == before {
            break;
        }
    }
    if inbound.wants_orders_of_patients() {
        let mut values: BTreeSet<String> = values.into_iter().collect();
        let found = known.patients.iter().filter_map(|record| record.patient.primary_id());
        values.extend(found.map(|id| id.value().to_owned()));
        add_orders(store, site, values, &mut known.orders).await?;
    }
    Ok(known)
}

/// What undoing the merge of an identifier is decided on.
pub(crate) async fn known_of_merge(
    store: &dyn Store,
    site: &SiteId,
    prior: &PatientId,
) -> Result<Known, StoreError> {
    let mut patients = store.patients(site, std::slice::from_ref(prior)).await?;
    patients.retain(|record| record.patient.primary_id() == Some(prior));
    let mut known = Known { patients, orders: Vec::new() };
    let missing = known.missing();
    add(&mut known.patients, store.patients(site, &missing).await?);
    let merges = known.patients.iter().filter_map(|record| record.merge.as_ref());
    let keys: Vec<_> =
        merges.flat_map(|merge| &merge.moved).map(|moved| moved.key.clone()).collect();
    known.orders = store.orders(site, &keys).await?;
    Ok(known)
}

/// What a message has merged, in the journal: once for the patient, and once for each order that was moved.
pub(crate) fn journal(
    state: &State,
    site: &SiteId,
    known: &Known,
    effects: &[worklist::Effect],
) -> Vec<Effect> {
    let patients = effects.iter().filter_map(|effect| match effect {
        worklist::Effect::PutPatient(record) => Some(record),
        worklist::Effect::PutOrder(_) => None,
    });
    let is_new = |record: &&PatientRecord| {
        let id = record.patient.primary_id();
        let before = known.patients.iter().find(|before| before.patient.primary_id() == id);
        record.merge.is_some() && before.is_none_or(|before| before.merge != record.merge)
    };
    let merges = patients.filter(is_new).filter_map(|record| {
        let (merge, survivor) = (record.merge.as_ref()?, record.merged_into.as_ref()?);
        Some((record.patient.primary_id()?, survivor, merge))
    });
    let mut lines = Vec::new();
    for (prior, survivor, merge) in merges {
        let by = format!("by message {}", merge.control_id);
        let detail = format!("into {}, {by}: {} orders", survivor.value(), merge.moved.len());
        lines.push(state.journal(site, &subject(prior), MERGED, &detail));
        for moved in &merge.moved {
            let detail = format!("from patient {} to {}, {by}", prior.value(), survivor.value());
            lines.push(state.journal(site, moved.key.as_str(), MOVED, &detail));
        }
    }
    lines
}

/// What the journal calls a patient.
pub(crate) fn subject(id: &PatientId) -> String {
    let issuer = id.issuer().map(ToString::to_string).unwrap_or_default();
    format!("patient {}^^^{issuer}", id.value())
}

const MERGED: &str = "merged";
const MOVED: &str = "moved with its patient";

async fn add_orders(
    store: &dyn Store,
    site: &SiteId,
    values: BTreeSet<String>,
    orders: &mut Vec<OrderRecord>,
) -> Result<(), StoreError> {
    for value in values {
        for order in store.orders_of_patient(site, &value).await? {
            if !orders.iter().any(|known| known.key == order.key) {
                orders.push(order);
            }
        }
    }
    Ok(())
}

fn add(known: &mut Vec<PatientRecord>, more: Vec<PatientRecord>) {
    for record in more {
        let id = record.patient.primary_id();
        if !known.iter().any(|other| other.patient.primary_id() == id) {
            known.push(record);
        }
    }
}

/// Gives candidates the other identifiers that recorded merges and cross references give their patients. Those that share
/// an identifier with the claim need none.
pub(crate) async fn know_aliases(
    state: &State,
    site: &SiteId,
    claimed: &Patient,
    policy: &AccessionPolicy,
    candidates: &mut [Candidate],
) -> Result<(), StoreError> {
    let is_claimed = |id: &PatientId| claimed.ids.iter().any(|other| other.value() == id.value());
    for candidate in candidates {
        let patient = &candidate.order.patient;
        if claimed.ids.is_empty() || patient.ids.iter().any(is_claimed) {
            continue;
        }
        let authority = policy.patient_authority.as_ref();
        let store = &*state.environment.store;
        candidate.also_known_as = aliases(store, site, patient, authority).await?;
    }
    Ok(())
}

/// The other identifiers of a patient, by every merge and link that stands.
async fn aliases(
    store: &dyn Store,
    site: &SiteId,
    patient: &Patient,
    authority: Option<&Issuer>,
) -> Result<Vec<PatientId>, StoreError> {
    let mut merges = Merges::default();
    let mut numbers = 0..;
    let mut record = |one: &PatientId, other: &PatientId| {
        if one != other {
            merges.record(numbers.next().unwrap_or_default(), one, other, authority);
        }
    };
    let named = patient.ids.iter().map(|id| id.clone().or_issuer(authority));
    let mut open: Vec<PatientId> = named.collect();
    let mut seen: BTreeSet<PatientId> = open.iter().cloned().collect();
    while let Some(id) = open.pop() {
        for known in store.patients_by_value(site, id.value()).await? {
            let Some(primary) = known.patient.primary_id() else { continue };
            if known.is_void || !is_same(primary, &id, authority) {
                continue;
            }
            record(&id, primary);
            let others = known.merged_into.iter().chain(&known.aliases).chain(&known.links);
            for other in others {
                record(primary, other);
                if seen.len() < IDENTIFIERS_MAX && seen.insert(other.clone()) {
                    open.push(other.clone());
                }
            }
        }
    }
    Ok(merges.aliases(patient, authority))
}

/// Equal under one authority; one that names none is of the site's, where that has one.
fn is_same(one: &PatientId, other: &PatientId, authority: Option<&Issuer>) -> bool {
    let issuers = (one.issuer().or(authority), other.issuer().or(authority));
    let is_one_authority = match issuers {
        (Some(one), Some(other)) => one == other || one.agrees_with(other),
        (one, other) => one == other,
    };
    one.value() == other.value() && is_one_authority
}

/// Merges one after the other, as far as they are followed.
const CHAIN_MAX: usize = 64;
/// Identifiers of one patient, as far as they are followed.
const IDENTIFIERS_MAX: usize = 64;
