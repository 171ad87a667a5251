//! Candidates, gathered into the things they speak about.

use telerad_core::EntityIdentifier;

use crate::patient::{PatientSide, compare, same_issuer};
use crate::table::OrderSide;
use crate::{AccessionPolicy, Candidate, CandidateSource, Claim, Evidence, is_identifying};

/// An order with the received studies that belong to it, or a received study without an order.
pub(crate) struct Subject<'a> {
    pub(crate) key: &'a str,
    /// The order's entries, or the study's where no order is known.
    main: Vec<&'a Candidate>,
    /// Received studies that belong to the order.
    heads: Vec<&'a Candidate>,
}

/// What a claim's identifiers say about one subject.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Relation {
    pub(crate) uid: Option<bool>,
    pub(crate) accession: AccessionRelation,
    pub(crate) filler: bool,
    pub(crate) placer: bool,
    pub(crate) patient: PatientSide,
}

/// How two accession numbers stand to each other, closest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum AccessionRelation {
    Exact,
    Canonical,
    Unqualified,
    OtherIssuer,
    Differs,
    /// The claim has none that identifies anything.
    Absent,
}

/// Gathers candidates by key, and received studies to the orders they belong to: by key, by study instance UID, or by
/// accession number and issuer. A key is one subject, since what matches is filed under it. The result does not depend on the order of `candidates`.
pub(crate) fn gather<'a>(
    candidates: &'a [Candidate],
    policy: &AccessionPolicy,
) -> Vec<Subject<'a>> {
    let mut sorted: Vec<&Candidate> = candidates.iter().collect();
    sorted.sort_by_cached_key(|candidate| sort_key(candidate));
    sorted.dedup();
    let mut subjects: Vec<Subject<'a>> = Vec::new();
    // Orders sort before heads, so that every order is there when the first head looks for its own.
    for candidate in sorted {
        let is_head = candidate.source == CandidateSource::StudyHead;
        let mut placed = false;
        for subject in &mut subjects {
            let same_kind = subject.main.iter().any(|one| one.source == candidate.source);
            let same_key = subject.key == candidate.key;
            if same_key && same_kind {
                subject.main.push(candidate);
                placed = true;
            } else if is_head && !same_kind && (same_key || subject.owns(candidate, policy)) {
                subject.heads.push(candidate);
                placed = true;
            }
        }
        if !placed {
            subjects.push(Subject {
                key: &candidate.key,
                main: vec![candidate],
                heads: Vec::new(),
            });
        }
    }
    subjects.sort_by_key(|subject| subject.key);
    subjects
}

