use telerad_core::Priority;
use telerad_routing::{InstanceRecord, LaneRules, OrderFacts, lane};

use crate::slice;

const RULES: &str = r#"
    [[rules]]
    id = "emergency"
    site = "north"
    location_starts_with = ["ED", "er^"]
    lane = "stat"
    [[rules]]
    id = "emergency-class"
    patient_class = ["E"]
    lane = "high"
    [[rules]]
    id = "trauma-room"
    when = { source = ["CT9"], modality = ["CT"] }
    lane = "stat"
    [[rules]]
    id = "research"
    when = { source = ["MR3"] }
    lane = "low"
"#;

fn order(priority: Priority, location: &str, patient_class: &str) -> OrderFacts {
    OrderFacts { priority, location: location.to_owned(), patient_class: patient_class.to_owned() }
}

fn from(source: &str, modality: &str) -> InstanceRecord {
    let mut instance = slice(1);
    instance.source = telerad_core::AeTitle::new(source).unwrap();
    instance.head.modality = modality.to_owned();
    instance
}

#[track_caller]
fn check(order: Option<OrderFacts>, instance: &InstanceRecord, expected: Priority) {
    let rules: LaneRules = toml::from_str(RULES).unwrap();
    assert_eq!(lane(&rules, order.as_ref(), instance), expected);
}

#[test]
fn without_a_rule_the_order_decides() {
    check(Some(order(Priority::Medium, "", "")), &from("CT1", "CT"), Priority::Medium);
    check(None, &from("CT1", "CT"), Priority::Routine);
    let none = LaneRules::default();
    let urgent = order(Priority::High, "ED", "E");
    assert_eq!(lane(&none, Some(&urgent), &slice(1)), Priority::High);
}

#[test]
fn images_that_say_nothing_are_urgent_by_where_the_patient_is() {
    let routine = |location, class| Some(order(Priority::Routine, location, class));
    check(routine("ED^3^1", "I"), &from("CT1", "CT"), Priority::Stat);
    check(routine("ER^3", ""), &from("CT1", "CT"), Priority::Stat);
    check(routine("ERGO", ""), &from("CT1", "CT"), Priority::Routine);
    check(routine("WARD", "e"), &from("CT1", "CT"), Priority::High);
    let elsewhere =
        InstanceRecord { site: telerad_core::SiteId::new("south").unwrap(), ..from("CT1", "CT") };
    check(routine("ED", ""), &elsewhere, Priority::Routine);
}

#[test]
fn images_that_say_nothing_are_urgent_by_where_they_come_from() {
    check(None, &from("CT9", "CT"), Priority::Stat);
    check(None, &from("CT9", "SR"), Priority::Routine);
}

#[test]
fn a_rule_on_the_order_does_not_match_without_one() {
    check(None, &from("CT1", "CT"), Priority::Routine);
    check(Some(order(Priority::Routine, "", "")), &from("CT1", "CT"), Priority::Routine);
}

#[test]
fn the_first_rule_decides_and_may_lower() {
    check(Some(order(Priority::High, "WARD", "I")), &from("MR3", "MR"), Priority::Low);
    check(Some(order(Priority::High, "ED", "I")), &from("MR3", "MR"), Priority::Stat);
}

#[test]
fn an_order_that_says_stat_is_never_lowered() {
    check(Some(order(Priority::Stat, "WARD", "I")), &from("MR3", "MR"), Priority::Stat);
}

#[test]
fn what_is_not_in_the_language_is_an_error() {
    let refused = |rule: &str, expected: &str| {
        let text = format!("[[rules]]\nid = \"a\"\n{rule}");
        let error = toml::from_str::<LaneRules>(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused("lane = \"urgent\"", "lane `urgent` is unknown; expected stat, high, routine");
    refused("lane = \"stat\"\nlocation = [\"ED\"]", "unknown field `location`");
    refused("lane = \"stat\"\npatient_class = []", "an empty list never matches");
    refused("", "missing field `lane`");
}

#[test]
fn rules_survive_serialisation() {
    let rules: LaneRules = toml::from_str(RULES).unwrap();
    let again: LaneRules = toml::from_str(&toml::to_string(&rules).unwrap()).unwrap();
    assert_eq!(again, rules);
}
