use super::{Cause, Field, Remedy, diagnose};
use crate::samples::{claim, order, policy};
use crate::{AccessionPolicy, Candidate, CanonicalRule, Claim};

/// Orders of patients A and B in turn, with these numbers.
fn known(numbers: &[&str]) -> Vec<Candidate> {
    let one = |(place, number): (usize, &&str)| {
        let name = if place % 2 == 0 { "A" } else { "B" };
        order(&format!("k{place} 1.{place} {number}@NORTH F{place}@RIS P{place}@EHR {name}"))
    };
    numbers.iter().enumerate().map(one).collect()
}

/// Claims with these numbers, for the same patients.
fn sent(numbers: &[&str]) -> Vec<Claim> {
    let one = |(place, number): (usize, &&str)| {
        claim(&format!("- {number} - - {}", if place % 2 == 0 { "A" } else { "B" }))
    };
    numbers.iter().enumerate().map(one).collect()
}

fn without_rules() -> AccessionPolicy {
    AccessionPolicy { rules: Vec::new(), ..policy() }
}

#[track_caller]
fn check(numbers: &[&str], sent_as: &[&str], causes: &[Cause], rules: &[CanonicalRule]) {
    let (known, sent, policy) = (known(numbers), sent(sent_as), without_rules());
    let diagnosis = diagnose(&sent, &known, &policy);
    let [finding] = diagnosis.findings.as_slice() else { panic!("{diagnosis}") };
    assert_eq!(finding.causes, causes, "{diagnosis}");
    assert_eq!(finding.remedy, Remedy::Rules(rules.to_vec()), "{diagnosis}");
    assert!(finding.proof.holds(), "{diagnosis}");
    assert_eq!((finding.proof.matched, diagnosis.unexplained), (sent.len(), 0), "{diagnosis}");
    // And with the rule declared nothing is left to explain.
    let mended = AccessionPolicy { rules: rules.to_vec(), ..policy };
    assert_eq!(diagnose(&sent, &known, &mended).matched, sent.len());
}

fn prefix(prefix: &str) -> CanonicalRule {
    CanonicalRule::StripPrefix { prefix: prefix.to_owned() }
}

#[test]
fn zeros_that_a_spreadsheet_lost() {
    let pad = [CanonicalRule::ZeroPad { width: 8 }];
    let known = ["00001234", "00005678", "12345678"];
    check(&known, &["1234", "5678"], &[Cause::LeadingZeros], &pad);
    check(&["1234", "56789"], &["00001234", "00056789"], &[Cause::LeadingZeros], &pad);
}

#[test]
fn a_prefix_that_the_hub_adds_or_leaves_out() {
    let known = ["1234", "5678", "91011"];
    check(&known, &["HOSP1-1234", "HOSP1-5678"], &[Cause::Prefix], &[prefix("HOSP1-")]);
    check(&["CT1234", "CT5678"], &["1234", "5678"], &[Cause::Prefix], &[prefix("CT")]);
}

#[test]
fn a_suffix_separators_and_case() {
    let suffix = CanonicalRule::StripSuffix { suffix: ".HB".to_owned() };
    check(&["1234", "5678"], &["1234.HB", "5678.HB"], &[Cause::Suffix], &[suffix]);
    let separators = CanonicalRule::RemoveSeparators { separators: "-".to_owned() };
    check(
        &["24-000123", "24-000124"],
        &["24000123", "24000124"],
        &[Cause::Separators],
        &[separators],
    );
    check(&["CT12A", "CT12B"], &["ct12a", "ct12b"], &[Cause::Case], &[CanonicalRule::UpperCase]);
}

#[test]
fn a_cut_at_sixteen() {
    let cut = CanonicalRule::Cut { characters: 16 };
    let known = ["2024-XR-000123456", "2024-XR-000223456"];
    check(&known, &["2024-XR-00012345", "2024-XR-00022345"], &[Cause::Cut], &[cut]);
}

#[test]
fn two_things_at_once() {
    let both = [prefix("N-"), CanonicalRule::ZeroPad { width: 6 }];
    check(
        &["001234", "005678"],
        &["N-1234", "N-5678"],
        &[Cause::Prefix, Cause::LeadingZeros],
        &both,
    );
    let separators = CanonicalRule::RemoveSeparators { separators: "-".to_owned() };
    let both = [separators, prefix("CT")];
    check(&["CT-24-01", "CT-24-02"], &["2401", "2402"], &[Cause::Separators, Cause::Prefix], &both);
}

#[test]
fn numbers_in_each_others_fields() {
    let known = known(&["1234", "5678"]);
    let sent = [claim("- P0 - 1234 A"), claim("- P1 - 5678 B")];
    let diagnosis = diagnose(&sent, &known, &without_rules());
    let read = Remedy::Read { from: Field::Placer, to: Field::Accession };
    assert_eq!(diagnosis.findings[0].causes, [Cause::SwappedFields], "{diagnosis}");
    assert_eq!(diagnosis.findings[0].remedy, read, "{diagnosis}");
    assert!(diagnosis.findings[0].proof.holds(), "{diagnosis}");
}

#[test]
fn another_issuer() {
    let sent = [claim("- 1234@HUB - - A"), claim("- 5678@HUB - - B")];
    let diagnosis = diagnose(&sent, &known(&["1234", "5678"]), &without_rules());
    assert_eq!(diagnosis.findings[0].causes, [Cause::OtherIssuer], "{diagnosis}");
    assert!(diagnosis.findings[0].proof.holds(), "{diagnosis}");
    assert_eq!(diagnosis.findings[0].proof.matched, 2);
}

#[test]
fn a_rule_that_would_make_known_numbers_equal_does_not_hold() {
    // Both forms are numbers of the site: what was lost cannot be found again.
    let known = known(&["00001234", "00005678", "1234", "5678"]);
    let sent = [claim("- 000001234 - - A")];
    let diagnosis = diagnose(&sent, &known, &without_rules());
    assert!(diagnosis.findings.iter().all(|finding| !finding.proof.holds()), "{diagnosis}");
}

#[test]
fn typing_errors_are_not_explained() {
    let diagnosis = diagnose(&sent(&["1243", "567B"]), &known(&["1234", "5678"]), &without_rules());
    assert_eq!((diagnosis.findings.len(), diagnosis.unexplained), (0, 2), "{diagnosis}");
}

#[test]
fn two_senders_in_one_are_two_findings() {
    let known = known(&["00001234", "00005678", "24-000123", "24-000124"]);
    let diagnosis =
        diagnose(&sent(&["1234", "5678", "24000123", "24-000124"]), &known, &without_rules());
    let causes: Vec<&[Cause]> = diagnosis.findings.iter().map(|one| &*one.causes).collect();
    assert_eq!(causes, [&[Cause::LeadingZeros][..], &[Cause::Separators]], "{diagnosis}");
    assert_eq!((diagnosis.matched, diagnosis.unexplained), (1, 0));
}

#[test]
fn neither_debug_nor_display_shows_a_number() {
    let diagnosis =
        diagnose(&sent(&["H-1234", "H-5678"]), &known(&["1234", "5678"]), &without_rules());
    let text = format!("{diagnosis} {diagnosis:?}");
    assert!(text.contains("a prefix differs") && text.contains("H-"), "{text}");
    assert!(!text.contains("1234") && !text.contains("5678"), "{text}");
}