impl Subject<'_> {
    /// Compares the claim with everything known about this subject, and says so.
    pub(crate) fn relate(
        &self,
        claim: &Claim,
        policy: &AccessionPolicy,
        number: usize,
        evidence: &mut Evidence,
    ) -> Relation {
        let kind = match self.main.first().map(|candidate| candidate.source) {
            Some(CandidateSource::StudyHead) => "a received study without a known order",
            _ => "an order",
        };
        evidence.say(Some(number), kind, &[("key", self.key)]);
        let relation = Relation {
            uid: self.relate_uid(claim, number, evidence),
            accession: self.relate_accession(claim, policy, number, evidence),
            filler: self.relate_number(&claim.filler, NumberKind::Filler, number, evidence),
            placer: self.relate_number(&claim.placer, NumberKind::Placer, number, evidence),
            patient: PatientSide::Unknown,
        };
        Relation { patient: self.relate_patient(claim, policy, number, evidence), ..relation }
    }

    /// Whether a received study names this order. Whether it is of the same patient is no matter here: one that is not
    /// must speak against the order, not stand beside it.
    fn owns(&self, head: &Candidate, policy: &AccessionPolicy) -> bool {
        self.main.iter().any(|order| {
            let (mine, theirs) = (&order.order, &head.order);
            let same_accession = mine.accession.value() == theirs.accession.value()
                && is_identifying(mine.accession.value())
                && same_issuer(
                    policy.issuer_of(&mine.accession),
                    policy.issuer_of(&theirs.accession),
                ) == Some(true);
            mine.study_instance_uid == theirs.study_instance_uid || same_accession
        })
    }

    fn relate_uid(&self, claim: &Claim, number: usize, evidence: &mut Evidence) -> Option<bool> {
        let claimed = claim.study_instance_uid.as_ref()?;
        let mut known = self.main.iter().chain(&self.heads);
        let equal = known.any(|candidate| candidate.order.study_instance_uid == *claimed);
        let word = if equal { "is equal" } else { "differs" };
        let uids: Vec<&str> =
            self.main.iter().map(|one| one.order.study_instance_uid.as_str()).collect();
        let values = [("claimed", claimed.as_str()), ("known", &uids.join(", "))];
        evidence.say(Some(number), format!("study instance UID {word}"), &values);
        Some(equal)
    }

    fn relate_accession(
        &self,
        claim: &Claim,
        policy: &AccessionPolicy,
        number: usize,
        evidence: &mut Evidence,
    ) -> AccessionRelation {
        let usable = claim.accession.as_ref().filter(|number| is_identifying(number.value()));
        let Some(claimed) = usable else { return AccessionRelation::Absent };
        let relate = |candidate: &&Candidate| {
            let known = &candidate.order.accession;
            let equal = claimed.value() == known.value();
            let canonical = is_identifying(known.value())
                && policy.canonical(claimed.value()) == policy.canonical(known.value());
            match same_issuer(policy.issuer_of(claimed), policy.issuer_of(known)) {
                _ if !equal && !canonical => AccessionRelation::Differs,
                None => AccessionRelation::Unqualified,
                Some(false) => AccessionRelation::OtherIssuer,
                Some(true) if equal => AccessionRelation::Exact,
                Some(true) => AccessionRelation::Canonical,
            }
        };
        // Two entries under one key that differ in their number: the weaker one counts.
        let relation = self.main.iter().map(relate).max().unwrap_or(AccessionRelation::Differs);
        let statement = match relation {
            AccessionRelation::Exact => "is equal under the same issuer",
            AccessionRelation::Canonical => {
                "is equal after the site's declared rules, under the same issuer"
            }
            AccessionRelation::Unqualified => {
                "is equal, but one side names no issuer and the site declares none"
            }
            AccessionRelation::OtherIssuer => "is equal, but was issued by another authority",
            AccessionRelation::Differs | AccessionRelation::Absent => "differs",
        };
        let write = |number: &telerad_core::AccessionNumber| match policy.issuer_of(number) {
            Some(issuer) => format!("{} of {issuer}", number.value()),
            None => number.value().to_owned(),
        };
        let known: Vec<String> = self.main.iter().map(|one| write(&one.order.accession)).collect();
        let values = [("claimed", write(claimed)), ("known", known.join(", "))];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        evidence.say(Some(number), format!("accession number {statement}"), &values);
        relation
    }

    fn relate_number(
        &self,
        claimed: &Option<EntityIdentifier>,
        kind: NumberKind,
        number: usize,
        evidence: &mut Evidence,
    ) -> bool {
        let usable = claimed.as_ref().filter(|number| is_identifying(number.value()));
        let Some(claimed) = usable else { return false };
        let (name, known): (_, Vec<&EntityIdentifier>) = match kind {
            NumberKind::Filler => (
                "filler order number",
                self.main.iter().filter_map(|one| one.order.filler_order_number.as_ref()).collect(),
            ),
            NumberKind::Placer => (
                "placer order number",
                self.main.iter().filter_map(|one| one.order.placer_order_number.as_ref()).collect(),
            ),
        };
        let equal = |known: &&&EntityIdentifier| known.value() == claimed.value();
        let issuers =
            known.iter().find(equal).map(|known| same_issuer(claimed.issuer(), known.issuer()));
        let statement = match issuers {
            Some(Some(true)) => "is equal under the same issuer",
            Some(None) => "is equal, but only one side names its issuer",
            Some(Some(false)) => "is equal, but was issued by another authority",
            None => "differs or is not known",
        };
        evidence.say(Some(number), format!("{name} {statement}"), &[("claimed", claimed.value())]);
        issuers == Some(Some(true))
    }

    fn relate_patient(
        &self,
        claim: &Claim,
        policy: &AccessionPolicy,
        number: usize,
        evidence: &mut Evidence,
    ) -> PatientSide {
        let mut side = |candidate: &&Candidate| {
            let known = &candidate.order.patient;
            let others = &candidate.also_known_as;
            compare(&claim.patient, known, others, policy, Some(number), evidence)
        };
        let main = self.main.iter().map(&mut side).max().unwrap_or(PatientSide::Unknown);
        // A claim on one known study is not about the others that carry its number.
        let claimed = claim.study_instance_uid.as_ref();
        let named = |candidate: &&Candidate| claimed == Some(&candidate.order.study_instance_uid);
        let is_known = self.main.iter().chain(&self.heads).any(&named);
        let heads = self.heads.iter().filter(|head| !is_known || named(head)).map(&mut side);
        let against = heads.filter(|side| *side >= PatientSide::Disagree).max();
        if against.is_some() {
            let statement = "a received study of this order belongs to somebody else";
            evidence.say(Some(number), statement, &[]);
        }
        // A head can speak against the patient of its order, never for him.
        against.map_or(main, |against| against.max(main))
    }
}

