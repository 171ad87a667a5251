use telerad_core::{AccessionNumber, AeTitle, PatientId, SiteId, Uid};
use telerad_dicom::{InstanceHead, uids};
use telerad_hl7::Message;
use telerad_routing::{Digest, InstanceRecord, Relation, StudyMark};
use telerad_store::{Effect, MessageOutcome};
use telerad_testkit::hl7::{Case, orm_o01, oru_r01};

use crate::handled::{Handled, Incoming};
use crate::house::{self, run};
use crate::state::State;
use crate::{candidates, orders};

/// What the site knows, and the reports that come.
struct Day {
    state: State,
    site: SiteId,
}

impl Day {
    fn new() -> Self {
        Self { state: house::state(""), site: SiteId::new("north").unwrap() }
    }

    async fn commit(&self, handled: Handled) -> MessageOutcome {
        self.state.commit(handled.effects).await.unwrap();
        handled.outcome
    }

    async fn order(&self, case: &Case) {
        let message = Message::parse(orm_o01(case)).unwrap();
        let incoming = Incoming { id: &case.control_id, site: &self.site, message: &message };
        let handled = orders::handle(&self.state, incoming).await.unwrap();
        assert_eq!(self.commit(handled).await, MessageOutcome::Applied);
    }

    /// An image with this study, patient and accession number has come.
    async fn image(&self, study: &str, patient: &str, accession: &str) {
        let study = Uid::new(study).unwrap();
        let mut head = InstanceHead {
            study_instance_uid: Some(study.clone()),
            accession: AccessionNumber::new(accession, None).ok(),
            ..InstanceHead::default()
        };
        head.patient.ids = vec![PatientId::new(patient, None).unwrap()];
        let record = InstanceRecord {
            site: self.site.clone(),
            sop_instance_uid: study.clone(),
            digest: Digest::of(study.as_str().as_bytes()),
            bytes: 1,
            transfer_syntax_uid: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
            sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
            source: AeTitle::new("CT1").unwrap(),
            received_at: self.state.now(),
            pixel_data_offset: None,
            mark: StudyMark::Unmatched,
            relation: Relation::First,
            head,
        };
        let policy = self.state.directory.accession_policy(&self.site);
        let keys = telerad_accession::search_keys(&candidates::claim(&record), &policy);
        self.state.commit(vec![Effect::Instance { record, keys }]).await.unwrap();
    }

    async fn report(&self, case: &Case) -> MessageOutcome {
        // The study the report is about, as platforms say it.
        let text = format!("{}ZDS|{}\r", oru_r01(case), case.study_instance_uid);
        let message = Message::parse(text).unwrap();
        let id = format!("report {}", case.control_id);
        let incoming = Incoming { id: &id, site: &self.site, message: &message };
        let handled = super::handle(&self.state, incoming).await.unwrap();
        self.commit(handled).await
    }

    /// How many reports, and versions of them, are filed under this number.
    async fn filed(&self, accession: &str) -> (usize, usize) {
        let key = format!("north|NORTH|{accession}");
        let reports = self.state.environment.store.reports_of_order(&self.site, &key).await;
        let reports = reports.unwrap();
        (reports.len(), reports.iter().map(|report| report.versions.len()).sum())
    }
}

/// Case 2, saying that its study, patient and accession number are these.
fn saying(study: &str, patient: &str, accession: &str) -> Case {
    Case {
        study_instance_uid: study.to_owned(),
        patient_id: patient.to_owned(),
        accession: accession.to_owned(),
        filler_order_number: String::new(),
        placer_order_number: String::new(),
        control_id: format!("{study} {patient} {accession}"),
        ..Case::new(2)
    }
}

#[track_caller]
fn assert_parked(outcome: &MessageOutcome) {
    assert!(matches!(outcome, MessageOutcome::Parked(_)), "{outcome:?}");
}

#[test]
fn a_report_finds_the_order_behind_images_with_a_study_uid_of_their_own() {
    run(async {
        let day = Day::new();
        day.order(&Case::new(1)).await;
        day.image("2.25.9", "P1", "A1").await;
        assert_eq!(day.report(&saying("2.25.9", "P1", "")).await, MessageOutcome::Applied);
        assert_eq!(day.filed("A1").await, (1, 1));
    });
}

#[test]
fn images_of_another_patient_under_the_number_of_an_order_stop_its_report() {
    run(async {
        let day = Day::new();
        day.order(&Case::new(1)).await;
        day.image("2.25.9", "P2", "A1").await;
        // The platform took the order's patient for images that say another one.
        assert_parked(&day.report(&saying("2.25.9", "P1", "A1")).await);
        assert_parked(&day.report(&saying("2.25.9", "P2", "A1")).await);
        assert_eq!(day.filed("A1").await, (0, 0));
    });
}

