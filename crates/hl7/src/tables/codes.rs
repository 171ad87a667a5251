//! Code tables.

use super::Version;

/// One code table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CodeTable {
    /// Four digits.
    pub number: &'static str,
    /// Such as `Administrative Sex`.
    pub name: &'static str,
    /// Its codes in the order of the standard.
    pub codes: Vec<Code>,
}

/// One code of a table.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Code {
    /// As it is sent. A few are patterns: `TD<integer>`, `NNxxx`, `L,M,N`.
    pub code: &'static str,
    /// What it means, in few words; empty where the standard has none.
    pub meaning: &'static str,
    pub(super) in_2_5_1: bool,
    pub(super) in_2_3_1: bool,
}

impl Code {
    /// Whether the version has the code.
    pub fn is_in(&self, version: Version) -> bool {
        match version {
            Version::V2_3_1 => self.in_2_3_1,
            Version::V2_5_1 => self.in_2_5_1,
        }
    }

    fn covers(&self, code: &str) -> bool {
        if let Some(prefix) = self.code.strip_suffix("<integer>") {
            return code.strip_prefix(prefix).is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
            });
        }
        match self.code {
            "NNxxx" => code.strip_prefix("NN").is_some_and(|country| {
                country.len() == 3 && country.bytes().all(|byte| byte.is_ascii_uppercase())
            }),
            "L,M,N" => matches!(code, "L" | "M" | "N"),
            own => own == code,
        }
    }
}

impl CodeTable {
    /// The row of a code, patterns included. Case counts, as it does in the standard.
    pub fn find(&self, code: &str) -> Option<&Code> {
        self.codes.iter().find(|row| row.covers(code))
    }

    /// What a code means, in few words.
    pub fn meaning(&self, code: &str) -> Option<&'static str> {
        self.find(code).map(|row| row.meaning)
    }

    /// Whether either version has the code. Receivers read by content: senders label one version and send another.
    pub fn contains(&self, code: &str) -> bool {
        self.find(code).is_some()
    }
}
