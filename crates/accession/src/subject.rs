//! Candidates, gathered into the things they speak about.

use std::fmt::Display;

use telerad_core::{AccessionNumber, EntityIdentifier, Issuer};

use crate::canonical::stem;
use crate::evidence::Notes;
use crate::patient::{PatientSide, compare, same_issuer};
use crate::table::OrderSide;
use crate::view::{Issued, Person, View};
use crate::{AccessionPolicy, CandidateSource, Claim, is_identifying};

/// What the caller knows a candidate by.
pub(crate) trait Key: Copy + Display + Ord {}
impl<K: Copy + Display + Ord> Key for K {}

/// An order with the received studies that belong to it, or a received study without an order.
pub(crate) struct Subject<'v, 'a, K, P> {
    pub(crate) key: K,
    /// The order's entries, or the study's where no order is known.
    main: Vec<&'v View<'a, K, P>>,
    /// Received studies that belong to the order.
    heads: Vec<&'v View<'a, K, P>>,
}

/// A claim, and which of its numbers identify anything.
pub(crate) struct Claimed<'c> {
    pub(crate) claim: &'c Claim,
    pub(crate) usable: Usable,
}

/// Which numbers of a claim identify anything.
#[derive(Clone, Copy)]
pub(crate) struct Usable {
    pub(crate) accession: bool,
    pub(crate) filler: bool,
    pub(crate) placer: bool,
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
    Cut,
    Unqualified,
    OtherIssuer,
    Differs,
    /// The claim has none that identifies anything.
    Absent,
}

/// Gathers candidates by key, and received studies to the orders they belong to: by key, by study instance UID, or by
/// accession number and issuer. A key is one subject, since what matches is filed under it. The result does not depend on the order of `views`.
pub(crate) fn gather<'v, 'a, K: Key, P: Person>(
    views: &'v [View<'a, K, P>],
    policy: &AccessionPolicy,
) -> Vec<Subject<'v, 'a, K, P>> {
    let mut sorted: Vec<&View<'a, K, P>> = views.iter().collect();
    sorted.sort_by(|one, other| one.sequence(other));
    sorted.dedup_by(|one, other| one.sequence(other).is_eq());
    let mut subjects: Vec<Subject<'v, 'a, K, P>> = Vec::with_capacity(sorted.len());
    // Orders sort before heads, so that every order is there when the first head looks for its own.
    for view in sorted {
        let is_head = view.source == CandidateSource::StudyHead;
        let mut placed = false;
        for subject in &mut subjects {
            let same_kind = subject.main.iter().any(|one| one.source == view.source);
            let same_key = subject.key == view.key;
            if same_key && same_kind {
                subject.main.push(view);
                placed = true;
            } else if is_head && !same_kind && (same_key || subject.owns(view, policy)) {
                subject.heads.push(view);
                placed = true;
            }
        }
        if !placed {
            subjects.push(Subject { key: view.key, main: vec![view], heads: Vec::new() });
        }
    }
    subjects.sort_by_key(|subject| subject.key);
    subjects
}

impl<K: Key, P: Person> Subject<'_, '_, K, P> {
    /// Compares the claim with everything known about this subject, and says so.
    pub(crate) fn relate(
        &self,
        claimed: &Claimed<'_>,
        policy: &AccessionPolicy,
        number: usize,
        notes: &mut impl Notes,
    ) -> Relation {
        notes.say(Some(number), || {
            let kind = match self.main.first().map(|candidate| candidate.source) {
                Some(CandidateSource::StudyHead) => "a received study without a known order",
                _ => "an order",
            };
            (kind.to_owned(), vec![("key", self.key.to_string())])
        });
        let Claimed { claim, usable } = *claimed;
        let accession = claim.accession.as_ref().filter(|_| usable.accession);
        let filler = claim.filler.as_ref().filter(|_| usable.filler);
        let placer = claim.placer.as_ref().filter(|_| usable.placer);
        let relation = Relation {
            uid: self.relate_uid(claim, number, notes),
            accession: self.relate_accession(accession, policy, number, notes),
            filler: self.relate_number(filler, NumberKind::Filler, number, notes),
            placer: self.relate_number(placer, NumberKind::Placer, number, notes),
            patient: PatientSide::Unknown,
        };
        Relation { patient: self.relate_patient(claim, policy, number, notes), ..relation }
    }

