//! Orders, patients, performed steps and reports.

use telerad_store::{Batch, Effect, Expectation};
use telerad_worklist::{PerformedStatus, StepStatus};

use crate::Given;
use crate::fixture::*;

pub(crate) async fn an_order_is_written_only_at_the_revision_it_was_read_at(
    Given { store, .. }: Given,
) {
    let put = |revision| {
        let mut record = order("north", 1);
        record.revision = revision;
        store.commit(Batch::new().with(put_order(record, &[])))
    };
    put(0).await.unwrap();
    let kept = store.orders(&site("north"), &[order_key("north", 1)]).await.unwrap();
    assert_eq!(kept.iter().map(|record| record.revision).collect::<Vec<_>>(), [1]);
    assert_eq!(
        put(0).await.unwrap_err().to_string(),
        "conflict on order: read at revision 0, now at 1"
    );
    put(1).await.unwrap();
    assert_eq!(
        put(1).await.unwrap_err().to_string(),
        "conflict on order: read at revision 1, now at 2"
    );
    let mut record = order("north", 2);
    record.revision = 7;
    let error = store.commit(Batch::new().with(put_order(record, &[]))).await.unwrap_err();
    assert_eq!(error.to_string(), "conflict on order: read at revision 7, now at 0");
}

pub(crate) async fn patients_studies_and_reports_have_revisions_too(Given { store, .. }: Given) {
    let effects = || {
        [
            Effect::Patient(patient_record("north", "P1")),
            Effect::Study(study("north", 1)),
            Effect::Report(report("north", 1)),
        ]
    };
    store.commit(effects().into_iter().collect()).await.unwrap();
    for (effect, kind) in effects().into_iter().zip(["patient", "study decision", "report"]) {
        let error = store.commit(Batch::new().with(effect)).await.unwrap_err();
        let expected = format!("conflict on {kind}: read at revision 0, now at 1");
        assert_eq!(error.to_string(), expected);
    }
    let mut next = store.report(&report_key("north", 1)).await.unwrap().unwrap();
    assert_eq!(next.revision, 1);
    store.commit(Batch::new().with(Effect::Report(next.clone()))).await.unwrap();
    next.revision = 2;
    assert_eq!(store.report(&report_key("north", 1)).await.unwrap().unwrap().revision, 2);
    let order = order_key("north", 1);
    assert_eq!(store.reports_of_order(&site("north"), order.as_str()).await.unwrap(), [next]);
    let study = store.study(&site("north"), &study_uid(1)).await.unwrap().unwrap();
    assert_eq!(study.revision, 1);
}

pub(crate) async fn orders_are_found_by_their_present_keys(Given { store, .. }: Given) {
    let filler = telerad_accession::SearchKey::Filler("A1".to_owned());
    let batch = Batch::new()
        .with(put_order(order("north", 1), &[accession_key(1), accession_key(9)]))
        .with(put_order(order("north", 2), &[accession_key(2), accession_key(9), filler]));
    store.commit(batch).await.unwrap();
    let find = async |numbers: &[u32]| {
        let keys: Vec<_> = numbers.iter().map(|number| accession_key(*number)).collect();
        let found = store.orders_by_search(&site("north"), &keys).await.unwrap();
        found.into_iter().map(|record| record.order.requested_procedure_id).collect::<Vec<_>>()
    };
    assert_eq!(find(&[1]).await, ["RP1"]);
    assert_eq!(find(&[9]).await, ["RP1", "RP2"]);
    assert_eq!(find(&[2, 9, 1]).await, ["RP1", "RP2"]);
    assert!(find(&[]).await.is_empty());

    let mut renamed = order("north", 1);
    renamed.revision = 1;
    store.commit(Batch::new().with(put_order(renamed, &[accession_key(3)]))).await.unwrap();
    assert!(find(&[1]).await.is_empty());
    assert_eq!(find(&[3]).await, ["RP1"]);
    assert_eq!(find(&[9]).await, ["RP2"]);
}

