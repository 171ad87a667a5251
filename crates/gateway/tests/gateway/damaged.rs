//! Whatever comes in by HL7: no change without an acknowledgement and a kept message, no acknowledgement without either, and
//! nothing of one site at another.

use std::sync::{Arc, Mutex};

use telerad_core::SiteId;
use telerad_dicom::{DataSet, Tag, tags};
use telerad_hl7::{AckCode, read_acknowledgement};
use telerad_store::{Effect, MessageOutcome, MessageRecord, Orders, Patients};
use telerad_testkit::hl7::{Case, adt_a04, orm_o01};
use telerad_worklist::Query;

use crate::house::{House, Verdict, case_of, site};

/// What the two sites' messages are before anything happens to them.
fn messages(number: u64) -> Vec<String> {
    let of = |name: &str| case_of("RIS", name, number);
    let control = |name: &str, control: &str, time: &str| Case {
        order_control: control.to_owned(),
        time: time.to_owned(),
        ..of(name).with_control_id(&format!("{name}{number}{control}"))
    };
    let merge = |name: &str| {
        let case = of(name).with_control_id(&format!("{name}{number}M"));
        let message = adt_a04(&case).replace("ADT^A04", "ADT^A40").replace("EVN|A04", "EVN|A40");
        format!(
            "{}MRG|{}\r",
            message.replace("PV1||O\r", ""),
            case_of("RIS", name, number + 1).patient_id
        )
    };
    let mut all = Vec::new();
    for name in ["north", "south"] {
        all.push(adt_a04(&of(name).with_control_id(&format!("{name}{number}A"))));
        all.push(orm_o01(&control(name, "NW", "20260105080000")));
        all.push(orm_o01(&control(name, "XO", "20260105090000")));
        all.push(merge(name));
        all.push(orm_o01(&control(name, "CA", "20260105100000")));
    }
    all
}

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }
}

/// One wound. Framing characters are left alone: they end a frame, which is not about the message.
fn damage(message: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = message.chars().collect();
    let at = dice.below(letters.len());
    let until = (at + 1 + dice.below(30)).min(letters.len());
    let strange = ['|', '^', '~', '\\', '&', '\r', '"', '*', '\0', 'é', '\u{3042}', '9', ' '];
    let mut segments: Vec<String> = message.split_inclusive('\r').map(str::to_owned).collect();
    let one = dice.below(segments.len());
    match dice.below(7) {
        0 => letters[at] = strange[dice.below(strange.len())],
        1 => drop(letters.drain(at..until)),
        2 => letters.insert(at, strange[dice.below(strange.len())]),
        3 => letters.truncate(at),
        4 => {
            let copied: Vec<char> = letters[at..until].to_vec();
            letters.splice(at..at, copied);
        }
        5 => {
            let again = segments[one].clone();
            segments.insert(dice.below(segments.len()), again);
            return segments.concat();
        }
        _ => {
            segments.remove(one);
            return segments.concat();
        }
    }
    letters.into_iter().collect()
}

/// What a site's modalities are answered when they ask for everything, and of which site it is.
async fn state_of(house: &House, name: &SiteId) -> Vec<DataSet> {
    let orders = house.store.open_orders(name, None).await.unwrap();
    assert!(orders.iter().all(|order| order.order.site == *name));
    let ids: Vec<_> =
        orders.iter().filter_map(|it| it.order.patient.primary_id().cloned()).collect();
    let patients = house.store.patients(name, &ids).await.unwrap();
    let mut everything = DataSet::new();
    for tag in ASKED {
        everything.set_empty(tag);
    }
    Query::read(&everything).unwrap().answers(&orders, &patients)
}

const ASKED: [Tag; 9] = [
    tags::ACCESSION_NUMBER,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_ID,
    tags::PATIENT_NAME,
    tags::PATIENT_SEX,
    tags::REQUESTED_PROCEDURE_DESCRIPTION,
    tags::REQUESTED_PROCEDURE_PRIORITY,
    tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE,
    tags::STUDY_INSTANCE_UID,
];

#[tokio::test(start_paused = true)]
async fn no_message_changes_a_worklist_unanswered_or_is_answered_and_lost() {
    let house = House::open();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeps = Arc::clone(&kept);
    house.store.watch.judge(move |batch| {
        let messages = batch.effects.iter().filter_map(|effect| match effect {
            Effect::Message(record) => Some(record.clone()),
            _ => None,
        });
        keeps.lock().unwrap().extend(messages);
        Verdict::Pass
    });
    let (north, south) = (site("north"), site("south"));
    let mut dice = Dice(20_261_125);
    let (mut changed, mut accepted, mut refused) = (0, 0, 0);
    for number in 0..60 {
        for message in messages(1 + 2 * number) {
            let sent = match dice.below(4) {
                0 => message,
                1 => damage(&damage(&message, &mut dice), &mut dice),
                _ => damage(&message, &mut dice),
            };
            let before = (state_of(&house, &north).await, state_of(&house, &south).await);
            let known = kept.lock().unwrap().len();
            let answers = house.answers(&sent).await;
            let after = (state_of(&house, &north).await, state_of(&house, &south).await);
            let kept: Vec<MessageRecord> = kept.lock().unwrap().clone();
            let new = &kept[known..];
            let is_changed = before != after;
            assert!(before.0 == after.0 || before.1 == after.1, "one message changed two sites");
            // A wound in MSH-15 or MSH-16 may ask for another answer, or for none at all.
            let acks = answers.iter().filter_map(read_acknowledgement);
            let is_accepted =
                acks.into_iter().any(|ack| matches!(ack.code, AckCode::AA | AckCode::CA));
            let is_silent = answers.is_empty();
            if is_changed || is_accepted {
                // A repetition is answered for the message that is kept already.
                let is_repeated = kept[..known].iter().any(|record| record.raw == sent.as_bytes());
                let is_answered = is_accepted || is_silent;
                assert!(is_answered && (new.len() == 1 || is_repeated), "{sent:?}");
            }
            if is_changed {
                assert_eq!(new[0].outcome, MessageOutcome::Applied, "{sent:?}");
                let of = new[0].site.as_ref();
                assert_eq!(of == Some(&north), before.0 != after.0, "{sent:?}");
            }
            changed += usize::from(is_changed);
            accepted += usize::from(is_accepted);
            refused += usize::from(!is_accepted && !is_silent);
        }
    }
    // Enough of each, or the wounds are not what they should be.
    assert!(changed > 70 && accepted > 200 && refused > 30, "{changed} {accepted} {refused}");
}
