//! What came out at the other end.

use std::collections::BTreeSet;

use telerad_trials::dicom_sink::Records;
use telerad_trials::hl7_sink::{Hl7Sink, field};

use crate::load::Ledger;

/// What was acknowledged and is nowhere: instances at the reader, reports at the RIS.
pub fn missing(ledger: &Ledger, records: &Records, ris: &Hl7Sink) -> Vec<String> {
    let mut missing = missing_instances(ledger, records);
    missing.extend(missing_reports(ledger, ris));
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

/// Instances that arrived with bytes that nobody sent.
pub fn changed(ledger: &Ledger, records: &Records) -> Vec<String> {
    let arrived = records.by_instance();
    let wrong = arrived.iter().filter(|(uid, digests)| {
        let expected = ledger.attempted.get(*uid);
        digests.keys().any(|digest| Some(digest) != expected)
    });
    wrong.map(|(uid, _)| format!("instance {uid}: arrived with other bytes")).collect()
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