#[test]
fn the_order_is_heard_when_it_writes_its_issuer_another_way() {
    run(async {
        let day = Day::new();
        let accession = "A1^NORTH^1.2.3^ISO".to_owned();
        day.order(&Case { accession, ..Case::new(1) }).await;
        day.image("2.25.9", "P2", "A1").await;
        assert_parked(&day.report(&saying("2.25.9", "P2", "A1")).await);
        assert_parked(&day.report(&saying("2.25.9", "P2", "")).await);
        assert_parked(&day.report(&saying("2.25.9", "P1", "")).await);
        day.image("2.25.8", "P1", "A1").await;
        let outcome = day.report(&saying("2.25.8", "P1", "A1")).await;
        assert_eq!(outcome, MessageOutcome::Applied);
    });
}

#[test]
fn images_of_another_patient_in_the_study_of_an_order_stop_its_report() {
    run(async {
        let day = Day::new();
        let order = Case::new(1);
        day.order(&order).await;
        day.image(&order.study_instance_uid, "P2", "A1").await;
        assert_parked(&day.report(&saying(&order.study_instance_uid, "P1", "A1")).await);
        assert_eq!(day.filed("A1").await, (0, 0));
    });
}

#[test]
fn a_placeholder_for_a_number_brings_no_two_studies_together() {
    run(async {
        let day = Day::new();
        day.image("2.25.8", "P1", "NONE").await;
        day.image("2.25.9", "P2", "NONE").await;
        assert_parked(&day.report(&saying("2.25.8", "P1", "")).await);
        assert_parked(&day.report(&saying("2.25.9", "P2", "")).await);
        assert_eq!(day.filed("NONE").await, (0, 0));
    });
}

#[test]
fn one_number_on_studies_of_two_patients_files_for_neither() {
    run(async {
        let day = Day::new();
        day.image("2.25.8", "P1", "A7").await;
        day.image("2.25.9", "P2", "A7").await;
        assert_parked(&day.report(&saying("2.25.8", "P1", "")).await);
        assert_parked(&day.report(&saying("2.25.9", "P2", "")).await);
        assert_eq!(day.filed("A7").await, (0, 0));
    });
}

#[test]
fn a_study_without_an_order_gets_its_report() {
    run(async {
        let day = Day::new();
        day.image("2.25.8", "P1", "A7").await;
        assert_eq!(day.report(&saying("2.25.8", "P1", "")).await, MessageOutcome::Applied);
        assert_eq!(day.filed("A7").await, (1, 1));
    });
}

#[test]
fn a_signed_text_that_only_its_time_hides_is_for_a_person() {
    run(async {
        let day = Day::new();
        let order = Case::new(1);
        day.order(&order).await;
        let said = |time: &str, text: &str| Case {
            time: time.to_owned(),
            control_id: time.to_owned(),
            report: vec![text.to_owned()],
            ..order.clone()
        };
        // The platform's clock was wrong once.
        assert_eq!(day.report(&said("20990101", "normal")).await, MessageOutcome::Applied);
        assert_eq!(day.report(&said("20260105", "fracture")).await, MessageOutcome::Applied);
        assert_eq!(day.filed("A1").await, (1, 2));
        let parked =
            day.state.environment.store.parked(Some(&day.site), None, usize::MAX).await.unwrap();
        let reasons: Vec<&str> = parked.iter().map(|item| item.reason.as_str()).collect();
        assert_eq!(reasons, ["a signed report came after one that says it is newer"]);
    });
}

#[test]
fn a_name_in_doubt_is_told_and_a_number_in_doubt_is_parked() {
    run(async {
        let day = Day::new();
        // Labelled as Latin-1, written in UTF-8.
        let mislabelled = |case: Case| Case { character_set: "8859/1".to_owned(), ..case };
        let case = mislabelled(Case { family_name: "MÜLLER".to_owned(), ..Case::new(1) });
        day.order(&case).await;
        let message = Message::parse(oru_r01(&case)).unwrap();
        let incoming = Incoming { id: "report", site: &day.site, message: &message };
        let handled = super::handle(&day.state, incoming).await.unwrap();
        assert!(handled.events.contains(&incoming.identity_text_doubted("PID^1^5")));
        assert_eq!(day.commit(handled).await, MessageOutcome::Applied);

        let number = mislabelled(Case { accession: "A1Ü".to_owned(), ..Case::new(1) });
        let reason = "bytes of an identifier contradict the character set".to_owned();
        assert_eq!(day.report(&number).await, MessageOutcome::Parked(reason));
        assert_eq!(day.filed("A1").await, (1, 1));
    });
}
