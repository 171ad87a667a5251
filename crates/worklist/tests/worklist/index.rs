//! The index answers as a walk over every record does, whatever was put into it before.

use std::sync::LazyLock;

use proptest::prelude::*;
use telerad_core::{AeTitle, PartialDate, PersonName};
use telerad_dicom::{DataSet, Tag, tags};
use telerad_worklist::{OrderRecord, PatientRecord, Query, StepStatus, WorklistIndex};

use crate::{Site, identifier};

/// Orders of a few patients over a few days: one for every number below `count`.
fn site(count: usize) -> Site {
    let mut site = Site::new();
    for at in 0..count {
        let patient = at % 7;
        let name =
            ["Doe^Jane", "Müller^Jörg", "山田^太郎", "doe^john", "", "Ørsted^Å", "Roe"][patient];
        let modality = ["CT", "MR", "US"][at % 3];
        let stations = ["CT1~CT2", "CT1", "", "MR1", "MR1~CT2~US1"][at % 5];
        let start = ["20260705", "202607051000", "202607061830", "202607070700", "20260708235959"]
            [at / 3 % 5];
        site.send(&format!(
            "MSH|^~\\&|RIS|NORTH|||20260701080000||OMI^O23|M|P|2.5.1||||||UNICODE UTF-8
            PID|||P{patient}^^^NORTH-MRN||{name}||19700102|F
            PV1||O|W^{}
            ORC|NW
            TQ1|||||||{start}||R
            OBR||||X^Proc^L
            IPC|A-{at}|RP-{}|1.2.3.{at}|S-1|{modality}|P^Scan head^LP|ROOM{at}||{stations}
            IPC|A-{at}|RP-{}|1.2.3.{at}|S-2|OT|P^Scan^LP|||CT2",
            at % 2,
            at % 4,
            at % 4
        ));
    }
    site
}

struct Both {
    index: WorklistIndex,
    orders: Vec<OrderRecord>,
    patients: Vec<PatientRecord>,
}

impl Both {
    fn put(&mut self, order: &OrderRecord) {
        self.index.put_order(order);
        self.orders.retain(|kept| kept.key != order.key);
        if order.is_open() {
            self.orders.push(order.clone());
        }
        let of_order =
            |kept: &&PatientRecord| kept.patient.primary_id() == order.order.patient.primary_id();
        // As whoever keeps the index does it: the patient's record with each order.
        if let Some(patient) = self.patients.iter().find(of_order) {
            self.index.put_patient(patient);
        }
    }

    fn change(&mut self, what: u8, at: usize, from: &Site) {
        let orders = &from.known.orders;
        let mut order = orders[at % orders.len()].clone();
        match what % 6 {
            0 => {}
            1 => order.steps[0].status = StepStatus::Completed,
            2 => order.steps.iter_mut().for_each(|step| step.status = StepStatus::Canceled),
            3 => order.steps[1].station_ae_titles = vec!["US1".to_owned(), "US1".to_owned()],
            4 => order.order.requested_procedure_id = "RP-9".to_owned(),
            _ => {
                let patient = at % self.patients.len();
                let record = &mut self.patients[patient];
                record.patient.name = PersonName::from_dicom(["Neu^Name", "Doe^Änne", ""][at % 3]);
                record.patient.birth_date = PartialDate::parse("19801231").ok();
                let id = record.patient.primary_id().cloned();
                record.merged_into = id.filter(|_| at % 4 == 3);
                self.index.put_patient(&self.patients[patient]);
                return;
            }
        }
        self.put(&order);
    }
}

fn key(values: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop_oneof![2 => Just(""), 3 => proptest::sample::select(values)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_index_answers_as_a_walk_over_the_records_does(
        changes in proptest::collection::vec((any::<u8>(), 0_usize..40), 0..30),
        name in key(&["doe*", "DOE^JANE", "*a*", "muller*", "=山田*", "?*", "neu^name", "*oe^*n*"]),
        patient in key(&["P1", "P1\\P3", "p1", "*"]),
        accession in key(&["A-1", "A-1*", "A-?", "A-3\\A-4"]),
        procedure in key(&["RP-1", "RP-9"]),
        modality in key(&["CT", "CT\\MR", "OT"]),
        station in key(&["CT1", "CT2", "CT1\\MR1", "US1", "CT9"]),
        date in key(&["20260705", "20260705-20260706", "20260707-", "-20260705"]),
        time in key(&["0900-1900", "1000", "1800-0600"]),
        status in key(&["SCHEDULED", "COMPLETED", "CANCELED\\SCHEDULED"]),
        location in key(&["W", "W^0", "W^*"]),
        caller in key(&["CT1", "CT9"]),
        own in any::<bool>(),
    ) {
        static FROM: LazyLock<Site> = LazyLock::new(|| site(24));
        let from = &*FROM;
        let mut both = Both { index: WorklistIndex::new(), orders: Vec::new(), patients: from.known.patients.clone() };
        for order in &from.known.orders {
            both.put(order);
        }
        for (what, at) in changes {
            both.change(what, at, from);
        }
        let root: Vec<(Tag, &str)> = vec![
            (tags::PATIENT_NAME, name), (tags::PATIENT_ID, patient), (tags::ACCESSION_NUMBER, accession),
            (tags::REQUESTED_PROCEDURE_ID, procedure), (tags::CURRENT_PATIENT_LOCATION, location),
            (tags::PATIENT_BIRTH_DATE, ""),
        ];
        let step: Vec<(Tag, &str)> = vec![
            (tags::MODALITY, modality), (tags::SCHEDULED_STATION_AE_TITLE, station),
            (tags::SCHEDULED_PROCEDURE_STEP_START_DATE, date), (tags::SCHEDULED_PROCEDURE_STEP_START_TIME, time),
            (tags::SCHEDULED_PROCEDURE_STEP_STATUS, status), (tags::SCHEDULED_PROCEDURE_STEP_ID, ""),
        ];
        let mut query = Query::read(&identifier(&root, &step)).unwrap();
        if let Ok(caller) = AeTitle::new(caller) {
            query = query.asked_by(caller);
        }
        if own {
            query = query.only_own_station();
        }
        let walked = query.answers(&both.orders, &both.patients);
        let found = both.index.find(query.clone(), usize::MAX);
        prop_assert_eq!(found.matches(), walked.len());
        let found: Vec<DataSet> = found.collect();
        prop_assert!(found == walked);
        let steps: usize = both.orders.iter().map(|order| order.steps.len()).sum();
        prop_assert_eq!(both.index.steps(), steps);
        let first: Vec<DataSet> = both.index.find(query, 2).collect();
        prop_assert!(first[..] == walked[..walked.len().min(2)]);
    }
}

#[test]
fn a_limit_is_told() {
    let site = site(5);
    let mut index = WorklistIndex::new();
    site.known.orders.iter().for_each(|order| index.put_order(order));
    let all = || Query::read(&identifier(&[], &[])).unwrap();
    let found = index.find(all(), 3);
    assert_eq!((found.len(), found.matches(), found.is_cut()), (3, 10, true));
    assert!(!index.find(all(), 10).is_cut());
}

#[test]
fn an_emptied_index_finds_nothing() {
    let site = site(10);
    let mut index = WorklistIndex::new();
    site.known.orders.iter().for_each(|order| index.put_order(order));
    site.known.orders.iter().for_each(|order| index.remove_order(&order.key));
    assert_eq!(format!("{index:?}"), "WorklistIndex(orders: 0, steps: 0)");
    assert_eq!(index.find(Query::read(&identifier(&[], &[])).unwrap(), 10).matches(), 0);
}