impl Relation {
    /// The row of the decision table; `None` when nothing of the order side is equal.
    pub(crate) fn order_side(&self) -> Option<OrderSide> {
        use AccessionRelation::{Absent, Canonical, Differs, Exact, OtherIssuer, Unqualified};
        let by_number = self.filler || self.placer;
        Some(match (self.uid, self.accession) {
            (Some(true), Exact | Canonical) => OrderSide::UidAndAccession,
            (Some(true), Absent | Unqualified) => OrderSide::Uid,
            (Some(true), OtherIssuer | Differs) => OrderSide::UidOtherAccession,
            (None, Exact) => OrderSide::Accession,
            (Some(false), Exact) => OrderSide::AccessionOtherUid,
            (None, Canonical) => OrderSide::Canonical,
            (Some(false), Canonical) => OrderSide::CanonicalOtherUid,
            (None, Absent | Unqualified) if by_number => OrderSide::Number,
            _ if by_number => OrderSide::NumberContradicted,
            (_, Unqualified) => OrderSide::Unqualified,
            _ => return None,
        })
    }
}

#[derive(Clone, Copy)]
enum NumberKind {
    Filler,
    Placer,
}

/// Everything about a candidate that is compared, so that equal keys leave nothing to the order of arrival.
fn sort_key(candidate: &Candidate) -> Vec<String> {
    let order = &candidate.order;
    let number = |number: &Option<EntityIdentifier>| {
        number.as_ref().map(|one| format!("{} {:?}", one.value(), one.issuer())).unwrap_or_default()
    };
    let ids = |ids: &[telerad_core::PatientId]| {
        let mut ids: Vec<String> =
            ids.iter().map(|id| format!("{} {:?}", id.value(), id.issuer())).collect();
        ids.sort();
        ids.join(",")
    };
    vec![
        (candidate.source == CandidateSource::StudyHead).to_string(),
        candidate.key.clone(),
        order.study_instance_uid.to_string(),
        format!("{} {:?}", order.accession.value(), order.accession.issuer()),
        number(&order.filler_order_number),
        number(&order.placer_order_number),
        ids(&order.patient.ids),
        ids(&candidate.also_known_as),
        order.patient.name.to_dicom(),
        order.patient.birth_date.map(|date| date.to_string()).unwrap_or_default(),
        order.patient.sex.map(|sex| sex.as_dicom().to_owned()).unwrap_or_default(),
    ]
}
