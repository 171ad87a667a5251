//! How images and studies stand to the orders of their site.
//!
//! An order and an image belong together when an order-side and a patient-side identifier agree (telerad-accession) and
//! nothing says that it is another patient or the wrong side (telerad-worklist's `reconcile`). Whatever comes of it is a
//! mark: the study goes out to reading all the same.

use std::borrow::Cow;
use std::collections::BTreeSet;

use telerad_accession::{Candidate, Claim, SearchKey, is_identifying, search_keys};
use telerad_core::{PatientId, Priority, SiteId, Uid};
use telerad_dicom::InstanceHead;
use telerad_routing::{InstanceRecord, MarkKind, OrderFacts, StudyDecision, StudyMark, lane};
use telerad_store::{Effect, StoreError};
use telerad_worklist::reconcile::{
    self, Attribute, Comparison, ImageFacts, ReconcilePolicy, Severity, Sides,
};
use telerad_worklist::{OrderRecord, PatientRecord};

use crate::candidates;
use crate::event::Event;
use crate::merged::{also_known_as, patients};
use crate::state::State;

/// What is known of the orders that may be an image's, and of their patients.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) orders: Vec<OrderRecord>,
    /// Of the identifiers that orders and image name; read only where without them they do not agree.
    pub(crate) patients: Vec<PatientRecord>,
}

/// Orders and patients as a message that is being applied leaves them.
#[derive(Clone, Copy, Default)]
pub(crate) struct Overlay<'a> {
    pub(crate) orders: &'a [&'a OrderRecord],
    pub(crate) patients: &'a [&'a PatientRecord],
}

impl Facts {
    /// The orders that share an identifier with an image, and where it matters what became of their patients.
    pub(crate) async fn of(
        state: &State,
        record: &InstanceRecord,
        overlay: Overlay<'_>,
    ) -> Result<Self, StoreError> {
        let keys = keys(state, record);
        let mut orders = state.environment.store.orders_by_search(&record.site, &keys).await?;
        let is_changed = |key: &str| overlay.orders.iter().any(|order| order.key.as_str() == key);
        orders.retain(|order| !is_changed(order.key.as_str()));
        orders.extend(overlay.orders.iter().copied().cloned());
        let mut facts = Self { orders, patients: Vec::new() };
        if facts.orders.is_empty() || place(state, record, &facts).0.kind() == MATCHED {
            return Ok(facts);
        }
        let ids = &record.head.patient.ids;
        let ids = ids.iter().chain(facts.orders.iter().flat_map(|one| &one.order.patient.ids));
        facts.patients =
            patients(state, &record.site, ids.cloned().collect(), overlay.patients).await?;
        for order in &mut facts.orders {
            take_current_patient(order, &facts.patients);
        }
        Ok(facts)
    }
}

const MATCHED: MarkKind = MarkKind::Matched;

/// What patient messages say counts for an order, as it does for its worklist entry.
fn take_current_patient(order: &mut OrderRecord, patients: &[PatientRecord]) {
    let patient = &mut order.order.patient;
    let Some(id) = patient.primary_id() else { return };
    let is_current = |record: &&PatientRecord| {
        record.merged_into.is_none() && record.patient.primary_id() == Some(id)
    };
    let Some(current) = patients.iter().find(is_current).map(|record| record.patient.clone())
    else {
        return;
    };
    if !current.name.is_empty() {
        patient.name = current.name;
    }
    patient.birth_date = current.birth_date.or(patient.birth_date);
    patient.sex = current.sex.or(patient.sex);
}

/// What an image and the order it seems to belong to say of each other.
pub(crate) fn compare(
    state: &State,
    record: &InstanceRecord,
    order: &OrderRecord,
    patients: &[PatientRecord],
) -> Comparison {
    let policy = policy(state, order, &record.head.patient.ids, patients);
    reconcile::compare(order, None, &ImageFacts::of(&identifying(&record.head)), &policy)
}

fn policy<'a>(
    state: &'a State,
    order: &OrderRecord,
    claimed: &[PatientId],
    patients: &[PatientRecord],
) -> Cow<'a, ReconcilePolicy> {
    let site = &order.order.site;
    let of_site = state.directory.reconcile_policy(site);
    if patients.is_empty() {
        return of_site;
    }
    let accession_policy = state.directory.accession_policy(site);
    let also_known_as = also_known_as(order, claimed, patients, &accession_policy);
    Cow::Owned(ReconcilePolicy { also_known_as, ..of_site.into_owned() })
}

/// Without what stands for "no identifier".
fn identifying(head: &InstanceHead) -> Cow<'_, InstanceHead> {
    if head.patient.ids.iter().all(|id| is_identifying(id.value())) {
        return Cow::Borrowed(head);
    }
    let mut head = head.clone();
    head.patient.ids.retain(|id| is_identifying(id.value()));
    Cow::Owned(head)
}

