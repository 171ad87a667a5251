//! Performed procedure steps: every case of PS3.4 section F.7 and of IHE RAD TF-2 appendix A.

use telerad_core::{Issuer, SiteId, Timestamp, Uid};
use telerad_dicom::{DataSet, Status, Tag, tags};
use telerad_worklist::{
    Alert, Applied, Change, Creation, KnownPerformed, Link, LinkedBy, PerformedRules,
    PerformedStatus, PerformedStep, Refusal, StepStatus, await_order,
};

use crate::Site;

const END_DATE: Tag = Tag(0x0040, 0x0250);
const END_TIME: Tag = Tag(0x0040, 0x0251);
const PROTOCOLS: Tag = Tag(0x0040, 0x0260);
const REASON: Tag = Tag(0x0040, 0x0281);
const COMMENTS: Tag = Tag(0x0040, 0x0280);
const SERIES: Tag = Tag(0x0040, 0x0340);
const STATUS: Tag = tags::PERFORMED_PROCEDURE_STEP_STATUS;

/// An order of the site: patient, accession number, study, requested procedure and steps.
fn order(patient: &str, accession: &str, study: &str, procedure: &str, steps: &[&str]) -> String {
    let groups = steps.iter().map(|step| {
        format!(
            "ORC|NW||||||^^^202611241030^^R
            OBR||||X^Proc^L^P1^One^LP||||||||||||||{accession}^NORTH|{procedure}|{step}||||CT"
        )
    });
    format!(
        "MSH|^~\\&|RIS|NORTH|||20261124080000||ORM^O01|M{accession}|P|2.3.1
        PID|||{patient}^^^NORTH-MRN||Doe^Jane||19700102|F
        {}
        ZDS|{study}",
        groups.collect::<Vec<_>>().join("\n")
    )
}

/// One item of the Scheduled Step Attributes Sequence.
fn item(study: &str, accession: &str, procedure: &str, step: &str) -> DataSet {
    let mut item = DataSet::new();
    for (tag, text) in [
        (tags::STUDY_INSTANCE_UID, study),
        (tags::ACCESSION_NUMBER, accession),
        (tags::REQUESTED_PROCEDURE_ID, procedure),
        (tags::SCHEDULED_PROCEDURE_STEP_ID, step),
        (tags::REQUESTED_PROCEDURE_DESCRIPTION, ""),
        (tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION, ""),
        (tags::SCHEDULED_PROTOCOL_CODE_SEQUENCE, ""),
        (tags::REFERENCED_STUDY_SEQUENCE, ""),
    ] {
        if text.is_empty() { item.set_empty(tag) } else { item.set_text(tag, text) }
    }
    item
}

/// The data set of an N-CREATE, as a modality that keeps to the table sends it.
fn created(patient: &str, items: Vec<DataSet>) -> DataSet {
    let mut set = DataSet::new();
    set.set_items(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, items);
    for (tag, text) in [
        (tags::PATIENT_NAME, "Doe^Jane"),
        (tags::PATIENT_ID, patient),
        (tags::PATIENT_BIRTH_DATE, "19700102"),
        (tags::PATIENT_SEX, "F"),
        (tags::REFERENCED_PATIENT_SEQUENCE, ""),
        (tags::PERFORMED_PROCEDURE_STEP_ID, "P-1"),
        (tags::PERFORMED_STATION_AE_TITLE, "CT1"),
        (Tag(0x0040, 0x0242), ""),
        (Tag(0x0040, 0x0243), ""),
        (tags::PERFORMED_PROCEDURE_STEP_START_DATE, "20261124"),
        (tags::PERFORMED_PROCEDURE_STEP_START_TIME, "103100"),
        (STATUS, "IN PROGRESS"),
        (tags::PERFORMED_PROCEDURE_STEP_DESCRIPTION, ""),
        (Tag(0x0040, 0x0255), ""),
        (tags::PROCEDURE_CODE_SEQUENCE, ""),
        (END_DATE, ""),
        (END_TIME, ""),
        (tags::MODALITY, "CT"),
        (tags::STUDY_ID, ""),
        (PROTOCOLS, ""),
        (SERIES, ""),
    ] {
        if text.is_empty() { set.set_empty(tag) } else { set.set_text(tag, text) }
    }
    set
}

