use telerad_core::SiteId;
use telerad_hl7::Message;
use telerad_store::MessageOutcome;
use telerad_testkit::hl7::{Case, orm_o01};

use crate::handled::Incoming;
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
        for number in ["NONE", "0000", "A*1"] {
            let case = Case { accession: number.to_owned(), ..Case::new(1) };
            let reason = "accession number is a placeholder or a wildcard";
            assert_parked(order(&state, &case).await, reason);
        }
        assert_eq!(state.environment.store.counts().await.unwrap().orders, 0);
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
