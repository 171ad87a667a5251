//! What only pynetdicom can be asked: N-services, negotiation items, and a query with ten thousand answers.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use telerad::core::AeTitle;
use telerad::dicom::{Status, tags, uids};
use telerad::dimse::{
    AsyncWindow, ExtendedNegotiation, RoleSelection, Roles, UserIdentity, UserIdentityKind,
};
use telerad::net::dicom::{
    Availability, AvailabilityNotification, ClientAssociation, CommitmentRequest, CommitmentResult,
    InstanceAvailability, NOperation, NRequest, SeriesAvailability, SopReference, StepMessage,
};
use telerad_trials::verdict::Verdict;
use telerad_trials::wait;

use crate::archive::{LONG_ANSWER, LONG_ANSWERS, STEP_RETRIEVE};
use crate::battery::Target;
use crate::dcmtk::ask_worklist;
use crate::ours::{EXPLICIT, IMPLICIT, contexts, expect, keys};
use crate::pynetdicom::Scp;
use crate::row;
use crate::study::Study;

/// Every row.
pub fn check(verdict: &mut Verdict, target: &Target<'_>, scp: &Scp, study: &Study) {
    let name = |what: &str| format!("telerad → {}: {what}", target.name);
    row(verdict, &name("window, roles, identity, extension"), items(target, scp));
    row(verdict, &name("C-FIND of the worklist"), worklist(target, scp));
    row(verdict, &name("C-CANCEL of 10,000 answers"), cancel(target, scp));
    row(verdict, &name("MPPS N-CREATE, N-SET, N-GET"), mpps(target, scp));
    row(verdict, &name("commitment on the same association"), commit_here(target, scp, study));
    row(verdict, &name("commitment on a later association"), commit_later(target, scp, study));
    row(verdict, &name("commitment on an association of theirs"), commit_apart(target, scp, study));
    row(verdict, &name("instance availability"), available(target, scp, study));
}

fn items(target: &Target<'_>, scp: &Scp) -> Result<String> {
    let mut peer = target.peer.clone();
    let ct = uids::CT_IMAGE_STORAGE.to_owned();
    peer.user.async_window = Some(AsyncWindow { invoked: 4, performed: 2 });
    peer.user.roles.push(RoleSelection { sop_class_uid: ct.clone(), roles: Roles::BOTH });
    peer.user.extended.push(ExtendedNegotiation {
        sop_class_uid: uids::STUDY_ROOT_FIND.to_owned(),
        application_information: vec![1, 1],
    });
    peer.user.identity = Some(UserIdentity {
        kind: UserIdentityKind::UsernameAndPasscode,
        positive_response_requested: true,
        primary: b"user".to_vec(),
        secondary: b"secret".to_vec(),
    });
    target.ours.run(async {
        let proposed = contexts(&[(uids::VERIFICATION, &[IMPLICIT]), (&ct, &[EXPLICIT])]);
        let opened = ClientAssociation::connect(&target.connector, &peer, proposed).await;
        let mut association = opened?;
        let storage = association.accepted().iter().find(|it| it.abstract_syntax == ct);
        let roles = storage.context("storage was not accepted")?.roles;
        ensure!(roles == Roles::BOTH, "{roles:?}");
        expect(association.echo().await?, Status::SUCCESS)?;
        association.release().await?;
        Ok(())
    })?;
    let requests = scp.events("requested")?;
    let last = requests.last().context("no request arrived")?;
    ensure!(last["window"] == json!([4, 2]), "window {}", last["window"]);
    ensure!(last["roles"] == json!([[ct, true, true]]), "roles {}", last["roles"]);
    ensure!(last["identity"] == json!([2, "user", true]), "identity {}", last["identity"]);
    ensure!(last["extended"] == json!([uids::STUDY_ROOT_FIND, "0101"]), "{}", last["extended"]);
    Ok("read as they were meant; both roles granted".to_owned())
}

fn worklist(target: &Target<'_>, scp: &Scp) -> Result<String> {
    let found = ask_worklist(target.ours, scp.port, target.peer.called.as_str(), "ACC2")?;
    ensure!(found == ["SPS2"], "steps {found:?}");
    Ok("1 step by its accession number".to_owned())
}