fn code(value: &str, scheme: &str) -> Vec<DataSet> {
    let mut code = DataSet::new();
    code.set_text(tags::CODE_VALUE, value);
    code.set_text(tags::CODING_SCHEME_DESIGNATOR, scheme);
    code.set_text(tags::CODE_MEANING, "meaning");
    vec![code]
}

fn series(uid: &str) -> DataSet {
    let mut series = DataSet::new();
    series.set_text(tags::SERIES_INSTANCE_UID, uid);
    series.set_text(tags::PROTOCOL_NAME, "THORAX");
    series.set_empty(tags::REFERENCED_IMAGE_SEQUENCE);
    series.set_empty(Tag(0x0040, 0x0220));
    series
}

/// The data set of an N-SET that ends a step.
fn ended(status: &str) -> DataSet {
    let mut set = DataSet::new();
    set.set_text(STATUS, status);
    set.set_text(END_DATE, "20261124");
    set.set_text(END_TIME, "104500");
    if status == "COMPLETED" {
        set.set_items(SERIES, vec![series("1.2.9.1")]);
    }
    set
}

fn discontinued_for(reason: &str) -> DataSet {
    let mut set = ended("DISCONTINUED");
    set.set_items(REASON, code(reason, "DCM"));
    set
}

fn uid(text: &str) -> Uid {
    Uid::new(text).unwrap()
}

/// A site whose orders come by HL7 and whose modalities tell what they do.
struct Room {
    site: Site,
    rules: PerformedRules,
    performed: Vec<PerformedStep>,
    second: i64,
}

impl Room {
    fn new(orders: &[String]) -> Self {
        let mut site = Site::new();
        for order in orders {
            site.send(order);
        }
        let mut rules = PerformedRules::new(SiteId::new("north").unwrap());
        rules.accession_issuer = Issuer::local("NORTH").ok();
        rules.patient_authority = Issuer::local("NORTH-MRN").ok();
        Self { site, rules, performed: Vec::new(), second: 1000 }
    }

    /// One order, one step.
    fn simple() -> Self {
        Self::new(&[order("4711", "A-1", "1.2.3", "RP-1", &["SPS-1"])])
    }

    fn now(&mut self) -> Timestamp {
        self.second += 1;
        Timestamp::from_micros(self.second * 1_000_000)
    }

    fn known(&self, sop_instance_uid: &str) -> Option<PerformedStep> {
        self.performed.iter().find(|it| it.sop_instance_uid.as_str() == sop_instance_uid).cloned()
    }

    fn all_known(&self, sop_instance_uid: &str) -> KnownPerformed {
        let (orders, others) = (self.site.known.orders.clone(), self.performed.clone());
        KnownPerformed { step: self.known(sop_instance_uid), orders, others }
    }

    fn create(&mut self, sop_instance_uid: &str, set: &DataSet) -> Result<Applied, Refusal> {
        let known = self.known(sop_instance_uid);
        let creation = Creation::read(&uid(sop_instance_uid), set, known.as_ref(), &self.rules)?;
        let known = self.all_known(sop_instance_uid);
        let now = self.now();
        let applied = creation.apply(&known, &self.site.known.patients, now);
        self.keep(&applied);
        Ok(applied)
    }

    fn set(&mut self, sop_instance_uid: &str, set: &DataSet) -> Result<Applied, Refusal> {
        let change = Change::read(set, self.known(sop_instance_uid).as_ref(), &self.rules)?;
        let applied = change.apply(&self.all_known(sop_instance_uid), self.now());
        self.keep(&applied);
        Ok(applied)
    }

    fn keep(&mut self, applied: &Applied) {
        self.performed.retain(|it| it.sop_instance_uid != applied.step.sop_instance_uid);
        self.performed.push(applied.step.clone());
        for order in &applied.orders {
            self.site.write(telerad_worklist::Effect::PutOrder(order.clone()));
        }
    }

    /// An order comes, and with it what waits for it.
    fn order(&mut self, text: &str) -> Vec<Alert> {
        self.site.send(text);
        let order = self.site.order().clone();
        let (patients, now) = (self.site.known.patients.clone(), self.now());
        let awaited = await_order(order, self.performed.clone(), &patients, &self.rules, now);
        if awaited.order != *self.site.order() {
            self.site.write(telerad_worklist::Effect::PutOrder(awaited.order));
        }
        for step in awaited.steps {
            self.performed.retain(|it| it.sop_instance_uid != step.sop_instance_uid);
            self.performed.push(step);
        }
        awaited.alerts.into_iter().map(|(_, alert)| alert).collect()
    }

