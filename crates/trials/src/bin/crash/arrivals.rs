//! What came out at the other end.

use std::collections::BTreeSet;

use telerad_trials::dicom_sink::Records;
use telerad_trials::hl7_sink::{Hl7Sink, field};

use crate::house::{Arrived, ArrivedThere, House};
use crate::load::Ledger;

/// What was acknowledged and is nowhere: instances at any destination, but for those that a person may have cancelled,
/// and reports at the RIS.
pub fn missing(ledger: &Ledger, house: &House) -> Vec<String> {
    let there = house.arrived();
    let is_cancelled = |uid: &str| {
        let study = ledger.attempted.get(uid).map(|attempt| &attempt.study);
        let wishes = study.and_then(|study| ledger.wishes.get(study));
        wishes.is_some_and(|wishes| wishes.may_be_cancelled)
    };
    let is_missing = |(uid, digest): &(&String, &blake3::Hash)| {
        let has = |arrived: &Arrived| arrived.get(*uid).is_some_and(|it| it.contains_key(digest));
        !is_cancelled(uid) && !there.values().any(has)
    };
    let instances = ledger.instances.iter().filter(is_missing);
    let mut missing: Vec<String> = instances.map(|(uid, _)| uid.clone()).collect();
    missing.extend(missing_reports(ledger, &house.ris));
    missing
}

/// SOP Instance UIDs that were acknowledged and have not arrived.
pub fn missing_instances(ledger: &Ledger, records: &Records) -> Vec<String> {
    let arrived = records.by_instance();
    let missing = ledger.instances.iter().filter(|(uid, digest)| {
        !arrived.get(*uid).is_some_and(|digests| digests.contains_key(digest))
    });
    missing.map(|(uid, _)| uid.clone()).collect()
}

/// Accession numbers whose report was acknowledged and has not arrived.
pub fn missing_reports(ledger: &Ledger, ris: &Hl7Sink) -> Vec<String> {
    let filed = filed(ris);
    let missing = ledger.reports.iter().filter(|order| !filed.contains(&order.accession));
    missing.map(|order| order.accession.clone()).collect()
}

/// Instances that arrived with bytes that nobody sent, or that nobody was to be sent: those of a second version.
pub fn changed(ledger: &Ledger, arrived: &Arrived) -> Vec<String> {
    let wrong = arrived.iter().filter(|(uid, digests)| {
        let expected = ledger.attempted.get(*uid).map(|attempt| attempt.digest);
        digests.keys().any(|digest| Some(*digest) != expected)
    });
    wrong.map(|(uid, _)| format!("instance {uid}: arrived with other bytes")).collect()
}

/// How many instances arrived, each at each destination, and how many arrivals there were.
pub fn totals(arrived: &ArrivedThere) -> (usize, usize) {
    let instances = arrived.values().map(|here| here.len()).sum();
    let times = arrived.values().flat_map(|here| here.values()).flat_map(|it| it.values());
    (instances, times.sum::<u32>() as usize)
}

/// Accession numbers of the reports that arrived, as the site knows them.
pub fn filed(ris: &Hl7Sink) -> BTreeSet<String> {
    let messages = ris.received();
    let accessions = messages
        .iter()
        .filter(|message| field(message, "MSH", 9).starts_with("ORU"))
        .flat_map(|message| message.split(['|', '^', '\r', '&']))
        .filter_map(|part| part.strip_prefix("N-").map(str::to_owned));
    accessions.collect()
}
