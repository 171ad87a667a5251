use std::time::Duration;

use proptest::prelude::*;
use telerad_core::{Priority, Timestamp};
use telerad_dicom::{PeerAnswer, Status};
use telerad_routing::{
    DeliveryOutcome, DeliveryRecord, DeliveryState, DestinationGroup, DestinationId, Down, Effect,
    GroupFacts, GroupId, InstanceRecord, Intake, NotWantedReason, RetryPolicy, RuleSet,
    StickyMember, StudyDecision, decide, deliveries, fail_over, move_study, settle,
};

use crate::{at, slice};

pub(crate) fn id(name: &str) -> DestinationId {
    DestinationId::new(name).unwrap()
}

fn readers() -> DestinationGroup {
    let members = vec![id("first"), id("second"), id("third")];
    DestinationGroup::new(GroupId::new("readers").unwrap(), members, Duration::from_secs(300))
        .unwrap()
}

fn down(members: &[(&str, i64)]) -> Down {
    members.iter().map(|(name, since)| (id(name), at(*since))).collect()
}

fn rules(send_to: &str) -> RuleSet {
    toml::from_str(&format!("[[rules]]\nid = \"all\"\nsend_to = [{send_to}]")).unwrap()
}

/// Everything that was decided, as a store keeps it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) deliveries: Vec<DeliveryRecord>,
    pub(crate) sticky: Vec<StickyMember>,
    pub(crate) study: Option<StudyDecision>,
}

impl Ledger {
    pub(crate) fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::FreezeStudy(study) => {
                    assert!(self.study.replace(study).is_none(), "decided twice");
                }
                Effect::PutStudy(study) => assert!(self.study.replace(study).is_some()),
                Effect::PutDelivery(delivery) => {
                    self.deliveries.retain(|known| known.key != delivery.key);
                    self.deliveries.push(delivery);
                }
                Effect::PutInstance(_) => {}
                Effect::Stick(member) => {
                    self.sticky.retain(|known| known.patient != member.patient);
                    self.sticky.push(member);
                }
            }
        }
    }

    fn arrive(&mut self, rules: &RuleSet, instance: InstanceRecord, down: &Down, now: Timestamp) {
        let groups =
            GroupFacts { groups: &[readers()], down: Some(down), sticky: &self.sticky.clone() };
        let decision = decide(Intake {
            rules,
            instance,
            study: self.study.as_ref(),
            known: &[],
            queued: &[],
            now,
            priority: Priority::Routine,
            groups,
        });
        self.apply(decision.effects);
    }

    fn fail_over(&mut self, down: &Down, now: Timestamp) -> bool {
        let facts = GroupFacts { groups: &[readers()], down: Some(down), sticky: &[] };
        let study = self.study.as_ref().unwrap();
        let effects = fail_over(study, &self.deliveries, &facts, Some("P-1"), now);
        let moved = !effects.is_empty();
        self.apply(effects);
        moved
    }

    pub(crate) fn send(&mut self, number: u32, destination: &str) {
        let uid = slice(number).sop_instance_uid;
        let answer = PeerAnswer::from_response(Status::SUCCESS, 7);
        for delivery in &mut self.deliveries {
            if delivery.key.sop_instance_uid == uid && delivery.key.destination == id(destination) {
                let outcome = DeliveryOutcome::Answered(answer);
                *delivery = settle(delivery, &outcome, &RetryPolicy::default(), at(50), 0);
            }
        }
    }

    /// Each delivery as `slice destination state`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |it: &DeliveryRecord| {
            let uid = it.key.sop_instance_uid.as_str();
            let number = uid.rsplit('.').next().unwrap();
            let state = match &it.state {
                DeliveryState::NotWanted { reason: NotWantedReason::MovedTo { destination } } => {
                    format!("moved to {destination}")
                }
                DeliveryState::NotWanted { reason: NotWantedReason::Cancelled { .. } } => {
                    "cancelled".to_owned()
                }
                state => state.as_str().to_owned(),
            };
            format!("{number} {} {state}", it.key.destination)
        };
        let mut lines: Vec<String> = self.deliveries.iter().map(line).collect();
        lines.sort();
        lines
    }
}

/// Two slices at the first member, one of them sent.
fn under_way() -> Ledger {
    let mut ledger = Ledger::default();
    for number in [1, 2] {
        ledger.arrive(&rules("\"readers\""), slice(number), &Down::new(), at(20));
    }
    ledger.send(1, "first");
    assert_eq!(ledger.lines(), ["1 first sent", "2 first pending"]);
    ledger
}

