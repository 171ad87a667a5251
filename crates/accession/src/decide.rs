//! The decision.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::subject::{AccessionRelation, Relation, Subject, gather};
use crate::table::{Verdict, verdict};
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
    let mut evidence = Evidence::default();
    describe_claim(claim, &mut evidence);
    let subjects = gather(candidates, policy);
    let key = |index: &usize| subjects.get(*index).map(|one| one.key.to_owned());
    if subjects.len() > CANDIDATES_MAX {
        evidence.say(None, format!("more than {CANDIDATES_MAX} candidates are not compared"), &[]);
        return Decision::Ambiguous { keys: keys(&subjects), evidence };
    }
    let mut relate = |(index, subject): (usize, &Subject<'_>)| {
        subject.relate(claim, policy, index + 1, &mut evidence)
    };
    let relations: Vec<Relation> = subjects.iter().enumerate().map(&mut relate).collect();
    let left = match pointed_to(&relations) {
        Pointed::Nothing => {
            evidence.say(None, "no order-side identifier names anything known", &[]);
            return Decision::NoCandidate { evidence };
        }
        Pointed::Apart(all) => {
            evidence.say(None, "order-side identifiers point to different candidates", &[]);
            return Decision::Conflict { keys: all.iter().filter_map(key).collect(), evidence };
        }
        Pointed::Together(left) => left,
    };
    let verdicts: Vec<Verdict> = left
        .iter()
        .filter_map(|index| relations.get(*index))
        .map(|one| one.order_side().map_or(Verdict::Review, |side| verdict(side, one.patient)))
        .collect();
    let keys: Vec<String> = left.iter().filter_map(key).collect();
    match (keys.as_slice(), verdicts.as_slice()) {
        ([only], [Verdict::Match]) => {
            evidence.say(None, "an order-side and a patient-side identifier agree", &[]);
            Decision::Match { key: only.clone(), evidence }
        }
        (_, verdicts) if verdicts.iter().all(|verdict| *verdict == Verdict::Conflict) => {
            evidence.say(None, "identifiers contradict each other", &[]);
            Decision::Conflict { keys, evidence }
        }
        ([_], _) => {
            evidence.say(None, "the only candidate is not proven", &[]);
            Decision::Ambiguous { keys, evidence }
        }
        _ => {
            evidence.say(None, "several candidates are left, and none is chosen by guess", &[]);
            Decision::Ambiguous { keys, evidence }
        }
    }
}

/// The most candidates that are compared; a value that names more than this many orders names none.
pub const CANDIDATES_MAX: usize = 256;

/// Which subjects the claim's identifiers point to, by index.
enum Pointed {
    /// None.
    Nothing,
    /// Each identifier to some, but no one to which all do.
    Apart(BTreeSet<usize>),
    /// These, by every identifier that points anywhere.
    Together(BTreeSet<usize>),
}

fn pointed_to(relations: &[Relation]) -> Pointed {
    use AccessionRelation::{Canonical, Exact, Unqualified};
    let chosen = |by: fn(&Relation) -> bool| -> BTreeSet<usize> {
        let numbered = relations.iter().enumerate();
        numbered.filter(|(_, one)| by(one)).map(|(index, _)| index).collect()
    };
    let mut sets = vec![
        chosen(|one| one.uid == Some(true)),
        // An exact and a canonical hit are one set: if the rules make two numbers equal, they cannot tell which of
        // them the sender meant.
        chosen(|one| matches!(one.accession, Exact | Canonical)),
        chosen(|one| one.filler),
        chosen(|one| one.placer),
    ];
    sets.retain(|set| !set.is_empty());
    if sets.is_empty() {
        sets.push(chosen(|one| one.accession == Unqualified));
    }
    let all: BTreeSet<usize> = sets.iter().flatten().copied().collect();
    let shared = |index: &usize| sets.iter().all(|set| set.contains(index));
    let together: BTreeSet<usize> = all.iter().copied().filter(shared).collect();
    match (all.is_empty(), together.is_empty()) {
        (true, _) => Pointed::Nothing,
        (false, true) => Pointed::Apart(all),
        (false, false) => Pointed::Together(together),
    }
}

fn describe_claim(claim: &Claim, evidence: &mut Evidence) {
    let values = [
        ("study instance UID", claim.study_instance_uid.as_ref().map(|uid| uid.as_str())),
        ("accession number", claim.accession.as_ref().map(|number| number.value())),
        ("filler order number", claim.filler.as_ref().map(|number| number.value())),
        ("placer order number", claim.placer.as_ref().map(|number| number.value())),
    ];
    for (name, value) in values {
        if let Some(value) = value.filter(|value| !is_identifying(value)) {
            let statement = format!("the claimed {name} is a placeholder or a wildcard");
            evidence.say(None, statement, &[("claimed", value)]);
        }
    }
    if values.iter().all(|(_, value)| value.is_none_or(|value| !is_identifying(value))) {
        evidence.say(None, "the claim names no order", &[]);
    }
}

fn keys(subjects: &[Subject<'_>]) -> Vec<String> {
    subjects.iter().map(|subject| subject.key.to_owned()).collect()
}

#[cfg(test)]
mod tests;
