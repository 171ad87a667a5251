//! Which patient identifiers are recorded as one patient's.

use std::collections::{BTreeMap, BTreeSet};

use telerad_core::{Issuer, Patient, PatientId};

use crate::is_identifying;

/// Recorded merges (ADT^A40 and its like) and cross references (A24, A60, PIX), each with the caller's own number.
///
/// Two identifiers are one patient's when a chain of records joins them. A record can be taken back, after which only what
/// the others say counts. Nothing is joined by similarity. Give [`aliases`](Self::aliases) as a candidate's
/// [`also_known_as`](crate::Candidate::also_known_as).
///
/// `Debug` prints no values.
#[derive(Clone, Default)]
pub struct Merges {
    records: BTreeMap<u64, (Identifier, Identifier)>,
    /// By identifier: the records that name it.
    named: BTreeMap<Identifier, BTreeSet<u64>>,
}

/// An identifier under its authority.
type Identifier = (Option<Issuer>, String);

impl Merges {
    /// Records that two identifiers are one patient's. `authority` assigned those that name none. `false`, and nothing is
    /// recorded, when one of them identifies nobody, or the number is already taken.
    pub fn record(
        &mut self,
        number: u64,
        prior: &PatientId,
        surviving: &PatientId,
        authority: Option<&Issuer>,
    ) -> bool {
        let usable = [prior, surviving].iter().all(|id| is_identifying(id.value()));
        if !usable || self.records.contains_key(&number) {
            return false;
        }
        let pair = (identifier(prior, authority), identifier(surviving, authority));
        for one in [&pair.0, &pair.1] {
            self.named.entry(one.clone()).or_default().insert(number);
        }
        self.records.insert(number, pair);
        true
    }

    /// Takes a record back; `false` when there is none of this number.
    pub fn take_back(&mut self, number: u64) -> bool {
        let Some((prior, surviving)) = self.records.remove(&number) else { return false };
        for one in [prior, surviving] {
            if let Some(records) = self.named.get_mut(&one) {
                records.remove(&number);
                if records.is_empty() {
                    self.named.remove(&one);
                }
            }
        }
        true
    }

    /// The other identifiers of a patient, sorted.
    pub fn aliases(&self, patient: &Patient, authority: Option<&Issuer>) -> Vec<PatientId> {
        let own: BTreeSet<Identifier> =
            patient.ids.iter().map(|id| identifier(id, authority)).collect();
        let mut known = own.clone();
        let mut open: Vec<Identifier> = own.iter().cloned().collect();
        while let Some(one) = open.pop() {
            for number in self.named.get(&one).into_iter().flatten() {
                let Some((prior, surviving)) = self.records.get(number) else { continue };
                for other in [prior, surviving] {
                    if known.insert(other.clone()) {
                        open.push(other.clone());
                    }
                }
            }
        }
        known
            .difference(&own)
            .filter_map(|(issuer, value)| PatientId::new(value, issuer.clone()).ok())
            .collect()
    }
}

impl std::fmt::Debug for Merges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Merges({} records)", self.records.len())
    }
}

fn identifier(id: &PatientId, authority: Option<&Issuer>) -> Identifier {
    (id.issuer().or(authority).cloned(), id.value().to_owned())
}

#[cfg(test)]
mod tests {
    use telerad_core::{Issuer, Patient, PatientId};

    use super::Merges;

    fn id(text: &str) -> PatientId {
        let (value, authority) = text
            .split_once('@')
            .map_or((text, None), |(value, name)| (value, Issuer::local(name).ok()));
        PatientId::new(value, authority).unwrap()
    }

    #[track_caller]
    fn check(merges: &Merges, of: &str, expected: &[&str]) {
        let patient = Patient { ids: vec![id(of)], ..Patient::default() };
        let authority = Issuer::local("HOSP").unwrap();
        let expected: Vec<PatientId> = expected.iter().map(|text| id(text)).collect();
        assert_eq!(merges.aliases(&patient, Some(&authority)), expected);
    }

    fn merged(pairs: &[(&str, &str)]) -> Merges {
        let authority = Issuer::local("HOSP").unwrap();
        let mut merges = Merges::default();
        for (number, (prior, surviving)) in (1..).zip(pairs) {
            assert!(merges.record(number, &id(prior), &id(surviving), Some(&authority)));
        }
        merges
    }

    #[test]
    fn chains_and_circles_are_one_patient() {
        let merges = merged(&[("1", "2"), ("2@HOSP", "3"), ("3", "1"), ("8", "9")]);
        check(&merges, "1", &["2@HOSP", "3@HOSP"]);
        check(&merges, "3@HOSP", &["1@HOSP", "2@HOSP"]);
        check(&merges, "8", &["9@HOSP"]);
        check(&merges, "7", &[]);
    }

    #[test]
    fn an_identifier_of_another_authority_is_another_one() {
        let merges = merged(&[("1", "2"), ("2@OTHER", "4@OTHER")]);
        check(&merges, "1", &["2@HOSP"]);
        check(&merges, "2@OTHER", &["4@OTHER"]);
    }

    #[test]
    fn a_merge_that_was_taken_back_joins_nothing() {
        let mut merges = merged(&[("1", "2"), ("2", "3")]);
        assert!(merges.take_back(1) && !merges.take_back(1));
        check(&merges, "1", &[]);
        check(&merges, "2", &["3@HOSP"]);
    }

    #[test]
    fn placeholders_are_joined_to_nobody() {
        let mut merges = Merges::default();
        assert!(!merges.record(1, &id("0"), &id("2"), None));
        assert!(!merges.record(1, &id("2"), &id("UNKNOWN"), None));
        check(&merges, "2", &[]);
        assert_eq!(format!("{merges:?}"), "Merges(0 records)");
    }
}
