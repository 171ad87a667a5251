//! The decision.

use serde::{Deserialize, Serialize};

use crate::evidence::Notes;
use crate::patient::PatientSide;
use crate::subject::{AccessionRelation, Claimed, Key, Relation, Usable, gather};
use crate::table::{OrderSide, Verdict, verdict};
use crate::view::{Person, View};
use crate::{AccessionPolicy, Candidate, Claim, Evidence, is_identifying};

/// What a claim belongs to. Only [`Match`](Self::Match) files anything.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub enum Decision {
    /// Exactly one candidate, with an order-side and a patient-side identifier in agreement.
    Match {
        /// Key of the candidate.
        key: String,
        /// Why.
        evidence: Evidence,
    },
    /// A person has to choose or to confirm: several candidates are left, or one that is not proven.
    Ambiguous {
        /// Keys of the candidates, sorted.
        keys: Vec<String>,
        /// Why.
        evidence: Evidence,
    },
    /// Nothing known is named by the claim.
    NoCandidate {
        /// Why.
        evidence: Evidence,
    },
    /// Identifiers contradict each other.
    Conflict {
        /// Keys of the candidates involved, sorted.
        keys: Vec<String>,
        /// Why.
        evidence: Evidence,
    },
}

impl Decision {
    /// Why.
    pub fn evidence(&self) -> &Evidence {
        match self {
            Self::Match { evidence, .. }
            | Self::Ambiguous { evidence, .. }
            | Self::NoCandidate { evidence }
            | Self::Conflict { evidence, .. } => evidence,
        }
    }

    /// A stable word for the outcome: `match`, `ambiguous`, `no candidate` or `conflict`.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::Match { .. } => "match",
            Self::Ambiguous { .. } => "ambiguous",
            Self::NoCandidate { .. } => "no candidate",
            Self::Conflict { .. } => "conflict",
        }
    }

    /// Keys of the candidates it names: one for a match, none without a candidate.
    pub fn keys(&self) -> Vec<String> {
        match self {
            Self::Match { key, .. } => vec![key.clone()],
            Self::Ambiguous { keys, .. } | Self::Conflict { keys, .. } => keys.clone(),
            Self::NoCandidate { .. } => Vec::new(),
        }
    }
}

impl std::fmt::Debug for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Keys hold accession numbers.
        write!(f, "Decision({}: {})", self.outcome(), self.evidence())
    }
}

/// Decides what a claim belongs to. The order of `candidates` makes no difference.
///
/// Every order-side identifier of the claim points to the candidates that hold it. Those that all of them point to are
/// left; none left is a conflict, several are ambiguous, and for one alone the [table](crate::ROWS) gives the verdict.
pub fn decide(claim: &Claim, candidates: &[Candidate], policy: &AccessionPolicy) -> Decision {
    let views: Vec<_> = candidates.iter().map(View::of).collect();
    let mut evidence = Evidence::default();
    judge(claim, &views, policy, &mut evidence).explained(evidence)
}

/// The most candidates that are compared; a value that names more than this many orders names none.
pub const CANDIDATES_MAX: usize = 256;

/// What kind of decision.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    /// [`Decision::Match`].
    Match,
    /// [`Decision::Ambiguous`].
    Ambiguous,
    /// [`Decision::NoCandidate`].
    NoCandidate,
    /// [`Decision::Conflict`].
    Conflict,
}

/// A decision without its sentences.
pub(crate) struct Judgement<K> {
    pub(crate) outcome: Outcome,
    /// Sorted; empty without a candidate, one for a match.
    pub(crate) keys: Vec<K>,
    /// Of the only candidate that is left.
    pub(crate) sides: Option<(OrderSide, PatientSide)>,
}

impl<K: Key> Judgement<K> {
    /// With its evidence.
    pub(crate) fn explained(self, evidence: Evidence) -> Decision {
        let mut keys: Vec<String> = self.keys.iter().map(ToString::to_string).collect();
        match self.outcome {
            Outcome::Match => Decision::Match { key: keys.pop().unwrap_or_default(), evidence },
            Outcome::Ambiguous => Decision::Ambiguous { keys, evidence },
            Outcome::NoCandidate => Decision::NoCandidate { evidence },
            Outcome::Conflict => Decision::Conflict { keys, evidence },
        }
    }
}