pub(crate) async fn open_orders_are_chosen_by_day_and_never_missed_for_want_of_one(
    Given { store, .. }: Given,
) {
    let put = |number, starts: &[Option<&str>], status| {
        let mut record = order("north", number);
        record.steps = starts.iter().map(|start| step(*start, status)).collect();
        put_order(record, &[])
    };
    let open = StepStatus::Scheduled;
    let batch = Batch::from(vec![
        put(1, &[Some("20240102093000")], open),
        put(2, &[Some("20240105"), Some("20240109")], open),
        put(3, &[None], open),
        put(4, &[Some("202401")], open),
        put(5, &[Some("20240102")], StepStatus::Completed),
        put(6, &[], open),
    ]);
    store.commit(batch).await.unwrap();
    let check = async |from: &str, to: &str, expected: &[&str]| {
        let range = Some((from.to_owned(), to.to_owned()));
        let found = store.open_orders(&site("north"), range).await.unwrap();
        let found: Vec<_> =
            found.into_iter().map(|record| record.order.requested_procedure_id).collect();
        assert_eq!(found, expected, "{from}-{to}");
    };
    check("", "", &["RP1", "RP2", "RP3", "RP4"]).await;
    check("20240102", "20240102", &["RP1", "RP3", "RP4"]).await;
    check("20240106", "20240107", &["RP2", "RP3", "RP4"]).await;
    check("20240109", "", &["RP2", "RP3", "RP4"]).await;
    check("", "20231231", &["RP3"]).await;
    check("20240201", "20240301", &["RP3"]).await;
    assert_eq!(store.open_orders(&site("north"), None).await.unwrap().len(), 4);
}

