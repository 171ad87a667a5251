//! What we ask of every archive: verification, storage, queries and retrievals.

use anyhow::{Context, Result, ensure};
use telerad::core::AeTitle;
use telerad::dicom::{Status, tags, uids};
use telerad::dimse::{ProposedContext, SubOperations};
use telerad::net::AnyConnector;
use telerad::net::dicom::{ClientAssociation, Peer, RetrieveOutcome};
use telerad_trials::verdict::Verdict;

use crate::ours::{EXPLICIT, IMPLICIT, Ours, Serving, contexts, expect, keys, store};
use crate::study::{Study, same};
use crate::{TITLE, row};

/// An archive of others, and our own provider, which it knows as the move destination [`TITLE`].
pub struct Target<'a> {
    pub name: &'a str,
    pub peer: Peer,
    pub connector: AnyConnector,
    pub ours: &'a Ours,
    pub sink: &'a Serving,
    /// Whom its sub-operations name as the one who asked: us, if it keeps to PS3.7 section 9.1.1.1.
    pub move_originator: &'a str,
    /// What it says to a destination that it does not know.
    pub unknown_destination: Status,
    /// With what it ends a C-MOVE at the first instance that is refused, instead of going on (PS3.4 section C.4.2.3.1).
    pub gives_up: Option<Status>,
}

