use telerad_core::{Issuer, Order, Patient, PatientId, PersonName, Priority, SiteId, Uid};
use telerad_hl7::Message;
use telerad_store::Effect;
use telerad_worklist::{OrderRecord, PatientRecord, ScheduledStep, StepStatus};

use super::{Changes, queue};
use crate::house::{self, run};
use crate::state::State;

const PLATFORM: &str = r#"
[[order_destination]]
site = "north"
address = "127.0.0.1:2577"
application = "PLATFORM"
facility = "READING"
"#;

fn north() -> SiteId {
    SiteId::new("north").unwrap()
}

fn id(value: &str) -> PatientId {
    PatientId::new(value, Issuer::local("NORTH-MRN").ok()).unwrap()
}

fn patient(value: &str) -> PatientRecord {
    let name = PersonName::from_dicom(&format!("NAME^{value}"));
    let patient = Patient { ids: vec![id(value)], name, ..Patient::default() };
    PatientRecord::new(north(), patient, telerad_core::Timestamp::from_micros(0))
}

fn order(state: &State, accession: &str, of: &str) -> OrderRecord {
    let order = Order {
        site: north(),
        patient: patient(of).patient,
        accession: telerad_core::AccessionNumber::new(accession, None).unwrap(),
        placer_order_number: None,
        filler_order_number: None,
        requested_procedure_id: accession.to_owned(),
        study_instance_uid: Uid::new("1.2.3").unwrap(),
        procedure: telerad_core::Code::default(),
        priority: Priority::Routine,
        referring_physician: PersonName::default(),
        requesting_physician: PersonName::default(),
        reason: String::new(),
    };
    let mut record = OrderRecord::new(order, state.now());
    record.steps.push(ScheduledStep { step_id: "S".to_owned(), ..ScheduledStep::default() });
    record
}

/// What is queued when these come, in words; it is written.
async fn tell(
    state: &State,
    before: &[OrderRecord],
    orders: &[&OrderRecord],
    patients_before: &[PatientRecord],
    patients: &[&PatientRecord],
) -> Vec<String> {
    let site = north();
    let changes = Changes {
        site: &site,
        cause: "message",
        orders_before: before,
        patients_before,
        orders,
        patients,
    };
    let queued = queue(state, changes).await.unwrap();
    assert!(queued.findings.is_empty(), "{:?}", queued.findings);
    let told = queued.effects.iter().filter_map(|effect| match effect {
        Effect::Outbound(message) => Some(words(&message.raw)),
        _ => None,
    });
    let told = told.collect();
    state.commit(queued.effects).await.unwrap();
    told
}

fn words(raw: &[u8]) -> String {
    let message = Message::parse(raw.to_vec()).unwrap();
    let text = |path| message.text(path).unwrap_or_default();
    let words = ["MSH-9.2", "ORC-1", "OBR-18", "PID-3.1", "MRG-1.1"].map(text).join(" ");
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is sent, one after the other.
async fn sent(state: &State) -> Vec<String> {
    let mut sent = Vec::new();
    let (name, store) = ("order north 127.0.0.1:2577", &state.environment.store);
    while let Some(message) = store.outbound_due(name, state.now(), 1).await.unwrap().pop() {
        sent.push(words(&message.raw));
        let code = "AA".to_owned();
        let answered = telerad_store::OutboundState::Answered { code, at: state.now() };
        let message = telerad_store::OutboundMessage { state: answered, ..message };
        state.commit(vec![Effect::Outbound(message)]).await.unwrap();
    }
    sent
}

#[test]
fn a_merge_goes_behind_what_was_queued_of_both_and_before_what_comes_after() {
    run(async {
        let state = house::state(PLATFORM);
        let one = order(&state, "A1", "P1");
        assert_eq!(tell(&state, &[], &[&one], &[], &[]).await, ["O01 NW A1 P1"]);
        let two = order(&state, "A2", "P2");
        assert_eq!(tell(&state, &[], &[&two], &[], &[]).await, ["O01 NW A2 P2"]);
        let (mut merged, survivor) = (patient("P1"), patient("P2"));
        let known = [merged.clone(), survivor.clone()];
        merged.merged_into = Some(id("P2"));
        let moved = order(&state, "A1", "P2");
        let told = tell(&state, &[one], &[&moved], &known, &[&merged, &survivor]).await;
        // The order that goes along is told by the merge alone.
        assert_eq!(told, ["A40 P2 P1"]);
        let mut cancelled = moved.clone();
        cancelled.steps[0].status = StepStatus::Canceled;
        assert_eq!(tell(&state, &[moved], &[&cancelled], &[], &[]).await, ["O01 CA A1 P2"]);
        let expected = ["O01 NW A1 P1", "O01 NW A2 P2", "A40 P2 P1", "O01 CA A1 P2"];
        assert_eq!(sent(&state).await, expected);
        // It is told once.
        assert!(tell(&state, &[], &[], &[merged.clone()], &[&merged]).await.is_empty());
    });
}

#[test]
fn a_merge_of_patients_that_nobody_was_told_of_is_not_told() {
    run(async {
        let state = house::state(PLATFORM);
        let (mut merged, survivor) = (patient("P1"), patient("P2"));
        merged.merged_into = Some(id("P2"));
        assert!(tell(&state, &[], &[], &[], &[&merged, &survivor]).await.is_empty());
    });
}

#[test]
fn an_order_that_is_another_patients_now_is_told_as_changed() {
    run(async {
        let state = house::state(PLATFORM);
        let before = order(&state, "A1", "P1");
        tell(&state, &[], &[&before], &[], &[]).await;
        let after = order(&state, "A1", "P2");
        assert_eq!(tell(&state, &[before], &[&after], &[], &[]).await, ["O01 XO A1 P2"]);
        assert_eq!(sent(&state).await, ["O01 NW A1 P1", "O01 XO A1 P2"]);
    });
}
