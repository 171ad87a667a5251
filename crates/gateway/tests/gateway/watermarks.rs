//! What is still taken when the disk fills, and what becomes of the rest.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use telerad_dicom::uids;
use telerad_gateway::Event;
use telerad_net::dicom::{AssociationFault, BodySource};
use telerad_store::payload::Space;
use telerad_store::{Instances, Parking, Store};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::orm_o01;
use tokio::sync::Notify;

use crate::house::{Archive, House, TOML, case_of, request, site};

const MARKS: &str = "[spool]
soft = { bytes_free = 200_000_000, inodes_free = 200 }
hard = { bytes_free = 100_000_000, inodes_free = 100 }
drain_bytes_max = 1_000_000
";

/// A house whose disk can fill, with the PACS as a source of low priority.
fn house() -> House {
    let store = "services = [\"store\"]\n";
    assert!(TOML.contains(store));
    let toml = TOML.replace(store, &format!("{store}priority = \"low\"\n"));
    House::open_with(&toml.replacen("[dicom]\n", &format!("{MARKS}[dicom]\n"), 1))
}

/// So many megabytes and inodes are free from now on.
async fn free(house: &House, megabytes: u64, inodes: u64) {
    house.disk.set_space(Space {
        bytes_free: megabytes * 1_000_000,
        bytes_total: 1_000_000_000_000,
        inodes_free: inodes,
        inodes_total: 1_000_000,
    });
    house.let_pass(Duration::from_secs(15)).await;
}

async fn rejected(house: &House, calling: &str, class: &str) -> Option<String> {
    match house.associate(calling, &[(class, uids::EXPLICIT_VR_LITTLE_ENDIAN)]).await {
        Ok(association) => {
            association.release().await.unwrap();
            None
        }
        Err(error) => {
            assert!(matches!(error.fault, AssociationFault::Rejected(_)), "{error}");
            Some(error.to_string())
        }
    }
}

fn is_shed(event: &Event) -> bool {
    matches!(event, Event::InstanceShed { .. })
}

#[tokio::test(start_paused = true)]
async fn below_the_hard_watermark_associations_for_storage_are_rejected_for_now() {
    let mut house = house();
    let archive = Archive::open(&house.network);
    house.accept("CT1", &Instance::new(1)).await;
    for (megabytes, inodes) in [(99, 9000), (9000, 99)] {
        free(&house, megabytes, inodes).await;
        let event = house.event("full", |event| matches!(event, Event::SpoolFull { .. })).await;
        let Event::SpoolFull { cause } = event else { unreachable!() };
        assert!(cause.contains("(hard watermark)"), "{cause}");
        let words = rejected(&house, "CT1", uids::CT_IMAGE_STORAGE).await.unwrap();
        assert!(
            words.ends_with("(for now, by the upper layer (presentation)): temporary congestion"),
            "{words}"
        );
        // Who stores nothing is served: without a worklist patients would be typed in by hand.
        assert_eq!(rejected(&house, "CT1", uids::VERIFICATION).await, None);
        assert_eq!(rejected(&house, "CT1", uids::MODALITY_WORKLIST_FIND).await, None);
        free(&house, 9000, 9000).await;
        house.event("room", |event| matches!(event, Event::SpoolRecovered { .. })).await;
        assert_eq!(rejected(&house, "CT1", uids::CT_IMAGE_STORAGE).await, None);
    }
    // What was acknowledged is there and goes its way.
    house.delivered(1).await;
    assert_eq!(archive.kept().len(), 1);
    house.accept("CT1", &Instance::new(2)).await;
}

/// A data set of so many bytes whose disk fills in the middle.
struct Filling {
    head: Option<Bytes>,
    megabytes: usize,
    full_at: usize,
    full: Arc<Notify>,
}

impl BodySource for Filling {
    async fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head));
        }
        if self.megabytes == self.full_at {
            self.full.notify_one();
        }
        self.megabytes = match self.megabytes.checked_sub(1) {
            Some(left) => left,
            None => return Ok(None),
        };
        Ok(Some(Bytes::from(vec![7; 1 << 20])))
    }
}

/// Sends an instance of so many megabytes during which the disk fills, when so many of them are left.
async fn send_while_it_fills(house: &House, megabytes: usize, left: usize) -> Option<u16> {
    let instance = Instance::new(1);
    let need = (instance.sop_class_uid.as_str(), instance.syntax.uid());
    let mut association = house.associate("CT1", &[need]).await.unwrap();
    let full = Arc::new(Notify::new());
    let head = instance.data_set();
    let source = Filling { head: Some(head), megabytes, full_at: left, full: Arc::clone(&full) };
    let disk = house.disk.clone();
    let fill = async {
        full.notified().await;
        let space = Space { bytes_free: 1, bytes_total: 1 << 40, inodes_free: 0, inodes_total: 0 };
        disk.set_space(space);
    };
    let request = request(&instance);
    let (answer, ()) = tokio::join!(association.store(&request, source), fill);
    answer.ok().map(|answer| answer.status().code())
}

#[tokio::test(start_paused = true)]
async fn an_instance_under_way_when_the_disk_fills_is_drained_and_refused() {
    let mut house = house();
    free(&house, 9000, 9000).await;
    // Room is measured every 16 MiB; what comes after that is a little less than what is drained.
    assert_eq!(send_while_it_fills(&house, 17, 10).await, Some(0xA700));
    let event = house.event("shed", is_shed).await;
    let Event::InstanceShed { source, cause, .. } = event else { unreachable!() };
    assert_eq!(source.as_str(), "CT1");
    assert!(cause.contains("hard watermark"), "{cause}");
    let counts = house.store.counts().await.unwrap();
    assert_eq!((counts.instances, counts.deliveries, house.disk.payloads()), (0, 0, 0));
    assert!(house.store.parked(None, None, usize::MAX).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn beyond_what_is_drained_the_association_is_aborted() {
    let house = house();
    free(&house, 9000, 9000).await;
    assert_eq!(send_while_it_fills(&house, 40, 35).await, None, "aborted, so there is no answer");
    let counts = house.store.counts().await.unwrap();
    assert_eq!((counts.instances, house.disk.payloads()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn below_the_soft_watermark_sources_of_low_priority_wait_but_for_stat() {
    let mut house = house();
    let urgent =
        telerad_testkit::hl7::Case { priority: "S".to_owned(), ..case_of("RIS", "north", 1) };
    assert_eq!(house.answer_to(&orm_o01(&urgent)).await, "AA");
    free(&house, 150, 9000).await;
    house.event("low", |event| matches!(event, Event::SpoolLow { .. })).await;
    house.accept("CT1", &Instance::new(2)).await;
    assert_eq!(house.send("PACS", &Instance::new(3)).await, 0xA700);
    house.event("shed", is_shed).await;
    house.accept("PACS", &Instance::new(1)).await;
    let kept = |number| {
        let uid = telerad_core::Uid::new(&Instance::new(number).sop_instance_uid).unwrap();
        let store = house.store.clone();
        async move { store.versions(&site("north"), &uid).await.unwrap() }
    };
    assert_eq!((kept(1).await.len(), kept(2).await.len(), kept(3).await.len()), (1, 1, 0));
    // Where its pixels begin is known as of any other.
    assert!(kept(1).await[0].pixel_data_offset.is_some());
    free(&house, 9000, 9000).await;
    house.accept("PACS", &Instance::new(3)).await;
}