    #[track_caller]
    fn stands(&self, expected: &[(&str, StepStatus)]) {
        let mut steps: Vec<(&str, StepStatus)> = Vec::new();
        for order in &self.site.known.orders {
            steps.extend(order.steps.iter().map(|step| (step.step_id.as_str(), step.status)));
        }
        steps.sort();
        assert_eq!(steps, expected);
    }
}

fn texts(applied: &Applied) -> Vec<String> {
    applied.findings.iter().map(ToString::to_string).collect()
}

fn simple_item() -> Vec<DataSet> {
    vec![item("1.2.3", "A-1", "RP-1", "SPS-1")]
}

use StepStatus::{Canceled, Completed, Discontinued, Scheduled, Started};

#[track_caller]
fn check_create(change: impl FnOnce(&mut DataSet), expected: Result<(), (u16, Vec<Tag>)>) {
    let mut room = Room::simple();
    let mut set = created("4711", simple_item());
    change(&mut set);
    let got = room.create("1.2.5.1", &set).map(|_| ());
    assert_eq!(got.map_err(|it| (it.status.code(), it.attributes)), expected);
    let begins = expected.is_ok();
    assert_eq!(room.performed.len(), usize::from(begins));
    room.stands(&[("SPS-1", if begins { Started } else { Scheduled })]);
}

#[test]
fn a_step_is_created_in_progress_and_in_no_other_status() {
    check_create(|_| {}, Ok(()));
    for wrong in ["COMPLETED", "DISCONTINUED", "SCHEDULED", "in progress"] {
        check_create(|set| set.set_text(STATUS, wrong), Err((0x0106, vec![STATUS])));
    }
}

#[test]
fn every_type_1_attribute_must_be_created_with_a_value() {
    let ones = [
        tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE,
        tags::PERFORMED_PROCEDURE_STEP_ID,
        tags::PERFORMED_STATION_AE_TITLE,
        tags::PERFORMED_PROCEDURE_STEP_START_DATE,
        tags::PERFORMED_PROCEDURE_STEP_START_TIME,
        STATUS,
        tags::MODALITY,
    ];
    for tag in ones {
        check_create(|set| set.remove(tag), Err((0x0120, vec![tag])));
        check_create(|set| set.set_empty(tag), Err((0x0121, vec![tag])));
    }
    let without_study = |set: &mut DataSet| {
        let mut item = item("1.2.3", "A-1", "RP-1", "SPS-1");
        item.remove(tags::STUDY_INSTANCE_UID);
        set.set_items(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, vec![item]);
    };
    check_create(without_study, Err((0x0120, vec![tags::STUDY_INSTANCE_UID])));
    let no_uid = |set: &mut DataSet| {
        let items = vec![item("none", "A-1", "RP-1", "SPS-1")];
        set.set_items(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, items);
    };
    check_create(no_uid, Err((0x0106, vec![tags::STUDY_INSTANCE_UID])));
    let half_a_series = |set: &mut DataSet| {
        let mut half = series("1.2.9.1");
        half.remove(tags::PROTOCOL_NAME);
        set.set_items(SERIES, vec![half]);
    };
    check_create(half_a_series, Err((0x0120, vec![tags::PROTOCOL_NAME])));
}

#[test]
fn every_type_2_attribute_that_is_absent_counts_as_empty_and_is_noticed() {
    let twos = [
        tags::REFERENCED_PATIENT_SEQUENCE,
        Tag(0x0040, 0x0242),
        Tag(0x0040, 0x0243),
        tags::PERFORMED_PROCEDURE_STEP_DESCRIPTION,
        Tag(0x0040, 0x0255),
        tags::PROCEDURE_CODE_SEQUENCE,
        END_DATE,
        END_TIME,
        tags::STUDY_ID,
        PROTOCOLS,
        SERIES,
    ];
    for tag in twos {
        let mut set = created("4711", simple_item());
        set.remove(tag);
        let applied = Room::simple().create("1.2.5.1", &set).unwrap();
        let expected = format!("{tag}: a type 2 attribute is absent: taken as empty");
        assert_eq!(texts(&applied), [expected]);
    }
}

