//! Claims about orders whose messages arrive in any order: they end as if each had come in its time.

use proptest::prelude::*;
use proptest::sample::subsequence;
use telerad_core::PartialDateTime;
use telerad_worklist::{Disposition, OrderRecord, StartedCancel, StepEvent, StepStatus};

use crate::Site;

/// What happens to an order.
#[derive(Clone, Debug)]
enum Happening {
    /// Control, status, step (none = all), and what it says where it says something.
    Order { control: &'static str, status: &'static str, step: u8, content: Content },
    /// What is told by MPPS, ADT, images, reports or the clock.
    Other(StepEvent),
}

#[derive(Clone, Debug)]
struct Content {
    alert: Option<u8>,
    transport: Option<u8>,
    station: Option<u8>,
    name: Option<u8>,
}

fn happening() -> impl Strategy<Value = Happening> {
    let controls = prop::sample::select(vec![
        ("NW", ""),
        ("NW", ""),
        ("XO", ""),
        ("XO", "CM"),
        ("SC", "SC"),
        ("SC", "IP"),
        ("SC", "CM"),
        ("CA", ""),
        ("CA", ""),
        ("OC", ""),
        ("DC", ""),
        ("HD", ""),
        ("RL", ""),
    ]);
    let few = || prop::option::of(0..3_u8);
    let content = (few(), few(), few(), few())
        .prop_map(|(alert, transport, station, name)| Content { alert, transport, station, name });
    let order = (controls, 0..3_u8, content).prop_map(|((control, status), step, content)| {
        Happening::Order { control, status, step, content }
    });
    let others = StepEvent::ALL.into_iter().skip(9).collect::<Vec<_>>();
    prop_oneof![4 => order, 1 => prop::sample::select(others).prop_map(Happening::Other)]
}

fn message(minute: usize, happening: &Happening) -> Option<String> {
    let Happening::Order { control, status, step, content } = happening else { return None };
    let tells = !matches!(*control, "NW" | "XO");
    // Orders name their step; statuses may be of all of them.
    let step = match step {
        0 if tells => String::new(),
        step => format!("SPS-{}", step.max(&1)),
    };
    let said = |prefix: &str, value: Option<u8>| {
        value.map_or_else(String::new, |value| format!("{prefix}{value}"))
    };
    let alert = said("alert ", content.alert);
    let transport = said("CART", content.transport);
    let station = content.station.map_or_else(String::new, |station| format!("CT{station}"));
    let name = said("Doe^Jane", content.name.filter(|_| *control == "NW"));
    Some(format!(
        "MSH|^~\\&|RIS|NORTH|||2026112408{minute:02}||OMI^O23|M{minute}|P|2.5.1
        PID|||4711^^^NORTH-MRN||{name}||19700102|F
        ORC|{control}||||{status}
        TQ1|||||||202611241030
        OBR||||X^Proc^L|||||||||{alert}|||||A-1^NORTH|||||||||||||{transport}
        IPC|A-1^NORTH|RP-1|1.2.3|{step}|CT|P^Prot^L|||{station}"
    ))
}

/// Plays happenings, each with its minute, as they arrive. What is told of a step that a known order does not have is
/// parked; a person plays it again at the end.
///
/// Cancellations of what has started are taken as discontinuations: one that is parked is not part of what is known until
/// a person has seen to it, so that there the order of arrival does count.
fn play(happenings: &[(usize, Happening)]) -> Option<OrderRecord> {
    let mut site = Site::new();
    site.mapping.status.started_cancel = StartedCancel::Discontinue;
    let mut others: Vec<(StepEvent, usize)> = Vec::new();
    let mut parked: Vec<String> = Vec::new();
    for (minute, happening) in happenings {
        match (happening, message(*minute, happening)) {
            (_, Some(text)) => {
                if let Disposition::Parked(reason) = site.send(&text).disposition {
                    assert_eq!(reason, "a status for a step that the order does not have");
                    parked.push(text);
                }
            }
            (Happening::Other(event), _) => others.push((*event, *minute)),
            _ => {}
        }
        tell(&mut site, &mut others);
    }
    for text in parked {
        site.send(&text);
    }
    let mut record = site.known.orders.pop()?;
    record.steps.sort_by(|one, other| one.step_id.cmp(&other.step_id));
    Some(record)
}

/// Tells the first step what modalities and others say of it, as soon as there is one.
fn tell(site: &mut Site, others: &mut Vec<(StepEvent, usize)>) {
    let Some(record) = site.known.orders.last_mut() else { return };
    let Some(step) = record.steps.iter_mut().find(|step| step.step_id == "SPS-1") else { return };
    for (event, minute) in others.drain(..) {
        step.advance(event, PartialDateTime::parse(&format!("2026112408{minute:02}")).ok());
    }
}

/// ID, status, whether it is held, stations.
type SeenStep = (String, StepStatus, bool, Vec<String>);
/// Happenings with their minutes.
type Timed = Vec<(usize, Happening)>;

/// What a modality, a person and the next message see of an order.
fn seen(record: &OrderRecord) -> (Vec<String>, Vec<SeenStep>) {
    let order = [
        record.clinical.medical_alerts.clone(),
        record.transport.clone(),
        record.order.patient.name.to_dicom(),
        record.is_tombstone().to_string(),
    ];
    let steps = record.steps.iter().map(|step| {
        (step.step_id.clone(), step.status, step.is_held, step.station_ae_titles.clone())
    });
    (order.to_vec(), steps.collect())
}

fn sequence() -> impl Strategy<Value = (Timed, Timed)> {
    prop::collection::vec(happening(), 1..9).prop_flat_map(|happenings| {
        let timed: Timed = happenings.into_iter().enumerate().collect();
        (Just(timed.clone()), Just(timed).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Neither the status, nor whether the step is held, nor any value that was said depends on the order of arrival.
    #[test]
    fn messages_in_any_order_of_arrival_end_in_the_same_state((timed, shuffled) in sequence()) {
        let in_time = play(&timed);
        let as_arrived = play(&shuffled);
        prop_assert_eq!(in_time.as_ref().map(seen), as_arrived.as_ref().map(seen));
    }

    /// Every message twice is every message once.
    #[test]
    fn repetitions_change_nothing((timed, shuffled) in sequence(), again in subsequence((0..8).collect::<Vec<usize>>(), 0..8)) {
        let mut twice = shuffled.clone();
        twice.extend(shuffled.iter().enumerate().filter(|(at, _)| again.contains(at)).map(|(_, one)| one.clone()));
        let once = play(&timed);
        prop_assert_eq!(once.as_ref().map(seen), play(&twice).as_ref().map(seen));
    }
}
