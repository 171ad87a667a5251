//! Why numbers that were sent match nothing, and which rule would mend it.

mod causes;

use std::collections::BTreeMap;

use telerad_core::{AccessionNumber, EntityIdentifier, Issuer};

use crate::evidence::Unheard;
use crate::patient::{PatientSide, compare, same_issuer};
use crate::view::KnownPatient;
use crate::{
    AccessionPolicy, Candidate, CandidateIndex, CandidateSource, CanonicalRule, Claim, Outcome,
    RuleCheck, is_identifying,
};

/// What is wrong with a sender's numbers.
///
/// `Debug` and `Display` carry no number; a prefix, suffix or separator that all numbers share is shown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Diagnosis {
    /// Claims that match as they are.
    pub matched: usize,
    /// The best explanation first; each explains claims that those before it do not.
    pub findings: Vec<Finding>,
    /// Claims that nothing explains: an order that is not known, a typing error, a number without an order.
    pub unexplained: usize,
}

/// One explanation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What happened to the numbers on the way, one thing or two.
    pub causes: Vec<Cause>,
    /// What would mend it.
    pub remedy: Remedy,
    /// What it would do to everything that was sent and everything that is known.
    pub proof: Proof,
}

/// What happened to a number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    /// Capital and small letters.
    Case,
    /// The end was cut off at a length.
    Cut,
    /// Zeros on the left are missing, or were filled in.
    LeadingZeros,
    /// It was sent under another issuer than the order's.
    OtherIssuer,
    /// Something stands before the number, or is missing there.
    Prefix,
    /// Dashes, dots, slashes or spaces.
    Separators,
    /// Something stands behind the number, or is missing there.
    Suffix,
    /// Two fields are swapped: the number stands in another field than the site's orders have it in.
    SwappedFields,
}

/// What would mend it. Nothing of this is done by itself: a person declares it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Remedy {
    /// Declare these rules, after those there are.
    Rules(Vec<CanonicalRule>),
    /// Read the number of this field as that of the other.
    Read {
        /// Where the sender writes it.
        from: Field,
        /// What it is.
        to: Field,
    },
    /// Read numbers under the first issuer as numbers of the second.
    Issuer {
        /// What the sender writes, or the site's default; `None` for nothing.
        sent: Option<Issuer>,
        /// What the orders say.
        known: Option<Issuer>,
    },
}

/// A field of a claim.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Field {
    /// OBR-18, (0008,0050).
    Accession,
    /// OBR-3, ORC-3.
    Filler,
    /// OBR-2, ORC-2.
    Placer,
}

/// What a remedy would do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Proof {
    /// Claims without a match that were tried.
    pub tried: usize,
    /// Claims that would match, the patient agreeing.
    pub matched: usize,
    /// Claims that would contradict the patient of the order they come to: many of them speak against the remedy.
    pub contradicted: usize,
    /// Claims that match now and would not, or would match another order.
    pub lost: usize,
    /// Known numbers that the rules were checked with.
    pub known: usize,
    /// Known numbers that the rules would no longer keep apart.
    pub collisions: usize,
}

impl Proof {
    /// Whether the remedy helps, and nothing known or sent speaks against it.
    pub fn holds(&self) -> bool {
        self.matched > 0 && self.contradicted == 0 && self.lost == 0 && self.collisions == 0
    }
}

/// Says why claims of one sender match nothing among what is known, and what would mend it.
///
/// Explanations are sought between a claim and the orders of the same patient, or every order where the claim tells no
/// patient, and then proven on all claims and all orders. It takes time in proportion to the number of claims, of which the
/// first [`CLAIMS_MAX`] are read, times that of `known`: it is for a person who looks at a sender, not for every message.
pub fn diagnose(sent: &[Claim], known: &[Candidate], policy: &AccessionPolicy) -> Diagnosis {
    let sent = sent.get(..CLAIMS_MAX).unwrap_or(sent);
    let now = matches(sent.iter(), known, policy);
    let mut open: Vec<&Claim> =
        sent.iter().zip(&now).filter(|(_, now)| now.to.is_none()).map(|(claim, _)| claim).collect();
    let mut diagnosis = Diagnosis { matched: sent.len() - open.len(), ..Diagnosis::default() };
    while !open.is_empty() {
        let trials = remedies(&open, known, policy).into_iter().map(|(causes, remedy)| {
            let proof = prove(&remedy, &open, (sent, &now), known, policy);
            Finding { causes, remedy, proof }
        });
        // The one that holds, then the one that helps most, then the simplest, then the first.
        let best = trials.reduce(|best, next| {
            let rank = |one: &Finding| (one.proof.holds(), one.proof.matched, 9 - one.causes.len());
            if rank(&next) > rank(&best) { next } else { best }
        });
        let Some(best) = best.filter(|best| best.proof.matched > 0) else { break };
        let mended = mend(&best.remedy, policy);
        let claims: Vec<Claim> =
            open.iter().map(|claim| applied(&best.remedy, claim, policy)).collect();
        let after = matches(claims.iter(), known, &mended);
        open = open
            .into_iter()
            .zip(after)
            .filter(|(_, after)| after.to.is_none())
            .map(|(claim, _)| claim)
            .collect();
        diagnosis.findings.push(best);
    }
    diagnosis.unexplained = open.len();
    diagnosis
}

