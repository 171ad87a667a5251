//! What a command says, asked without looking at which one it is.

use telerad_dicom::{Status, StatusClass};

use super::{Command, RESPONSE, StatusDetail, VERIFICATION, field};

impl Command {
    /// Command Field (0000,0100).
    pub fn field(&self) -> u16 {
        match self {
            Self::EchoRq { .. } => field::C_ECHO_RQ,
            Self::EchoRsp { .. } => field::C_ECHO_RSP,
            Self::StoreRq { .. } => field::C_STORE_RQ,
            Self::StoreRsp { .. } => field::C_STORE_RSP,
            Self::FindRq { .. } => field::C_FIND_RQ,
            Self::FindRsp { .. } => field::C_FIND_RSP,
            Self::GetRq { .. } => field::C_GET_RQ,
            Self::GetRsp { .. } => field::C_GET_RSP,
            Self::MoveRq { .. } => field::C_MOVE_RQ,
            Self::MoveRsp { .. } => field::C_MOVE_RSP,
            Self::CancelRq { .. } => field::C_CANCEL_RQ,
            Self::NEventReportRq { .. } => field::N_EVENT_REPORT_RQ,
            Self::NEventReportRsp { .. } => field::N_EVENT_REPORT_RSP,
            Self::NGetRq { .. } => field::N_GET_RQ,
            Self::NGetRsp { .. } => field::N_GET_RSP,
            Self::NSetRq { .. } => field::N_SET_RQ,
            Self::NSetRsp { .. } => field::N_SET_RSP,
            Self::NActionRq { .. } => field::N_ACTION_RQ,
            Self::NActionRsp { .. } => field::N_ACTION_RSP,
            Self::NCreateRq { .. } => field::N_CREATE_RQ,
            Self::NCreateRsp { .. } => field::N_CREATE_RSP,
            Self::NDeleteRq { .. } => field::N_DELETE_RQ,
            Self::NDeleteRsp { .. } => field::N_DELETE_RSP,
            Self::Other { field, .. } => *field,
        }
    }

    /// The Message ID of a request, or the one that a response or a cancellation refers to.
    pub fn message_id(&self) -> u16 {
        match self {
            Self::EchoRq { message_id, .. }
            | Self::EchoRsp { message_id, .. }
            | Self::StoreRq { message_id, .. }
            | Self::StoreRsp { message_id, .. }
            | Self::FindRq { message_id, .. }
            | Self::FindRsp { message_id, .. }
            | Self::GetRq { message_id, .. }
            | Self::GetRsp { message_id, .. }
            | Self::MoveRq { message_id, .. }
            | Self::MoveRsp { message_id, .. }
            | Self::CancelRq { message_id, .. }
            | Self::NEventReportRq { message_id, .. }
            | Self::NEventReportRsp { message_id, .. }
            | Self::NGetRq { message_id, .. }
            | Self::NGetRsp { message_id, .. }
            | Self::NSetRq { message_id, .. }
            | Self::NSetRsp { message_id, .. }
            | Self::NActionRq { message_id, .. }
            | Self::NActionRsp { message_id, .. }
            | Self::NCreateRq { message_id, .. }
            | Self::NCreateRsp { message_id, .. }
            | Self::NDeleteRq { message_id, .. }
            | Self::NDeleteRsp { message_id, .. }
            | Self::Other { message_id, .. } => *message_id,
        }
    }

    /// Affected or Requested SOP Class UID; empty when absent.
    pub fn sop_class_uid(&self) -> &str {
        match self {
            Self::EchoRq { .. } | Self::EchoRsp { .. } => VERIFICATION,
            Self::CancelRq { .. } => "",
            Self::StoreRq { sop_class_uid, .. }
            | Self::StoreRsp { sop_class_uid, .. }
            | Self::FindRq { sop_class_uid, .. }
            | Self::FindRsp { sop_class_uid, .. }
            | Self::GetRq { sop_class_uid, .. }
            | Self::GetRsp { sop_class_uid, .. }
            | Self::MoveRq { sop_class_uid, .. }
            | Self::MoveRsp { sop_class_uid, .. }
            | Self::NEventReportRq { sop_class_uid, .. }
            | Self::NEventReportRsp { sop_class_uid, .. }
            | Self::NGetRq { sop_class_uid, .. }
            | Self::NGetRsp { sop_class_uid, .. }
            | Self::NSetRq { sop_class_uid, .. }
            | Self::NSetRsp { sop_class_uid, .. }
            | Self::NActionRq { sop_class_uid, .. }
            | Self::NActionRsp { sop_class_uid, .. }
            | Self::NCreateRq { sop_class_uid, .. }
            | Self::NCreateRsp { sop_class_uid, .. }
            | Self::NDeleteRq { sop_class_uid, .. }
            | Self::NDeleteRsp { sop_class_uid, .. }
            | Self::Other { sop_class_uid, .. } => sop_class_uid,
        }
    }

