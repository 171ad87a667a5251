use telerad_accession::{Claim, search_keys};
use telerad_core::{AccessionNumber, EntityIdentifier, SiteId};
use telerad_hl7::Message;
use telerad_store::MessageOutcome;
use telerad_testkit::hl7::{Case, orm_o01};

use crate::event::Event;
use crate::handled::{Handled, Incoming};
use crate::house::{self, run};
use crate::state::State;

async fn order(state: &State, case: &Case) -> MessageOutcome {
    let (site, message) = (SiteId::new("north").unwrap(), Message::parse(orm_o01(case)).unwrap());
    let incoming = Incoming { id: &case.control_id, site: &site, message: &message };
    let handled = super::handle(state, incoming).await.unwrap();
    state.commit(handled.effects).await.unwrap();
    handled.outcome
}

#[track_caller]
fn assert_parked(outcome: MessageOutcome, reason: &str) {
    assert_eq!(outcome, MessageOutcome::Parked(reason.to_owned()));
}

#[test]
fn a_placeholder_is_no_accession_number_of_an_order() {
    run(async {
        let state = house::state("");
        for (at, number) in (1..).zip(["NONE", "0000", "A*1"]) {
            let case = Case { accession: number.to_owned(), ..Case::new(at) };
            let handled = handled(&state, orm_o01(&case)).await;
            assert_eq!(handled.outcome, MessageOutcome::Applied);
            let text = "OBR-18: a placeholder or wildcard is no accession number, not used";
            assert!(handled.findings.contains(&text.to_owned()));
            let [Event::OrderIncomplete { findings, .. }] = &handled.events[..] else {
                panic!("{:?}", handled.events)
            };
            assert!(findings[0].contains("the filler order number stands in for it"));
        }
        assert_eq!(state.environment.store.counts().await.unwrap().orders, 3);
    });
}

/// One message from start to end, and what was decided about it.
async fn handled(state: &State, text: String) -> Handled {
    let (site, message) = (SiteId::new("north").unwrap(), Message::parse(text).unwrap());
    let control_id = message.control_id();
    let incoming = Incoming { id: &control_id, site: &site, message: &message };
    let mut handled = super::handle(state, incoming).await.unwrap();
    state.commit(std::mem::take(&mut handled.effects)).await.unwrap();
    handled
}

const SHORTENING: &str = "[site.orders]\naccession_shortening = [{ rule = \"strip_prefix\", prefix = \"NORTH-2026-\" }]\n";

#[test]
fn a_number_that_is_too_long_is_shortened_and_found_both_ways() {
    run(async {
        let state = house::state(SHORTENING);
        let long = |at: u64, number: &str| Case { accession: number.to_owned(), ..Case::new(at) };
        let one = long(1, "NORTH-2026-0000000001");
        let first = handled(&state, orm_o01(&one)).await;
        assert_eq!(first.outcome, MessageOutcome::Applied);
        assert!(matches!(first.events[..], [Event::OrderIncomplete { .. }]), "{:?}", first.events);
        for number in ["NORTH-2026-0000000001", "0000000001"] {
            let site = SiteId::new("north").unwrap();
            let claim =
                Claim { accession: AccessionNumber::new(number, None).ok(), ..Claim::default() };
            let keys = search_keys(&claim, &state.directory.accession_policy(&site));
            let found = state.environment.store.orders_by_search(&site, &keys).await.unwrap();
            assert_eq!(found.len(), 1, "{number}");
            assert_eq!(found[0].order.accession.value(), "NORTH-2026-0000000001");
            assert_eq!(found[0].worklist_accession(), "0000000001");
        }
        // Another order that a modality would take for the first one.
        let second = order(&state, &long(2, "0000000001")).await;
        assert_parked(second, "the shortened accession number is that of another order");
        let third = order(&state, &long(3, "NORTH-2026-0000000003")).await;
        assert_eq!(third, MessageOutcome::Applied);
    });
}

#[test]
fn an_appointment_moves_the_order_that_it_names_by_its_number() {
    run(async {
        let state = house::state("");
        let case = Case::new(1);
        assert_eq!(order(&state, &case).await, MessageOutcome::Applied);
        let number = &case.filler_order_number;
        let (patient, authority) = (&case.patient_id, &case.patient_authority);
        let appointment = |event: &str, patient: &str| {
            format!(
                "MSH|^~\\&|RIS|NORTH|||20991124120000||SIU^{event}|{event}{patient}|P|2.5.1\rSCH|1|2{bars}{number}\r\
                 PID|||{patient}^^^{authority}||X\rRGS|1\rAIS|1||X|20991125083000\r",
                bars = "|".repeat(25),
            )
        };
        let moved = handled(&state, appointment("S12", patient)).await;
        assert_eq!(moved.outcome, MessageOutcome::Applied);
        let site = SiteId::new("north").unwrap();
        let claim = Claim { filler: EntityIdentifier::new(number, None).ok(), ..Claim::default() };
        let keys = search_keys(&claim, &state.directory.accession_policy(&site));
        let found = state.environment.store.orders_by_search(&site, &keys).await.unwrap();
        let start = found[0].steps[0].start.map(|start| start.to_string());
        assert_eq!(start.as_deref(), Some("20991125083000"));
        let cancelled = handled(&state, appointment("S15", patient)).await;
        assert_eq!(cancelled.outcome, MessageOutcome::NoChange);
        let other = handled(&state, appointment("S13", "SOMEONE-ELSE")).await;
        let reason = "an appointment of an order that is not known for the patient";
        assert_parked(other.outcome, reason);
    });
}

#[test]
fn one_study_uid_does_not_serve_two_patients() {
    run(async {
        let state = house::state("");
        let (one, two) = (Case::new(1), Case::new(2));
        assert_eq!(order(&state, &one).await, MessageOutcome::Applied);
        let same_study = Case { study_instance_uid: one.study_instance_uid.clone(), ..two };
        let reason = "the study instance UID is known for an order of another patient";
        assert_parked(order(&state, &same_study).await, reason);
        // Two orders of one patient may share a study.
        let (patient_id, given_name) = (one.patient_id.clone(), one.given_name.clone());
        let same_patient = Case { patient_id, given_name, ..same_study };
        assert_eq!(order(&state, &same_patient).await, MessageOutcome::Applied);
        let again = Case { priority: "S".to_owned(), ..one };
        assert_eq!(order(&state, &again).await, MessageOutcome::Applied);
    });
}

#[test]
fn a_name_in_doubt_is_told_to_a_person() {
    run(async {
        let state = house::state("");
        let (site, case) = (SiteId::new("north").unwrap(), Case::new(1));
        let case = Case { character_set: "UNICODE UTF-8".to_owned(), ..case };
        let (text, family_name) = (orm_o01(&case), format!("{}^", case.family_name));
        let (head, rest) = text.split_once(&family_name).unwrap();
        // Labelled as UTF-8, written in Latin-1.
        let bytes = [head.as_bytes(), b"\xdc", family_name.as_bytes(), rest.as_bytes()].concat();
        let message = Message::parse(bytes).unwrap();
        let incoming = Incoming { id: &case.control_id, site: &site, message: &message };
        let handled = super::handle(&state, incoming).await.unwrap();
        assert_eq!(handled.outcome, MessageOutcome::Applied);
        assert_eq!(handled.events, [incoming.identity_text_doubted("PID-5")]);
    });
}