/// How a study stands to the orders: as the worst of its images does. `None` when it has none.
pub(crate) async fn of_study(
    state: &State,
    site: &SiteId,
    study_instance_uid: &str,
    overlay: Overlay<'_>,
) -> Result<Option<StudyMark>, StoreError> {
    let mut mark = None;
    for head in heads(state, site, study_instance_uid, overlay).await? {
        let facts = Facts::of(state, &head, overlay).await?;
        let (next, _) = place(state, &head, &facts);
        mark = Some(match mark {
            Some(known) if severity(&known) >= severity(&next) => known,
            _ => next,
        });
    }
    Ok(mark)
}

/// One image for each patient and number of a study; all of them where an order names a side, which one may miss.
async fn heads(
    state: &State,
    site: &SiteId,
    study_instance_uid: &str,
    overlay: Overlay<'_>,
) -> Result<Vec<InstanceRecord>, StoreError> {
    let store = &state.environment.store;
    let policy = state.directory.accession_policy(site);
    let claim = Claim { study_instance_uid: Uid::new(study_instance_uid).ok(), ..Claim::default() };
    let heads = store.instances_by_search(site, &search_keys(&claim, &policy)).await?;
    let reconciled = state.directory.reconcile_policy(site);
    let mut has_side = overlay.orders.iter().any(|order| names_side(order, &reconciled));
    for head in &heads {
        let orders = store.orders_by_search(site, &keys(state, head)).await?;
        has_side |= orders.iter().any(|order| names_side(order, &reconciled));
    }
    if !has_side {
        return Ok(heads);
    }
    let mut known = BTreeSet::new();
    let mut all = store.instances_of_study(site, study_instance_uid).await?;
    all.retain(|image| {
        let head = &image.head;
        let ids: Vec<String> = head.patient.ids.iter().map(|id| id.value().to_owned()).collect();
        let number = head.accession.as_ref().map(|number| number.value().to_owned());
        known.insert((ids, number, head.series_description.clone(), head.body_part.clone()))
    });
    Ok(all)
}

fn names_side(order: &OrderRecord, policy: &ReconcilePolicy) -> bool {
    reconcile::ordered_sides(order, policy) != Sides::NONE
}

/// The graver mark is that of the study.
fn severity(mark: &StudyMark) -> u8 {
    match mark {
        StudyMark::Unmatched => 0,
        StudyMark::Matched { .. } => 1,
        StudyMark::Mismatch { .. } => 2,
    }
}

/// Why no report may be filed under an order now: its images are of another patient or the wrong side.
///
/// Where the report names its study, the images of that one are looked at, else those of the order's own study and all that
/// came under its numbers and are of its patient: another patient's images under an equal number are another matter, which
/// the match itself decides.
pub(crate) async fn stops_filing(
    state: &State,
    order: &OrderRecord,
    named_study: Option<&Uid>,
) -> Result<Option<Comparison>, StoreError> {
    let (site, store) = (&order.order.site, &state.environment.store);
    let policy = state.directory.accession_policy(site);
    let keys = candidates::order_keys(order, &policy);
    let mut images = store.instances_by_search(site, &keys).await?;
    let studies: BTreeSet<String> = images.iter().map(study_of).collect();
    match named_study.map(Uid::as_str).filter(|named| studies.contains(*named)) {
        Some(named) => images.retain(|image| study_of(image) == named),
        None => images.retain(|image| {
            study_of(image) == order.order.study_instance_uid.as_str()
                || is_its_patient(&compare(state, image, order, &[]))
        }),
    }
    if images.is_empty() {
        return Ok(None);
    }
    if names_side(order, &state.directory.reconcile_policy(site)) {
        let studies: BTreeSet<String> = images.iter().map(study_of).collect();
        for study in studies {
            images.extend(store.instances_of_study(site, &study).await?);
        }
    }
    let ids: BTreeSet<PatientId> =
        images.iter().flat_map(|image| image.head.patient.ids.iter().cloned()).collect();
    let ids: Vec<PatientId> = ids.into_iter().collect();
    let named = ids.iter().chain(&order.order.patient.ids).cloned().collect();
    let patients = patients(state, site, named, &[]).await?;
    let mut order = order.clone();
    take_current_patient(&mut order, &patients);
    let policy = self::policy(state, &order, &ids, &patients);
    let heads: Vec<Cow<'_, InstanceHead>> =
        images.iter().map(|image| identifying(&image.head)).collect();
    let images = heads.iter().map(|head| ImageFacts::of(head));
    let comparison = reconcile::compare_study(&order, images, &policy);
    Ok(comparison.stops_filing().then_some(comparison))
}

/// Whether nothing but the side stops it, if anything does.
fn is_its_patient(comparison: &Comparison) -> bool {
    comparison.at_least(Severity::Stop).all(|one| one.attribute == Attribute::Laterality)
}

