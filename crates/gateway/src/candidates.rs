//! What a report or an image may belong to: orders, and the heads of studies that came before any order.

use telerad_accession::{AccessionPolicy, Candidate, CandidateSource, Claim, search_keys};
use telerad_core::{Code, Order, PersonName, Priority, SiteId};
use telerad_routing::InstanceRecord;
use telerad_store::StoreError;
use telerad_worklist::OrderKey;

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

/// Orders of this site that share an identifier with the claim.
pub(crate) async fn orders(
    state: &State,
    site: &SiteId,
    claim: &Claim,
    policy: &AccessionPolicy,
) -> Result<Vec<Candidate>, StoreError> {
    let keys = search_keys(claim, policy);
    let records = state.environment.store.orders_by_search(site, &keys).await?;
    let candidates = records.into_iter().map(|record| Candidate {
        key: record.key.as_str().to_owned(),
        order: record.order,
        source: CandidateSource::Order,
        also_known_as: Vec::new(),
    });
    Ok(candidates.collect())
}

/// Orders, and beside them the studies that no order of this site stands for.
pub(crate) async fn orders_and_studies(
    state: &State,
    site: &SiteId,
    claim: &Claim,
    policy: &AccessionPolicy,
) -> Result<Vec<Candidate>, StoreError> {
    let mut candidates = orders(state, site, claim, policy).await?;
    let store = &state.environment.store;
    for record in store.instances_by_search(site, &search_keys(claim, policy)).await? {
        let Some((key, mut candidate)) = study_head(record, policy) else { continue };
        if candidates.iter().any(|known| stands_for(known, &candidate)) {
            continue;
        }
        // The images may carry the number of an order under a Study UID of their own. The order is the site's own
        // word on who the patient is, so that is what the claim has to agree with.
        if let Some(order) = store.orders(site, &[key]).await?.into_iter().next() {
            let study_instance_uid = candidate.order.study_instance_uid;
            candidate.order = Order { study_instance_uid, ..order.order };
            candidate.source = CandidateSource::Order;
        }
        candidates.push(candidate);
    }
    Ok(candidates)
}

fn stands_for(known: &Candidate, other: &Candidate) -> bool {
    known.key == other.key || known.order.study_instance_uid == other.order.study_instance_uid
}

/// A study as a candidate: what its images say, in the shape of an order.
fn study_head(record: InstanceRecord, policy: &AccessionPolicy) -> Option<(OrderKey, Candidate)> {
    let head = record.head;
    let accession = head.accession?.or_issuer(policy.default_issuer.as_ref());
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
    let key = OrderKey::new(&record.site, &order.accession);
    let candidate = Candidate {
        key: key.as_str().to_owned(),
        order,
        source: CandidateSource::StudyHead,
        also_known_as: Vec::new(),
    };
    Some((key, candidate))
}