/// The most claims that are read.
pub const CLAIMS_MAX: usize = 256;

/// The most explanations that are proven at a time: those that explain most.
const REMEDIES_MAX: usize = 24;

/// What a claim comes to.
#[derive(Clone, Copy)]
struct Came {
    /// The candidate that it matches, by its place.
    to: Option<u64>,
    is_conflict: bool,
}

/// What every claim comes to.
fn matches<'c>(
    claims: impl Iterator<Item = &'c Claim>,
    known: &[Candidate],
    policy: &AccessionPolicy,
) -> Vec<Came> {
    let mut index = CandidateIndex::with_capacity(policy.clone(), known.len() + 1);
    let mut places: BTreeMap<&str, u64> = BTreeMap::new();
    for candidate in known {
        let next = places.len() as u64;
        let handle = *places.entry(&candidate.key).or_insert(next);
        // What is too long for the index is nothing that a rule could help.
        let _ = index.insert(handle, &candidate.order, candidate.source, &candidate.also_known_as);
    }
    let of = |claim: &Claim| {
        let decision = index.decide(claim);
        let matched =
            (decision.outcome == Outcome::Match).then(|| decision.handles.first().copied());
        Came { to: matched.flatten(), is_conflict: decision.outcome == Outcome::Conflict }
    };
    claims.map(of).collect()
}

/// Every explanation of a claim by a known order, those that explain most claims first.
fn remedies(
    open: &[&Claim],
    known: &[Candidate],
    policy: &AccessionPolicy,
) -> Vec<(Vec<Cause>, Remedy)> {
    let mut counted: Vec<(Vec<Cause>, Remedy, usize)> = Vec::new();
    for claim in open {
        let mut of_claim: Vec<(Vec<Cause>, Remedy)> = Vec::new();
        for candidate in known.iter().filter(|one| may_be(claim, one, policy)) {
            for found in explanations(claim, candidate, policy) {
                if !of_claim.contains(&found) {
                    of_claim.push(found);
                }
            }
        }
        for (causes, remedy) in of_claim {
            match counted.iter_mut().find(|(_, known, _)| *known == remedy) {
                Some((_, _, count)) => *count += 1,
                None => counted.push((causes, remedy, 1)),
            }
        }
    }
    counted.sort_by_key(|(causes, _, count)| (usize::MAX - count, causes.len()));
    counted.truncate(REMEDIES_MAX);
    counted.into_iter().map(|(causes, remedy, _)| (causes, remedy)).collect()
}

/// Whether the claim may be about this candidate, by the patient. Here the patient only says where to look.
fn may_be(claim: &Claim, candidate: &Candidate, policy: &AccessionPolicy) -> bool {
    let known =
        KnownPatient { patient: &candidate.order.patient, also_known_as: &candidate.also_known_as };
    let says_nothing = claim.patient.ids.is_empty() && claim.patient.name.is_empty();
    let side = compare(&claim.patient, &known, policy, None, &mut Unheard);
    side == PatientSide::Agree || says_nothing && side == PatientSide::Unknown
}

fn explanations(
    claim: &Claim,
    candidate: &Candidate,
    policy: &AccessionPolicy,
) -> Vec<(Vec<Cause>, Remedy)> {
    let order = &candidate.order;
    let mut found = Vec::new();
    let sent: [(Field, Option<&str>); 3] = [
        (Field::Accession, claim.accession.as_ref().map(|number| number.value())),
        (Field::Filler, claim.filler.as_ref().map(|number| number.value())),
        (Field::Placer, claim.placer.as_ref().map(|number| number.value())),
    ];
    let known: [(Field, Option<&str>); 3] = [
        (Field::Accession, Some(order.accession.value())),
        (Field::Filler, order.filler_order_number.as_ref().map(|number| number.value())),
        (Field::Placer, order.placer_order_number.as_ref().map(|number| number.value())),
    ];
    for (from, value) in sent {
        for (to, known) in known {
            if from != to && value.is_some() && value == known && value.is_some_and(is_identifying)
            {
                found.push((vec![Cause::SwappedFields], Remedy::Read { from, to }));
            }
        }
    }
    let Some(number) = claim.accession.as_ref().filter(|one| is_identifying(one.value())) else {
        return found;
    };
    let (sent, known) = (policy.issuer_of(number), policy.issuer_of(&order.accession));
    let whole =
        |number: &AccessionNumber, issuer| policy.whole(number.value(), issuer).into_owned();
    let texts = (whole(number, sent), whole(&order.accession, known));
    if same_issuer(sent, known) == Some(true) {
        found.extend(causes::explain(&texts.0, &texts.1));
    } else if texts.0 == texts.1 {
        let remedy = Remedy::Issuer { sent: sent.cloned(), known: known.cloned() };
        found.push((vec![Cause::OtherIssuer], remedy));
    }
    found
}