    /// Affected or Requested SOP Instance UID; empty when absent.
    pub fn sop_instance_uid(&self) -> &str {
        match self {
            Self::StoreRq { sop_instance_uid, .. }
            | Self::StoreRsp { sop_instance_uid, .. }
            | Self::NEventReportRq { sop_instance_uid, .. }
            | Self::NEventReportRsp { sop_instance_uid, .. }
            | Self::NGetRq { sop_instance_uid, .. }
            | Self::NGetRsp { sop_instance_uid, .. }
            | Self::NSetRq { sop_instance_uid, .. }
            | Self::NSetRsp { sop_instance_uid, .. }
            | Self::NActionRq { sop_instance_uid, .. }
            | Self::NActionRsp { sop_instance_uid, .. }
            | Self::NCreateRq { sop_instance_uid, .. }
            | Self::NCreateRsp { sop_instance_uid, .. }
            | Self::NDeleteRq { sop_instance_uid, .. }
            | Self::NDeleteRsp { sop_instance_uid, .. } => sop_instance_uid,
            Self::EchoRq { .. }
            | Self::EchoRsp { .. }
            | Self::FindRq { .. }
            | Self::FindRsp { .. }
            | Self::GetRq { .. }
            | Self::GetRsp { .. }
            | Self::MoveRq { .. }
            | Self::MoveRsp { .. }
            | Self::CancelRq { .. }
            | Self::Other { .. } => "",
        }
    }

    /// Status (0000,0900), in a response.
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::EchoRsp { status, .. }
            | Self::StoreRsp { status, .. }
            | Self::FindRsp { status, .. }
            | Self::GetRsp { status, .. }
            | Self::MoveRsp { status, .. }
            | Self::NEventReportRsp { status, .. }
            | Self::NGetRsp { status, .. }
            | Self::NSetRsp { status, .. }
            | Self::NActionRsp { status, .. }
            | Self::NCreateRsp { status, .. }
            | Self::NDeleteRsp { status, .. } => Some(*status),
            Self::Other { status, .. } => *status,
            Self::EchoRq { .. }
            | Self::StoreRq { .. }
            | Self::FindRq { .. }
            | Self::GetRq { .. }
            | Self::MoveRq { .. }
            | Self::CancelRq { .. }
            | Self::NEventReportRq { .. }
            | Self::NGetRq { .. }
            | Self::NSetRq { .. }
            | Self::NActionRq { .. }
            | Self::NCreateRq { .. }
            | Self::NDeleteRq { .. } => None,
        }
    }

    /// Whether a data set follows the command.
    ///
    /// Where PS3.7 says that a data set always or never follows, that decides, not the peer's Command Data Set Type,
    /// which some devices set wrongly in responses that can have no data set.
    pub fn has_data_set(&self) -> bool {
        match self {
            Self::StoreRq { .. }
            | Self::FindRq { .. }
            | Self::GetRq { .. }
            | Self::MoveRq { .. }
            | Self::NSetRq { .. } => true,
            Self::FindRsp { has_identifier, .. }
            | Self::GetRsp { has_identifier, .. }
            | Self::MoveRsp { has_identifier, .. } => *has_identifier,
            Self::NEventReportRq { has_data_set, .. }
            | Self::NEventReportRsp { has_data_set, .. }
            | Self::NGetRsp { has_data_set, .. }
            | Self::NSetRsp { has_data_set, .. }
            | Self::NActionRq { has_data_set, .. }
            | Self::NActionRsp { has_data_set, .. }
            | Self::NCreateRq { has_data_set, .. }
            | Self::NCreateRsp { has_data_set, .. }
            | Self::Other { has_data_set, .. } => *has_data_set,
            Self::EchoRq { .. }
            | Self::EchoRsp { .. }
            | Self::StoreRsp { .. }
            | Self::CancelRq { .. }
            | Self::NGetRq { .. }
            | Self::NDeleteRq { .. }
            | Self::NDeleteRsp { .. } => false,
        }
    }

    /// Whether this is a response (bit 15 of the Command Field, PS3.7 section E.1).
    pub fn is_response(&self) -> bool {
        self.field() & RESPONSE != 0
    }

    /// Whether the receiver owes a response: every request but C-CANCEL-RQ.
    pub fn wants_response(&self) -> bool {
        !self.is_response() && self.field() != field::C_CANCEL_RQ
    }

    /// Whether this response is the last one to its request: a status that is not pending (PS3.7 annex C).
    pub fn is_final_response(&self) -> bool {
        self.is_response()
            && self.status().is_none_or(|status| status.class() != StatusClass::Pending)
    }

    /// Whether SOP class and instance are named "requested" on the wire, not "affected" (PS3.7 section 10.3).
    pub(super) fn names_are_requested(&self) -> bool {
        matches!(
            self,
            Self::NGetRq { .. }
                | Self::NSetRq { .. }
                | Self::NActionRq { .. }
                | Self::NDeleteRq { .. }
        )
    }

    /// What a response says beside its status, with the comment of C-services as well.
    pub(super) fn detail(&self) -> Option<&StatusDetail> {
        match self {
            Self::NEventReportRsp { detail, .. }
            | Self::NGetRsp { detail, .. }
            | Self::NSetRsp { detail, .. }
            | Self::NActionRsp { detail, .. }
            | Self::NCreateRsp { detail, .. }
            | Self::NDeleteRsp { detail, .. } => Some(detail),
            _ => None,
        }
    }

    /// Error Comment (0000,0902) of a response; `None` when there is none.
    pub fn comment(&self) -> Option<&str> {
        let comment = match self {
            Self::StoreRsp { comment, .. }
            | Self::FindRsp { comment, .. }
            | Self::GetRsp { comment, .. }
            | Self::MoveRsp { comment, .. } => comment,
            _ => &self.detail()?.comment,
        };
        comment.as_deref()
    }
}