#[test]
fn a_step_that_is_known_is_not_created_again() {
    let mut room = Room::simple();
    let set = created("4711", simple_item());
    room.create("1.2.5.1", &set).unwrap();
    let before = (room.performed.clone(), room.site.known.orders.clone());
    let same = room.create("1.2.5.1", &set).unwrap_err();
    assert_eq!(
        (same.status, same.comment),
        (Status::DUPLICATE_SOP_INSTANCE, "known with the same content")
    );
    let other = room.create("1.2.5.1", &created("4712", simple_item())).unwrap_err();
    assert_eq!(
        (other.status, other.comment),
        (Status::DUPLICATE_SOP_INSTANCE, "known with other content")
    );
    // Even one that could not be created.
    let broken = room.create("1.2.5.1", &DataSet::new()).unwrap_err();
    assert_eq!(broken.status, Status::DUPLICATE_SOP_INSTANCE);
    assert_eq!((room.performed, room.site.known.orders), before);
}

#[test]
fn a_step_that_is_not_known_cannot_be_set() {
    let refusal = Room::simple().set("1.2.5.1", &ended("COMPLETED")).unwrap_err();
    assert_eq!(refusal.status, Status::NO_SUCH_SOP_INSTANCE);
}

#[test]
fn a_step_that_has_ended_says_so_in_the_words_of_the_standard() {
    for end in ["COMPLETED", "DISCONTINUED"] {
        let mut room = Room::simple();
        room.create("1.2.5.1", &created("4711", simple_item())).unwrap();
        room.set("1.2.5.1", &ended(end)).unwrap();
        for again in ["IN PROGRESS", "COMPLETED", "DISCONTINUED"] {
            let refusal = room.set("1.2.5.1", &ended(again)).unwrap_err();
            assert_eq!(
                (refusal.status, refusal.error_id),
                (Status::PROCESSING_FAILURE, Some(0xA710))
            );
            let words = "Performed Procedure Step Object may no longer be updated";
            assert_eq!(refusal.comment, words);
        }
    }
}

#[track_caller]
fn check_set(change: impl FnOnce(&mut DataSet), expected: Result<(), (u16, Vec<Tag>)>) {
    let mut room = Room::simple();
    room.create("1.2.5.1", &created("4711", simple_item())).unwrap();
    let before = room.performed.clone();
    let mut set = ended("COMPLETED");
    change(&mut set);
    let got = room.set("1.2.5.1", &set).map(|_| ());
    assert_eq!(got.map_err(|it| (it.status.code(), it.attributes)), expected);
    if expected.is_err() {
        assert_eq!(room.performed, before);
        room.stands(&[("SPS-1", Started)]);
    }
}

#[test]
fn what_may_not_be_set_is_refused_unless_it_repeats_what_was_created() {
    for (tag, other) in [
        (tags::PATIENT_NAME, "Doe^John"),
        (tags::PATIENT_ID, "4712"),
        (tags::ISSUER_OF_PATIENT_ID, "SOUTH"),
        (tags::PATIENT_BIRTH_DATE, "19700103"),
        (tags::PATIENT_SEX, "M"),
        (tags::ADMISSION_ID, "V-1"),
        (tags::PERFORMED_PROCEDURE_STEP_ID, "P-2"),
        (tags::PERFORMED_STATION_AE_TITLE, "CT2"),
        (tags::PERFORMED_PROCEDURE_STEP_START_DATE, "20261125"),
        (tags::PERFORMED_PROCEDURE_STEP_START_TIME, "1032"),
        (tags::MODALITY, "MR"),
        (tags::STUDY_ID, "7"),
    ] {
        check_set(|set| set.set_text(tag, other), Err((0x0105, vec![tag])));
    }
    let other_item = |set: &mut DataSet| {
        let items = vec![item("1.2.4", "", "", "")];
        set.set_items(tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE, items);
    };
    check_set(other_item, Err((0x0105, vec![tags::SCHEDULED_STEP_ATTRIBUTES_SEQUENCE])));
    let everything_again = |set: &mut DataSet| {
        let mut all = created("4711", simple_item());
        for tag in [STATUS, END_DATE, END_TIME] {
            all.set_text(tag, &set.text(tag).unwrap());
        }
        *set = all;
    };
    check_set(everything_again, Ok(()));
    check_set(|set| set.set_text(STATUS, "DONE"), Err((0x0106, vec![STATUS])));
    check_set(|set| set.set_empty(STATUS), Err((0x0121, vec![STATUS])));
}