#[test]
fn a_group_needs_somebody_to_stand_in() {
    let refused = |members: &str, expected: &str| {
        let text = format!("id = \"readers\"\nmembers = [{members}]");
        let error = toml::from_str::<DestinationGroup>(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    refused("", "group `readers` needs at least two members");
    refused("\"a\"", "group `readers` needs at least two members");
    refused("\"a\", \"b\", \"a\"", "group `readers` names `a` twice");
    let text = "id = \"readers\"\nmembers = [\"a\", \"b\"]";
    let group: DestinationGroup = toml::from_str(text).unwrap();
    assert_eq!(group.failover_after(), Duration::from_secs(300));
}

#[track_caller]
fn check_choice(sticky: Option<&str>, is_down: &[(&str, i64)], expected: &str) {
    let sticky = sticky.map(id);
    let chosen = readers().choose(sticky.as_ref(), &down(is_down), at(1000));
    assert_eq!(chosen.as_str(), expected);
}

#[test]
fn a_study_goes_to_the_first_member_that_works() {
    check_choice(None, &[], "first");
    check_choice(None, &[("first", 100)], "second");
    check_choice(None, &[("first", 100), ("second", 100)], "third");
    // A short fault tears no patient apart.
    check_choice(None, &[("first", 701)], "first");
    check_choice(None, &[("first", 700)], "second");
}

#[test]
fn a_patient_stays_with_the_member_that_has_the_priors() {
    check_choice(Some("second"), &[], "second");
    check_choice(Some("second"), &[("second", 100)], "first");
    check_choice(Some("gone"), &[], "first");
}

#[test]
fn when_nobody_works_a_study_waits_where_it_would_have_gone() {
    let all = [("first", 100), ("second", 100), ("third", 100)];
    check_choice(None, &all, "first");
    check_choice(Some("third"), &all, "third");
}

#[test]
fn the_member_is_remembered_for_the_patient() {
    let mut ledger = Ledger::default();
    let outage = down(&[("first", 20)]);
    ledger.arrive(&rules("\"readers\""), slice(1), &outage, at(1000));
    assert_eq!(ledger.lines(), ["1 second pending"]);
    assert_eq!(
        (ledger.sticky[0].patient.as_str(), &ledger.sticky[0].member),
        ("P-1", &id("second"))
    );
    assert!(!format!("{:?}", ledger.sticky).contains("P-1"));
    // The next study follows, although the first member works again.
    ledger.study = None;
    ledger.arrive(&rules("\"readers\""), slice(2), &Down::new(), at(2000));
    assert_eq!(ledger.lines(), ["1 second pending", "2 second pending"]);
    assert_eq!(ledger.deliveries[1].group, Some(GroupId::new("readers").unwrap()));
}

#[test]
fn a_patient_without_a_number_is_not_remembered() {
    let mut nameless = slice(1);
    nameless.head.patient.ids.clear();
    let mut ledger = Ledger::default();
    ledger.arrive(&rules("\"readers\""), nameless, &Down::new(), at(20));
    assert_eq!((ledger.lines(), ledger.sticky.len()), (vec!["1 first pending".to_owned()], 0));
}

#[test]
fn a_whole_study_moves_and_late_instances_follow() {
    let mut ledger = under_way();
    let outage = down(&[("first", 100)]);
    assert!(!ledger.fail_over(&outage, at(399)));
    assert!(ledger.fail_over(&outage, at(400)));
    let moved = ["1 first sent", "1 second pending", "2 first moved to second", "2 second pending"];
    assert_eq!(ledger.lines(), moved);
    assert_eq!(ledger.sticky[0].member, id("second"));
    // A late one, although the first member is back.
    ledger.arrive(&rules("\"readers\""), slice(3), &Down::new(), at(500));
    let mut with_late = moved.to_vec();
    with_late.push("3 second pending");
    assert_eq!(ledger.lines(), with_late);
    let at_second = ledger.deliveries.iter().filter(|it| it.key.destination == id("second"));
    assert!(at_second.into_iter().all(|it| it.group.is_some()));
}

#[test]
fn a_study_never_moves_back_by_itself() {
    let mut ledger = under_way();
    assert!(ledger.fail_over(&down(&[("first", 100)]), at(400)));
    let moved = ledger.lines();
    assert!(!ledger.fail_over(&Down::new(), at(100_000)));
    assert_eq!(ledger.lines(), moved);
}

#[test]
fn a_study_moves_back_when_the_second_member_fails_in_its_turn() {
    let mut ledger = under_way();
    assert!(ledger.fail_over(&down(&[("first", 100)]), at(400)));
    assert!(ledger.fail_over(&down(&[("second", 500)]), at(900)));
    // What the first member has is not sent to it again; what had moved away is.
    let back =
        ["1 first sent", "1 second moved to first", "2 first pending", "2 second moved to first"];
    assert_eq!(ledger.lines(), back);
}

#[test]
fn with_every_member_down_a_study_stays_put() {
    let mut ledger = under_way();
    let all = down(&[("first", 100), ("second", 399), ("third", 399)]);
    assert!(!ledger.fail_over(&all, at(100_000)));
    assert_eq!(ledger.lines(), ["1 first sent", "2 first pending"]);
}

#[test]
fn what_a_person_decided_moves_along() {
    let mut ledger = under_way();
    let study = ledger.study.clone().unwrap();
    ledger.apply(
        telerad_routing::operation::hold(&study, &ledger.deliveries, "desk", at(60)).unwrap(),
    );
    assert!(ledger.fail_over(&down(&[("first", 100)]), at(400)));
    let held = ["1 first sent", "1 second held", "2 first moved to second", "2 second held"];
    assert_eq!(ledger.lines(), held);

    let mut ledger = under_way();
    let study = ledger.study.clone().unwrap();
    let cancel =
        telerad_routing::operation::cancel(&study, &ledger.deliveries, None, "desk", at(60));
    ledger.apply(cancel.unwrap());
    assert!(!ledger.fail_over(&down(&[("first", 100)]), at(400)));
    assert_eq!(ledger.lines(), ["1 first sent", "2 first cancelled"]);
}

#[test]
fn a_member_that_a_rule_names_for_itself_keeps_the_study() {
    let mut ledger = Ledger::default();
    ledger.arrive(&rules("\"first\", \"readers\""), slice(1), &Down::new(), at(20));
    assert_eq!(ledger.lines(), ["1 first pending"]);
    assert!(ledger.fail_over(&down(&[("first", 100)]), at(400)));
    assert_eq!(ledger.lines(), ["1 first pending", "1 second pending"]);
    ledger.arrive(&rules(""), slice(2), &Down::new(), at(500));
    assert_eq!(
        ledger.lines(),
        ["1 first pending", "1 second pending", "2 first pending", "2 second pending"]
    );
}

#[test]
fn a_study_that_is_there_already_is_not_sent_twice() {
    let mut ledger = Ledger::default();
    ledger.arrive(&rules("\"second\", \"readers\""), slice(1), &Down::new(), at(20));
    ledger.send(1, "second");
    assert!(ledger.fail_over(&down(&[("first", 100)]), at(400)));
    assert_eq!(ledger.lines(), ["1 first moved to second", "1 second sent"]);
    let study = ledger.study.as_ref().unwrap();
    assert_eq!(
        (study.destinations.as_slice(), study.groups[0].direct),
        (&[id("second")][..], true)
    );
}

#[test]
fn a_class_that_one_member_refuses_is_offered_to_the_other() {
    let mut ledger = under_way();
    let refused = DeliveryOutcome::ClassNotTaken { reason: "no".to_owned() };
    let old = ledger.deliveries[1].clone();
    ledger.deliveries[1] = settle(&old, &refused, &RetryPolicy::default(), at(50), 0);
    assert!(ledger.fail_over(&down(&[("first", 100)]), at(400)));
    let lines = ledger.lines();
    assert_eq!(lines[2..], ["2 first not wanted", "2 second pending"]);
}

#[test]
fn a_move_that_makes_no_sense_does_nothing() {
    let ledger = under_way();
    let study = ledger.study.clone().unwrap();
    let (readers, other) = (GroupId::new("readers").unwrap(), GroupId::new("others").unwrap());
    let go = |group: &GroupId, to: &str| {
        move_study(&study, &ledger.deliveries, group, &id(to), None, at(60)).len()
    };
    assert_eq!((go(&readers, "first"), go(&other, "second")), (0, 0));
    assert!(go(&readers, "second") > 0);
}

#[test]
fn an_acquisition_across_the_edge_of_a_window_stays_with_one_reader() {
    let shifts: RuleSet = toml::from_str(
        r#"
        [[rules]]
        id = "day"
        during = { time_zone = "Etc/UTC", windows = [{ from = "08:00", to = "20:00" }] }
        send_to = ["first"]
        [[rules]]
        id = "night"
        during = { time_zone = "Etc/UTC", windows = [{ from = "20:00", to = "08:00" }] }
        send_to = ["second"]
        "#,
    )
    .unwrap();
    shifts.check(&[id("first"), id("second")]).unwrap();
    let evening = 20 * 3600;
    let mut ledger = Ledger::default();
    ledger.arrive(&shifts, slice(1), &Down::new(), at(evening - 1));
    ledger.arrive(&shifts, slice(2), &Down::new(), at(evening));
    ledger.arrive(&shifts, slice(3), &Down::new(), at(evening + 7200));
    assert_eq!(ledger.lines(), ["1 first pending", "2 first pending", "3 first pending"]);
    let mut night = Ledger::default();
    night.arrive(&shifts, slice(4), &Down::new(), at(evening));
    assert_eq!(night.lines(), ["4 second pending"]);
}

#[test]
fn an_acquisition_across_a_change_of_rules_stays_with_one_reader() {
    let mut ledger = Ledger::default();
    ledger.arrive(&rules("\"first\""), slice(1), &Down::new(), at(20));
    let decided = ledger.study.clone();
    ledger.arrive(&rules("\"second\""), slice(2), &Down::new(), at(30));
    ledger.arrive(&rules("\"readers\""), slice(3), &Down::new(), at(40));
    assert_eq!(ledger.lines(), ["1 first pending", "2 first pending", "3 first pending"]);
    assert_eq!(ledger.study, decided);
}

#[test]
fn windows_of_rules_have_no_lanes() {
    let text = r#"
        [[rules]]
        id = "day"
        during = { time_zone = "Etc/UTC", windows = [{ from = "08:00", to = "20:00", lanes = ["low"] }] }
        send_to = ["first"]
    "#;
    let rules: RuleSet = toml::from_str(text).unwrap();
    let error = rules.check(&[id("first")]).unwrap_err().to_string();
    assert_eq!(error, "rule `day`: windows of a rule have no lanes");
    assert_ne!(rules.version(), self::rules("\"first\"").version());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever fails, arrives and is sent in whatever order: at the end every instance is at the one member that the
    /// study goes to, or waits to go there, and nothing waits anywhere else.
    #[test]
    fn a_study_is_always_whole_at_one_member(
        steps in proptest::collection::vec((0..4_u8, 0..3_usize, 1..6_u32), 1..40)
    ) {
        let names = ["first", "second", "third"];
        let (mut ledger, mut is_down, mut now) = (Ledger::default(), Down::new(), 20);
        ledger.arrive(&rules("\"readers\""), slice(0), &is_down, at(now));
        let mut arrived = vec![0];
        for (step, member, number) in steps {
            now += 200;
            match step {
                0 if !arrived.contains(&number) => {
                    ledger.arrive(&rules("\"readers\""), slice(number), &is_down, at(now));
                    arrived.push(number);
                }
                1 => drop(is_down.insert(id(names[member]), at(now))),
                2 => drop(is_down.remove(&id(names[member]))),
                _ => ledger.send(number, names[member]),
            }
            ledger.fail_over(&is_down, at(now));
            let study = ledger.study.as_ref().unwrap();
            let here = &study.groups[0].member;
            prop_assert_eq!(study.destinations.as_slice(), std::slice::from_ref(here));
            for number in &arrived {
                let uid = slice(*number).sop_instance_uid;
                let of_slice: Vec<&DeliveryRecord> =
                    ledger.deliveries.iter().filter(|it| it.key.sop_instance_uid == uid).collect();
                let goes_here = of_slice.iter().filter(|it| it.key.destination == *here);
                for delivery in goes_here.clone() {
                    let state = delivery.state.as_str();
                    prop_assert!(["pending", "sent"].contains(&state), "{}", state);
                }
                prop_assert_eq!(goes_here.count(), 1);
                let elsewhere = of_slice.iter().filter(|it| it.key.destination != *here);
                for delivery in elsewhere {
                    prop_assert!(delivery.state.is_complete(), "{:?}", delivery.state);
                }
            }
        }
        let study = ledger.study.unwrap();
        prop_assert_eq!(deliveries(&study, &slice(9), at(now), Priority::Routine).len(), 1);
    }
}
