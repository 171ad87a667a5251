//! Command sets, written; and the responses that requests ask for.

use telerad_dicom::Status;

use super::elements::{Writer, number};
use super::{Command, NO_DATA_SET, RESPONSE, StatusDetail, SubOperations};

impl Command {
    /// The command set as it travels, group length first and elements in ascending order.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        let (class, instance) = if self.names_are_requested() {
            (number::REQUESTED_SOP_CLASS_UID, number::REQUESTED_SOP_INSTANCE_UID)
        } else {
            (number::AFFECTED_SOP_CLASS_UID, number::AFFECTED_SOP_INSTANCE_UID)
        };
        writer.text(class, self.sop_class_uid(), 0);
        writer.number(number::COMMAND_FIELD, self.field());
        let identifier = if self.is_response() || matches!(self, Self::CancelRq { .. }) {
            number::MESSAGE_ID_BEING_RESPONDED_TO
        } else {
            number::MESSAGE_ID
        };
        writer.number(identifier, self.message_id());
        if let Self::MoveRq { move_destination, .. } = self {
            writer.text(number::MOVE_DESTINATION, move_destination.as_str(), b' ');
        }
        if let Self::StoreRq { priority, .. }
        | Self::FindRq { priority, .. }
        | Self::GetRq { priority, .. }
        | Self::MoveRq { priority, .. } = self
        {
            writer.number(number::PRIORITY, *priority);
        }
        let data_set = if self.has_data_set() { DATA_SET } else { NO_DATA_SET };
        writer.number(number::COMMAND_DATA_SET_TYPE, data_set);
        if let Some(status) = self.status() {
            writer.number(number::STATUS, status.code());
        }
        self.encode_status_detail(&mut writer);
        writer.text(instance, self.sop_instance_uid(), 0);
        self.encode_tail(&mut writer);
        writer.finish()
    }

    fn encode_status_detail(&self, writer: &mut Writer) {
        let detail = self.detail();
        if let Some(detail) = detail {
            writer.tags(number::OFFENDING_ELEMENT, &detail.offending_elements);
        }
        if let Some(comment) = self.comment() {
            // LO holds 64 characters of the default repertoire (PS3.5 section 6.2); a command set has no character set
            // attribute.
            let ascii: String = comment
                .chars()
                .map(|c| if (' '..='~').contains(&c) && c != '\\' { c } else { '?' })
                .take(COMMENT_CHARACTERS_MAX)
                .collect();
            writer.text(number::ERROR_COMMENT, &ascii, b' ');
        }
        if let Some(error_id) = detail.and_then(|detail| detail.error_id) {
            writer.number(number::ERROR_ID, error_id);
        }
    }

    /// The elements behind the SOP instance UID.
    fn encode_tail(&self, writer: &mut Writer) {
        if let Self::NEventReportRq { event_type_id: id, .. }
        | Self::NEventReportRsp { event_type_id: Some(id), .. } = self
        {
            writer.number(number::EVENT_TYPE_ID, *id);
        }
        match self {
            Self::NGetRq { attributes, .. } => {
                writer.tags(number::ATTRIBUTE_IDENTIFIER_LIST, attributes);
            }
            _ => {
                if let Some(detail) = self.detail() {
                    writer.tags(number::ATTRIBUTE_IDENTIFIER_LIST, &detail.attributes);
                }
            }
        }
        match self {
            Self::NActionRq { action_type_id: id, .. }
            | Self::NActionRsp { action_type_id: Some(id), .. } => {
                writer.number(number::ACTION_TYPE_ID, *id);
            }
            Self::GetRsp { sub_operations, .. } | Self::MoveRsp { sub_operations, .. } => {
                let SubOperations { remaining, completed, failed, warning } = *sub_operations;
                if let Some(remaining) = remaining {
                    writer.number(number::NUMBER_OF_REMAINING_SUB_OPERATIONS, remaining);
                }
                writer.number(number::NUMBER_OF_COMPLETED_SUB_OPERATIONS, completed);
                writer.number(number::NUMBER_OF_FAILED_SUB_OPERATIONS, failed);
                writer.number(number::NUMBER_OF_WARNING_SUB_OPERATIONS, warning);
            }
            Self::StoreRq { move_originator: Some((title, message_id)), .. } => {
                let element = number::MOVE_ORIGINATOR_APPLICATION_ENTITY_TITLE;
                writer.text(element, title.as_str(), b' ');
                writer.number(number::MOVE_ORIGINATOR_MESSAGE_ID, *message_id);
            }
            _ => {}
        }
    }

    /// The response to this request with a status, no data set and no sub-operations done; `None` when it wants no
    /// response.
    pub fn response(&self, status: Status) -> Option<Self> {
        if !self.wants_response() {
            return None;
        }
        Some(self.c_response(status).unwrap_or_else(|| self.n_response(status)))
    }

    fn c_response(&self, status: Status) -> Option<Self> {
        let message_id = self.message_id();
        let sop_class_uid = self.sop_class_uid().to_owned();
        let sub_operations = SubOperations::default();
        let has_identifier = false;
        let comment = None;
        Some(match self {
            Self::EchoRq { .. } => Self::EchoRsp { message_id, status },
            Self::StoreRq { sop_instance_uid, .. } => {
                let sop_instance_uid = sop_instance_uid.clone();
                Self::StoreRsp { message_id, sop_class_uid, sop_instance_uid, status, comment }
            }
            Self::FindRq { .. } => {
                Self::FindRsp { message_id, sop_class_uid, status, has_identifier, comment }
            }
            Self::GetRq { .. } => Self::GetRsp {
                message_id,
                sop_class_uid,
                status,
                sub_operations,
                has_identifier,
                comment,
            },
            Self::MoveRq { .. } => Self::MoveRsp {
                message_id,
                sop_class_uid,
                status,
                sub_operations,
                has_identifier,
                comment,
            },
            _ => return None,
        })
    }

    /// The response to an N-service request, or to one that PS3.7 does not know.
    fn n_response(&self, status: Status) -> Self {
        let message_id = self.message_id();
        let sop_class_uid = self.sop_class_uid().to_owned();
        let sop_instance_uid = self.sop_instance_uid().to_owned();
        let detail = StatusDetail::default();
        let has_data_set = false;
        match self {
            Self::NEventReportRq { event_type_id, .. } => Self::NEventReportRsp {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                event_type_id: Some(*event_type_id),
                status,
                detail,
                has_data_set,
            },
            Self::NGetRq { .. } => Self::NGetRsp {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                status,
                detail,
                has_data_set,
            },
            Self::NSetRq { .. } => Self::NSetRsp {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                status,
                detail,
                has_data_set,
            },
            Self::NActionRq { action_type_id, .. } => Self::NActionRsp {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                action_type_id: Some(*action_type_id),
                status,
                detail,
                has_data_set,
            },
            Self::NCreateRq { .. } => Self::NCreateRsp {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                status,
                detail,
                has_data_set,
            },
            Self::NDeleteRq { .. } => {
                Self::NDeleteRsp { message_id, sop_class_uid, sop_instance_uid, status, detail }
            }
            _ => Self::Other {
                field: self.field() | RESPONSE,
                message_id,
                sop_class_uid,
                status: Some(status),
                has_data_set,
            },
        }
    }
}

/// What we send when a data set follows. 0000 is what most implementations send.
const DATA_SET: u16 = 0x0000;

const COMMENT_CHARACTERS_MAX: usize = 64;