#[test]
fn a_step_that_ends_must_be_complete() {
    for end in ["COMPLETED", "DISCONTINUED"] {
        for tag in [END_DATE, END_TIME] {
            let ends = |set: &mut DataSet| {
                *set = ended(end);
                set.remove(tag);
            };
            // It was created without a value, and is so still.
            check_set(ends, Err((0x0121, vec![tag])));
        }
    }
    let half_a_series = |set: &mut DataSet| {
        let mut half = series("1.2.9.1");
        half.set_empty(tags::SERIES_INSTANCE_UID);
        set.set_items(SERIES, vec![half]);
    };
    check_set(half_a_series, Err((0x0121, vec![tags::SERIES_INSTANCE_UID])));
    // What was set before counts.
    let mut room = Room::simple();
    room.create("1.2.5.1", &created("4711", simple_item())).unwrap();
    let mut times = ended("IN PROGRESS");
    times.set_items(SERIES, vec![series("1.2.9.1")]);
    room.set("1.2.5.1", &times).unwrap();
    let mut end = DataSet::new();
    end.set_text(STATUS, "COMPLETED");
    assert_eq!(texts(&room.set("1.2.5.1", &end).unwrap()), [""; 0]);
    let mut without = Room::simple();
    without.create("1.2.5.1", &created("4711", simple_item())).unwrap();
    let mut end = ended("COMPLETED");
    end.remove(SERIES);
    let found = texts(&without.set("1.2.5.1", &end).unwrap());
    let said = "(0040,0340): completed without a series: no instances are said to have been made";
    assert_eq!(found, [said]);
}

#[test]
fn sequences_are_set_whole_and_the_first_character_set_stays() {
    let mut room = Room::simple();
    let mut set = created("4711", simple_item());
    set.set_text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 100");
    room.create("1.2.5.1", &set).unwrap();
    let mut change = DataSet::new();
    change.set_text(tags::SPECIFIC_CHARACTER_SET, "ISO_IR 144");
    change.set_items(SERIES, vec![series("1.2.9.1"), series("1.2.9.2")]);
    room.set("1.2.5.1", &change).unwrap();
    assert_eq!(room.performed[0].series_instance_uids, ["1.2.9.1", "1.2.9.2"]);
    change.set_items(SERIES, vec![series("1.2.9.3")]);
    room.set("1.2.5.1", &change).unwrap();
    assert_eq!(room.performed[0].series_instance_uids, ["1.2.9.3"]);
    let kept = room.performed[0].attributes.decode().unwrap();
    assert_eq!(kept.text(tags::SPECIFIC_CHARACTER_SET).as_deref(), Some("ISO_IR 100"));
    assert_eq!(kept.text(tags::PATIENT_NAME).as_deref(), Some("Doe^Jane"));
    // Text of both is whole, in whatever set each came.
    let mut set = DataSet::new();
    set.set_text(COMMENTS, "Müller: ЛЮК");
    room.set("1.2.5.1", &set).unwrap();
    let kept = room.performed[0].attributes.decode().unwrap();
    assert_eq!(kept.text(COMMENTS).as_deref(), Some("Müller: ЛЮК"));
}

#[test]
fn one_step_is_scheduled_started_and_completed() {
    let mut room = Room::simple();
    let applied = room.create("1.2.5.1", &created("4711", simple_item())).unwrap();
    assert_eq!((texts(&applied), applied.alerts), (vec![], vec![]));
    room.stands(&[("SPS-1", Started)]);
    let Link::Linked { by, .. } = room.performed[0].scheduled[0].link else { panic!("not linked") };
    assert_eq!(by, LinkedBy::StudyAndStep);
    let mut progress = DataSet::new();
    progress.set_text(COMMENTS, "half way");
    assert!(room.set("1.2.5.1", &progress).unwrap().orders.is_empty());
    room.stands(&[("SPS-1", Started)]);
    let end = room.set("1.2.5.1", &ended("COMPLETED")).unwrap();
    // Comments were never created, which other devices do not do either.
    assert_eq!(texts(&end), [""; 0]);
    assert_eq!(end.step.status, PerformedStatus::Completed);
    room.stands(&[("SPS-1", Completed)]);
}

#[test]
fn a_step_is_abandoned_without_series() {
    let mut room = Room::simple();
    room.create("1.2.5.1", &created("4711", simple_item())).unwrap();
    let end = room.set("1.2.5.1", &ended("DISCONTINUED")).unwrap();
    assert_eq!((texts(&end), end.alerts), (vec![], vec![]));
    room.stands(&[("SPS-1", Discontinued)]);
}

