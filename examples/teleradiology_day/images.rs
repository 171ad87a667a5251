//! The modality: real images, made to belong to a worklist step, and sent each in its own transfer syntax.

use std::sync::Arc;

use anyhow::{Context, ensure};
use bytes::Bytes;
use telerad::core::AeTitle;
use telerad::dicom::dataset::DataSet;
use telerad::dicom::{Tag, edit, encoding_of, part10, tags, uids};
use telerad::dimse::{ProposedContext, plan_contexts};
use telerad::net::TcpConnector;
use telerad::net::dicom::{ClientAssociation, Peer, StoreRequest};

/// An instance as it leaves the modality.
pub(crate) struct Instance {
    pub(crate) sop_class_uid: String,
    pub(crate) sop_instance_uid: String,
    pub(crate) transfer_syntax_uid: String,
    pub(crate) data_set: Bytes,
}

impl Instance {
    pub(crate) fn digest(&self) -> String {
        blake3::hash(&self.data_set).to_hex().to_string()
    }
}

/// What a modality copies from its worklist step into every image (IHE RAD TF-2 appendix A).
const COPIED: &[(Tag, &str)] = &[
    (tags::SPECIFIC_CHARACTER_SET, "CS"),
    (tags::ACCESSION_NUMBER, "SH"),
    (tags::REFERRING_PHYSICIAN_NAME, "PN"),
    (tags::PATIENT_NAME, "PN"),
    (tags::PATIENT_ID, "LO"),
    (tags::PATIENT_BIRTH_DATE, "DA"),
    (tags::PATIENT_SEX, "CS"),
    (tags::STUDY_INSTANCE_UID, "UI"),
];

/// Makes one image of a sample file, with the identity that the worklist step gives it.
pub(crate) fn acquire(sample: &str, step: &DataSet, uid: &str) -> anyhow::Result<Instance> {
    let value = |tag| step.text(tag).unwrap_or_default();
    let changes: Vec<(Tag, &str, String)> =
        COPIED.iter().map(|(tag, vr)| (*tag, *vr, value(*tag))).collect();
    instance(sample, &changes, uid)
}

/// An image that nobody ordered: what the sample file says, with an identity of its own.
pub(crate) fn unordered(
    sample: &str,
    study_instance_uid: &str,
    uid: &str,
) -> anyhow::Result<Instance> {
    let changes = [
        (tags::ACCESSION_NUMBER, "SH", String::new()),
        (tags::PATIENT_NAME, "PN", "Walk^In".to_owned()),
        (tags::PATIENT_ID, "LO", "EMERGENCY-7".to_owned()),
        (tags::STUDY_INSTANCE_UID, "UI", study_instance_uid.to_owned()),
    ];
    instance(sample, &changes, uid)
}

fn instance(sample: &str, changes: &[(Tag, &str, String)], uid: &str) -> anyhow::Result<Instance> {
    let sample = telerad_testkit::dicom::file(sample)
        .with_context(|| format!("there is no sample image `{sample}`"))?;
    let (meta, start) = part10::read(&sample.bytes)?;
    let mut all: Vec<(Tag, &str, &str)> =
        changes.iter().map(|(tag, vr, value)| (*tag, *vr, value.as_str())).collect();
    all.push((tags::SOP_INSTANCE_UID, "UI", uid));
    let encoding = encoding_of(&meta.transfer_syntax_uid);
    let data_set = edit::set_elements(&sample.bytes[start..], encoding, &all)?;
    Ok(Instance {
        sop_class_uid: meta.sop_class_uid,
        sop_instance_uid: uid.to_owned(),
        transfer_syntax_uid: meta.transfer_syntax_uid,
        data_set: data_set.into(),
    })
}

/// The gateway as the modality or the PACS knows it.
pub(crate) fn gateway(address: &str, calling: &str) -> anyhow::Result<Peer> {
    Ok(Peer::new(address, AeTitle::new("TELERAD")?, AeTitle::new(calling)?))
}

/// C-ECHO.
pub(crate) async fn echo(peer: &Peer) -> anyhow::Result<()> {
    let contexts = contexts(&[(uids::VERIFICATION, uids::IMPLICIT_VR_LITTLE_ENDIAN)]);
    let mut association = ClientAssociation::connect(&TcpConnector, peer, contexts).await?;
    association.echo().await?;
    Ok(association.release().await?)
}

/// Asks for today's steps of one modality.
pub(crate) async fn worklist(
    peer: &Peer,
    modality: &str,
    date: &str,
) -> anyhow::Result<Vec<DataSet>> {
    let mut step = DataSet::new();
    step.set_text(tags::MODALITY, modality);
    step.set_text(tags::SCHEDULED_PROCEDURE_STEP_START_DATE, date);
    for tag in [tags::SCHEDULED_STATION_AE_TITLE, tags::SCHEDULED_PROCEDURE_STEP_ID] {
        step.set_empty(tag);
    }
    let mut identifier = DataSet::new();
    for (tag, _) in COPIED {
        identifier.set_empty(*tag);
    }
    identifier.remove(tags::SPECIFIC_CHARACTER_SET);
    identifier.set_empty(tags::REQUESTED_PROCEDURE_ID);
    identifier.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![step]);
    let class = uids::MODALITY_WORKLIST_FIND;
    let contexts = contexts(&[(class, uids::EXPLICIT_VR_LITTLE_ENDIAN)]);
    let mut association = ClientAssociation::connect(&TcpConnector, peer, contexts).await?;
    let answers = association.find_all(class, &identifier).await?;
    association.release().await?;
    Ok(answers)
}

/// Sends a study over one association; every instance must be acknowledged with success.
pub(crate) async fn send(peer: &Peer, study: &[Arc<Instance>]) -> anyhow::Result<()> {
    let needs: Vec<(&str, &str)> = study
        .iter()
        .map(|it| (it.sop_class_uid.as_str(), it.transfer_syntax_uid.as_str()))
        .collect();
    let mut association = ClientAssociation::connect(&TcpConnector, peer, contexts(&needs)).await?;
    for instance in study {
        let request = StoreRequest {
            message_id: 0,
            sop_class_uid: instance.sop_class_uid.clone(),
            sop_instance_uid: instance.sop_instance_uid.clone(),
            transfer_syntax_uid: instance.transfer_syntax_uid.clone(),
            move_originator: None,
        };
        let answer = association.store(&request, instance.data_set.clone()).await?;
        ensure!(answer.status().code() == 0, "answered {:04X}H", answer.status().code());
    }
    Ok(association.release().await?)
}

fn contexts(needs: &[(&str, &str)]) -> Vec<ProposedContext> {
    let needs: Vec<(String, String)> =
        needs.iter().map(|(class, syntax)| ((*class).to_owned(), (*syntax).to_owned())).collect();
    plan_contexts(&needs).into_iter().next().unwrap_or_default()
}