/// The decision, over whatever holds the candidates. This is the only place where one is made.
pub(crate) fn judge<K: Key, P: Person>(
    claim: &Claim,
    views: &[View<'_, K, P>],
    policy: &AccessionPolicy,
    notes: &mut impl Notes,
) -> Judgement<K> {
    let claimed = Claimed { claim, usable: describe_claim(claim, notes) };
    let subjects = gather(views, policy);
    let without_sides = |outcome, keys| Judgement { outcome, keys, sides: None };
    if subjects.len() > CANDIDATES_MAX {
        conclude(notes, &format!("more than {CANDIDATES_MAX} candidates are not compared"));
        let keys = subjects.iter().map(|subject| subject.key).collect();
        return without_sides(Outcome::Ambiguous, keys);
    }
    let mut relations: Vec<Relation> = Vec::with_capacity(subjects.len());
    for (number, subject) in (1..).zip(&subjects) {
        relations.push(subject.relate(&claimed, policy, number, notes));
    }
    let keys_of = |set: Set| -> Vec<K> {
        let numbered = subjects.iter().enumerate();
        numbered.filter(|(index, _)| set.has(*index)).map(|(_, subject)| subject.key).collect()
    };
    let left = match pointed_to(&relations) {
        Pointed::Nothing => {
            conclude(notes, "no order-side identifier names anything known");
            return without_sides(Outcome::NoCandidate, Vec::new());
        }
        Pointed::Apart(all) => {
            conclude(notes, "order-side identifiers point to different candidates");
            return without_sides(Outcome::Conflict, keys_of(all));
        }
        Pointed::Together(left) => left,
    };
    let keys = keys_of(left);
    let mut rows = relations
        .iter()
        .enumerate()
        .filter(|(index, _)| left.has(*index))
        .map(|(_, one)| (one.order_side(), one.patient));
    let verdict_of = |(side, patient): (Option<OrderSide>, PatientSide)| {
        side.map_or(Verdict::Review, |side| verdict(side, patient))
    };
    if let ([_], Some((side, patient))) = (keys.as_slice(), rows.clone().next()) {
        let (outcome, reason) = match verdict_of((side, patient)) {
            Verdict::Match => (Outcome::Match, "an order-side and a patient-side identifier agree"),
            Verdict::Review => (Outcome::Ambiguous, "the only candidate is not proven"),
            Verdict::Conflict => (Outcome::Conflict, "identifiers contradict each other"),
        };
        conclude(notes, reason);
        return Judgement { outcome, keys, sides: side.map(|side| (side, patient)) };
    }
    if rows.all(|row| verdict_of(row) == Verdict::Conflict) {
        conclude(notes, "identifiers contradict each other");
        return without_sides(Outcome::Conflict, keys);
    }
    conclude(notes, "several candidates are left, and none is chosen by guess");
    without_sides(Outcome::Ambiguous, keys)
}

fn conclude(notes: &mut impl Notes, text: &str) {
    notes.say(None, || (text.to_owned(), Vec::new()));
}

/// Candidates by their index.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
struct Set([u64; CANDIDATES_MAX / 64]);

impl Set {
    fn add(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    fn has(self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    fn with(self, other: Self, join: fn(u64, u64) -> u64) -> Self {
        let mut joined = self;
        joined.0.iter_mut().zip(other.0).for_each(|(mine, theirs)| *mine = join(*mine, theirs));
        joined
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// Which subjects the claim's identifiers point to, by index.
enum Pointed {
    /// None.
    Nothing,
    /// Each identifier to some, but no one to which all do.
    Apart(Set),
    /// These, by every identifier that points anywhere.
    Together(Set),
}

fn pointed_to(relations: &[Relation]) -> Pointed {
    use AccessionRelation::{Canonical, Cut, Exact, Unqualified};
    let chosen = |by: fn(&Relation) -> bool| {
        let mut set = Set::default();
        let numbered = relations.iter().enumerate();
        numbered.filter(|(_, one)| by(one)).for_each(|(index, _)| set.add(index));
        set
    };
    let mut sets = [
        chosen(|one| one.uid == Some(true)),
        // An exact, a canonical and a cut hit are one set: if the rules make two numbers equal, they cannot tell which
        // of them the sender meant.
        chosen(|one| matches!(one.accession, Canonical | Cut | Exact)),
        chosen(|one| one.filler),
        chosen(|one| one.placer),
    ];
    if sets.iter().all(|set| set.is_empty()) {
        sets[0] = chosen(|one| one.accession == Unqualified);
    }
    let mut pointing = sets.into_iter().filter(|set| !set.is_empty());
    let Some(first) = pointing.next() else { return Pointed::Nothing };
    let (all, shared) = pointing.fold((first, first), |(all, shared), set| {
        (
            all.with(set, |mine, theirs| mine | theirs),
            shared.with(set, |mine, theirs| mine & theirs),
        )
    });
    if shared.is_empty() { Pointed::Apart(all) } else { Pointed::Together(shared) }
}

/// Says which values of a claim identify nothing, and tells which do.
fn describe_claim(claim: &Claim, notes: &mut impl Notes) -> Usable {
    let mut check = |name: &str, value: Option<&str>| {
        let Some(value) = value else { return false };
        if is_identifying(value) {
            return true;
        }
        notes.say(None, || {
            let statement = format!("the claimed {name} is a placeholder or a wildcard");
            (statement, vec![("claimed", value.to_owned())])
        });
        false
    };
    // A UID holds digits and dots only, so that one with a dot is neither a word nor a wildcard.
    let uid = claim.study_instance_uid.as_ref().map(|uid| uid.as_str());
    let is_uid = uid.is_some_and(|uid| uid.contains('.')) || check("study instance UID", uid);
    let usable = Usable {
        accession: check("accession number", claim.accession.as_ref().map(|one| one.value())),
        filler: check("filler order number", claim.filler.as_ref().map(|one| one.value())),
        placer: check("placer order number", claim.placer.as_ref().map(|one| one.value())),
    };
    if !(is_uid || usable.accession || usable.filler || usable.placer) {
        conclude(notes, "the claim names no order");
    }
    usable
}

#[cfg(test)]
mod tests;