    /// Whether a received study names this order. Whether it is of the same patient is no matter here: one that is not
    /// must speak against the order, not stand beside it.
    fn owns(&self, head: &View<'_, K, P>, policy: &AccessionPolicy) -> bool {
        use AccessionRelation::{Cut, Exact};
        self.main.iter().any(|order| {
            // A study may carry the cut number of its order: DICOM leaves 16 characters.
            let same_accession = is_identifying(order.accession.value)
                && matches!(relate_numbers(head.accession, order.accession, policy), Cut | Exact);
            order.study_instance_uid == head.study_instance_uid || same_accession
        })
    }

    fn relate_uid(&self, claim: &Claim, number: usize, notes: &mut impl Notes) -> Option<bool> {
        let claimed = claim.study_instance_uid.as_ref()?.as_str();
        let mut known = self.main.iter().chain(&self.heads);
        let is_equal = known.any(|candidate| candidate.study_instance_uid == claimed);
        notes.say(Some(number), || {
            let word = if is_equal { "is equal" } else { "differs" };
            let uids: Vec<&str> = self.main.iter().map(|one| one.study_instance_uid).collect();
            let values = vec![("claimed", claimed.to_owned()), ("known", uids.join(", "))];
            (format!("study instance UID {word}"), values)
        });
        Some(is_equal)
    }

    fn relate_accession(
        &self,
        claimed: Option<&AccessionNumber>,
        policy: &AccessionPolicy,
        number: usize,
        notes: &mut impl Notes,
    ) -> AccessionRelation {
        let Some(claimed) = claimed else { return AccessionRelation::Absent };
        let claimed = Issued { value: claimed.value(), issuer: claimed.issuer() };
        let relate = |view: &&View<'_, K, P>| relate_numbers(claimed, view.accession, policy);
        // Two entries under one key that differ in their number: the weaker one counts.
        let relation = self.main.iter().map(relate).max().unwrap_or(AccessionRelation::Differs);
        notes.say(Some(number), || {
            let write = |number: Issued<'_>| {
                let issuer = policy.issuer_named(number.value, number.issuer);
                issuer.map_or(number.value.to_owned(), |issuer| {
                    format!("{} of {issuer}", number.value)
                })
            };
            let known: Vec<String> = self.main.iter().map(|one| write(one.accession)).collect();
            let values = vec![("claimed", write(claimed)), ("known", known.join(", "))];
            (format!("accession number {}", relation.statement()), values)
        });
        relation
    }

    fn relate_number(
        &self,
        claimed: Option<&EntityIdentifier>,
        kind: NumberKind,
        number: usize,
        notes: &mut impl Notes,
    ) -> bool {
        let Some(claimed) = claimed else { return false };
        let mut known = self.main.iter().filter_map(|view| match kind {
            NumberKind::Filler => view.filler,
            NumberKind::Placer => view.placer,
        });
        let equal = known.find(|known| known.value == claimed.value());
        let issuers = equal.map(|known| same_issuer(claimed.issuer(), known.issuer));
        notes.say(Some(number), || {
            let statement = match issuers {
                Some(Some(true)) => "is equal under the same issuer",
                Some(None) => "is equal, but only one side names its issuer",
                Some(Some(false)) => "is equal, but was issued by another authority",
                None => "differs or is not known",
            };
            let name = match kind {
                NumberKind::Filler => "filler order number",
                NumberKind::Placer => "placer order number",
            };
            (format!("{name} {statement}"), vec![("claimed", claimed.value().to_owned())])
        });
        issuers == Some(Some(true))
    }

    fn relate_patient(
        &self,
        claim: &Claim,
        policy: &AccessionPolicy,
        number: usize,
        notes: &mut impl Notes,
    ) -> PatientSide {
        let mut side = |view: &&View<'_, K, P>| {
            compare(&claim.patient, &view.patient, policy, Some(number), notes)
        };
        let main = self.main.iter().map(&mut side).max().unwrap_or(PatientSide::Unknown);
        // A claim on one known study is not about the others that carry its number.
        let claimed = claim.study_instance_uid.as_ref().map(|uid| uid.as_str());
        let named = |view: &&View<'_, K, P>| claimed == Some(view.study_instance_uid);
        let is_known = self.main.iter().chain(&self.heads).any(&named);
        let heads = self.heads.iter().filter(|head| !is_known || named(head)).map(&mut side);
        let against = heads.filter(|side| *side >= PatientSide::Disagree).max();
        if against.is_some() {
            let statement = "a received study of this order belongs to somebody else";
            notes.say(Some(number), || (statement.to_owned(), Vec::new()));
        }
        // A head can speak against the patient of its order, never for him.
        against.map_or(main, |against| against.max(main))
    }
}

