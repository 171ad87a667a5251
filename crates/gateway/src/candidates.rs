//! What a report or an image may belong to: orders, and the heads of studies that came before any order.

use telerad_accession::{
    AccessionPolicy, Candidate, CandidateSource, Claim, SearchKey, index_keys, is_identifying,
    search_keys,
};
use telerad_core::{Code, Order, PatientId, PersonName, Priority, SiteId};
use telerad_routing::InstanceRecord;
use telerad_store::{Effect, StoreError};
use telerad_worklist::{OrderKey, OrderRecord, PatientRecord};

use crate::merged::{self, also_known_as};
use crate::patients;
use crate::state::State;

/// What an image says about itself.
pub(crate) fn claim(record: &InstanceRecord) -> Claim {
    Claim {
        study_instance_uid: record.head.study_instance_uid.clone(),
        accession: record.head.accession.clone(),
        filler: None,
        placer: None,
        patient: record.head.patient.clone(),
    }
}

/// Orders of this site that share an identifier with the claim, each with the identifiers that were merged into its
/// patient's.
pub(crate) async fn orders(
    state: &State,
    site: &SiteId,
    claim: &Claim,
    policy: &AccessionPolicy,
) -> Result<Vec<Candidate>, StoreError> {
    let keys = search_keys(claim, policy);
    let records = state.environment.store.orders_by_search(site, &keys).await?;
    if records.is_empty() {
        return Ok(Vec::new());
    }
    let claimed = &claim.patient.ids;
    let patients = merged::patients(state, site, claimed.clone(), &[]).await?;
    let candidate = |order| candidate_of(order, claimed, &patients, policy);
    Ok(records.iter().map(candidate).collect())
}

/// Orders, and beside them the studies that have come, each as its images name it.
///
/// The order under whose number images came is among them even when the claim names only the images' own study, and
/// so is every other study under that number: what a match is filed under must speak with one voice on the patient.
pub(crate) async fn orders_and_studies(
    state: &State,
    site: &SiteId,
    claim: &Claim,
    policy: &AccessionPolicy,
) -> Result<Vec<Candidate>, StoreError> {
    let store = &state.environment.store;
    let mut candidates = orders(state, site, claim, policy).await?;
    let named = store.instances_by_search(site, &search_keys(claim, policy)).await?;
    let beside = store.instances_by_search(site, &numbers(&named, policy)).await?;
    let mut heads: Vec<Candidate> = Vec::new();
    for head in named.into_iter().chain(beside).filter_map(|record| study_head(record, policy)) {
        if heads.contains(&head) {
            continue;
        }
        if !candidates.iter().any(|order| stands_for(order, &head)) {
            let number = Some(head.order.accession.clone());
            let claim = Claim { accession: number, ..Claim::default() };
            for order in orders(state, site, &claim, policy).await? {
                if !candidates.contains(&order) {
                    candidates.push(order);
                }
            }
        }
        heads.push(head);
    }
    let ids = heads.iter().flat_map(|head| head.order.patient.ids.iter().cloned()).collect();
    let patients = match heads.is_empty() {
        true => Vec::new(),
        false => merged::patients(state, site, ids, &[]).await?,
    };
    for head in &mut heads {
        head.also_known_as = merged::merged_into(&head.order.patient.ids, &patients, policy);
    }
    candidates.append(&mut heads);
    patients::know_aliases(state, site, &claim.patient, policy, &mut candidates).await?;
    Ok(candidates)
}

/// An order as it is to be written. What was told of an order that is not known itself is found by nothing: no image and no
/// report is ever to be matched with it.
pub(crate) fn put_order(record: OrderRecord, policy: &AccessionPolicy) -> Effect {
    let is_order = !record.is_tombstone();
    let keys = if is_order { order_keys(&record, policy) } else { Vec::new() };
    Effect::Order { record, keys }
}

/// An order as a candidate for a claim of these identifiers.
pub(crate) fn candidate_of(
    order: &OrderRecord,
    claimed: &[PatientId],
    patients: &[PatientRecord],
    policy: &AccessionPolicy,
) -> Candidate {
    let also_known_as = also_known_as(order, claimed, patients, policy);
    Candidate { also_known_as, ..candidate(order.clone()) }
}

/// An order as a candidate.
pub(crate) fn candidate(record: OrderRecord) -> Candidate {
    Candidate {
        key: record.key.as_str().to_owned(),
        order: record.order,
        source: CandidateSource::Order,
        also_known_as: Vec::new(),
    }
}

/// The accession numbers of images, as keys.
fn numbers(records: &[InstanceRecord], policy: &AccessionPolicy) -> Vec<SearchKey> {
    let number = |record: &InstanceRecord| {
        let accession = record.head.accession.clone();
        search_keys(&Claim { accession, ..Claim::default() }, policy)
    };
    let mut keys: Vec<SearchKey> = records.iter().flat_map(number).collect();
    keys.sort();
    keys.dedup();
    keys
}

fn stands_for(known: &Candidate, other: &Candidate) -> bool {
    known.key == other.key || known.order.study_instance_uid == other.order.study_instance_uid
}

/// A study as a candidate: what its images say, in the shape of an order. None without a number to file under; a
/// placeholder is no number, and would join the studies of several patients.
fn study_head(record: InstanceRecord, policy: &AccessionPolicy) -> Option<Candidate> {
    let head = record.head;
    let accession = head.accession.filter(|number| is_identifying(number.value()))?;
    let accession = accession.or_issuer(policy.default_issuer.as_ref());
    let order = Order {
        site: record.site.clone(),
        patient: head.patient,
        placer_order_number: None,
        filler_order_number: None,
        requested_procedure_id: head.requested_procedure_id,
        study_instance_uid: head.study_instance_uid?,
        procedure: Code { meaning: head.study_description, ..Code::default() },
        priority: Priority::Routine,
        referring_physician: PersonName::from_dicom(&head.referring_physician),
        requesting_physician: PersonName::default(),
        reason: String::new(),
        accession,
    };
    Some(Candidate {
        key: OrderKey::new(&record.site, &order.accession).as_str().to_owned(),
        order,
        source: CandidateSource::StudyHead,
        also_known_as: Vec::new(),
    })
}

/// What an order is found by: also the accession number that modalities see and images carry.
pub(crate) fn order_keys(record: &OrderRecord, policy: &AccessionPolicy) -> Vec<SearchKey> {
    let mut keys = index_keys(&record.order, policy);
    let short = SearchKey::Accession(record.short_accession.clone());
    if !record.short_accession.is_empty() && !keys.contains(&short) {
        keys.push(short);
        keys.sort();
    }
    keys
}
