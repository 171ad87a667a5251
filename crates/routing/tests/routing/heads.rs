//! Claims about two heads of one instance: what an archive may have changed, and what makes it another image.

use telerad_core::{AccessionNumber, Issuer, PartialDate, PatientId, PersonName, Sex};
use telerad_dicom::InstanceHead;
use telerad_routing::{Digest, HeadDifferences, InstanceRecord, Relation, relate};

use crate::{slice, uid};

/// What one head says of its patient and order, as a sender writes it.
#[derive(Clone, Copy)]
struct Says {
    id: (&'static str, &'static str),
    name: &'static str,
    birth_date: &'static str,
    sex: &'static str,
    accession: (&'static str, &'static str),
}

const MODALITY: Says = Says {
    id: ("P-1", ""),
    name: "MUELLER^JANE",
    birth_date: "19700102",
    sex: "F",
    accession: ("A-1", ""),
};

fn version(says: Says, digest: &[u8]) -> InstanceRecord {
    let mut record = slice(1);
    let issuer = |namespace: &str| Issuer::from_parts(namespace, "", "");
    record.digest = Digest::of(digest);
    record.head.patient.ids = PatientId::new(says.id.0, issuer(says.id.1)).into_iter().collect();
    record.head.patient.name = PersonName::from_dicom(says.name);
    record.head.patient.birth_date = PartialDate::parse(says.birth_date).ok();
    record.head.patient.sex = Sex::from_code(says.sex);
    record.head.accession = AccessionNumber::new(says.accession.0, issuer(says.accession.1)).ok();
    record
}

/// Checks both orders of arrival; `Ok` names what was coerced, `Err` what makes it another image.
#[track_caller]
fn check(one: Says, two: Says, expected: Result<&[&str], &[&str]>) {
    for (one, two) in [(one, two), (two, one)] {
        let (old, new) = (version(one, b"old"), version(two, b"new"));
        let differences = HeadDifferences::between(&new, &old);
        let relation = relate(&new, std::slice::from_ref(&old), |_| Some(true));
        match expected {
            Ok(coerced) => {
                assert_eq!(
                    (differences.coerced.as_slice(), differences.identity),
                    (coerced, vec![])
                );
                assert_eq!(relation, Relation::Variant);
            }
            Err(differs) => {
                assert_eq!(differences.identity, differs);
                let differs = differs.iter().map(|name| (*name).to_owned()).collect();
                assert_eq!(relation, Relation::UidConflict { differs });
            }
        }
    }
}

#[test]
fn patient_ids_identify() {
    let id = |value, issuer| Says { id: (value, issuer), ..MODALITY };
    check(MODALITY, id("P-1 ", ""), Ok(&[]));
    check(MODALITY, id("P-1", "NORTH"), Ok(&["patient id"]));
    check(MODALITY, id("P-2", ""), Err(&["patient id"]));
    check(MODALITY, id("p-1", ""), Err(&["patient id"]));
    check(MODALITY, id("0P-1", ""), Err(&["patient id"]));
    check(id("P-1", "NORTH"), id("P-1", "SOUTH"), Err(&["patient id"]));
    check(MODALITY, id("", ""), Err(&["patient id"]));
}

#[test]
fn a_name_may_be_respelled_but_not_changed() {
    let named = |name| Says { name, ..MODALITY };
    for name in [
        "MUELLER^JANE^^^",
        "Mueller^Jane",
        "Müller^Jane",
        "MUELLER^JANE^MARY",
        "MUELLER^JANE^^DR",
        "MUELLER^JANE=山田^太郎",
        "",
    ] {
        let coerced: &[&str] = if name == "MUELLER^JANE^^^" { &[] } else { &["patient name"] };
        check(MODALITY, named(name), Ok(coerced));
    }
    let differs: Result<&[&str], &[&str]> = Err(&["patient name"]);
    for name in ["MUELLER^JOAN", "MUELLER", "MILLER^JANE", "JANE^MUELLER", "=山田^太郎"] {
        check(MODALITY, named(name), differs);
    }
    check(named("DOE^JANE MARY"), named("DOE^JANE^MARY"), Ok(&["patient name"]));
    check(named("DOE^JANE^MARY"), named("DOE^JANE^ANN"), differs);
    check(named("DOE^JOHN^^^JR"), named("DOE^JOHN^^^SR"), differs);
    check(named("YAMADA^TARO=山田^太郎"), named("YAMADA^TARO=山田^次郎"), differs);
    check(
        named("YAMADA^TARO=山田^太郎"),
        named("Yamada^Taro=山田^太郎=やまだ^たろう"),
        Ok(&["patient name"]),
    );
}

#[test]
fn what_is_filled_in_is_coerced_and_what_contradicts_is_not() {
    let born = |birth_date| Says { birth_date, ..MODALITY };
    check(MODALITY, born("1970.01.02"), Ok(&[]));
    check(MODALITY, born(""), Ok(&["birth date"]));
    check(MODALITY, born("19700201"), Err(&["birth date"]));
    check(MODALITY, born("1970"), Err(&["birth date"]));
    let sex = |sex| Says { sex, ..MODALITY };
    check(MODALITY, sex(""), Ok(&["patient sex"]));
    check(MODALITY, sex("M"), Err(&["patient sex"]));
    let accession = |value, issuer| Says { accession: (value, issuer), ..MODALITY };
    check(MODALITY, accession("", ""), Ok(&["accession number"]));
    check(MODALITY, accession("A-1 ", ""), Ok(&[]));
    check(MODALITY, accession("A-1", "RIS"), Ok(&["accession number"]));
    check(MODALITY, accession("A-2", ""), Err(&["accession number"]));
    check(accession("A-1", "RIS"), accession("A-1", "HIS"), Err(&["accession number"]));
}

#[test]
fn without_a_patient_id_nothing_may_differ() {
    let nobody = Says { id: ("", ""), ..MODALITY };
    check(nobody, nobody, Ok(&[]));
    check(nobody, Says { name: "Mueller^Jane", ..nobody }, Err(&["patient name"]));
    check(nobody, Says { birth_date: "", ..nobody }, Err(&["birth date"]));
    check(nobody, Says { accession: ("", ""), ..nobody }, Err(&["accession number"]));
}

#[track_caller]
fn check_head(change: impl FnOnce(&mut InstanceHead), coerced: &[&str], identity: &[&str]) {
    let (old, mut new) = (version(MODALITY, b"old"), version(MODALITY, b"new"));
    change(&mut new.head);
    let differences = HeadDifferences::between(&new, &old);
    assert_eq!((differences.coerced, differences.identity), (coerced.to_vec(), identity.to_vec()));
}

#[test]
fn descriptions_are_an_archives_own_and_uids_are_not() {
    check_head(|head| head.institution = "North".to_owned(), &["institution name"], &[]);
    check_head(|head| head.study_description = "CT".to_owned(), &["study description"], &[]);
    check_head(|head| head.station_name = String::new(), &["station name"], &[]);
    check_head(|head| head.study_instance_uid = Some(uid("1.9")), &[], &["study instance uid"]);
    check_head(|head| head.series_instance_uid = None, &[], &["series instance uid"]);
}