#[test]
fn a_step_that_is_performed_in_several_ends_with_the_last_of_them() {
    let mut room = Room::simple();
    for uid in ["1.2.5.1", "1.2.5.2"] {
        room.create(uid, &created("4711", simple_item())).unwrap();
    }
    room.set("1.2.5.1", &ended("COMPLETED")).unwrap();
    room.stands(&[("SPS-1", Started)]);
    room.set("1.2.5.2", &ended("DISCONTINUED")).unwrap();
    room.stands(&[("SPS-1", Completed)]);
}

#[test]
fn a_step_is_appended_to_and_says_so() {
    let mut room = Room::simple();
    room.create("1.2.5.1", &created("4711", simple_item())).unwrap();
    room.set("1.2.5.1", &ended("COMPLETED")).unwrap();
    let appended = room.create("1.2.5.2", &created("4711", simple_item())).unwrap();
    let said = "(0040,0270): a step that was COMPLETED is performed: it is STARTED now";
    assert_eq!(texts(&appended), [said]);
    room.stands(&[("SPS-1", Started)]);
    room.set("1.2.5.2", &ended("COMPLETED")).unwrap();
    room.stands(&[("SPS-1", Completed)]);
}

#[test]
fn what_is_discontinued_and_performed_again_starts_again() {
    let mut room = Room::simple();
    room.create("1.2.5.1", &created("4711", simple_item())).unwrap();
    room.set("1.2.5.1", &discontinued_for("110501")).unwrap();
    room.create("1.2.5.2", &created("4711", simple_item())).unwrap();
    room.stands(&[("SPS-1", Started)]);
    room.set("1.2.5.2", &ended("COMPLETED")).unwrap();
    room.stands(&[("SPS-1", Completed)]);
}

#[test]
fn the_steps_of_a_group_move_together() {
    let orders = [
        order("4711", "A-1", "1.2.3", "RP-1", &["SPS-1"]),
        order("4711", "A-2", "1.2.4", "RP-2", &["SPS-2", "SPS-3"]),
    ];
    // The modality made a study for both: the numbers lead to the orders.
    let own = vec![item("1.2.77", "A-1", "RP-1", "SPS-1"), item("1.2.77", "A-2", "RP-2", "SPS-2")];
    // It took the study of one of them.
    let of_one = vec![item("1.2.3", "A-1", "RP-1", "SPS-1"), item("1.2.3", "A-2", "RP-2", "SPS-2")];
    for items in [own, of_one] {
        let mut room = Room::new(&orders);
        room.create("1.2.5.1", &created("4711", items)).unwrap();
        assert_eq!(room.performed[0].order_keys().len(), 2);
        room.stands(&[("SPS-1", Started), ("SPS-2", Started), ("SPS-3", Scheduled)]);
        room.set("1.2.5.1", &ended("COMPLETED")).unwrap();
        room.stands(&[("SPS-1", Completed), ("SPS-2", Completed), ("SPS-3", Scheduled)]);
    }
    // One item in doubt, and none moves.
    let mut room = Room::new(&[orders[0].clone(), orders[1].replace("4711^", "4712^")]);
    let items =
        vec![item("1.2.77", "A-1", "RP-1", "SPS-1"), item("1.2.77", "A-2", "RP-2", "SPS-2")];
    let applied = room.create("1.2.5.1", &created("4711", items)).unwrap();
    let reason = "the performed step names another patient than its order";
    assert_eq!(applied.alerts, [Alert::Suspect(reason.to_owned())]);
    room.stands(&[("SPS-1", Scheduled), ("SPS-2", Scheduled), ("SPS-3", Scheduled)]);
}

