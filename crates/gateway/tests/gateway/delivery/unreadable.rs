//! What cannot be read when it is to be sent.

use std::time::Duration;

use telerad_core::Uid;
use telerad_gateway::Event;
use telerad_gateway::desk::Signature;
use telerad_routing::Digest;
use telerad_testkit::dicom::Instance;

use super::{is_down, is_failure, slices, uids};
use crate::house::{Archive, Bad, House, TOML, site};

/// Twenty slices of which the fifth cannot be read, and three images that are larger than a block of the spool.
fn study() -> (Vec<Instance>, Digest) {
    let mut all = slices(20);
    let large = |it: &mut Instance| (it.rows, it.columns) = (512, 512);
    all[4..7].iter_mut().for_each(large);
    let digest = Digest::of(&all[4].data_set());
    (all, digest)
}

async fn check_parked(bad: Bad, why: &str) {
    let (all, digest) = study();
    let uid = all[4].sop_instance_uid.clone();
    let mut house = House::open_with(&TOML.replace("associations_max = 2", "associations_max = 1"));
    house.accept_all("CT1", &all).await;
    house.event("destination down", is_down).await;
    house.disk.set_bad(digest, Some(bad));
    let archive = Archive::open(&house.network);
    house.delivered(19).await;
    let Event::InstanceFailed { sop_instance_uid, cause, .. } =
        house.event("failure", is_failure).await
    else {
        unreachable!()
    };
    assert_eq!(sop_instance_uid.as_str(), uid, "{bad:?}");
    assert!(cause.starts_with(why), "{bad:?}: {cause}");
    house.let_pass(Duration::from_secs(86_400)).await;
    assert_eq!(house.state_of(&uid).await, "parked", "{bad:?}");
    assert_eq!(house.reasons().await, ["delivery parked"], "{bad:?}");
    assert_eq!((house.count(is_failure), house.count(is_down)), (0, 0), "{bad:?}");
    assert_eq!(archive.kept_uids().len(), 19);
    // It never became one at the other end either.
    assert!(!archive.kept_uids().contains(&uid), "{bad:?}");
    // Mended, a person has it sent.
    house.disk.set_bad(digest, None);
    let by = Signature::new("ops-1", "restored from the backup").unwrap();
    let desk = house.gateway.desk();
    let again = desk.requeue_instance(&site("north"), &Uid::new(&uid).unwrap(), None, &by).await;
    assert_eq!(again, Ok(1));
    house.delivered(1).await;
    assert!(house.reasons().await.is_empty());
    assert_eq!(archive.kept_uids(), uids(&all));
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_is_gone_or_damaged_waits_for_a_person_and_for_nobody_else() {
    check_parked(Bad::Missing, "its data set cannot be read: entity not found").await;
    check_parked(Bad::Damaged, "its data set cannot be read: invalid data").await;
}

#[tokio::test(start_paused = true)]
async fn a_payload_on_a_bad_part_of_the_disk_waits_for_a_person_after_some_tries() {
    check_parked(Bad::Io, "its data set cannot be read: Input/output error").await;
}

#[tokio::test(start_paused = true)]
async fn a_process_without_room_for_another_file_gives_nothing_up() {
    let (all, digest) = study();
    let mut house = House::open();
    house.accept_all("CT1", &all).await;
    house.event("destination down", is_down).await;
    house.disk.set_bad(digest, Some(Bad::TooManyFiles));
    let archive = Archive::open(&house.network);
    house.delivered(19).await;
    house.let_pass(Duration::from_secs(86_400)).await;
    assert_eq!(house.state_of(&all[4].sop_instance_uid).await, "pending");
    house.disk.set_bad(digest, None);
    house.delivered(1).await;
    assert_eq!((archive.kept_uids(), house.count(is_failure)), (uids(&all), 0));
}
