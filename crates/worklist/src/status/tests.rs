use telerad_core::{AccessionNumber, Order, PartialDateTime, Patient, SiteId, Timestamp, Uid};

use super::{Advance, EVENTS_MAX, Effect, StepEvent, StepHistory, Verdict};
use crate::{OrderRecord, ScheduledStep, StepStatus};

/// One row an event; columns: SCHEDULED, ARRIVED, READY, STARTED, DEPARTED, CANCELED, DISCONTINUED, COMPLETED.
/// `-` nothing, `.` nothing although it was said otherwise, a letter the status it has now (S A T C X M), with `!` when it
/// is reopened and `?` when it is performed all the same, `H` held, `L` released, `E` what it was earlier.
const TABLE: [&str; 19] = [
    "New                        -  -  -  -  -  S! S! . ",
    "Change                     -  -  -  -  -  S! S! . ",
    "Schedule                   -  S  S  S  S  .  .  . ",
    "Start                      T  T  T  -  -  .  .  . ",
    "Complete                   M  M  M  M  M  M? M? - ",
    "Cancel                     C  C  C  X  X  -  -  - ",
    "Discontinue                X  X  X  X  X  -  -  - ",
    "Hold                       H  H  H  H  H  .  .  . ",
    "Release                    L  L  L  L  L  S! S! . ",
    "PatientArrived             A  -  -  -  -  -  -  - ",
    "ArrivalCancelled           -  S  S  -  -  -  -  - ",
    "PerformedStepCreated       T  T  T  -  T  T? T? T?",
    "PerformedStepCompleted     M  M  M  M  M  M? M? - ",
    "PerformedStepDiscontinued  X  X  X  X  X  -  -  - ",
    "IncorrectEntrySelected     -  -  -  E  -  -  -  - ",
    "StudyReceived              M  M  M  M  M  M? -  - ",
    "ReportFinal                M  M  M  M  M  M? -  - ",
    "IdleTimeout                C  C  C  X  X  -  -  - ",
    "Reopen                     L  L  L  L  L  S! S! S!",
];

fn effect(cell: &str) -> Effect {
    let status = |letter: &str| match letter {
        "S" => StepStatus::Scheduled,
        "A" => StepStatus::Arrived,
        "T" => StepStatus::Started,
        "C" => StepStatus::Canceled,
        "X" => StepStatus::Discontinued,
        "M" => StepStatus::Completed,
        other => panic!("{other} is no status"),
    };
    match cell {
        "-" => Effect::Keep,
        "." => Effect::Stay,
        "H" => Effect::Hold,
        "L" => Effect::Release,
        "E" => Effect::Restore,
        cell => match (cell.strip_suffix('!'), cell.strip_suffix('?')) {
            (Some(letter), _) => Effect::Reopen(status(letter)),
            (_, Some(letter)) => Effect::Perform(status(letter)),
            _ => Effect::To(status(cell)),
        },
    }
}

#[test]
fn every_cell_of_the_table() {
    let mut cells = 0;
    for (event, row) in StepEvent::ALL.into_iter().zip(TABLE) {
        let mut row = row.split_whitespace();
        assert_eq!(row.next(), Some(format!("{event:?}").as_str()));
        for status in StepStatus::ALL {
            let cell = row.next().unwrap();
            assert_eq!(Effect::of(status, event), effect(cell), "{status:?} told {event:?}");
            let mut step = ScheduledStep { status, ..ScheduledStep::default() };
            let advance = step.advance(event, None);
            let (expected, verdict) = match effect(cell) {
                Effect::To(to) => (to, Verdict::Taken),
                Effect::Reopen(to) => (to, Verdict::Reopened),
                Effect::Perform(to) => (to, Verdict::Performed),
                Effect::Stay => (status, Verdict::Stayed),
                Effect::Hold => (status, Verdict::Taken),
                // A step that comes from nowhere was scheduled before it was begun.
                Effect::Restore => (StepStatus::Scheduled, Verdict::Taken),
                Effect::Keep | Effect::Release => (status, Verdict::Kept),
            };
            assert_eq!((step.status, advance.verdict), (expected, verdict), "{status:?} {event:?}");
            assert_eq!(step.is_held, event == StepEvent::Hold && cell == "H");
            cells += 1;
        }
        assert_eq!(row.next(), None);
    }
    assert_eq!(cells, 8 * 19);
}

/// An order that was last written then.
pub(crate) fn order(updated_at: Timestamp) -> OrderRecord {
    let order = Order {
        site: SiteId::new("north").unwrap(),
        patient: Patient::default(),
        accession: AccessionNumber::new("A-1", None).unwrap(),
        placer_order_number: None,
        filler_order_number: None,
        requested_procedure_id: String::new(),
        study_instance_uid: Uid::new("1.2.3").unwrap(),
        procedure: Default::default(),
        priority: Default::default(),
        referring_physician: Default::default(),
        requesting_physician: Default::default(),
        reason: String::new(),
    };
    OrderRecord::new(order, updated_at)
}

