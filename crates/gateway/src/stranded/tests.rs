use telerad_core::{AeTitle, Priority, SiteId, Uid};
use telerad_dicom::uids;
use telerad_routing::{
    DeliveryKey, DeliveryRecord, DeliveryState, DestinationId, Digest, StudyMark,
};
use telerad_store::{Effect, OutboundMessage, OutboundState};

use super::queues;
use crate::house::{self, run};
use crate::state::State;

const DESTINATIONS: &str = r#"
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

fn delivery(state: &State, destination: &str) -> Effect {
    Effect::Delivery(DeliveryRecord {
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
        queued_at: state.now(),
        not_before: state.now(),
        attempts: 0,
        state: DeliveryState::Pending,
        last_fault: None,
    })
}

fn message(state: &State, receiver: &str) -> Effect {
    Effect::Outbound(OutboundMessage {
        id: receiver.to_owned(),
        site: SiteId::new("north").unwrap(),
        destination: receiver.to_owned(),
        sequence: "order".to_owned(),
        control_id: "1".to_owned(),
        raw: b"MSH|^~\\&|".to_vec(),
        queued_at: state.now(),
        not_before: state.now(),
        attempts: 0,
        state: OutboundState::Pending,
    })
}

#[test]
fn queues_that_the_configuration_no_longer_names_are_found() {
    run(async {
        let state = house::state(DESTINATIONS);
        let effects = vec![
            delivery(&state, "reading"),
            delivery(&state, "closed"),
            message(&state, "report north 127.0.0.1:2576"),
            message(&state, "report north 127.0.0.1:2575"),
        ];
        state.commit(effects).await.unwrap();
        let found = queues(&state).await.unwrap();
        assert_eq!(found, ["closed (1 instances)", "report north 127.0.0.1:2575"]);
    });
}
