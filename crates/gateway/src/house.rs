//! A gateway's state in memory, for the tests of its flows.

use std::sync::Arc;

use telerad_core::{AeTitle, Priority, SiteId, Timestamp, Uid};
use telerad_dicom::uids;
use telerad_net::{SystemClock, TokioSpawn};
use telerad_routing::{
    DeliveryKey, DeliveryRecord, DeliveryState, DestinationId, Digest, StudyMark,
};
use telerad_store::memory::MemoryStore;
use telerad_store::payload::MemoryPayloads;
use telerad_store::{OutboundMessage, OutboundState};

use crate::state::State;
use crate::{Configuration, Environment, SystemRng};

const CONFIGURATION: &str = r#"data_directory = "data"
[dicom]
ae_title = "TELERAD"
listen = "127.0.0.1:0"
[hl7]
listen = "127.0.0.1:0"
application = "TELERAD"
facility = "GATEWAY"
[[site]]
id = "north"
accession_issuer = "NORTH"
patient_authority = "NORTH-MRN"
"#;

/// A destination and a RIS, as further lines of the configuration.
pub(crate) const DESTINATIONS: &str = r#"
[[destination]]
id = "reading"
ae_title = "READER"
address = "127.0.0.1:11113"
[[report_destination]]
site = "north"
address = "127.0.0.1:2576"
application = "RIS"
facility = "NORTH"
"#;

/// One site, `north`, and further lines of the configuration.
pub(crate) fn state(more: &str) -> State {
    let environment = Environment {
        clock: SystemClock::shared(),
        payloads: Arc::new(MemoryPayloads::new()),
        rng: Arc::new(SystemRng),
        spawn: Arc::new(TokioSpawn),
        store: Arc::new(MemoryStore::new()),
    };
    let text = format!("{CONFIGURATION}{more}");
    State::new(Configuration::from_toml(&text, "test.toml").unwrap(), environment)
}

/// Runs a test that waits for its store.
pub(crate) fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test);
}

/// A pending delivery to a destination, not to be tried before.
pub(crate) fn delivery(destination: &str, not_before: Timestamp) -> DeliveryRecord {
    DeliveryRecord {
        key: DeliveryKey {
            site: SiteId::new("north").unwrap(),
            sop_instance_uid: Uid::new("1.2.3").unwrap(),
            destination: DestinationId::new(destination).unwrap(),
        },
        digest: Digest::of(b""),
        study_instance_uid: "1.2".to_owned(),
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        transfer_syntax_uid: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        bytes: 0,
        source: AeTitle::new("CT1").unwrap(),
        mark: StudyMark::Unmatched,
        priority: Priority::Routine,
        queued_at: not_before,
        not_before,
        attempts: 0,
        state: DeliveryState::Pending,
        last_fault: None,
        group: None,
        round: 0,
        unknown_since: None,
    }
}

/// A pending message to a receiver, not to be tried before.
pub(crate) fn message(receiver: &str, not_before: Timestamp) -> OutboundMessage {
    OutboundMessage {
        id: receiver.to_owned(),
        site: SiteId::new("north").unwrap(),
        destination: receiver.to_owned(),
        sequence: "order".to_owned(),
        subject: "order".to_owned(),
        control_id: "1".to_owned(),
        raw: b"MSH|^~\\&|".to_vec(),
        queued_at: not_before,
        not_before,
        priority: Priority::Routine,
        attempts: 0,
        unanswered: None,
        round: 0,
        state: OutboundState::Pending,
    }
}