#[test]
fn what_is_unscheduled_waits_for_the_order_with_its_study() {
    for ends_first in [true, false] {
        let mut room = Room::new(&[]);
        let applied =
            room.create("1.2.5.1", &created("4711", vec![item("1.2.3", "", "", "")])).unwrap();
        assert!(applied.orders.is_empty() && applied.alerts.is_empty());
        assert!(room.performed[0].is_waiting());
        assert!(room.site.known.patients.is_empty());
        if ends_first {
            room.set("1.2.5.1", &ended("COMPLETED")).unwrap();
        }
        assert_eq!(room.order(&order("4711", "A-1", "1.2.3", "RP-1", &["SPS-1"])), []);
        assert!(!room.performed[0].is_waiting());
        if !ends_first {
            room.stands(&[("SPS-1", Started)]);
            room.set("1.2.5.1", &ended("COMPLETED")).unwrap();
        }
        room.stands(&[("SPS-1", Completed)]);
    }
    // Of several steps none is certain to be the one.
    let mut room = Room::new(&[]);
    room.create("1.2.5.1", &created("4711", vec![item("1.2.3", "", "", "")])).unwrap();
    room.order(&order("4711", "A-1", "1.2.3", "RP-1", &["SPS-1", "SPS-2"]));
    assert!(!room.performed[0].is_waiting());
    room.stands(&[("SPS-1", Scheduled), ("SPS-2", Scheduled)]);
    // The study of another patient is no match, but a question.
    let mut room = Room::new(&[]);
    room.create("1.2.5.1", &created("4711", vec![item("1.2.3", "", "", "")])).unwrap();
    let alerts = room.order(&order("4712", "A-1", "1.2.3", "RP-1", &["SPS-1"]));
    let reason = "the performed step names another patient than its order".to_owned();
    assert_eq!(alerts, [Alert::Suspect(reason)]);
    room.stands(&[("SPS-1", Scheduled)]);
}

#[track_caller]
fn check_link(patient: &str, named: DataSet, expected: Result<(LinkedBy, usize), &str>) {
    let mut room = Room::new(&[
        order("4711", "A-1", "1.2.3", "RP-1", &["SPS-1"]),
        order("4712", "A-2", "1.2.4", "RP-2", &["SPS-1", "SPS-2"]),
    ]);
    room.create("1.2.5.1", &created(patient, vec![named])).unwrap();
    let got = match &room.performed[0].scheduled[0].link {
        Link::Linked { by, steps, .. } => Ok((*by, steps.len())),
        Link::Suspect { reason, .. } => Err(reason.as_str()),
        Link::Unscheduled => Err("unscheduled"),
    };
    assert_eq!(got, expected);
}

#[test]
fn the_surest_identifiers_lead_to_the_order_and_the_patient_must_agree() {
    use LinkedBy::{AccessionAndStep, Study, StudyAndProcedure, StudyAndStep};
    check_link("4711", item("1.2.3", "", "", "SPS-1"), Ok((StudyAndStep, 1)));
    check_link("4711", item("1.2.3", "A-9", "RP-9", "SPS-1"), Ok((StudyAndStep, 1)));
    check_link("4711", item("1.2.3", "", "RP-1", ""), Ok((StudyAndProcedure, 1)));
    check_link("4711", item("1.2.3", "", "RP-1", "SPS-9"), Ok((StudyAndProcedure, 0)));
    check_link("4712", item("1.2.4", "", "RP-2", ""), Ok((StudyAndProcedure, 0)));
    check_link("4712", item("1.2.99", "A-2", "", "SPS-2"), Ok((AccessionAndStep, 1)));
    check_link("4711", item("1.2.3", "", "", ""), Ok((Study, 1)));
    check_link("4711", item("1.2.3", "", "", "SPS-9"), Ok((Study, 0)));
    // An accession number alone is no match, nor is a step's number.
    check_link("4711", item("1.2.99", "A-1", "RP-1", ""), Err("unscheduled"));
    check_link("4711", item("1.2.99", "", "RP-1", "SPS-1"), Err("unscheduled"));
    let another = "the performed step names another patient than its order";
    check_link("4712", item("1.2.3", "A-1", "RP-1", "SPS-1"), Err(another));
    check_link("4711", item("1.2.99", "A-2", "", "SPS-2"), Err(another));
    let nobody = "the performed step names no patient identifier";
    check_link("", item("1.2.3", "A-1", "RP-1", "SPS-1"), Err(nobody));
    let of_another = "the study of the performed step is another patient's";
    check_link("4711", item("1.2.4", "A-1", "", "SPS-1"), Err(another));
    check_link("4712", item("1.2.3", "A-2", "", "SPS-2"), Err(of_another));
}

#[test]
fn a_performed_step_never_invents_a_patient_or_an_order() {
    let mut room = Room::new(&[]);
    let applied = room.create("1.2.5.1", &created("9999", simple_item())).unwrap();
    assert!(applied.orders.is_empty());
    room.set("1.2.5.1", &ended("COMPLETED")).unwrap();
    assert!(room.site.known.orders.is_empty() && room.site.known.patients.is_empty());
}

