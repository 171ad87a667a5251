use std::sync::Arc;

use bytes::Bytes;
use telerad_core::AeTitle;
use telerad_dicom::{DataSet, tags, uids};
use telerad_dimse::plan_contexts;
use telerad_hl7::{Message, ReceivedAck, read_acknowledgement};
use telerad_net::Connector;
use telerad_net::dicom::{AssociationError, ClientAssociation, Peer, StoreRequest};
use telerad_testkit::dicom::Instance;
use telerad_testkit::hl7::Case;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{House, HouseClock, Network};

impl House {
    /// Opens an association to the gateway for these SOP classes and transfer syntaxes.
    pub async fn associate(
        &self,
        calling: &str,
        needs: &[(&str, &str)],
    ) -> Result<ClientAssociation, AssociationError> {
        associate(&self.network, self.clock, calling, needs).await
    }

    /// Sends a data set; the status that the gateway answers.
    pub async fn send_data_set(
        &self,
        calling: &str,
        request: &StoreRequest,
        data_set: Bytes,
    ) -> u16 {
        let need = (request.sop_class_uid.as_str(), request.transfer_syntax_uid.as_str());
        let mut association = self.associate(calling, &[need]).await.unwrap();
        let answer = association.store(request, data_set).await.unwrap();
        association.release().await.unwrap();
        answer.status().code()
    }

    pub async fn send(&self, calling: &str, instance: &Instance) -> u16 {
        self.send_data_set(calling, &request(instance), instance.data_set()).await
    }

    /// Sends an instance, which has to be accepted.
    pub async fn accept(&self, calling: &str, instance: &Instance) {
        let status = self.send(calling, instance).await;
        assert_eq!(status, 0, "{} was answered {status:04X}H", instance.sop_instance_uid);
    }

    /// Sends instances, one after the other.
    pub async fn accept_all(&self, calling: &str, instances: &[Instance]) {
        for instance in instances {
            self.accept(calling, instance).await;
        }
    }

    /// What the worklist answers to a caller who asks for everything.
    pub async fn worklist(&self, calling: &str) -> Vec<DataSet> {
        let need = (uids::MODALITY_WORKLIST_FIND, uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let mut association = self.associate(calling, &[need]).await.unwrap();
        let mut step = DataSet::new();
        step.set_empty(tags::MODALITY);
        step.set_empty(tags::SCHEDULED_PROCEDURE_STEP_START_DATE);
        let mut identifier = DataSet::new();
        for tag in [tags::ACCESSION_NUMBER, tags::PATIENT_ID, tags::PATIENT_NAME] {
            identifier.set_empty(tag);
        }
        identifier.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![step]);
        let answers =
            association.find_all(uids::MODALITY_WORKLIST_FIND, &identifier).await.unwrap();
        association.release().await.unwrap();
        answers
    }

    /// One value of every answer of the worklist.
    pub async fn worklist_values(&self, calling: &str, tag: telerad_dicom::Tag) -> Vec<String> {
        let answers = self.worklist(calling).await;
        answers.iter().map(|answer| answer.text(tag).unwrap_or_default()).collect()
    }

    /// Sends a message in a frame of its own; the acknowledgement.
    pub async fn tell(&self, message: &str) -> ReceivedAck {
        let answers = self.answers(message).await;
        assert_eq!(answers.len(), 1, "answers");
        read_acknowledgement(&answers[0]).unwrap()
    }

    /// Sends a message in a frame of its own; what comes back on the connection.
    pub async fn answers(&self, message: &str) -> Vec<Message> {
        let mut stream = self.network.connect("telerad:2575").await.unwrap();
        stream.write_all(format!("\x0b{message}\x1c\r").as_bytes()).await.unwrap();
        // We have nothing more to say, so the gateway closes when it has said everything.
        stream.shutdown().await.unwrap();
        let mut frames = Vec::new();
        stream.read_to_end(&mut frames).await.unwrap();
        let frames = String::from_utf8(frames).unwrap();
        let contents = frames.split_terminator("\x1c\r").map(|frame| &frame[1..]);
        contents.map(|content| Message::parse(content.to_owned()).unwrap()).collect()
    }

    /// Sends a message; how it is answered: `AA`, or code and condition.
    pub async fn answer_to(&self, message: &str) -> String {
        let ack = self.tell(message).await;
        let condition = ack.condition.map(|condition| format!(" {condition}"));
        format!("{}{}", ack.code, condition.unwrap_or_default())
    }
}

async fn associate(
    network: &Network,
    clock: HouseClock,
    calling: &str,
    needs: &[(&str, &str)],
) -> Result<ClientAssociation, AssociationError> {
    let title = |text| AeTitle::new(text).unwrap();
    let peer = Peer::new("telerad:104", title("TELERAD"), title(calling));
    let contexts = plan_contexts(needs).remove(0);
    ClientAssociation::connect_with(network, Arc::new(clock), &peer, contexts).await
}

/// Sends an instance to a gateway that is in other hands; its status.
pub async fn send_over(
    network: &Network,
    clock: HouseClock,
    calling: &str,
    instance: &Instance,
) -> u16 {
    let need = (instance.sop_class_uid.as_str(), instance.syntax.uid());
    let mut association = associate(network, clock, calling, &[need]).await.unwrap();
    let answer = association.store(&request(instance), instance.data_set()).await.unwrap();
    answer.status().code()
}

/// What precedes an instance.
pub fn request(instance: &Instance) -> StoreRequest {
    StoreRequest {
        message_id: 0,
        sop_class_uid: instance.sop_class_uid.clone(),
        sop_instance_uid: instance.sop_instance_uid.clone(),
        transfer_syntax_uid: instance.syntax.uid().to_owned(),
        move_originator: None,
    }
}

/// The case of this number as an application of a site tells it.
pub fn case_of(application: &str, site: &str, number: u64) -> Case {
    let facility = site.to_uppercase();
    Case {
        sending_application: application.to_owned(),
        patient_authority: format!("{facility}-MRN"),
        sending_facility: facility,
        control_id: format!("{application}{number}"),
        ..Case::new(number)
    }
}