/// Writes that a study now stands so to the orders, when that is something else than was told last; what to tell then,
/// once it is durable. A change of the study for another reason that is being written takes it along.
pub(crate) fn note(
    state: &State,
    study: &StudyDecision,
    mark: &StudyMark,
    by: &str,
    effects: &mut Vec<Effect>,
) -> Option<Event> {
    if study.mark.as_ref() == Some(mark) {
        return None;
    }
    let (site, uid) = (&study.site, &study.study_instance_uid);
    let written = effects.iter_mut().find_map(|effect| match effect {
        Effect::Study(written) if written.site == *site && written.study_instance_uid == *uid => {
            Some(written)
        }
        _ => None,
    });
    match written {
        Some(written) => written.mark = Some(mark.clone()),
        None => {
            let study = StudyDecision { mark: Some(mark.clone()), ..study.clone() };
            effects.push(Effect::Study(study));
        }
    }
    let before = study.mark.as_ref().map(StudyMark::kind);
    Some(tell(state, site, uid, before, mark, by, effects))
}

/// The journal's lines about a study that stands otherwise to the orders than before, and the event.
pub(crate) fn tell(
    state: &State,
    site: &SiteId,
    study_instance_uid: &str,
    before: Option<MarkKind>,
    mark: &StudyMark,
    by: &str,
    effects: &mut Vec<Effect>,
) -> Event {
    let (word, why) = match mark {
        StudyMark::Matched { order_key } => {
            let detail = format!("study {study_instance_uid}: {by}");
            effects.push(state.journal(site, order_key, "images linked", &detail));
            ("linked", String::new())
        }
        StudyMark::Mismatch { why, .. } => ("mismatch", why.clone()),
        StudyMark::Unmatched => ("unmatched", String::new()),
    };
    let detail = if why.is_empty() { by.to_owned() } else { format!("{by}: {why}") };
    effects.push(state.journal(site, study_instance_uid, word, &detail));
    Event::StudyMarked {
        site: site.clone(),
        study_instance_uid: study_instance_uid.to_owned(),
        before: before.map(MarkKind::as_str),
        mark: mark.kind().as_str(),
        why,
    }
}

/// Tells it, and warns where a person has to look.
pub(crate) fn announce(state: &State, event: Event) {
    if let Event::StudyMarked { site, study_instance_uid, mark, why, .. } = &event {
        let study = study_instance_uid;
        match *mark {
            "mismatch" => tracing::warn!(%site, study, "the study and its order disagree: {why}"),
            _ => tracing::info!(%site, study, mark, "the study stands otherwise to its orders now"),
        }
    }
    state.tell(event);
}

/// What an instance and its orders find each other by.
pub(crate) fn keys(state: &State, record: &InstanceRecord) -> Vec<SearchKey> {
    let policy = state.directory.accession_policy(&record.site);
    search_keys(&candidates::claim(record), &policy)
}

/// The instance's order and lane, of the orders that share an identifier with it. What identifiers say of another patient,
/// or the order of another side, is a mismatch.
pub(crate) fn place(
    state: &State,
    record: &InstanceRecord,
    facts: &Facts,
) -> (StudyMark, Priority) {
    let policy = state.directory.accession_policy(&record.site);
    let claim = candidates::claim(record);
    let lane_of = |order: Option<&OrderRecord>| {
        lane(state.directory.lanes(), order.map(self::facts).as_ref(), record)
    };
    let order_of = |key: &str| facts.orders.iter().find(|it| it.key.as_str() == key);
    let lane_by = |key: &str| lane_of(order_of(key));
    let (ids, patients) = (&claim.patient.ids, &facts.patients);
    let candidate = |order| candidates::candidate_of(order, ids, patients, &policy);
    let candidates: Vec<Candidate> = facts.orders.iter().map(candidate).collect();
    match telerad_accession::decide(&claim, &candidates, &policy) {
        telerad_accession::Decision::Match { key, .. } => {
            let lane = lane_by(&key);
            let compared = order_of(&key).map(|it| compare(state, record, it, patients));
            match compared.filter(Comparison::stops_filing) {
                None => (StudyMark::Matched { order_key: key }, lane),
                Some(stop) => {
                    let why = stop.words(Severity::Stop);
                    (StudyMark::Mismatch { order_key: key, why }, lane)
                }
            }
        }
        telerad_accession::Decision::Conflict { keys, evidence } => {
            // As urgent as the most urgent order in question: withholding helps nobody, and the mark tells the reader.
            let lane = keys.iter().map(|key| lane_by(key)).min();
            let why = evidence.to_string();
            let mark = StudyMark::Mismatch { order_key: keys.join(KEYS), why };
            (mark, lane.unwrap_or_else(|| lane_of(None)))
        }
        telerad_accession::Decision::Ambiguous { .. }
        | telerad_accession::Decision::NoCandidate { .. } => (StudyMark::Unmatched, lane_of(None)),
    }
}

/// What the order says of how urgent its study is.
pub(crate) fn facts(order: &OrderRecord) -> OrderFacts {
    OrderFacts {
        priority: order.order.priority,
        location: order.patient_location.clone(),
        patient_class: order.patient_class.clone(),
    }
}

/// The study an instance belongs to. One that names none is a study of its own.
pub(crate) fn study_of(record: &InstanceRecord) -> String {
    let study = record.head.study_instance_uid.as_ref();
    study.unwrap_or(&record.sop_instance_uid).as_str().to_owned()
}

/// Between the keys of several orders.
pub(crate) const KEYS: &str = ", ";
