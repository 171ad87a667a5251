use telerad_core::{AccessionNumber, AeTitle, Patient, PatientId, Priority, SiteId, Uid};
use telerad_dicom::{InstanceHead, uids};
use telerad_hl7::Message;
use telerad_routing::{Digest, InstanceRecord, Relation, StudyMark};
use telerad_testkit::hl7::{Case, orm_o01};

use super::super::{known::Known, register};
use super::find_order;
use crate::handled::Incoming;
use crate::house::{self, run};
use crate::state::State;

const LANES: &str = r#"
[[lane]]
id = "emergency"
location_starts_with = ["ED^"]
lane = "stat"
[[lane]]
id = "emergency-class"
patient_class = ["E"]
lane = "high"
[[lane]]
id = "research"
when = { source = ["MR3"] }
lane = "low"
"#;

/// An image of the order's study.
fn instance(state: &State, case: &Case, source: &str) -> InstanceRecord {
    let patient = Patient {
        ids: vec![PatientId::new(&case.patient_id, None).unwrap()],
        ..Patient::default()
    };
    InstanceRecord {
        site: SiteId::new("north").unwrap(),
        digest: Digest::of(b"image"),
        sop_instance_uid: Uid::new("1.2.3").unwrap(),
        bytes: 1,
        transfer_syntax_uid: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        source: AeTitle::new(source).unwrap(),
        received_at: state.now(),
        head: InstanceHead {
            accession: AccessionNumber::new(&case.accession, None).ok(),
            patient,
            ..InstanceHead::default()
        },
        pixel_data_offset: None,
        mark: StudyMark::Unmatched,
        relation: Relation::First,
    }
}

/// The lane of an image from a source, whose order has this PV1 and priority.
#[track_caller]
fn check(pv1: &str, priority: &str, source: &str, expected: Priority) {
    run(async {
        let state = house::state(LANES);
        let case = Case { priority: priority.to_owned(), ..Case::new(1) };
        let text = orm_o01(&case).replace("PV1||O\r", &format!("{pv1}\r"));
        let (site, message) = (SiteId::new("north").unwrap(), Message::parse(text).unwrap());
        let incoming = Incoming { id: &case.control_id, site: &site, message: &message };
        let handled = crate::orders::handle(&state, incoming).await.unwrap();
        state.commit(handled.effects).await.unwrap();
        let image = instance(&state, &case, source);
        let (mark, lane) = find_order(&state, &image).await.unwrap();
        assert_eq!((mark.kind().as_str(), lane), ("matched", expected));
    });
}

#[test]
fn a_routine_order_from_the_emergency_department_is_urgent() {
    check("PV1||O", "R", "CT1", Priority::Routine);
    check("PV1||O|ED^3^1", "R", "CT1", Priority::Stat);
    check("PV1||E|WARD3^12^B", "R", "CT1", Priority::High);
}

#[test]
fn an_order_that_says_stat_is_so_wherever_its_images_come_from() {
    check("PV1||O", "R", "MR3", Priority::Low);
    check("PV1||O", "S", "MR3", Priority::Stat);
}

#[test]
fn without_an_order_the_source_decides() {
    run(async {
        let state = house::state(LANES);
        let lane = async |source| {
            let image = instance(&state, &Case::new(1), source);
            find_order(&state, &image).await.unwrap().1
        };
        assert_eq!((lane("MR3").await, lane("CT1").await), (Priority::Low, Priority::Routine));
    });
}

#[test]
fn an_order_that_comes_while_the_payload_is_synced_is_found() {
    run(async {
        let state = house::state(LANES);
        let case = Case::new(1);
        let image = instance(&state, &case, "CT1");
        let early = Known::read(&state, &image).await.unwrap();
        assert!(early.is_current(&state));
        let (site, text) = (SiteId::new("north").unwrap(), orm_o01(&case));
        let message = Message::parse(text).unwrap();
        let incoming = Incoming { id: &case.control_id, site: &site, message: &message };
        let handled = crate::orders::handle(&state, incoming).await.unwrap();
        state.commit(handled.effects).await.unwrap();
        assert!(register(&state, image.clone(), Some(early)).await.is_ok());
        let store = &state.environment.store;
        let kept = store.versions(&site, &image.sop_instance_uid).await.unwrap();
        assert_eq!(kept[0].mark.kind().as_str(), "matched");
    });
}