impl Target<'_> {
    /// Every row; the archive is to hold nothing before and the study afterwards.
    pub fn check(&self, verdict: &mut Verdict, study: &Study) {
        let name = |what: &str| format!("telerad → {}: {what}", self.name);
        row(verdict, &name("C-ECHO"), self.echo());
        row(verdict, &name("C-STORE"), self.store(study));
        row(verdict, &name("C-FIND, study root"), self.find(study));
        row(verdict, &name("C-FIND, patient root"), self.find_patient(study));
        row(verdict, &name("C-FIND of nothing"), self.find_nothing());
        row(verdict, &name("C-MOVE to telerad"), self.retrieve_by_move(study));
        row(verdict, &name("C-MOVE, one refused"), self.move_refused(study));
        row(verdict, &name("C-MOVE of nothing"), self.move_nothing());
        row(verdict, &name("C-MOVE to nobody"), self.move_to_nobody(study));
        row(verdict, &name("C-GET"), self.get(study));
        row(verdict, &name("C-GET, one refused"), self.get_refused(study));
    }

    /// Ten C-ECHOs on one association.
    pub fn echo(&self) -> Result<String> {
        self.ours.run(async {
            let proposed = contexts(&[(uids::VERIFICATION, &[IMPLICIT])]);
            let mut association = self.connect(proposed).await?;
            for _ in 0..10 {
                expect(association.echo().await?, Status::SUCCESS)?;
            }
            association.release().await?;
            Ok("10 answered".to_owned())
        })
    }

    /// The whole study, each instance answered with success.
    pub fn store(&self, study: &Study) -> Result<String> {
        self.ours.run(async {
            let proposed = contexts(&[(uids::CT_IMAGE_STORAGE, &[EXPLICIT])]);
            let mut association = self.connect(proposed).await?;
            store(&mut association, &study.samples).await?;
            association.release().await?;
            Ok(format!("{} answered with success", study.samples.len()))
        })
    }

    /// The study by its accession number, and the instances below it.
    pub fn find(&self, study: &Study) -> Result<String> {
        let order = &study.order;
        self.ours.run(async {
            let proposed = contexts(&[(uids::STUDY_ROOT_FIND, &[EXPLICIT, IMPLICIT])]);
            let mut association = self.connect(proposed).await?;
            let identifier = keys(
                "STUDY",
                &[
                    (tags::ACCESSION_NUMBER, &order.accession),
                    (tags::PATIENT_ID, ""),
                    (tags::PATIENT_NAME, ""),
                    (tags::STUDY_INSTANCE_UID, ""),
                ],
            );
            let found = association.find_all(uids::STUDY_ROOT_FIND, &identifier).await?;
            ensure!(found.len() == 1, "{} studies", found.len());
            let name = format!("{}^ANNA", order.family_name);
            for (tag, value) in [
                (tags::STUDY_INSTANCE_UID, &order.study_instance_uid),
                (tags::PATIENT_ID, &order.patient_id),
                (tags::PATIENT_NAME, &name),
            ] {
                let got = found[0].text(tag);
                ensure!(got.as_ref() == Some(value), "{tag} is not what was stored");
            }
            let series = format!("{}.1", order.study_instance_uid);
            let identifier = keys(
                "IMAGE",
                &[
                    (tags::STUDY_INSTANCE_UID, &order.study_instance_uid),
                    (tags::SERIES_INSTANCE_UID, &series),
                    (tags::SOP_INSTANCE_UID, ""),
                ],
            );
            let found = association.find_all(uids::STUDY_ROOT_FIND, &identifier).await?;
            let mut uids: Vec<_> =
                found.iter().filter_map(|it| it.text(tags::SOP_INSTANCE_UID)).collect();
            uids.sort();
            let mut expected: Vec<_> = study.held().into_keys().collect();
            expected.sort();
            ensure!(uids == expected, "{} instances found", uids.len());
            association.release().await?;
            Ok(format!("1 study, {} instances", uids.len()))
        })
    }

    fn find_patient(&self, study: &Study) -> Result<String> {
        self.ours.run(async {
            let proposed = contexts(&[(uids::PATIENT_ROOT_FIND, &[IMPLICIT])]);
            let mut association = self.connect(proposed).await?;
            let patient = study.order.patient_id.as_str();
            let identifier =
                keys("PATIENT", &[(tags::PATIENT_ID, patient), (tags::PATIENT_NAME, "")]);
            let found = association.find_all(uids::PATIENT_ROOT_FIND, &identifier).await?;
            ensure!(found.len() == 1, "{} patients", found.len());
            ensure!(found[0].text(tags::PATIENT_ID).as_deref() == Some(patient), "another patient");
            association.release().await?;
            Ok("1 patient".to_owned())
        })
    }

    fn find_nothing(&self) -> Result<String> {
        self.ours.run(async {
            let proposed = contexts(&[(uids::STUDY_ROOT_FIND, &[IMPLICIT])]);
            let mut association = self.connect(proposed).await?;
            let identifier = keys("STUDY", &[(tags::STUDY_INSTANCE_UID, "2.25.404")]);
            let found = association.find_all(uids::STUDY_ROOT_FIND, &identifier).await?;
            ensure!(found.is_empty(), "{} answers", found.len());
            association.release().await?;
            Ok("success without a match".to_owned())
        })
    }

    fn retrieve_by_move(&self, study: &Study) -> Result<String> {
        let outcome = self.moved(TITLE, &study.order.study_instance_uid)?;
        expect(outcome.status, Status::SUCCESS)?;
        counted(outcome.sub_operations, study.samples.len(), 0)?;
        for received in &self.sink.archive.state().received {
            let originator = received.move_originator.as_ref();
            let (title, _) = originator.context("a sub-operation does not name its originator")?;
            ensure!(title.as_str() == self.move_originator, "the move originator is {title}");
        }
        same(&study.held(), &self.sink.archive.take())
    }

    /// Our own provider refuses one instance of those that it is sent.
    fn move_refused(&self, study: &Study) -> Result<String> {
        let (archive, uid) = (&self.sink.archive, &study.samples[1].sop_instance_uid);
        archive.state().refused.insert(uid.clone());
        let outcome = self.moved(TITLE, &study.order.study_instance_uid);
        archive.state().refused.clear();
        let outcome = outcome?;
        let arrived = archive.take().len();
        if let Some(status) = self.gives_up {
            expect(outcome.status, status)?;
            ensure!(arrived < study.samples.len(), "{arrived} arrived");
            return Ok(format!("{:04X}H, {arrived} arrived: the peer gives up", status.code()));
        }
        ensure!(arrived == study.samples.len() - 1, "{arrived} arrived");
        failed_one(&outcome, study.samples.len(), uid)
    }

    fn move_nothing(&self) -> Result<String> {
        let outcome = self.moved(TITLE, "2.25.404")?;
        counted(outcome.sub_operations, 0, 0)?;
        ensure!(self.sink.archive.count() == 0, "something arrived");
        Ok(format!("{:04X}H, no sub-operation", outcome.status.code()))
    }

    fn move_to_nobody(&self, study: &Study) -> Result<String> {
        let outcome = self.moved("NOBODY", &study.order.study_instance_uid)?;
        expect(outcome.status, self.unknown_destination)?;
        ensure!(outcome.sub_operations.completed == 0, "something was sent");
        Ok(format!("{:04X}H", outcome.status.code()))
    }

    /// One C-MOVE of a study; the association is used for another afterwards.
    pub fn moved(&self, destination: &str, study: &str) -> Result<RetrieveOutcome> {
        self.sink.archive.take();
        self.ours.run(async {
            let proposed = contexts(&[
                (uids::STUDY_ROOT_MOVE, &[EXPLICIT, IMPLICIT]),
                (uids::VERIFICATION, &[IMPLICIT]),
            ]);
            let mut association = self.connect(proposed).await?;
            let identifier = keys("STUDY", &[(tags::STUDY_INSTANCE_UID, study)]);
            let destination = AeTitle::new(destination)?;
            let moving =
                association.move_to(uids::STUDY_ROOT_MOVE, &destination, &identifier).await?;
            let outcome = moving.finish().await?;
            expect(association.echo().await?, Status::SUCCESS)?;
            association.release().await?;
            Ok(outcome)
        })
    }

    /// One C-GET of the study.
    pub fn get(&self, study: &Study) -> Result<String> {
        let outcome = self.got(&study.order.study_instance_uid)?;
        expect(outcome.status, Status::SUCCESS)?;
        counted(outcome.sub_operations, study.samples.len(), 0)?;
        same(&study.held(), &self.sink.archive.take())
    }

    fn get_refused(&self, study: &Study) -> Result<String> {
        let (archive, uid) = (&self.sink.archive, &study.samples[1].sop_instance_uid);
        archive.state().refused.insert(uid.clone());
        let outcome = self.got(&study.order.study_instance_uid);
        archive.state().refused.clear();
        archive.take();
        failed_one(&outcome?, study.samples.len(), uid)
    }

    fn got(&self, study: &str) -> Result<RetrieveOutcome> {
        self.sink.archive.take();
        self.ours.run(async {
            let classes = [uids::CT_IMAGE_STORAGE];
            let proposed = contexts(&[
                (uids::STUDY_ROOT_GET, &[EXPLICIT, IMPLICIT]),
                (uids::CT_IMAGE_STORAGE, &[EXPLICIT]),
                (uids::VERIFICATION, &[IMPLICIT]),
            ]);
            let peer = self.peer.clone().receiving(&classes);
            let opened = ClientAssociation::connect(&self.connector, &peer, proposed).await;
            let mut association = opened?;
            let identifier = keys("STUDY", &[(tags::STUDY_INSTANCE_UID, study)]);
            let getting =
                association.get(uids::STUDY_ROOT_GET, &identifier, &self.sink.archive).await?;
            let outcome = getting.finish().await?;
            expect(association.echo().await?, Status::SUCCESS)?;
            association.release().await?;
            Ok(outcome)
        })
    }

    /// An association with these contexts.
    pub async fn connect(&self, proposed: Vec<ProposedContext>) -> Result<ClientAssociation> {
        Ok(ClientAssociation::connect(&self.connector, &self.peer, proposed).await?)
    }
}

/// Final counts: nothing remains, and this much was done.
pub fn counted(counts: SubOperations, completed: usize, failed: usize) -> Result<()> {
    let SubOperations { remaining, .. } = counts;
    ensure!(matches!(remaining, None | Some(0)), "{remaining:?} remain");
    let same = usize::from(counts.completed) == completed && usize::from(counts.failed) == failed;
    ensure!(same && counts.warning == 0, "{counts:?}, not {completed} completed, {failed} failed");
    Ok(())
}

/// All but one completed; the list names the one, or nothing.
fn failed_one(outcome: &RetrieveOutcome, count: usize, uid: &str) -> Result<String> {
    expect(outcome.status, Status::SUB_OPERATIONS_FAILED)?;
    counted(outcome.sub_operations, count - 1, 1)?;
    let named = outcome.failed == [uid];
    ensure!(named || outcome.failed.is_empty(), "the list of failed instances names others");
    let list = if named { "named" } else { "not named" };
    Ok(format!("B000H, {} completed, 1 failed and {list}", count - 1))
}