/// How the number of a claim stands to a known one.
fn relate_numbers(
    claimed: Issued<'_>,
    known: Issued<'_>,
    policy: &AccessionPolicy,
) -> AccessionRelation {
    let issuer = policy.issuer_named(claimed.value, claimed.issuer);
    let known_issuer = policy.issuer_named(known.value, known.issuer);
    let text = match claimed.value == known.value {
        true => AccessionRelation::Exact,
        false => relate_texts((claimed.value, issuer), (known.value, known_issuer), policy),
    };
    match same_issuer(issuer, known_issuer) {
        _ if text == AccessionRelation::Differs => text,
        None => AccessionRelation::Unqualified,
        Some(false) => AccessionRelation::OtherIssuer,
        Some(true) => text,
    }
}

/// How two numbers that are not equal as written stand to each other after the declared rules.
fn relate_texts(
    claimed: (&str, Option<&Issuer>),
    known: (&str, Option<&Issuer>),
    policy: &AccessionPolicy,
) -> AccessionRelation {
    if policy.rules.is_empty() {
        return AccessionRelation::Differs;
    }
    let whole = policy.whole(claimed.0, claimed.1);
    let known_whole = policy.whole(known.0, known.1);
    if ![&*whole, &*known_whole, known.0].into_iter().all(is_identifying) {
        return AccessionRelation::Differs;
    }
    // What the rules make of the claim is a known number as written, even if the rules would make another of that one:
    // the sender may have meant either.
    if whole == known_whole || whole == known.0 {
        return AccessionRelation::Canonical;
    }
    let is_cut = policy.cut(known.1).is_some_and(|characters| {
        // One of the two must be exactly as long as the cut leaves it. Two longer numbers are two numbers.
        let ends = |long: &str, short: &str| stem(long, characters) == Some(short);
        ends(&whole, &known_whole) || ends(&known_whole, &whole)
    });
    if is_cut { AccessionRelation::Cut } else { AccessionRelation::Differs }
}

impl AccessionRelation {
    fn statement(self) -> &'static str {
        match self {
            Self::Exact => "is equal under the same issuer",
            Self::Canonical => "is equal after the site's declared rules, under the same issuer",
            Self::Cut => "is equal as far as the declared cut left it, under the same issuer",
            Self::Unqualified => {
                "is equal, but one side names no issuer and the site declares none"
            }
            Self::OtherIssuer => "is equal, but was issued by another authority",
            Self::Absent | Self::Differs => "differs",
        }
    }
}

impl Relation {
    /// The row of the decision table; `None` when nothing of the order side is equal.
    pub(crate) fn order_side(&self) -> Option<OrderSide> {
        use AccessionRelation::{Absent, Canonical, Cut, Differs, Exact, OtherIssuer, Unqualified};
        let by_number = self.filler || self.placer;
        Some(match (self.uid, self.accession) {
            (Some(true), Canonical | Cut | Exact) => OrderSide::UidAndAccession,
            (Some(true), Absent | Unqualified) => OrderSide::Uid,
            (Some(true), Differs | OtherIssuer) => OrderSide::UidOtherAccession,
            (None, Exact) => OrderSide::Accession,
            (Some(false), Exact) => OrderSide::AccessionOtherUid,
            (None, Canonical) => OrderSide::Canonical,
            (Some(false), Canonical) => OrderSide::CanonicalOtherUid,
            (None, Cut) => OrderSide::Cut,
            (Some(false), Cut) => OrderSide::CutOtherUid,
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
