//! From what a receiver was told back to what is known.

use telerad_core::{AccessionNumber, Patient, PatientId, Uid};

use crate::patient::{Compared, compare_demographics, same_issuer};
use crate::{AccessionPolicy, Claim};

/// What was written differently for a receiver: coerced, translated or de-identified on the way out.
///
/// What comes back from this receiver speaks in the sent values. [`restore`] puts the known ones back, each by itself and
/// only where the sent one is equal, so that two records mixed up by a sender contradict each other in [`decide`](crate::decide)
/// as they should.
///
/// `Debug` prints no values.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Changed {
    /// (0020,000D) as it was sent, and as it is known.
    pub study_instance_uid: Option<(Uid, Uid)>,
    /// (0008,0050) as it was sent, and as it is known.
    pub accession: Option<(AccessionNumber, AccessionNumber)>,
    /// The patient as sent, and as known.
    pub patient: Option<(Patient, Patient)>,
}

impl std::fmt::Debug for Changed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Changed(<redacted>)")
    }
}

/// The claim in the values that are known, by the records of what was changed for the receiver that it comes from.
///
/// A sent value that the records translate to more than one known value is left as it is, and then names nothing known. The
/// patient is put back when an identifier is equal under the same authority and nothing else of the claim differs from what was
/// sent.
pub fn restore(claim: &Claim, records: &[Changed], policy: &AccessionPolicy) -> Claim {
    let mut restored = claim.clone();
    if let Some(claimed) = &claim.study_instance_uid {
        let pairs = records.iter().filter_map(|record| record.study_instance_uid.as_ref());
        let known = only(pairs.filter(|(sent, _)| sent == claimed).map(|(_, known)| known));
        restored.study_instance_uid = known.or(Some(claimed)).cloned();
    }
    if let Some(claimed) = &claim.accession {
        let is_sent = |sent: &AccessionNumber| {
            sent.value() == claimed.value()
                && same_issuer(policy.issuer_of(sent), policy.issuer_of(claimed)) == Some(true)
        };
        let pairs = records.iter().filter_map(|record| record.accession.as_ref());
        let known = only(pairs.filter(|(sent, _)| is_sent(sent)).map(|(_, known)| known));
        restored.accession = known.or(Some(claimed)).cloned();
    }
    let pairs = records.iter().filter_map(|record| record.patient.as_ref());
    let is_sent = |sent: &Patient| is_sent_patient(&claim.patient, sent, policy);
    if let Some(known) = only(pairs.filter(|(sent, _)| is_sent(sent)).map(|(_, known)| known)) {
        restored.patient = known.clone();
    }
    restored
}

fn is_sent_patient(claimed: &Patient, sent: &Patient, policy: &AccessionPolicy) -> bool {
    let authority = policy.patient_authority.as_ref();
    let equal = |one: &PatientId, other: &PatientId| {
        one.value() == other.value()
            && same_issuer(one.issuer().or(authority), other.issuer().or(authority)) == Some(true)
    };
    let is_of_sent = |id: &PatientId| sent.ids.iter().any(|other| equal(id, other));
    !claimed.ids.is_empty()
        && claimed.ids.iter().all(is_of_sent)
        && compare_demographics(claimed, sent).into_iter().all(|one| one != Compared::Differs)
}

/// The one value that all of them are; `None` for none and for several.
fn only<'a, T: PartialEq>(mut values: impl Iterator<Item = &'a T>) -> Option<&'a T> {
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use telerad_core::{AccessionNumber, PartialDate, Uid};

    use super::{Changed, restore};
    use crate::samples::{claim, order, policy};
    use crate::{Claim, decide};

    const ORDER: &str = "a 1.1 100@NORTH - - A";

    /// Study 1.1 of patient A was sent as study 9.9, number ANON1, of patient B.
    fn record(sent: &str, known: &str) -> Changed {
        let (sent, known) = (claim(sent), claim(known));
        Changed {
            study_instance_uid: sent.study_instance_uid.zip(known.study_instance_uid),
            accession: sent.accession.zip(known.accession),
            patient: Some((sent.patient, known.patient)),
        }
    }

    #[track_caller]
    fn check(claimed: &Claim, records: &[Changed], expected: &str) {
        let restored = restore(claimed, records, &policy());
        let candidates = [order(ORDER), order("b 1.2 200@NORTH - - B")];
        let decision = decide(&restored, &candidates, &policy());
        let got = format!("{} {}", decision.outcome(), decision.keys().join(","));
        assert_eq!(got.trim(), expected, "{}", decision.evidence().describe_with_values());
    }

    #[test]
    fn what_was_sent_differently_comes_back_to_its_order() {
        let records = [record("9.9 ANON1 - - B", "1.1 100@NORTH - - A")];
        check(&claim("9.9 ANON1 - - B"), &records, "match a");
        check(&claim("- ANON1 - - B"), &records, "match a");
        check(&claim("9.9 - - - B"), &[], "no candidate");
        // Whoever knows the patient may say so too.
        check(&claim("9.9 - - - A"), &records, "match a");
    }

    #[test]
    fn records_that_are_mixed_up_contradict_each_other() {
        let records = [
            record("9.9 ANON1 - - B", "1.1 100@NORTH - - A"),
            record("9.8 ANON2 - - A", "1.2 200@NORTH - - B"),
        ];
        check(&claim("9.9 ANON1 - - A"), &records, "conflict a");
        check(&claim("9.9 ANON2 - - B"), &records, "conflict a,b");
    }

    #[test]
    fn a_sent_value_with_two_meanings_is_left_alone() {
        let records = [
            record("9.9 ANON1 - - B", "1.1 100@NORTH - - A"),
            record("9.9 ANON1 - - B", "1.2 200@NORTH - - B"),
        ];
        check(&claim("9.9 ANON1 - - B"), &records, "no candidate");
    }

    #[test]
    fn another_issuer_or_another_birth_date_is_not_what_was_sent() {
        let records = [record("9.9 ANON1 - - B", "1.1 100@NORTH - - A")];
        check(&claim("- ANON1@SOUTH - - B"), &records, "no candidate");
        let mut claimed = claim("9.9 - - - B");
        claimed.patient.birth_date = PartialDate::parse("19000101").ok();
        check(&claimed, &records, "conflict a");
        assert_eq!(format!("{records:?}"), "[Changed(<redacted>)]");
    }

    #[test]
    fn only_the_record_speaks_for_a_value() {
        let records = [record("9.9 ANON1 - - B", "1.1 100@NORTH - - A")];
        let restored = restore(&claim("1.1 100 - - A"), &records, &policy());
        assert_eq!(restored.study_instance_uid, Uid::new("1.1").ok());
        assert_eq!(restored.accession, AccessionNumber::new("100", None).ok());
    }
}
