//! Writing the flows.

use std::fmt;

use telerad_core::Uid;

use super::{Flow, PROFILE};
use crate::datatype::{Ce, Cq, Ei, Hd, Ts, Xcn, Xon, Xtn};
use crate::segment::{Ipc, Obr, Obx, Orc, Pid, Pv1, Tq1};
use crate::{MessageBuilder, MessageHead};

/// What the messages about one request have in common. It writes what the profile says; what it does not know stays
/// empty, and [`validate`](crate::validate::validate) names it.
#[derive(Clone, Default)]
pub struct Exchange {
    /// Applications, facilities, control id, processing id, time and character set. Message type, structure and
    /// version are those of the flow.
    pub head: MessageHead,
    /// Whom the request is for.
    pub patient: Pid,
    /// The visit; `O` where the patient class is empty.
    pub visit: Pv1,
    /// ORC-2 and OBR-2, with components 1, 3 and 4: the key of the whole exchange.
    pub placer_order_number: Ei,
    /// When it was requested, cancelled or answered.
    pub transaction_time: Ts,
    /// Who answers for the message: at the centre, or the remote radiologist.
    pub responsible: Xcn,
    /// The remote radiologist who is to check the request, if known.
    pub verified_by: Xcn,
    /// The number to call back.
    pub call_back_phone: Xtn,
    /// Why the request is cancelled or refused.
    pub reason: Ce,
    /// The organisation that sends.
    pub organization: Xon,
    /// Why the examination is asked for: OBR-13.
    pub justification: String,
}

/// The protocol that the remote radiologist sets.
#[derive(Clone, Eq, PartialEq)]
pub enum Protocol {
    /// Plain text, as FT.
    Text(String),
    /// A PDF file, as ED.
    Pdf(Vec<u8>),
}

/// What the centre knows after the examination.
#[derive(Clone, Eq, PartialEq)]
pub struct Complement {
    /// IPC-1, with components 1, 3 and 4.
    pub accession: Ei,
    /// IPC-2, a code of imaging documents.
    pub requested_procedure: Ei,
    /// IPC-4, a code of imaging documents.
    pub step: Ei,
    /// IPC-3.
    pub study_instance_uid: Uid,
    /// TQ1-6
    pub retention_days: u32,
    /// TQ1-7
    pub examined: Ts,
    /// The address that the platform completes with the report's identifier.
    pub partial_viewer_url: String,
}

/// Who sends: ORC-17.
#[derive(Clone, Copy)]
enum Sender {
    Centre,
    Platform,
}

impl fmt::Debug for Complement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Complement")
            .field("study_instance_uid", &self.study_instance_uid)
            .field("retention_days", &self.retention_days)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange(<redacted>)")
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes, <redacted>)", text.len()),
            Self::Pdf(bytes) => write!(f, "Pdf({} bytes, <redacted>)", bytes.len()),
        }
    }
}

impl Exchange {
    /// Flow 1. Observations, such as region and modality, are appended by the caller, with OBX-11 `O`.
    pub fn request(&self) -> MessageBuilder {
        self.begin(Flow::Request, "NW", Sender::Centre).typed(&self.service(Flow::Request))
    }

    /// Flow 2.
    pub fn cancellation(&self) -> MessageBuilder {
        self.begin(Flow::Cancellation, "CA", Sender::Centre)
            .typed(&self.service(Flow::Cancellation))
    }

    /// Flow 3, the request is taken. The profile asks for one protocol at least.
    pub fn acceptance(&self, protocols: &[Protocol]) -> MessageBuilder {
        let begun = self.begin(Flow::Answer, "OK", Sender::Platform);
        let begun = begun.typed(&self.service(Flow::Answer));
        protocols.iter().zip(1_u32..).fold(begun, |builder, (protocol, number)| {
            let sub_id = if protocols.len() > 1 { format!("{number}.1") } else { String::new() };
            let obx = |value_type: &str| {
                observation(number, value_type, "PROTOCOLE_IMAGERIE", &sub_id, "F")
            };
            builder.segment("OBX", |segment| match protocol {
                Protocol::Text(text) => write(&obx("FT"), segment).formatted(5, text),
                Protocol::Pdf(bytes) => write(&obx("ED"), segment).encapsulated(
                    5,
                    &Hd::default(),
                    ["application", "pdf"],
                    bytes,
                ),
            })
        })
    }

    /// Flow 3, the request is refused.
    pub fn refusal(&self) -> MessageBuilder {
        self.begin(Flow::Answer, "OC", Sender::Platform).typed(&self.service(Flow::Answer))
    }

