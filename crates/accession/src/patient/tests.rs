use telerad_core::{Issuer, PartialDate, Patient, PatientId, PersonName, Sex};

use super::Compared::{Differs, Equal, Unknown};
use super::PatientSide::{self, Agree, Conflict, Disagree, Weak};
use super::{Compared, compare, grade};
use crate::view::KnownPatient;
use crate::{AccessionPolicy, Evidence};

/// `ids|name|birth date|sex`, identifiers as `value@authority`, separated by commas.
fn patient(text: &str) -> Patient {
    let parts: Vec<&str> = text.split('|').collect();
    Patient {
        ids: ids(parts[0]),
        name: PersonName::from_dicom(parts[1]),
        birth_date: PartialDate::parse(parts[2]).ok(),
        sex: Sex::from_code(parts[3]),
    }
}

fn ids(text: &str) -> Vec<PatientId> {
    let one = |text: &str| match text.split_once('@') {
        Some((value, authority)) => {
            PatientId::new(value, Some(Issuer::local(authority).unwrap())).unwrap()
        }
        None => PatientId::new(text, None).unwrap(),
    };
    text.split(',').filter(|one| !one.is_empty()).map(one).collect()
}

#[track_caller]
fn check(claimed: &str, known: &str, also_known_as: &str, expected: PatientSide) {
    let policy = AccessionPolicy {
        patient_authority: Some(Issuer::local("MRN").unwrap()),
        ..AccessionPolicy::default()
    };
    let mut evidence = Evidence::default();
    let also = ids(also_known_as);
    let patient_known = patient(known);
    let known = KnownPatient { patient: &patient_known, also_known_as: &also };
    let got = compare(&patient(claimed), &known, &policy, None, &mut evidence);
    assert_eq!(got, expected, "{evidence}");
}

const DOE: &str = "|DOE^JANE|19800102|F";

#[test]
fn every_cell_of_the_grades() {
    // Rows: identifier, birth date, sex; letters: name equal, differs, unknown.
    // A agree, W weak, U unknown, D disagree, C conflict.
    let columns = [Equal, Differs, Unknown];
    let expected = [
        [["AAA", "AWA", "AAA"], ["AWA", "CCC", "AWA"], ["AAA", "AWA", "AAA"]],
        [["CCC"; 3]; 3],
        [["AWW", "DDD", "WWW"], ["DDD"; 3], ["WDW", "DDD", "WDU"]],
    ];
    for (i, identifier) in columns.into_iter().enumerate() {
        for (b, birth_date) in columns.into_iter().enumerate() {
            for (s, sex) in columns.into_iter().enumerate() {
                for (n, name) in columns.into_iter().enumerate() {
                    let letter = match grade(identifier, birth_date, sex, name) {
                        PatientSide::Agree => 'A',
                        PatientSide::Weak => 'W',
                        PatientSide::Unknown => 'U',
                        PatientSide::Disagree => 'D',
                        PatientSide::Conflict => 'C',
                    };
                    let cell: [Compared; 4] = [identifier, birth_date, sex, name];
                    assert_eq!(expected[i][b][s].as_bytes()[n] as char, letter, "{cell:?}");
                }
            }
        }
    }
}

#[test]
fn an_identifier_counts_only_under_its_authority() {
    check("7@HOSP|||", "7@HOSP|||", "", Agree);
    check("7@HOSP|||", "8@HOSP|||", "", Conflict);
    check("7@HOSP|||", "7@OTHER|||", "", PatientSide::Unknown);
    check("7@HOSP|||", &format!("8@OTHER{DOE}"), "", PatientSide::Unknown);
}

#[test]
fn the_sites_authority_applies_where_none_is_named() {
    check("7|||", "7@MRN|||", "", Agree);
    check("7|||", "7@HOSP|||", "", PatientSide::Unknown);
    check("7|||", "8|||", "", Conflict);
}

#[test]
fn a_merged_identifier_is_the_same_patient() {
    check("OLD@HOSP|||", "NEW@HOSP|||", "", Conflict);
    check("OLD@HOSP|||", "NEW@HOSP|||", "OLD@HOSP", Agree);
}

#[test]
fn identifiers_are_never_compared_by_similarity() {
    for almost in ["70@MRN", "07@MRN", "7A@MRN", "O7@MRN"] {
        check(&format!("{almost}{DOE}"), &format!("7{DOE}"), "", Conflict);
    }
}

#[test]
fn one_contradicting_identifier_outweighs_an_equal_one() {
    check("7@HOSP,N1@NAT|||", "8@HOSP,N1@NAT|||", "", Conflict);
}

#[test]
fn placeholders_are_no_identifiers() {
    check("0|||", "0|||", "", PatientSide::Unknown);
    check("UNKNOWN|||", "7|||", "", PatientSide::Unknown);
}

#[test]
fn without_identifiers_birth_date_sex_and_name_must_all_be_equal() {
    check(DOE, DOE, "", Agree);
    check("|Doe^Jane|19800102|F", DOE, "", Agree);
    check("|O'BRIEN^MARY-ANN|19800102|F", "|OBRIEN^MARY ANN|19800102|F", "", Agree);
    check("|ROE^JANE|19800102|F", DOE, "", Weak);
    check("|DOE^JANE|198001|F", DOE, "", Weak);
    check("|DOE^JANE||F", DOE, "", Weak);
    check("|DOE|19800102|F", DOE, "", Weak);
    check("|DOE^JANE|19800102|O", DOE, "", Weak);
}

#[test]
fn twins_and_father_and_son_are_different_patients() {
    check("|DOE^JOHN|19800102|M", DOE, "", Disagree);
    check("|DOE^JOHN|19500102|M", "|DOE^JOHN|19800102|M", "", Disagree);
    check("|DOE^JIM|19800102|M", "|DOE^JOHN|19800102|M", "", Weak);
}

#[test]
fn an_equal_identifier_does_not_cover_another_birth_date_and_sex() {
    check("7|DOE^JANE|19800102|F", "7|DOE^JANE|19500304|M", "", Conflict);
    check("7|DOE^JANE|19800102|F", "7|DOE^JANE|19800103|F", "", Agree);
}