/// We cancel after the first of ten thousand answers.
fn cancel(target: &Target<'_>, scp: &Scp) -> Result<String> {
    let started = Instant::now();
    let read = target.ours.run(async {
        let proposed =
            contexts(&[(uids::STUDY_ROOT_FIND, &[EXPLICIT]), (uids::VERIFICATION, &[IMPLICIT])]);
        let mut association = target.connect(proposed).await?;
        let patient = [(tags::PATIENT_ID, LONG_ANSWER), (tags::STUDY_INSTANCE_UID, "")];
        let identifier = keys("STUDY", &patient);
        let mut stream = association.find(uids::STUDY_ROOT_FIND, &identifier).await?;
        let mut read = 0;
        while let Some(answer) = stream.next().await {
            answer?;
            read += 1;
            if read == 1 {
                stream.cancel().await?;
            }
        }
        let status = stream.status().context("no final status")?;
        expect(status, Status::CANCEL)?;
        drop(stream);
        expect(association.echo().await?, Status::SUCCESS)?;
        association.release().await?;
        Ok(read)
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let cancelled = scp.events("cancelled")?;
    let computed = cancelled.first().and_then(|it| it["answers"].as_u64());
    let computed = computed.context("the peer heard of no cancellation")?;
    ensure!(computed == read, "{computed} answers sent and {read} read");
    ensure!(read < LONG_ANSWERS as u64 && seconds < 20.0, "{read} answers, {seconds:.1} s");
    Ok(format!("FE00H after {read} answers, {seconds:.2} s"))
}

fn mpps(target: &Target<'_>, scp: &Scp) -> Result<String> {
    let uid = "2.25.9002";
    let message = |create: bool, status: &str| {
        let all = [
            (tags::PERFORMED_PROCEDURE_STEP_STATUS, status),
            (tags::PERFORMED_PROCEDURE_STEP_ID, "PPS2"),
        ];
        let attributes = keys("", if create { &all } else { &all[..1] });
        let sop_instance_uid = uid.to_owned();
        let message = match create {
            true => StepMessage::Create { sop_instance_uid, attributes },
            false => StepMessage::Set { sop_instance_uid, attributes },
        };
        message.request(EXPLICIT)
    };
    let got = target.ours.run(async {
        let class = uids::MODALITY_PERFORMED_PROCEDURE_STEP;
        let proposed = contexts(&[(class, &[EXPLICIT]), (STEP_RETRIEVE, &[EXPLICIT])]);
        let mut association = target.connect(proposed).await?;
        for (create, status, expected) in [
            (true, "IN PROGRESS", Status::SUCCESS),
            (true, "IN PROGRESS", Status::DUPLICATE_SOP_INSTANCE),
            (false, "COMPLETED", Status::SUCCESS),
            (false, "COMPLETED", Status::PROCESSING_FAILURE),
        ] {
            let reply = association.n_service(&message(create, status)?).await?;
            expect(reply.status, expected)?;
        }
        let get = NRequest {
            sop_class_uid: STEP_RETRIEVE.to_owned(),
            sop_instance_uid: uid.to_owned(),
            operation: NOperation::Get { attributes: vec![] },
            data_set: None,
            transfer_syntax_uid: EXPLICIT.to_owned(),
        };
        let reply = association.n_service(&get).await?;
        expect(reply.status, Status::SUCCESS)?;
        association.release().await?;
        let data_set = reply.data_set.context("N-GET brought nothing")?;
        Ok(telerad::dicom::DataSet::decode(&data_set, EXPLICIT, Default::default())?)
    })?;
    let status = got.text(tags::PERFORMED_PROCEDURE_STEP_STATUS);
    ensure!(status.as_deref() == Some("COMPLETED"), "the step is {status:?}");
    let (created, set) = (scp.events("created")?, scp.events("set")?);
    ensure!(created.len() == 1 && set.len() == 1, "{created:?}, {set:?}");
    Ok("created and completed once; 0111H and 0110H for the rest".to_owned())
}

fn reference(uid: &str) -> SopReference {
    SopReference {
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        sop_instance_uid: uid.to_owned(),
    }
}

/// The study, and one instance that nobody has.
fn request(transaction: &str, study: &Study) -> CommitmentRequest {
    let mut instances: Vec<_> =
        study.samples.iter().map(|it| reference(&it.sop_instance_uid)).collect();
    instances.push(reference("2.25.404"));
    CommitmentRequest { transaction_uid: transaction.to_owned(), instances }
}

/// All but the one is committed.
fn check_result(request: &CommitmentRequest, result: &CommitmentResult) -> Result<String> {
    ensure!(request.is_answered_by(result), "the result does not answer the request");
    ensure!(result.failed.len() == 1 && result.failed[0].reason == 0x0112, "{:?}", result.failed);
    ensure!(result.failed[0].instance == reference("2.25.404"), "another one failed");
    Ok(format!("{} committed, 1 failed (0112H)", result.committed.len()))
}

fn commit_here(target: &Target<'_>, scp: &Scp, study: &Study) -> Result<String> {
    commit(target, scp, &request("2.25.7.1", study), "here")
}

/// The association of the request is released before the result is known.
fn commit_later(target: &Target<'_>, scp: &Scp, study: &Study) -> Result<String> {
    commit(target, scp, &request("2.25.7.3", study), "later")
}

fn commit(
    target: &Target<'_>,
    scp: &Scp,
    request: &CommitmentRequest,
    place: &str,
) -> Result<String> {
    let remark = target.ours.run(async {
        let class = uids::STORAGE_COMMITMENT_PUSH_MODEL;
        let proposed = || contexts(&[(class, &[EXPLICIT])]);
        let mut association = target.connect(proposed()).await?;
        let reply = association.n_service(&request.action(EXPLICIT)?).await?;
        expect(reply.status, Status::SUCCESS)?;
        if place == "later" {
            association.release().await?;
            association = target.connect(proposed()).await?;
        }
        let report = association.next_report(Duration::from_secs(20)).await?;
        let report = report.context("no report came")?;
        let result = CommitmentResult::read(&report.request, Default::default());
        let result = result.map_err(|status| anyhow::anyhow!("{:04X}H", status.code()))?;
        association.answer_report(report, Status::SUCCESS.into()).await?;
        // The answer is on its way; the peer waits for it before it hears of a release.
        wait::until(Duration::from_secs(10), || told(scp, place).is_ok());
        association.release().await?;
        check_result(request, &result)
    })?;
    told(scp, place)?;
    Ok(remark)
}

fn commit_apart(target: &Target<'_>, scp: &Scp, study: &Study) -> Result<String> {
    let request = request("2.25.7.2", study);
    let archive = &target.sink.archive;
    archive.state().results.clear();
    target.ours.run(async {
        let class = uids::STORAGE_COMMITMENT_PUSH_MODEL;
        let mut association = target.connect(contexts(&[(class, &[EXPLICIT])])).await?;
        let reply = association.n_service(&request.action(EXPLICIT)?).await?;
        expect(reply.status, Status::SUCCESS)?;
        Ok(association.release().await?)
    })?;
    let came = || !archive.state().results.is_empty();
    ensure!(wait::until(Duration::from_secs(20), came), "no report came");
    wait::until(Duration::from_secs(10), || told(scp, "apart").is_ok());
    told(scp, "apart")?;
    check_result(&request, &archive.state().results[0])
}

/// The peer heard that we took its report.
fn told(scp: &Scp, place: &str) -> Result<()> {
    let reported = scp.events("reported")?;
    let mine = reported.iter().find(|it| it["place"] == json!(place)).context("no report")?;
    ensure!(mine["status"] == json!(0), "the report was answered {}", mine["status"]);
    Ok(())
}

fn available(target: &Target<'_>, scp: &Scp, study: &Study) -> Result<String> {
    let uid = &study.samples[0].sop_instance_uid;
    let notice = AvailabilityNotification {
        study_instance_uid: study.order.study_instance_uid.clone(),
        performed_steps: vec![],
        series: vec![SeriesAvailability {
            series_instance_uid: format!("{}.1", study.order.study_instance_uid),
            instances: vec![InstanceAvailability {
                instance: reference(uid),
                availability: Availability::Nearline,
                retrieve_ae_titles: vec![AeTitle::new(crate::TITLE)?],
            }],
        }],
    };
    target.ours.run(async {
        let class = uids::INSTANCE_AVAILABILITY_NOTIFICATION;
        let mut association = target.connect(contexts(&[(class, &[EXPLICIT])])).await?;
        let reply = association.n_service(&notice.create("2.25.34", EXPLICIT)?).await?;
        expect(reply.status, Status::SUCCESS)?;
        Ok(association.release().await?)
    })?;
    let heard = scp.events("available")?;
    let heard = heard.first().context("the peer heard nothing")?;
    ensure!(heard["instance"] == json!(uid), "another instance");
    ensure!(heard["availability"] == json!("NEARLINE"), "{}", heard["availability"]);
    Ok("NEARLINE".to_owned())
}
