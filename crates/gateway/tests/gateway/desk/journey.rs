//! What is told of an examination, and to whom.

use telerad_core::{PatientId, Timestamp, Uid};
use telerad_gateway::Event;
use telerad_gateway::desk::Journey;
use telerad_store::{JourneyEvent, JourneyKey, JourneySubject};
use telerad_testkit::hl7::{Case, ResultStatus, orm_o01, oru_r01};

use super::{signed, slices_of};
use crate::house::{Application, Archive, House, case_of, site};

/// A house in which order 1 of each site had its images sent and its report told.
async fn lived_in() -> House {
    let mut house = House::open();
    let _ris = Application::open(&house.network, "ris:2576");
    let _archive = Archive::open(&house.network);
    for name in ["north", "south"] {
        assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", name, 1))).await, "AA");
    }
    house.accept_all("CT1", &slices_of(1, 2)).await;
    house.accept("CT9", &slices_of(1, 1)[0]).await;
    house.delivered(3).await;
    let report = Case {
        result_status: ResultStatus::Final,
        report: vec!["TEXT".to_owned()],
        ..case_of("READER", "north", 1)
    };
    assert_eq!(house.answer_to(&oru_r01(&report)).await, "AA");
    house.event("sent", |event| matches!(event, Event::MessageDelivered { .. })).await;
    let study = slices_of(1, 1)[0].study_instance_uid.clone();
    let desk = house.gateway.desk();
    assert_eq!(desk.hold(&site("north"), &study, &signed()).await, Ok(0));
    house
}

/// The one journey that a key leads to, as words.
async fn journey(house: &House, name: &str, key: JourneyKey) -> Vec<String> {
    let mut found = house.gateway.desk().journey(&site(name), &key, 10).await.unwrap();
    assert_eq!(found.len(), 1, "{key:?}");
    words(&found.remove(0))
}

fn words(journey: &Journey) -> Vec<String> {
    let word = |event: &JourneyEvent| match event {
        JourneyEvent::Message { kind, sender, .. } => format!("{kind} from {sender}"),
        JourneyEvent::Order(_) => "order".to_owned(),
        JourneyEvent::Received(instance) => {
            format!("{} from {}", instance.mark.kind().as_str(), instance.source)
        }
        JourneyEvent::Decided(study) => format!("rules {}", study.rules.join(", ")),
        JourneyEvent::Delivery(it) => format!("{} {}", it.key.destination, it.state.as_str()),
        JourneyEvent::Report { .. } => "report".to_owned(),
        JourneyEvent::Outbound { destination, .. } => destination.clone(),
        JourneyEvent::Noted(entry) => format!("{} {}", entry.event, entry.detail),
        other => format!("{other:?}"),
    };
    let mut words: Vec<String> = journey.timeline.iter().map(|it| word(&it.event)).collect();
    assert!(journey.timeline.is_sorted_by_key(|entry| entry.at));
    words.sort();
    words
}

fn accession() -> JourneyKey {
    JourneyKey::Accession("A1".to_owned())
}

#[tokio::test(start_paused = true)]
async fn an_examination_is_one_timeline_whatever_it_is_found_by() {
    let house = lived_in().await;
    let expected = [
        "ORM^O01 from RIS|NORTH",
        "ORU^R01 from READER|NORTH",
        "held by ops-1: asked by the ward (0 deliveries)",
        "matched from CT1",
        "matched from CT1",
        "order",
        "reading sent",
        "reading sent",
        "report",
        "report north ris:2576",
        "rules everything-to-reading",
        "steps ended a final report was filed",
    ];
    assert_eq!(journey(&house, "north", accession()).await, expected);
    let slice = slices_of(1, 2).remove(1);
    for key in [
        JourneyKey::Patient(PatientId::new("P1", None).unwrap()),
        JourneyKey::Name("test".to_owned()),
        JourneyKey::Uid(Uid::new(&slice.sop_instance_uid).unwrap()),
        JourneyKey::Uid(Uid::new(&slice.study_instance_uid).unwrap()),
    ] {
        assert_eq!(journey(&house, "north", key).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_journey_of_one_site_shows_nothing_of_another() {
    let house = lived_in().await;
    let south = journey(&house, "south", accession()).await;
    assert!(south.iter().any(|line| line == "matched from CT9"), "{south:?}");
    let of_north = ["NORTH", "CT1", "ops-1", "north", "ORU"];
    for line in south {
        assert!(!of_north.iter().any(|word| line.contains(word)), "{line}");
    }
    // Known at north alone.
    let second = JourneyKey::Uid(Uid::new(&slices_of(1, 2)[1].sop_instance_uid).unwrap());
    assert!(house.gateway.desk().journey(&site("south"), &second, 10).await.unwrap().is_empty());
    let nobody = house.gateway.desk().journey(&site("west"), &accession(), 10).await.unwrap();
    assert!(nobody.is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_more_journeys_are_told_than_were_asked_for() {
    let house = House::open();
    for number in 1..=3 {
        assert_eq!(house.answer_to(&orm_o01(&case_of("RIS", "north", number))).await, "AA");
    }
    let all = JourneyKey::Name(String::new());
    let found = house.gateway.desk().journey(&site("north"), &all, 2).await.unwrap();
    assert!(found.len() <= 2);
    let one = house.gateway.desk().journey(&site("north"), &accession(), 1).await.unwrap();
    assert!(matches!(one[0].subject, JourneySubject::Order(_)));
}

#[tokio::test(start_paused = true)]
async fn what_came_twice_is_told_of_its_site_and_window() {
    let house = House::open();
    let slices = slices_of(1, 3);
    house.accept_all("CT1", &slices).await;
    house.accept_all("PACS", &slices[..2]).await;
    let (desk, north) = (house.gateway.desk(), site("north"));
    let (first, last) = (Timestamp::from_micros(0), Timestamp::from_micros(i64::MAX));
    let found = desk.duplicates(&north, first, last, 99).await.unwrap().studies;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].study_instance_uid, slices[0].study_instance_uid);
    assert_eq!((found[0].received_again, found[0].instances), (2, 2));
    let sources: Vec<&str> = found[0].sources.iter().map(|title| title.as_str()).collect();
    assert_eq!(sources, ["CT1", "PACS"]);
    let before = desk.duplicates(&north, first, found[0].first_at, 99).await.unwrap();
    assert!(before.studies.is_empty());
    let elsewhere = desk.duplicates(&site("south"), first, last, 99).await.unwrap();
    assert!(elsewhere.studies.is_empty());
}
