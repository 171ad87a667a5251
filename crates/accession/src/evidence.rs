//! Why a decision was made, for a person.

use serde::{Deserialize, Serialize};

/// The sentences behind a decision, in an order that does not depend on the order of the candidates.
///
/// `Debug` and `Display` carry no values; [`describe_with_values`](Self::describe_with_values) does, for the review
/// page and never for a log.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Evidence {
    /// One per observation.
    pub lines: Vec<EvidenceLine>,
}

/// One observation.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct EvidenceLine {
    /// 1 for the first candidate in the order of keys; `None` for an observation about the claim itself.
    pub candidate: Option<usize>,
    /// A sentence without values.
    pub statement: String,
    /// The values it speaks about: what they are, and what they hold.
    pub values: Vec<(String, String)>,
}

impl Evidence {
    /// One line for each observation, with the values of both sides.
    pub fn describe_with_values(&self) -> String {
        let line = |line: &EvidenceLine| {
            let values: Vec<String> =
                line.values.iter().map(|(name, value)| format!("{name} `{value}`")).collect();
            match values.is_empty() {
                true => line.to_string(),
                false => format!("{line} ({})", values.join(", ")),
            }
        };
        self.lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Who listens to the reasons of a decision.
pub(crate) trait Notes {
    /// One observation. `make` gives the sentence and the values, and is called only where they are kept.
    fn say(&mut self, candidate: Option<usize>, make: impl FnOnce() -> Sentence);
}

/// A sentence without values, and the values it speaks about.
pub(crate) type Sentence = (String, Vec<(&'static str, String)>);

impl Notes for Evidence {
    fn say(&mut self, candidate: Option<usize>, make: impl FnOnce() -> Sentence) {
        let (statement, values) = make();
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        self.lines.push(EvidenceLine { candidate, statement, values });
    }
}

/// Keeps nothing: for decisions whose outcome alone is asked for.
pub(crate) struct Unheard;

impl Notes for Unheard {
    fn say(&mut self, _: Option<usize>, _: impl FnOnce() -> Sentence) {}
}

impl std::fmt::Display for EvidenceLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.candidate {
            Some(number) => write!(f, "candidate {number}: {}", self.statement),
            None => f.write_str(&self.statement),
        }
    }
}

impl std::fmt::Debug for EvidenceLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EvidenceLine({self})")
    }
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self.lines.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("; "))
    }
}

impl std::fmt::Debug for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Evidence({self})")
    }
}