#[test]
fn what_is_performed_otherwise_than_scheduled_is_noticed_and_both_are_kept() {
    let said = "(0040,0260): another protocol was performed than was scheduled: both are kept";
    let mut room = Room::simple();
    let mut set = created("4711", simple_item());
    set.set_items(PROTOCOLS, code("P2", "LP"));
    assert_eq!(texts(&room.create("1.2.5.1", &set).unwrap()), [said]);
    assert_eq!(room.performed[0].protocols[0].value, "P2");
    assert_eq!(room.site.order().steps[0].protocol.value, "P1");
    room.stands(&[("SPS-1", Started)]);
    let mut room = Room::simple();
    room.create("1.2.5.1", &created("4711", simple_item())).unwrap();
    let mut change = DataSet::new();
    change.set_items(PROTOCOLS, code("P1", "LP"));
    assert_eq!(texts(&room.set("1.2.5.1", &change).unwrap()), [""; 0]);
    change.set_items(PROTOCOLS, code("P1", "OTHER"));
    assert_eq!(texts(&room.set("1.2.5.1", &change).unwrap()), [said]);
}

#[test]
fn a_wrong_entry_of_the_worklist_is_as_if_it_had_not_been_chosen_and_the_study_is_to_be_corrected()
{
    let mut room = Room::simple();
    room.create("1.2.5.1", &created("4711", simple_item())).unwrap();
    let end = room.set("1.2.5.1", &discontinued_for("110514")).unwrap();
    assert_eq!(end.alerts, [Alert::WrongEntry(vec![uid("1.2.3")])]);
    room.stands(&[("SPS-1", Scheduled)]);
    // Beside another one that goes on, or that has ended, only that one counts.
    for end in [None, Some("COMPLETED")] {
        let mut room = Room::simple();
        for uid in ["1.2.5.1", "1.2.5.2"] {
            room.create(uid, &created("4711", simple_item())).unwrap();
        }
        if let Some(end) = end {
            room.set("1.2.5.1", &ended(end)).unwrap();
        }
        room.set("1.2.5.2", &discontinued_for("110514")).unwrap();
        room.stands(&[("SPS-1", if end.is_some() { Completed } else { Started })]);
    }
    // Two wrong ones: it is as it was before the first.
    let mut room = Room::simple();
    for uid in ["1.2.5.1", "1.2.5.2"] {
        room.create(uid, &created("4711", simple_item())).unwrap();
    }
    room.set("1.2.5.1", &discontinued_for("110514")).unwrap();
    room.stands(&[("SPS-1", Started)]);
    room.set("1.2.5.2", &discontinued_for("110514")).unwrap();
    room.stands(&[("SPS-1", Scheduled)]);
    // The code of another scheme means something else.
    let mut room = Room::simple();
    room.create("1.2.5.1", &created("4711", simple_item())).unwrap();
    let mut set = ended("DISCONTINUED");
    set.set_items(REASON, code("110514", "99LOCAL"));
    assert_eq!(room.set("1.2.5.1", &set).unwrap().alerts, []);
    room.stands(&[("SPS-1", Discontinued)]);
}

#[test]
fn other_reasons_discontinue_a_step_or_put_it_back_by_rule() {
    for (reason, expected) in [
        ("110500", Discontinued),
        ("110501", Scheduled),
        ("110507", Discontinued),
        ("110510", Discontinued),
    ] {
        let mut room = Room::simple();
        room.rules.rescheduling_reasons = vec!["110501".to_owned()];
        room.create("1.2.5.1", &created("4711", simple_item())).unwrap();
        let end = room.set("1.2.5.1", &discontinued_for(reason)).unwrap();
        assert_eq!(end.alerts, []);
        room.stands(&[("SPS-1", expected)]);
    }
}

#[test]
fn a_step_that_is_cancelled_and_performed_all_the_same_is_noticed() {
    let mut room = Room::simple();
    room.site.send(
        "MSH|^~\\&|RIS|NORTH|||20261124090000||ORM^O01|M9|P|2.3.1
        PID|||4711^^^NORTH-MRN||Doe^Jane||19700102|F
        ORC|CA
        OBR||||X^Proc^L||||||||||||||A-1^NORTH|RP-1|SPS-1||||CT
        ZDS|1.2.3",
    );
    room.stands(&[("SPS-1", Canceled)]);
    let applied = room.create("1.2.5.1", &created("4711", simple_item())).unwrap();
    let said = "(0040,0270): a step that was CANCELED is performed: it is STARTED now";
    assert_eq!(texts(&applied), [said]);
    room.stands(&[("SPS-1", Started)]);
}
