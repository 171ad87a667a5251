//! Messages that are applied once more after a site has declared something new.

use telerad_gateway::Operation;
use telerad_gateway::desk::DeskError;
use telerad_store::{MessageOutcome, Messages, Orders};
use telerad_testkit::hl7::{Case, orm_o01};
use telerad_worklist::OrderKey;

use super::{check_refused, is_decided, signed};
use crate::house::{House, TOML, case_of, site};

/// A site that wants to look at changes of orders that it does not know.
const CAREFUL: &str = "steps = { unknown_change = \"park\" }\n";

fn toml(rule: &str) -> String {
    TOML.replacen("id = \"north\"\n", &format!("id = \"north\"\n{rule}"), 1)
}

/// A change of order 1, which nobody has sent.
fn order() -> String {
    orm_o01(&Case { order_control: "XO".to_owned(), ..case_of("RIS", "north", 1) })
}

async fn message_id(house: &House) -> String {
    let found = house.store.message_by_control("RIS|NORTH", "RIS1").await.unwrap();
    found.unwrap().id
}

fn key() -> OrderKey {
    OrderKey::from_text("north|NORTH|A1")
}

#[tokio::test(start_paused = true)]
async fn a_parked_order_lands_when_its_site_says_so() {
    let house = House::open_with(&toml(CAREFUL));
    let north = site("north");
    assert_eq!(house.answer_to(&order()).await, "AA");
    assert!(house.store.orders(&north, &[key()]).await.unwrap().is_empty());
    let id = message_id(&house).await;
    assert_eq!(house.parked().await.len(), 1);

    // Nothing was declared since: it would be parked again.
    let desk = house.gateway.desk();
    let told = desk.preview_replay(&north, &id).await.unwrap();
    assert!(matches!(told.outcome, MessageOutcome::Parked(_)), "{told:?}");
    assert!(told.differences.is_empty());
    assert!(matches!(desk.replay(&north, &id, &signed()).await, Ok(MessageOutcome::Parked(_))));
    assert_eq!(house.parked().await.len(), 1, "one item takes the place of the other");

    let mut house = house.restart_with(&toml("")).await;
    let desk = house.gateway.desk();
    let told = desk.preview_replay(&north, &id).await.unwrap();
    assert!(matches!(told.outcome_before, MessageOutcome::Parked(_)));
    assert_eq!(told.outcome, MessageOutcome::Applied);
    let modality = told.differences.iter().find(|it| it.field == "steps.0.modality").unwrap();
    assert_eq!((modality.record, modality.key.as_str()), ("order", key().as_str()));
    assert_eq!((modality.before.as_deref(), modality.after.as_deref()), (None, Some("CT")));
    assert!(!format!("{told:?}").contains("A1"), "no patient data in Debug");
    // Asking has changed nothing.
    assert!(house.store.orders(&north, &[key()]).await.unwrap().is_empty());
    assert_eq!(house.parked().await.len(), 1);

    assert_eq!(desk.replay(&north, &id, &signed()).await, Ok(MessageOutcome::Applied));
    let orders = house.store.orders(&north, &[key()]).await.unwrap();
    assert_eq!(orders[0].steps[0].modality, "CT");
    assert!(house.parked().await.is_empty());
    let kept = house.store.message(&id).await.unwrap().unwrap();
    assert_eq!(kept.outcome, MessageOutcome::Applied);
    house.event("replayed", is_decided(Operation::Replay)).await;
    // Once more says nothing new, and a repetition by its sender is known as such.
    assert_eq!(desk.replay(&north, &id, &signed()).await, Ok(MessageOutcome::NoChange));
    assert_eq!(house.answer_to(&order()).await, "AA");
    assert_eq!(house.store.orders(&north, &[key()]).await.unwrap()[0].revision, 1);
}

#[tokio::test(start_paused = true)]
async fn only_what_is_kept_of_the_site_is_replayed() {
    let house = House::open();
    assert_eq!(house.answer_to(&order()).await, "AA");
    let id = message_id(&house).await;
    let desk = house.gateway.desk();
    let unknown = "this site has no such message";
    check_refused(desk.replay(&site("south"), &id, &signed()).await, unknown);
    check_refused(desk.preview_replay(&site("south"), &id).await, unknown);
    check_refused(desk.replay(&site("north"), "nothing", &signed()).await, unknown);

    // The sender is another site's now: what it sent for this one is not applied there.
    let moved = TOML.replacen(
        "application = \"RIS\"\nfacility = \"NORTH\"",
        "application = \"OLD\"\nfacility = \"NORTH\"",
        1,
    );
    let house = house.restart_with(&moved).await;
    let refused = house.gateway.desk().replay(&site("north"), &id, &signed()).await;
    assert_eq!(refused, Err(DeskError::UnknownSender));
}