pub(crate) async fn a_patient_is_found_by_each_identifier_exactly(Given { store, .. }: Given) {
    let mut record = patient_record("north", "P1");
    record.patient.ids.push(patient_id("N-7", "NATIONAL"));
    let other = patient_record("north", "P2");
    let batch = Batch::new().with(Effect::Patient(record)).with(Effect::Patient(other));
    store.commit(batch).await.unwrap();
    let find = async |value: &str, issuer: &str| {
        let found = store.patients(&site("north"), &[patient_id(value, issuer)]).await.unwrap();
        found.iter().map(|record| record.patient.ids[0].value().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(find("P1", "MRN").await, ["P1"]);
    assert_eq!(find("N-7", "NATIONAL").await, ["P1"]);
    assert!(find("N-7", "MRN").await.is_empty());
    assert!(find("N-7", "").await.is_empty());

    let mut renamed = patient_record("north", "P1");
    renamed.revision = 1;
    store.commit(Batch::new().with(Effect::Patient(renamed))).await.unwrap();
    assert!(find("N-7", "NATIONAL").await.is_empty());
    let both = ["P2", "P1", "P2"].map(|value| patient_id(value, "MRN"));
    assert_eq!(store.patients(&site("north"), &both).await.unwrap().len(), 2);
}

pub(crate) async fn a_patient_and_its_orders_are_found_by_the_value_of_an_identifier(
    Given { store, .. }: Given,
) {
    let record = |issuer: &str, value: &str| {
        let mut record = patient_record("north", value);
        record.patient.ids = vec![patient_id(value, issuer)];
        record
    };
    let of = |number, issuer: &str, value: &str| {
        let mut order = order("north", number);
        order.order.patient.ids = vec![patient_id("X", "OTHER"), patient_id(value, issuer)];
        order
    };
    let mut strange = record("MRN", "P\"1");
    strange.patient.ids.push(patient_id("P1", "NATIONAL"));
    let batch = Batch::from(vec![
        Effect::Patient(record("MRN", "P1")),
        Effect::Patient(record("", "P1")),
        Effect::Patient(record("MRN", "P10")),
        Effect::Patient(strange),
        Effect::Patient(patient_record("south", "P1")),
        put_order(of(1, "MRN", "P1"), &[]),
        put_order(of(2, "", "P1"), &[]),
        put_order(of(3, "MRN", "P10"), &[]),
        put_order(order("south", 1), &[]),
    ]);
    store.commit(batch).await.unwrap();
    let here = site("north");
    let patients = async |value: &str| {
        let found = store.patients_by_value(&here, value).await.unwrap();
        let mut found: Vec<_> = found
            .iter()
            .map(|record| (record.patient.ids[0].value().to_owned(), record.site.clone()))
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        assert!(found.iter().all(|(_, site)| *site == here));
        found.into_iter().map(|(value, _)| value).collect::<Vec<_>>()
    };
    assert_eq!(patients("P1").await, ["P\"1", "P1", "P1"]);
    assert_eq!(patients("P10").await, ["P10"]);
    assert_eq!(patients("P\"1").await, ["P\"1"]);
    assert_eq!(patients("P").await, [""; 0]);
    assert_eq!(patients("%").await, [""; 0]);
    let orders = async |value: &str| {
        let found = store.orders_of_patient(&here, value).await.unwrap();
        found.into_iter().map(|record| record.order.requested_procedure_id).collect::<Vec<_>>()
    };
    assert_eq!(orders("P1").await, ["RP1", "RP2"]);
    assert_eq!(orders("X").await, ["RP1", "RP2", "RP3"]);
    assert_eq!(orders("P").await, [""; 0]);
    // Once an order is another patient's it is found as his alone.
    let mut moved = of(1, "MRN", "P10");
    moved.revision = 1;
    store.commit(Batch::new().with(put_order(moved, &[]))).await.unwrap();
    assert_eq!(orders("P1").await, ["RP2"]);
    assert_eq!(orders("P10").await, ["RP1", "RP3"]);
}

pub(crate) async fn a_patient_without_identifier_cannot_be_kept(Given { store, .. }: Given) {
    let mut record = patient_record("north", "P1");
    record.patient.ids.clear();
    let batch = Batch::new().with(Effect::Study(study("north", 1))).with(Effect::Patient(record));
    let error = store.commit(batch).await.unwrap_err();
    assert_eq!(error.to_string(), "patient cannot be stored: it has no identifier");
    assert!(!error.is_retryable());
    let unwritten = Expectation::StudyRevision {
        site: site("north"),
        study_instance_uid: study_uid(1),
        revision: 0,
    };
    store.commit(Batch::new().with(Effect::Expect(unwritten))).await.unwrap();
}

pub(crate) async fn a_performed_step_is_found_by_study_by_order_and_while_it_goes_on(
    Given { store, .. }: Given,
) {
    let north = site("north");
    let put = |record| store.commit(Batch::new().with(Effect::PerformedStep(record)));
    // The second one of the same study and order.
    let mut second = performed("north", 2, Some(1));
    second.scheduled[0].study_instance_uid = telerad_core::Uid::new(&study_uid(1)).unwrap();
    put(performed("north", 1, None)).await.unwrap();
    put(second).await.unwrap();
    let error = put(performed("north", 1, None)).await.unwrap_err();
    assert_eq!(error.to_string(), "conflict on performed step: read at revision 0, now at 1");
    let numbers = |found: Vec<telerad_worklist::PerformedStep>| {
        found.into_iter().map(|step| step.sop_instance_uid).collect::<Vec<_>>()
    };
    let order = order_key("north", 1);
    let by_study =
        async || numbers(store.performed_steps_of_study(&north, &study_uid(1)).await.unwrap());
    let by_order = async || numbers(store.performed_steps_of_order(&north, &order).await.unwrap());
    let open = async || numbers(store.open_performed_steps(&north).await.unwrap());
    assert_eq!(by_study().await, [uid(1), uid(2)]);
    assert_eq!(by_order().await, [uid(2)]);
    assert_eq!(open().await, [uid(1), uid(2)]);
    // It ends, and its order has come.
    let mut ended = performed("north", 1, Some(1));
    (ended.status, ended.revision) = (PerformedStatus::Completed, 1);
    put(ended).await.unwrap();
    assert_eq!(by_study().await, [uid(1), uid(2)]);
    assert_eq!(by_order().await, [uid(1), uid(2)]);
    assert_eq!(open().await, [uid(2)]);
    let kept = store.performed_step(&north, &uid(1)).await.unwrap().unwrap();
    assert_eq!((kept.revision, kept.status), (2, PerformedStatus::Completed));
    assert_eq!(store.counts().await.unwrap().performed_steps, 2);
}