impl std::fmt::Debug for Command {
    /// Field, message, names and status; the peer's free text may hold patient data and is not shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::EchoRq { .. } => "EchoRq",
            Self::EchoRsp { .. } => "EchoRsp",
            Self::StoreRq { .. } => "StoreRq",
            Self::StoreRsp { .. } => "StoreRsp",
            Self::FindRq { .. } => "FindRq",
            Self::FindRsp { .. } => "FindRsp",
            Self::GetRq { .. } => "GetRq",
            Self::GetRsp { .. } => "GetRsp",
            Self::MoveRq { .. } => "MoveRq",
            Self::MoveRsp { .. } => "MoveRsp",
            Self::CancelRq { .. } => "CancelRq",
            Self::NEventReportRq { .. } => "NEventReportRq",
            Self::NEventReportRsp { .. } => "NEventReportRsp",
            Self::NGetRq { .. } => "NGetRq",
            Self::NGetRsp { .. } => "NGetRsp",
            Self::NSetRq { .. } => "NSetRq",
            Self::NSetRsp { .. } => "NSetRsp",
            Self::NActionRq { .. } => "NActionRq",
            Self::NActionRsp { .. } => "NActionRsp",
            Self::NCreateRq { .. } => "NCreateRq",
            Self::NCreateRsp { .. } => "NCreateRsp",
            Self::NDeleteRq { .. } => "NDeleteRq",
            Self::NDeleteRsp { .. } => "NDeleteRsp",
            Self::Other { .. } => "Other",
        };
        let mut shown = f.debug_struct(name);
        shown.field("message_id", &self.message_id());
        match self {
            Self::StoreRq { priority, move_originator, .. } => {
                shown.field("priority", priority).field("move_originator", move_originator);
            }
            Self::MoveRq { move_destination, .. } => {
                shown.field("move_destination", move_destination);
            }
            Self::GetRsp { sub_operations, .. } | Self::MoveRsp { sub_operations, .. } => {
                shown.field("sub_operations", sub_operations);
            }
            Self::NGetRq { attributes, .. } => {
                shown.field("attributes", attributes);
            }
            Self::NEventReportRq { event_type_id: type_id, .. }
            | Self::NActionRq { action_type_id: type_id, .. } => {
                shown.field("type_id", type_id);
            }
            Self::Other { field, .. } => {
                shown.field("field", &format_args!("{field:#06X}"));
            }
            _ => {}
        }
        for (name, uid) in
            [("sop_class_uid", self.sop_class_uid()), ("sop_instance_uid", self.sop_instance_uid())]
        {
            if !uid.is_empty() {
                shown.field(name, &uid);
            }
        }
        if let Some(status) = self.status() {
            shown.field("status", &format_args!("{:#06X}", status.code()));
        }
        if let Some(detail) = self.detail() {
            shown.field("detail", detail);
        } else if self.comment().is_some() {
            shown.field("comment", &"<redacted>");
        }
        shown.field("has_data_set", &self.has_data_set()).finish()
    }
}
