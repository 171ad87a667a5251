//! Claims and candidates in short, for tests.

use proptest::prelude::*;
use telerad_core::{
    AccessionNumber, Code, EntityIdentifier, Issuer, Order, PartialDate, Patient, PatientId,
    PersonName, Priority, Sex, SiteId, Uid,
};

use crate::{AccessionPolicy, Candidate, CandidateSource, CanonicalRule, Claim};

/// `uid accession filler placer patient` separated by spaces; `-` for missing; identifiers as `value@issuer`. Patients:
/// `A` is number 7 of HOSP, `B` is number 8 of HOSP, `w` has A's birth date only, `d` has another one, `A*` has no number.
pub(crate) fn claim(text: &str) -> Claim {
    let parts: Vec<&str> = text.split(' ').collect();
    Claim {
        study_instance_uid: given(parts[0]).map(|uid| Uid::new(uid).unwrap()),
        accession: given(parts[1]).map(|text| {
            let (value, issuer) = issued(text);
            AccessionNumber::new(value, issuer).unwrap()
        }),
        filler: given(parts[2]).map(entity),
        placer: given(parts[3]).map(entity),
        patient: patient(parts[4]),
    }
}

pub(crate) fn given(text: &str) -> Option<&str> {
    (text != "-").then_some(text)
}

pub(crate) fn issued(text: &str) -> (&str, Option<Issuer>) {
    match text.split_once('@') {
        Some((value, issuer)) => (value, Some(Issuer::local(issuer).unwrap())),
        None => (text, None),
    }
}

pub(crate) fn entity(text: &str) -> EntityIdentifier {
    let (value, issuer) = issued(text);
    EntityIdentifier::new(value, issuer).unwrap()
}

pub(crate) fn patient(name: &str) -> Patient {
    let hosp = || Some(Issuer::local("HOSP").unwrap());
    let ids = match name {
        "A" => vec![PatientId::new("7", hosp()).unwrap()],
        "B" => vec![PatientId::new("8", hosp()).unwrap()],
        _ => Vec::new(),
    };
    let birth_date = match name {
        "A" | "A*" | "w" => PartialDate::parse("19800102").ok(),
        "B" | "d" => PartialDate::parse("19610304").ok(),
        _ => None,
    };
    let full = matches!(name, "A" | "A*");
    Patient {
        ids,
        birth_date,
        name: if full { PersonName::from_dicom("DOE^JANE") } else { PersonName::default() },
        sex: full.then_some(Sex::Female),
    }
}

/// The same writing with the key in front: `key uid accession filler placer patient`.
pub(crate) fn order(text: &str) -> Candidate {
    let (key, rest) = text.split_once(' ').unwrap();
    let claim = claim(rest);
    Candidate {
        key: key.to_owned(),
        order: Order {
            site: SiteId::new("north").unwrap(),
            patient: claim.patient,
            accession: claim.accession.unwrap(),
            placer_order_number: claim.placer,
            filler_order_number: claim.filler,
            requested_procedure_id: String::new(),
            study_instance_uid: claim.study_instance_uid.unwrap(),
            procedure: Code::default(),
            priority: Priority::Routine,
            referring_physician: PersonName::default(),
            requesting_physician: PersonName::default(),
            reason: String::new(),
        },
        source: CandidateSource::Order,
        also_known_as: Vec::new(),
    }
}

pub(crate) fn head(text: &str) -> Candidate {
    Candidate { source: CandidateSource::StudyHead, ..order(text) }
}

pub(crate) fn policy() -> AccessionPolicy {
    AccessionPolicy {
        default_issuer: Some(Issuer::local("NORTH").unwrap()),
        patient_authority: Some(Issuer::local("HOSP").unwrap()),
        rules: vec![CanonicalRule::StripPrefix { prefix: "N-".to_owned() }],
    }
}

/// Any order or head among a few that have much in common.
pub(crate) fn any_candidate() -> impl Strategy<Value = Candidate> {
    let uid = prop::sample::select(vec!["1.1", "1.2", "1.3"]);
    let accession =
        prop::sample::select(vec!["100", "N-100", "100@NORTH", "100@SOUTH", "200", "0", "A*"]);
    let number = prop::sample::select(vec!["-", "F1", "F1@RIS", "F2@RIS"]);
    let name = prop::sample::select(vec!["A", "B", "A*", "w", "d", "-"]);
    let key = prop::sample::select(vec!["k1", "k2", "k3"]);
    (key, uid, accession, number.clone(), number, name, any::<bool>()).prop_map(
        |(key, uid, accession, filler, placer, name, is_head)| {
            let text = format!("{key} {uid} {accession} {filler} {placer} {name}");
            if is_head { head(&text) } else { order(&text) }
        },
    )
}

/// What a candidate says of itself, without what `without` names.
pub(crate) fn claim_of(candidate: Candidate, without: u8) -> Claim {
    let order = candidate.order;
    let mut claim = Claim {
        study_instance_uid: Some(order.study_instance_uid),
        accession: Some(order.accession),
        filler: order.filler_order_number,
        placer: order.placer_order_number,
        patient: order.patient,
    };
    if without & 1 > 0 {
        claim.study_instance_uid = None;
    }
    if without & 2 > 0 {
        claim.accession = None;
    }
    if without & 4 > 0 {
        claim.filler = None;
    }
    if without & 8 > 0 {
        claim.placer = None;
    }
    claim
}
