//! The decision table.

use crate::patient::PatientSide;

/// How a claim's order-side identifiers stand to one candidate.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum OrderSide {
    /// Study instance UID and accession number are equal.
    UidAndAccession,
    /// Study instance UID is equal; the claim has no accession number, or none whose issuer is known.
    Uid,
    /// Study instance UID is equal, the accession number is another one.
    UidOtherAccession,
    /// Accession number is equal as written, under the same issuer; the claim has no study instance UID.
    Accession,
    /// Accession number is equal as written, under the same issuer; nothing known has the claim's study instance UID.
    /// Modalities that do not take the UID from the worklist cause this.
    AccessionOtherUid,
    /// Accession number is equal after declared rules, under the same issuer; the claim has no study instance UID.
    Canonical,
    /// Accession number is equal after declared rules; nothing known has the claim's study instance UID.
    CanonicalOtherUid,
    /// Accession number is equal as far as a declared cut left it, under the same issuer; the claim has no study instance
    /// UID.
    Cut,
    /// Accession number is equal as far as a declared cut left it; nothing known has the claim's study instance UID.
    CutOtherUid,
    /// Filler or placer order number is equal; nothing contradicts it.
    Number,
    /// Filler or placer order number is equal, accession number or study instance UID are others.
    NumberContradicted,
    /// Accession number is equal, but one side names no issuer and the site declares none.
    Unqualified,
}

/// What follows for the only candidate that is left.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is the one.
    Match,
    /// A person has to confirm it.
    Review,
    /// Identifiers contradict each other.
    Conflict,
}

/// The verdict for one candidate that is alone.
pub fn verdict(order: OrderSide, patient: PatientSide) -> Verdict {
    let row =
        ROWS.iter().find(|(side, _)| *side == order).map_or([Verdict::Review; 5], |row| row.1);
    match patient {
        PatientSide::Agree => row[0],
        PatientSide::Weak => row[1],
        PatientSide::Unknown => row[2],
        PatientSide::Disagree => row[3],
        PatientSide::Conflict => row[4],
    }
}

use OrderSide::{
    Accession, AccessionOtherUid, Canonical, CanonicalOtherUid, Cut, CutOtherUid, Number,
    NumberContradicted, Uid, UidAndAccession, UidOtherAccession, Unqualified,
};
use Verdict::{Conflict as X, Match as M, Review as R};

/// One row for each order side; columns: patients agree, weak, unknown, disagree, conflict.
///
/// Two independent identifiers must agree, one of the order and one of the patient: only the first column files.
#[rustfmt::skip]
pub const ROWS: [(OrderSide, [Verdict; 5]); 12] = [
    //                    agree weak unknown disagree conflict
    (UidAndAccession,    [M,    R,   R,      X,       X]),
    (Uid,                [M,    R,   R,      X,       X]),
    (UidOtherAccession,  [X,    X,   X,      X,       X]),
    (Accession,          [M,    R,   R,      X,       X]),
    (AccessionOtherUid,  [M,    R,   R,      X,       X]),
    (Canonical,          [M,    R,   R,      X,       X]),
    (CanonicalOtherUid,  [R,    R,   R,      X,       X]),
    (Cut,                [M,    R,   R,      X,       X]),
    (CutOtherUid,        [R,    R,   R,      X,       X]),
    (Number,             [M,    R,   R,      X,       X]),
    (NumberContradicted, [X,    X,   X,      X,       X]),
    (Unqualified,        [R,    R,   R,      X,       X]),
];