    /// Flow 4.
    pub fn complement(&self, complement: &Complement) -> MessageBuilder {
        let days = Ce { identifier: "d".to_owned(), ..Ce::default() };
        let timing = Tq1 {
            set_id: "1".to_owned(),
            service_duration: Cq {
                quantity: complement.retention_days.to_string(),
                units: days,
                ..Cq::default()
            },
            start: complement.examined.clone(),
            ..Tq1::default()
        };
        let study = Ei {
            entity_identifier: complement.study_instance_uid.as_str().to_owned(),
            ..Ei::default()
        };
        let control = Ipc {
            accession_identifier: complement.accession.clone(),
            requested_procedure_id: complement.requested_procedure.clone(),
            study_instance_uid: study,
            scheduled_procedure_step_id: complement.step.clone(),
            ..Ipc::default()
        };
        let url = complement.partial_viewer_url.as_bytes();
        self.begin(Flow::Complement, "SR", Sender::Centre)
            .typed(&timing)
            .typed(&self.service(Flow::Complement))
            .segment("OBX", |segment| {
                let obx = observation(1, "ED", "URL_PARTIELLE_VIEWER", "", "F");
                write(&obx, segment).encapsulated(5, &Hd::default(), ["TEXT", "plain"], url)
            })
            .typed(&control)
    }

    fn begin(&self, flow: Flow, order_control: &str, sender: Sender) -> MessageBuilder {
        let (code, event) = match flow {
            Flow::Request | Flow::Cancellation => ("ORM", "O01"),
            Flow::Answer => ("ORU", "R01"),
            Flow::Complement => ("OMI", "O23"),
        };
        let head = MessageHead {
            message_code: code.to_owned(),
            trigger_event: event.to_owned(),
            structure: format!("{code}_{event}"),
            version: "2.5.1".to_owned(),
            // MSH-18 is required, so that ASCII has to be named too, as a set that the profile allows.
            charset: self.head.charset.or(Some(telerad_charset::Charset::Utf8.into())),
            ..self.head.clone()
        };
        let mut visit = self.visit.clone();
        if visit.patient_class.is_empty() {
            visit.patient_class = "O".to_owned();
        }
        MessageBuilder::new(head)
            .header(|msh| msh.field(17, "FRA").components(21, &["1.0", PROFILE]))
            .typed(&self.patient)
            .typed(&visit)
            .typed(&self.order(order_control, sender))
    }

    fn order(&self, order_control: &str, sender: Sender) -> Orc {
        let organization = match sender {
            Sender::Centre => "STRUCTURE_IMAGERIE",
            Sender::Platform => "PLATEFORME_TLR",
        };
        Orc {
            order_control: order_control.to_owned(),
            placer_order_number: self.placer_order_number.clone(),
            transaction_time: self.transaction_time.clone(),
            verified_by: vec![self.verified_by.clone()],
            ordering_providers: vec![self.responsible.clone()],
            call_back_phones: vec![self.call_back_phone.clone()],
            order_control_reason: self.reason.clone(),
            entering_organization: Ce {
                identifier: organization.to_owned(),
                coding_system: "TLR_TYPE_ORGANISATION".to_owned(),
                ..Ce::default()
            },
            ordering_facilities: vec![self.organization.clone()],
            ..Orc::default()
        }
    }

    fn service(&self, flow: Flow) -> Obr {
        Obr {
            set_id: "1".to_owned(),
            placer_order_number: self.placer_order_number.clone(),
            universal_service_identifier: Ce {
                identifier: flow.procedure().to_owned(),
                coding_system: "TLR_OBR_PROCEDURE".to_owned(),
                ..Ce::default()
            },
            relevant_clinical_information: self.justification.clone(),
            ordering_providers: vec![self.responsible.clone()],
            ..Obr::default()
        }
    }
}

fn observation(number: u32, value_type: &str, code: &str, sub_id: &str, status: &str) -> Obx {
    Obx {
        set_id: number.to_string(),
        value_type: value_type.to_owned(),
        observation_identifier: Ce {
            identifier: code.to_owned(),
            coding_system: "TLR_OBSERVATION".to_owned(),
            ..Ce::default()
        },
        observation_sub_id: sub_id.to_owned(),
        result_status: status.to_owned(),
        ..Obx::default()
    }
}

fn write(obx: &Obx, segment: crate::SegmentBuilder) -> crate::SegmentBuilder {
    crate::segment::TypedSegment::write(obx, segment)
}
