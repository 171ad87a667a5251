use super::{Action, Role, State, Trigger, action, opening};

/// PS3.8 table 9-10 as printed: one row for each event, one column for each state from Sta1 to Sta13.
const TABLE: &str = "
Evt1  ae1 -   -   -   -   -   -   -   -   -    -   -   -
Evt2  -   -   -   ae2 -   -   -   -   -   -    -   -   -
Evt3  -   aa1 aa8 -   ae3 aa8 aa8 aa8 aa8 aa8  aa8 aa8 aa6
Evt4  -   aa1 aa8 -   ae4 aa8 aa8 aa8 aa8 aa8  aa8 aa8 aa6
Evt5  ae5 -   -   -   -   -   -   -   -   -    -   -   -
Evt6  -   ae6 aa8 -   aa8 aa8 aa8 aa8 aa8 aa8  aa8 aa8 aa7
Evt7  -   -   ae7 -   -   -   -   -   -   -    -   -   -
Evt8  -   -   ae8 -   -   -   -   -   -   -    -   -   -
Evt9  -   -   -   -   -   dt1 -   ar7 -   -    -   -   -
Evt10 -   aa1 aa8 -   aa8 dt2 ar6 aa8 aa8 aa8  aa8 aa8 aa6
Evt11 -   -   -   -   -   ar1 -   -   -   -    -   -   -
Evt12 -   aa1 aa8 -   aa8 ar2 ar8 aa8 aa8 aa8  aa8 aa8 aa6
Evt13 -   aa1 aa8 -   aa8 aa8 ar3 aa8 aa8 ar10 ar3 aa8 aa6
Evt14 -   -   -   -   -   -   -   ar4 ar9 -    -   ar4 -
Evt15 -   -   aa1 aa2 aa1 aa1 aa1 aa1 aa1 aa1  aa1 aa1 -
Evt16 -   aa2 aa3 -   aa3 aa3 aa3 aa3 aa3 aa3  aa3 aa3 aa2
Evt17 -   aa5 aa4 aa4 aa4 aa4 aa4 aa4 aa4 aa4  aa4 aa4 ar5
Evt18 -   aa2 -   -   -   -   -   -   -   -    -   -   aa2
Evt19 -   aa1 aa8 -   aa8 aa8 aa8 aa8 aa8 aa8  aa8 aa8 aa7
";

const TRIGGERS: [Trigger; 19] = [
    Trigger::AssociateRequest,
    Trigger::TransportConfirmed,
    Trigger::AcceptPdu,
    Trigger::RejectPdu,
    Trigger::TransportIndicated,
    Trigger::RequestPdu,
    Trigger::AcceptResponse,
    Trigger::RejectResponse,
    Trigger::DataRequest,
    Trigger::DataPdu,
    Trigger::ReleaseRequest,
    Trigger::ReleaseRequestPdu,
    Trigger::ReleaseResponsePdu,
    Trigger::ReleaseResponse,
    Trigger::AbortRequest,
    Trigger::AbortPdu,
    Trigger::TransportClosed,
    Trigger::ArtimExpired,
    Trigger::InvalidPdu,
];

const STATES: [State; 13] = [
    State::Sta1,
    State::Sta2,
    State::Sta3,
    State::Sta4,
    State::Sta5,
    State::Sta6,
    State::Sta7,
    State::Sta8,
    State::Sta9,
    State::Sta10,
    State::Sta11,
    State::Sta12,
    State::Sta13,
];

#[test]
fn every_cell_is_the_one_of_the_standard() {
    let rows: Vec<&str> = TABLE.trim().lines().collect();
    assert_eq!(rows.len(), TRIGGERS.len());
    let mut compared = 0;
    for (row, trigger) in rows.iter().zip(TRIGGERS) {
        let cells: Vec<&str> = row.split_whitespace().skip(1).collect();
        assert_eq!(cells.len(), STATES.len(), "{row}");
        for (cell, state) in cells.iter().zip(STATES) {
            let ours = match action(state, trigger) {
                Some(action) => format!("{action:?}").to_lowercase(),
                None => "-".to_owned(),
            };
            assert_eq!(ours, *cell, "{trigger:?} in {state:?}");
            compared += 1;
        }
    }
    assert_eq!(compared, 19 * 13);
}

#[test]
fn a_release_collision_parts_the_roles() {
    assert_eq!(Action::Ar8.next(Role::Requestor), State::Sta9);
    assert_eq!(Action::Ar8.next(Role::Acceptor), State::Sta10);
    assert_eq!(Action::Ar9.next(Role::Requestor), State::Sta11);
    assert_eq!(Action::Ar10.next(Role::Acceptor), State::Sta12);
}

#[test]
fn data_in_a_half_released_association_keeps_its_state() {
    assert_eq!(Action::Ar6.next(Role::Requestor), State::Sta7);
    assert_eq!(Action::Ar7.next(Role::Acceptor), State::Sta8);
}

#[test]
fn the_called_side_waits_for_a_request_and_the_calling_side_for_its_answer() {
    assert_eq!(opening(Role::Acceptor), State::Sta2);
    assert_eq!(opening(Role::Requestor), State::Sta5);
}
