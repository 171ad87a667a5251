//! What pynetdicom answers to us: each kind of status of a C-STORE, and retrievals that we cancel.

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use telerad::core::AeTitle;
use telerad::dicom::{Status, tags, uids};
use telerad::net::dicom::{ClientAssociation, GetEvent, RetrieveOutcome, StoreRequest};
use telerad_trials::verdict::Verdict;

use crate::battery::Target;
use crate::ours::{EXPLICIT, IMPLICIT, contexts, expect, keys};
use crate::study::Study;
use crate::{TITLE, row};

/// Every row.
pub fn check(verdict: &mut Verdict, target: &Target<'_>) {
    let name = |what: &str| format!("telerad → {}: {what}", target.name);
    row(verdict, &name("every status of C-STORE"), statuses(target));
    let long = Study::new("PYK", 100, 2_000);
    row(verdict, &name("C-STORE of 100"), target.store(&long));
    row(verdict, &name("C-CANCEL of C-MOVE"), cancel_move(target, &long));
    row(verdict, &name("C-CANCEL of C-GET"), cancel_get(target, &long));
}

/// The peer answers with the status that ends the instance's name; warnings are deliveries.
fn statuses(target: &Target<'_>) -> Result<String> {
    let delivered = [0x0000, 0xB000, 0xB006, 0xB007];
    let refused = [0xA700, 0xA900, 0xC000, 0x0117, 0x0122, 0x0124, 0x0211, 0x0212, 0x0213];
    let data_set = Study::new("STA", 1, 100).samples[0].data_set.clone();
    target.ours.run(async {
        let class = uids::CT_IMAGE_STORAGE;
        let mut association = target.connect(contexts(&[(class, &[EXPLICIT])])).await?;
        for code in delivered.into_iter().chain(refused) {
            let request = StoreRequest {
                message_id: 0,
                sop_class_uid: class.to_owned(),
                sop_instance_uid: format!("2.25.88.{code}"),
                transfer_syntax_uid: EXPLICIT.to_owned(),
                move_originator: None,
            };
            let answer = association.store(&request, Bytes::clone(&data_set)).await?;
            expect(answer.status(), Status::new(code))?;
            let taken = answer.is_delivered();
            ensure!(taken == delivered.contains(&code), "{code:04X}H: delivered is {taken}");
        }
        association.release().await?;
        Ok(format!("{} delivered, {} refused", delivered.len(), refused.len()))
    })
}

fn cancel_move(target: &Target<'_>, study: &Study) -> Result<String> {
    target.sink.archive.take();
    let outcome = target.ours.run(async {
        let proposed =
            contexts(&[(uids::STUDY_ROOT_MOVE, &[EXPLICIT]), (uids::VERIFICATION, &[IMPLICIT])]);
        let mut association = target.connect(proposed).await?;
        let identifier = wanted(study);
        let to = AeTitle::new(TITLE)?;
        let mut moving = association.move_to(uids::STUDY_ROOT_MOVE, &to, &identifier).await?;
        moving.next().await.context("no pending response")??;
        moving.cancel().await?;
        let outcome = moving.finish().await?;
        expect(association.echo().await?, Status::SUCCESS)?;
        association.release().await?;
        Ok(outcome)
    })?;
    cancelled(&outcome, study, target.sink.archive.take().len())
}

fn cancel_get(target: &Target<'_>, study: &Study) -> Result<String> {
    target.sink.archive.take();
    let outcome = target.ours.run(async {
        let proposed = contexts(&[
            (uids::STUDY_ROOT_GET, &[EXPLICIT]),
            (uids::CT_IMAGE_STORAGE, &[EXPLICIT]),
            (uids::VERIFICATION, &[IMPLICIT]),
        ]);
        let peer = target.peer.clone().receiving(&[uids::CT_IMAGE_STORAGE]);
        let opened = ClientAssociation::connect(&target.connector, &peer, proposed).await;
        let mut association = opened?;
        let (identifier, sink) = (wanted(study), &target.sink.archive);
        let mut getting = association.get(uids::STUDY_ROOT_GET, &identifier, sink).await?;
        loop {
            let event = getting.next().await.context("no pending response")??;
            if matches!(event, GetEvent::Progress(_)) {
                break;
            }
        }
        getting.cancel().await?;
        let outcome = getting.finish().await?;
        expect(association.echo().await?, Status::SUCCESS)?;
        association.release().await?;
        Ok(outcome)
    })?;
    cancelled(&outcome, study, target.sink.archive.take().len())
}

fn wanted(study: &Study) -> telerad::dicom::DataSet {
    keys("STUDY", &[(tags::STUDY_INSTANCE_UID, &study.order.study_instance_uid)])
}

/// FE00H, counts that add up, and as many completed as arrived.
fn cancelled(outcome: &RetrieveOutcome, study: &Study, arrived: usize) -> Result<String> {
    expect(outcome.status, Status::CANCEL)?;
    let counts = outcome.sub_operations;
    let remaining = usize::from(counts.remaining.unwrap_or(0));
    let completed = usize::from(counts.completed);
    ensure!(completed == arrived, "{completed} completed and {arrived} arrived");
    let total = completed + remaining + usize::from(counts.failed) + usize::from(counts.warning);
    ensure!(total == study.samples.len() && remaining > 0, "{counts:?}");
    Ok(format!("FE00H: {completed} completed and arrived, {remaining} remain"))
}
