use telerad_core::{AeTitle, SiteId, Uid};
use telerad_dicom::{InstanceHead, uids};
use telerad_routing::{Digest, InstanceRecord, Relation, StudyMark};
use telerad_store::StoreError;

use super::decide;
use crate::house::{self, DESTINATIONS, run};
use crate::state::State;

fn instance(state: &State, number: u32, modality: &str) -> InstanceRecord {
    let uid = Uid::new(&format!("1.2.3.{number}")).unwrap();
    InstanceRecord {
        site: SiteId::new("north").unwrap(),
        digest: Digest::of(uid.as_str().as_bytes()),
        sop_instance_uid: uid,
        bytes: 1,
        transfer_syntax_uid: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        source: AeTitle::new("CT1").unwrap(),
        received_at: state.now(),
        head: InstanceHead {
            study_instance_uid: Uid::new("1.2.3").ok(),
            modality: modality.to_owned(),
            ..InstanceHead::default()
        },
        pixel_data_offset: None,
        mark: StudyMark::Unmatched,
        relation: Relation::First,
    }
}

#[test]
fn an_instance_meets_the_decision_that_its_study_got_meanwhile() {
    run(async {
        let rule =
            "[[rule]]\nid = \"ct\"\nwhen = { modality = [\"CT\"] }\nsend_to = [\"reading\"]\n";
        let state = house::state(&format!("{DESTINATIONS}{rule}"));
        let report = instance(&state, 1, "SR");
        let early = decide(&state, report.clone()).await.unwrap();
        assert!(early.no_rule);
        let image = decide(&state, instance(&state, 2, "CT")).await.unwrap();
        state.commit(image.effects).await.unwrap();
        let error = state.commit(early.effects).await.unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
        let again = decide(&state, report).await.unwrap();
        assert_eq!((again.no_rule, again.wake.len()), (false, 1));
        state.commit(again.effects).await.unwrap();
    });
}
