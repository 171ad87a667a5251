//! Keys under which orders are stored and looked up.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use telerad_core::{AccessionNumber, Order};

use crate::{AccessionPolicy, Claim, is_identifying};

/// One exact value under which candidates are looked up. A patient is never a key.
///
/// The issuer is not part of the key: [`decide`](crate::decide) compares issuers, so that a number under another issuer is
/// seen and named in the evidence, not overlooked.
#[derive(Clone, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum SearchKey {
    /// (0020,000D).
    StudyInstanceUid(String),
    /// An accession number, raw or after the declared rules.
    Accession(String),
    /// ORC-3 / OBR-3.
    Filler(String),
    /// ORC-2 / OBR-2.
    Placer(String),
}

impl SearchKey {
    /// A stable word for the kind: `study`, `accession`, `filler` or `placer`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::StudyInstanceUid(_) => "study",
            Self::Accession(_) => "accession",
            Self::Filler(_) => "filler",
            Self::Placer(_) => "placer",
        }
    }

    /// The value to compare for equality.
    pub fn value(&self) -> &str {
        match self {
            Self::StudyInstanceUid(value)
            | Self::Accession(value)
            | Self::Filler(value)
            | Self::Placer(value) => value,
        }
    }
}

impl std::fmt::Debug for SearchKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SearchKey({}, <redacted>)", self.kind())
    }
}

/// What to look up for a claim, sorted; empty when the claim holds nothing that can identify an order.
pub fn search_keys(claim: &Claim, policy: &AccessionPolicy) -> Vec<SearchKey> {
    keys(
        claim.study_instance_uid.as_ref().map(|uid| uid.as_str()),
        claim.accession.as_ref(),
        claim.filler.as_ref().map(|number| number.value()),
        claim.placer.as_ref().map(|number| number.value()),
        policy,
    )
}

/// What to store beside an order, sorted, so that [`search_keys`] of a claim finds it.
pub fn index_keys(order: &Order, policy: &AccessionPolicy) -> Vec<SearchKey> {
    keys(
        Some(order.study_instance_uid.as_str()),
        Some(&order.accession),
        order.filler_order_number.as_ref().map(|number| number.value()),
        order.placer_order_number.as_ref().map(|number| number.value()),
        policy,
    )
}

fn keys(
    uid: Option<&str>,
    accession: Option<&AccessionNumber>,
    filler: Option<&str>,
    placer: Option<&str>,
    policy: &AccessionPolicy,
) -> Vec<SearchKey> {
    let mut keys = BTreeSet::new();
    let mut add = |make: fn(String) -> SearchKey, value: Option<&str>| {
        if let Some(value) = value.filter(|value| is_identifying(value)) {
            keys.insert(make(value.to_owned()));
        }
    };
    add(SearchKey::StudyInstanceUid, uid);
    add(SearchKey::Filler, filler);
    add(SearchKey::Placer, placer);
    // The raw value is a key beside the canonical one: an order that was stored under earlier rules is still found
    // by the number it came with.
    if let Some(number) = accession.filter(|number| is_identifying(number.value())) {
        let (whole, stem) = policy.texts(number.value(), policy.issuer_of(number));
        for text in [Some(number.value()), whole.as_deref(), stem.as_deref()] {
            add(SearchKey::Accession, text);
        }
    }
    keys.into_iter().collect()
}
