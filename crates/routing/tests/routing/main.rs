//! Claims about routing: rules, intake and delivery.

mod breakers;
mod delivery;
mod doubts;
mod fairness;
mod groups;
mod heads;
mod intake;
mod lanes;
mod operations;
mod rates;
mod rows;
mod rules;
mod windows;

use std::sync::atomic::{AtomicU64, Ordering};

use telerad_core::{AccessionNumber, AeTitle, Issuer, Patient, PatientId, SiteId, Timestamp, Uid};
use telerad_dicom::{InstanceHead, uids};
use telerad_routing::{Digest, InstanceRecord, Relation, StudyMark};

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(second * 1_000_000)
}

/// A CT slice of study 1.2.3 from CT1 at north.
fn slice(number: u32) -> InstanceRecord {
    let issuer = Issuer::local("NORTH").unwrap();
    let patient = Patient {
        ids: vec![PatientId::new("P-1", Some(issuer.clone())).unwrap()],
        ..Patient::default()
    };
    InstanceRecord {
        site: SiteId::new("north").unwrap(),
        sop_instance_uid: uid(&format!("1.2.3.4.{number}")),
        digest: Digest::of(&number.to_le_bytes()),
        bytes: 524_288,
        transfer_syntax_uid: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        source: AeTitle::new("CT1").unwrap(),
        received_at: at(10),
        head: InstanceHead {
            study_instance_uid: Some(uid("1.2.3")),
            series_instance_uid: Some(uid("1.2.3.4")),
            patient,
            accession: AccessionNumber::new("A-1", Some(issuer)).ok(),
            modality: "CT".to_owned(),
            body_part: "CHEST".to_owned(),
            study_description: "CT Thorax nativ".to_owned(),
            station_name: "ROOM2".to_owned(),
            ..InstanceHead::default()
        },
        pixel_data_offset: None,
        mark: StudyMark::Unmatched,
        relation: Relation::First,
    }
}

/// The UID of an instance that nobody has named before.
fn another() -> Uid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uid::new(&format!("2.25.7{:012}", NEXT.fetch_add(1, Ordering::Relaxed))).unwrap()
}
