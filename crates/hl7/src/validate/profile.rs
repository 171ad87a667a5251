//! Profiles: which messages, which rules.

use std::str::FromStr;
use std::sync::LazyLock;

use super::adjustment::Adjustment;
use super::rule::{InvalidRule, Rule};
use crate::Message;
use crate::french::Flow;

/// What is asked of messages beyond the encoding rules.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Profile {
    /// How it is called.
    pub name: String,
    /// The messages that its rules are for, such as `ORM^O01` or `ADT`; every one, when empty.
    pub messages: Vec<String>,
    /// Whether fields that IHE RAD requires are asked for as well, by the tables.
    pub uses_ihe_usage: bool,
    /// Whether the lengths that the standard prints are checked. Nearly no system keeps them.
    pub checks_lengths: bool,
    /// What it makes of findings, whoever asks for them, in messages that the profile is for.
    pub adjustments: Vec<Adjustment>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// Transactions of the IHE radiology technical framework.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Transaction {
    /// Patient registration: ADT A01, A04, A05, A11, A38.
    Rad1,
    /// Placer order management: ORM, OMG.
    Rad2,
    /// Filler order management: ORM, OMG.
    Rad3,
    /// Procedure scheduled: ORM, OMI.
    Rad4,
    /// Patient update: ADT A02, A03, A06, A07, A08, A12, A13, A40 and, in 2.5.1, A31, A47.
    Rad12,
    /// Procedure update: ORM, OMI.
    Rad13,
    /// Structured report export: ORU.
    Rad28,
    /// Send imaging result: ORU of 2.5.1.
    Rad128,
}

impl Transaction {
    fn name(self) -> &'static str {
        match self {
            Self::Rad1 => "RAD-1",
            Self::Rad2 => "RAD-2",
            Self::Rad3 => "RAD-3",
            Self::Rad4 => "RAD-4",
            Self::Rad12 => "RAD-12",
            Self::Rad13 => "RAD-13",
            Self::Rad28 => "RAD-28",
            Self::Rad128 => "RAD-128",
        }
    }
}

impl Profile {
    /// The tables of the version in MSH-12 alone.
    pub fn tables() -> Self {
        Self { name: "HL7".to_owned(), ..Self::default() }
    }

    /// The tables, and what a receiver needs before it can file an order of whatever sender: a patient, a number, an
    /// examination.
    pub fn order() -> Self {
        Self::named("order").unwrap_or_default()
    }

    /// The tables, and what a receiver needs before it can file a report of whatever sender: a patient, a number that
    /// leads to the order, something to read.
    pub fn report() -> Self {
        Self::named("report").unwrap_or_default()
    }

    /// The tables and a transaction of IHE RAD.
    pub fn ihe(transaction: Transaction) -> Self {
        Self::named(transaction.name()).unwrap_or_default()
    }

    /// The tables and a flow of the French teleradiology profile.
    pub fn french(flow: Flow) -> Self {
        let name = match flow {
            Flow::Request => "TLR-FR-1",
            Flow::Cancellation => "TLR-FR-2",
            Flow::Answer => "TLR-FR-3",
            Flow::Complement => "TLR-FR-4",
        };
        Self::named(name).unwrap_or_default()
    }

    /// The profile that is built in under a name such as `RAD-4` or `TLR-FR-1`.
    pub fn named(name: &str) -> Option<Self> {
        BUILT_IN.iter().find(|profile| profile.name == name).cloned()
    }

    /// Adds rules, each written as a line as [`Rule`] says.
    ///
    /// # Errors
    /// [`InvalidRule`] for the first line that is none.
    pub fn with_rules(mut self, lines: &[&str]) -> Result<Self, InvalidRule> {
        for line in lines {
            self.rules.push(Rule::from_str(line)?);
        }
        Ok(self)
    }

    /// Whether the rules are for this message.
    pub fn applies_to(&self, message: &Message) -> bool {
        let (code, event) = (message.message_code(), message.trigger_event());
        self.messages.is_empty()
            || self.messages.iter().any(|each| match each.split_once('^') {
                Some((of, on)) => of == code && on == event,
                None => *each == code,
            })
    }
}

static BUILT_IN: LazyLock<Vec<Profile>> = LazyLock::new(|| read(include_str!("profiles.txt")));

/// `[name] message…` opens a profile, of IHE with its usage of fields, which is that of orders and patients and not of
/// results; `+ name` adds the rules of an earlier one, every other line is a rule.
fn read(text: &str) -> Vec<Profile> {
    let mut profiles: Vec<Profile> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some((name, messages)) = line.strip_prefix('[').and_then(|line| line.split_once(']'))
        {
            profiles.push(Profile {
                name: name.to_owned(),
                messages: messages.split_whitespace().map(str::to_owned).collect(),
                uses_ihe_usage: name.starts_with("RAD-")
                    && !messages.trim_start().starts_with("ORU"),
                ..Profile::default()
            });
        } else if let Some(name) = line.strip_prefix("+ ") {
            let rules = profiles.iter().find(|profile| profile.name == name);
            let rules = rules.map(|profile| profile.rules.clone()).unwrap_or_default();
            profiles
                .last_mut()
                .into_iter()
                .for_each(|profile| profile.rules.extend_from_slice(&rules));
        } else if let (Ok(rule), Some(profile)) = (line.parse(), profiles.last_mut()) {
            profile.rules.push(rule);
        }
    }
    profiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_text_is_a_rule() {
        for line in include_str!("profiles.txt").lines() {
            if !line.is_empty() && !line.starts_with(['#', '[', '+']) {
                assert!(Rule::from_str(line).is_ok(), "{line}");
            }
        }
        let names: Vec<&str> = BUILT_IN.iter().map(|profile| profile.name.as_str()).collect();
        let expected = [
            "order",
            "report",
            "RAD-1",
            "RAD-2",
            "RAD-3",
            "RAD-4",
            "RAD-12",
            "RAD-13",
            "RAD-28",
            "RAD-128",
            "TLR-FR",
            "TLR-FR-order",
            "TLR-FR-1",
            "TLR-FR-2",
            "TLR-FR-3",
            "TLR-FR-4",
        ];
        assert_eq!(names, expected);
        assert!(BUILT_IN.iter().all(|profile| profile.rules.len() > 3));
    }
}