fn prove(
    remedy: &Remedy,
    open: &[&Claim],
    (sent, now): (&[Claim], &[Came]),
    known: &[Candidate],
    policy: &AccessionPolicy,
) -> Proof {
    let mended = mend(remedy, policy);
    let orders = known.iter().filter(|one| one.source == CandidateSource::Order);
    let (check, _) = RuleCheck::of(&mended, orders.map(|one| &one.order.accession), 0);
    let before = RuleCheck::of(policy, known.iter().map(|one| &one.order.accession), 0).0;
    let claims: Vec<Claim> = open.iter().map(|claim| applied(remedy, claim, policy)).collect();
    let after = matches(claims.iter(), known, &mended);
    // Rules are for every claim; another field or issuer is read only where the claim has none that is known.
    let all = match remedy {
        Remedy::Rules(_) => matches(sent.iter(), known, &mended),
        Remedy::Issuer { .. } | Remedy::Read { .. } => now.to_vec(),
    };
    let is_lost = |(now, after): &(&Came, &Came)| now.to.is_some() && now.to != after.to;
    Proof {
        tried: open.len(),
        matched: after.iter().filter(|came| came.to.is_some()).count(),
        contradicted: after.iter().filter(|came| came.is_conflict).count(),
        lost: now.iter().zip(&all).filter(is_lost).count(),
        known: check.known(),
        collisions: check.collisions().saturating_sub(before.collisions()),
    }
}

fn mend(remedy: &Remedy, policy: &AccessionPolicy) -> AccessionPolicy {
    let mut mended = policy.clone();
    if let Remedy::Rules(rules) = remedy {
        mended.rules.extend(rules.iter().cloned());
    }
    mended
}

/// The claim as it would be read with a remedy that is not a rule.
fn applied(remedy: &Remedy, claim: &Claim, policy: &AccessionPolicy) -> Claim {
    let mut claim = claim.clone();
    match remedy {
        Remedy::Rules(_) => {}
        Remedy::Issuer { sent, known } => {
            let number = claim.accession.take();
            let is_sent = number.as_ref().is_some_and(|one| policy.issuer_of(one) == sent.as_ref());
            claim.accession = match number {
                Some(one) if is_sent => AccessionNumber::new(one.value(), known.clone()).ok(),
                other => other,
            };
        }
        Remedy::Read { from, to } => {
            let number = match from {
                Field::Accession => claim
                    .accession
                    .take()
                    .map(|one| (one.value().to_owned(), one.issuer().cloned())),
                Field::Filler => {
                    claim.filler.take().map(|one| (one.value().to_owned(), one.issuer().cloned()))
                }
                Field::Placer => {
                    claim.placer.take().map(|one| (one.value().to_owned(), one.issuer().cloned()))
                }
            };
            let Some((value, issuer)) = number else { return claim };
            match to {
                Field::Accession => claim.accession = AccessionNumber::new(&value, None).ok(),
                Field::Filler => claim.filler = EntityIdentifier::new(&value, issuer).ok(),
                Field::Placer => claim.placer = EntityIdentifier::new(&value, issuer).ok(),
            }
        }
    }
    claim
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Case => "capital and small letters differ",
            Self::Cut => "the end is cut off",
            Self::LeadingZeros => "zeros on the left differ",
            Self::OtherIssuer => "the issuer is another one",
            Self::Prefix => "a prefix differs",
            Self::Separators => "separators differ",
            Self::Suffix => "a suffix differs",
            Self::SwappedFields => "the number stands in another field",
        })
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let causes: Vec<String> = self.causes.iter().map(ToString::to_string).collect();
        let proof = &self.proof;
        write!(
            f,
            "{}: {:?} would match {} of {} claims ({} contradicted, {} lost), and {} of {} known numbers collide",
            causes.join(" and "),
            self.remedy,
            proof.matched,
            proof.tried,
            proof.contradicted,
            proof.lost,
            proof.collisions,
            proof.known,
        )
    }
}

impl std::fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} match, {} are not explained", self.matched, self.unexplained)?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n{finding}"))
    }
}

#[cfg(test)]
mod tests;
