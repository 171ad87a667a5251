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

    pub(crate) fn say(
        &mut self,
        candidate: Option<usize>,
        statement: impl Into<String>,
        values: &[(&str, &str)],
    ) {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.lines.push(EvidenceLine {
            candidate,
            statement: statement.into(),
            values: values.iter().map(owned).collect(),
        });
    }
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