fn at(minute: u32) -> Option<PartialDateTime> {
    PartialDateTime::parse(&format!("2026112408{minute:02}")).ok()
}

#[track_caller]
fn check(events: &[(StepEvent, u32)], status: StepStatus, verdict: Verdict) -> ScheduledStep {
    let mut step = ScheduledStep::default();
    let mut last: Option<Advance> = None;
    for (event, minute) in events {
        last = Some(step.advance(*event, at(*minute)));
    }
    assert_eq!((step.status, last.map(|last| last.verdict)), (status, Some(verdict)));
    step
}

#[test]
fn an_older_event_does_not_undo_a_later_one() {
    use StepEvent::{Cancel, Change, Complete, New, Start};
    check(&[(New, 0), (Change, 5), (Cancel, 3)], StepStatus::Scheduled, Verdict::Older);
    check(&[(Cancel, 5), (New, 0)], StepStatus::Canceled, Verdict::Kept);
    check(&[(Cancel, 5), (New, 9)], StepStatus::Scheduled, Verdict::Reopened);
    check(&[(New, 0), (Cancel, 5), (Start, 3)], StepStatus::Discontinued, Verdict::Taken);
    // What was completed is not begun by what came after it.
    check(&[(New, 0), (Start, 5), (Complete, 3)], StepStatus::Completed, Verdict::Taken);
}

#[test]
fn of_equal_or_missing_times_the_later_arrival_counts_as_later() {
    use StepEvent::{Cancel, New};
    check(&[(New, 5), (Cancel, 5)], StepStatus::Canceled, Verdict::Taken);
    check(&[(Cancel, 5), (New, 5)], StepStatus::Scheduled, Verdict::Reopened);
    let mut step = ScheduledStep::default();
    step.advance(New, at(5));
    assert_eq!(step.advance(Cancel, None).verdict, Verdict::Taken);
    assert_eq!(step.status, StepStatus::Canceled);
}

#[test]
fn the_same_event_again_is_known() {
    use StepEvent::{Cancel, New};
    let once = check(&[(New, 0), (Cancel, 5)], StepStatus::Canceled, Verdict::Taken);
    let events = [(New, 0), (Cancel, 5), (New, 0), (Cancel, 5)];
    assert_eq!(check(&events, StepStatus::Canceled, Verdict::Kept), once);
}

#[test]
fn a_held_step_is_on_no_list_and_is_released_to_what_it_was() {
    use StepEvent::{Cancel, Hold, New, PatientArrived, Release};
    let held = check(&[(PatientArrived, 1), (Hold, 2)], StepStatus::Arrived, Verdict::Taken);
    assert!(held.is_held && !held.is_open());
    let released = [(PatientArrived, 1), (Hold, 2), (Release, 3)];
    assert!(check(&released, StepStatus::Arrived, Verdict::Taken).is_open());
    // A hold that comes after its release has no effect any more.
    let late = [(PatientArrived, 1), (Release, 3), (Hold, 2)];
    assert!(check(&late, StepStatus::Arrived, Verdict::Older).is_open());
    let again = [(Hold, 1), (Cancel, 2), (New, 3)];
    assert!(check(&again, StepStatus::Scheduled, Verdict::Reopened).is_open());
}

#[test]
fn a_wrongly_selected_entry_is_what_it_was_before() {
    use StepEvent::{
        IncorrectEntrySelected, PatientArrived, PerformedStepCompleted, PerformedStepCreated,
    };
    let wrong = [(PatientArrived, 1), (PerformedStepCreated, 2), (IncorrectEntrySelected, 3)];
    check(&wrong, StepStatus::Arrived, Verdict::Taken);
    // Appended to by mistake: it is still completed.
    let append = [
        (PerformedStepCreated, 1),
        (PerformedStepCompleted, 2),
        (PerformedStepCreated, 3),
        (IncorrectEntrySelected, 4),
    ];
    check(&append, StepStatus::Completed, Verdict::Taken);
}

#[test]
fn what_is_too_long_ago_is_not_taken_up_any_more() {
    let mut step = ScheduledStep::default();
    let minutes = 1..=u32::try_from(EVENTS_MAX).unwrap() + 1;
    for minute in minutes {
        step.advance(StepEvent::Change, at(minute));
    }
    assert_eq!(step.history.events.len(), EVENTS_MAX);
    assert_eq!(step.advance(StepEvent::Cancel, at(0)).verdict, Verdict::Older);
    assert_eq!(step.status, StepStatus::Scheduled);
    assert_eq!(step.history.events.len(), EVENTS_MAX);
}

#[test]
fn a_step_of_a_version_that_remembered_nothing_goes_on_from_its_status() {
    let mut step = ScheduledStep { status: StepStatus::Completed, ..ScheduledStep::default() };
    assert_eq!(step.history, StepHistory::default());
    assert_eq!(step.advance(StepEvent::Start, at(1)).verdict, Verdict::Stayed);
    assert_eq!(step.status, StepStatus::Completed);
}
