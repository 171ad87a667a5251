//! DIMSE commands: what a message asks or answers, apart from its data set (PS3.7 sections 6.3, 9.3, 10.3 and annex E).

mod decode;
mod elements;
mod encode;
mod reading;

use telerad_core::AeTitle;
use telerad_dicom::{Status, Tag};

/// The command set of one DIMSE message.
///
/// UIDs and texts are as sent but without padding. They come from outside: never take one for a file name.
#[derive(Clone, Eq, PartialEq)]
pub enum Command {
    /// C-ECHO-RQ (PS3.7 section 9.3.5.1).
    EchoRq {
        /// Message ID (0000,0110).
        message_id: u16,
    },
    /// C-ECHO-RSP (PS3.7 section 9.3.5.2).
    EchoRsp {
        /// Message ID Being Responded To (0000,0120).
        message_id: u16,
        /// Status (0000,0900).
        status: Status,
    },
    /// C-STORE-RQ (PS3.7 section 9.3.1.1); its data set follows.
    StoreRq {
        /// Message ID (0000,0110).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002).
        sop_class_uid: String,
        /// Affected SOP Instance UID (0000,1000).
        sop_instance_uid: String,
        /// Priority (0000,0700): 0 medium, 1 high, 2 low.
        priority: u16,
        /// Move Originator Application Entity Title (0000,1030) and Message ID (0000,1031).
        move_originator: Option<(AeTitle, u16)>,
    },
    /// C-STORE-RSP (PS3.7 section 9.3.1.2).
    StoreRsp {
        /// Message ID Being Responded To (0000,0120).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002); empty when the peer left it out.
        sop_class_uid: String,
        /// Affected SOP Instance UID (0000,1000); empty when the peer left it out.
        sop_instance_uid: String,
        /// Status (0000,0900).
        status: Status,
        /// Error Comment (0000,0902); at most 64 characters are sent.
        comment: Option<String>,
    },
    /// C-FIND-RQ (PS3.7 section 9.3.2.1); its identifier follows.
    FindRq {
        /// Message ID (0000,0110).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002).
        sop_class_uid: String,
        /// Priority (0000,0700): 0 medium, 1 high, 2 low.
        priority: u16,
    },
    /// C-FIND-RSP (PS3.7 section 9.3.2.2).
    FindRsp {
        /// Message ID Being Responded To (0000,0120).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002); empty when the peer left it out.
        sop_class_uid: String,
        /// Status (0000,0900).
        status: Status,
        /// Whether an identifier follows. It should with a pending status and with no other (PS3.4 section C.4.1.3);
        /// what the peer announces counts.
        has_identifier: bool,
        /// Error Comment (0000,0902); at most 64 characters are sent.
        comment: Option<String>,
    },
    /// C-GET-RQ (PS3.7 section 9.3.3.1); its identifier follows.
    GetRq {
        /// Message ID (0000,0110).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002).
        sop_class_uid: String,
        /// Priority (0000,0700): 0 medium, 1 high, 2 low.
        priority: u16,
    },
    /// C-GET-RSP (PS3.7 section 9.3.3.2).
    GetRsp {
        /// Message ID Being Responded To (0000,0120).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002); empty when the peer left it out.
        sop_class_uid: String,
        /// Status (0000,0900).
        status: Status,
        /// How many C-STORE sub-operations ended how.
        sub_operations: SubOperations,
        /// Whether an identifier with the Failed SOP Instance UID List (0008,0058) follows.
        has_identifier: bool,
        /// Error Comment (0000,0902); at most 64 characters are sent.
        comment: Option<String>,
    },
    /// C-MOVE-RQ (PS3.7 section 9.3.4.1); its identifier follows.
    ///
    /// One whose destination is no AE title arrives as [`Command::Other`], so that it can be answered (A801H).
    MoveRq {
        /// Message ID (0000,0110).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002).
        sop_class_uid: String,
        /// Priority (0000,0700): 0 medium, 1 high, 2 low.
        priority: u16,
        /// Move Destination (0000,0600).
        move_destination: AeTitle,
    },
    /// C-MOVE-RSP (PS3.7 section 9.3.4.2).
    MoveRsp {
        /// Message ID Being Responded To (0000,0120).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002); empty when the peer left it out.
        sop_class_uid: String,
        /// Status (0000,0900).
        status: Status,
        /// How many C-STORE sub-operations ended how.
        sub_operations: SubOperations,
        /// Whether an identifier with the Failed SOP Instance UID List (0008,0058) follows.
        has_identifier: bool,
        /// Error Comment (0000,0902); at most 64 characters are sent.
        comment: Option<String>,
    },
    /// C-CANCEL-RQ (PS3.7 section 9.3.2.3); it has no response.
    CancelRq {
        /// Message ID Being Responded To (0000,0120): the request to be cancelled.
        message_id: u16,
    },
    /// N-EVENT-REPORT-RQ (PS3.7 section 10.3.1.1).
    NEventReportRq {
        /// Message ID (0000,0110).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002).
        sop_class_uid: String,
        /// Affected SOP Instance UID (0000,1000).
        sop_instance_uid: String,
        /// Event Type ID (0000,1002).
        event_type_id: u16,
        /// Whether Event Information follows.
        has_data_set: bool,
    },
    /// N-EVENT-REPORT-RSP (PS3.7 section 10.3.1.2).
    NEventReportRsp {
        /// Message ID Being Responded To (0000,0120).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002); empty when the peer left it out.
        sop_class_uid: String,
        /// Affected SOP Instance UID (0000,1000); empty when the peer left it out.
        sop_instance_uid: String,
        /// Event Type ID (0000,1002).
        event_type_id: Option<u16>,
        /// Status (0000,0900).
        status: Status,
        /// What the status means in particular.
        detail: StatusDetail,
        /// Whether an Event Reply follows.
        has_data_set: bool,
    },
    /// N-GET-RQ (PS3.7 section 10.3.2.1).
    NGetRq {
        /// Message ID (0000,0110).
        message_id: u16,
        /// Requested SOP Class UID (0000,0003).
        sop_class_uid: String,
        /// Requested SOP Instance UID (0000,1001).
        sop_instance_uid: String,
        /// Attribute Identifier List (0000,1005); none asks for all.
        attributes: Vec<Tag>,
    },
    /// N-GET-RSP (PS3.7 section 10.3.2.2).
    NGetRsp {
        /// Message ID Being Responded To (0000,0120).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002); empty when the peer left it out.
        sop_class_uid: String,
        /// Affected SOP Instance UID (0000,1000); empty when the peer left it out.
        sop_instance_uid: String,
        /// Status (0000,0900).
        status: Status,
        /// What the status means in particular.
        detail: StatusDetail,
        /// Whether an Attribute List follows.
        has_data_set: bool,
    },
    /// N-SET-RQ (PS3.7 section 10.3.3.1); its Modification List follows.
    NSetRq {
        /// Message ID (0000,0110).
        message_id: u16,
        /// Requested SOP Class UID (0000,0003).
        sop_class_uid: String,
        /// Requested SOP Instance UID (0000,1001).
        sop_instance_uid: String,
    },
    /// N-SET-RSP (PS3.7 section 10.3.3.2).
    NSetRsp {
        /// Message ID Being Responded To (0000,0120).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002); empty when the peer left it out.
        sop_class_uid: String,
        /// Affected SOP Instance UID (0000,1000); empty when the peer left it out.
        sop_instance_uid: String,
        /// Status (0000,0900).
        status: Status,
        /// What the status means in particular.
        detail: StatusDetail,
        /// Whether an Attribute List follows.
        has_data_set: bool,
    },
    /// N-ACTION-RQ (PS3.7 section 10.3.4.1).
    NActionRq {
        /// Message ID (0000,0110).
        message_id: u16,
        /// Requested SOP Class UID (0000,0003).
        sop_class_uid: String,
        /// Requested SOP Instance UID (0000,1001).
        sop_instance_uid: String,
        /// Action Type ID (0000,1008).
        action_type_id: u16,
        /// Whether Action Information follows.
        has_data_set: bool,
    },
    /// N-ACTION-RSP (PS3.7 section 10.3.4.2).
    NActionRsp {
        /// Message ID Being Responded To (0000,0120).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002); empty when the peer left it out.
        sop_class_uid: String,
        /// Affected SOP Instance UID (0000,1000); empty when the peer left it out.
        sop_instance_uid: String,
        /// Action Type ID (0000,1008).
        action_type_id: Option<u16>,
        /// Status (0000,0900).
        status: Status,
        /// What the status means in particular.
        detail: StatusDetail,
        /// Whether an Action Reply follows.
        has_data_set: bool,
    },
    /// N-CREATE-RQ (PS3.7 section 10.3.5.1).
    NCreateRq {
        /// Message ID (0000,0110).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002).
        sop_class_uid: String,
        /// Affected SOP Instance UID (0000,1000); empty when the performer is to choose it.
        sop_instance_uid: String,
        /// Whether an Attribute List follows.
        has_data_set: bool,
    },
    /// N-CREATE-RSP (PS3.7 section 10.3.5.2).
    NCreateRsp {
        /// Message ID Being Responded To (0000,0120).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002); empty when the peer left it out.
        sop_class_uid: String,
        /// Affected SOP Instance UID (0000,1000); empty when the peer left it out.
        sop_instance_uid: String,
        /// Status (0000,0900).
        status: Status,
        /// What the status means in particular.
        detail: StatusDetail,
        /// Whether an Attribute List follows.
        has_data_set: bool,
    },
    /// N-DELETE-RQ (PS3.7 section 10.3.6.1).
    NDeleteRq {
        /// Message ID (0000,0110).
        message_id: u16,
        /// Requested SOP Class UID (0000,0003).
        sop_class_uid: String,
        /// Requested SOP Instance UID (0000,1001).
        sop_instance_uid: String,
    },
    /// N-DELETE-RSP (PS3.7 section 10.3.6.2).
    NDeleteRsp {
        /// Message ID Being Responded To (0000,0120).
        message_id: u16,
        /// Affected SOP Class UID (0000,0002); empty when the peer left it out.
        sop_class_uid: String,
        /// Affected SOP Instance UID (0000,1000); empty when the peer left it out.
        sop_instance_uid: String,
        /// Status (0000,0900).
        status: Status,
        /// What the status means in particular.
        detail: StatusDetail,
    },
    /// Any other command, known to PS3.7 or not.
    Other {
        /// Command Field (0000,0100); bit 15 marks a response.
        field: u16,
        /// Message ID, or in a response Message ID Being Responded To.
        message_id: u16,
        /// Affected (0000,0002) or Requested (0000,0003) SOP Class UID; empty when absent.
        sop_class_uid: String,
        /// Status (0000,0900), in a response.
        status: Option<Status>,
        /// Whether a data set follows.
        has_data_set: bool,
    },
}

/// How the sub-operations of a C-MOVE or C-GET stand (PS3.4 sections C.4.2.1 and C.4.3.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SubOperations {
    /// Number of Remaining Sub-operations (0000,1020); only in a pending or cancelled response.
    pub remaining: Option<u16>,
    /// Number of Completed Sub-operations (0000,1021); 0 when the peer left it out.
    pub completed: u16,
    /// Number of Failed Sub-operations (0000,1022); 0 when the peer left it out.
    pub failed: u16,
    /// Number of Warning Sub-operations (0000,1023); 0 when the peer left it out. The instances are stored.
    pub warning: u16,
}

/// What a response says beside its status (PS3.7 annex C).
#[derive(Clone, Default, Eq, PartialEq)]
pub struct StatusDetail {
    /// Offending Element (0000,0901).
    pub offending_elements: Vec<Tag>,
    /// Error Comment (0000,0902); at most 64 characters are sent.
    pub comment: Option<String>,
    /// Error ID (0000,0903).
    pub error_id: Option<u16>,
    /// Attribute Identifier List (0000,1005): the attributes that the status is about.
    pub attributes: Vec<Tag>,
}

impl std::fmt::Debug for StatusDetail {
    /// The peer's free text may hold patient data and is not shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StatusDetail")
            .field("offending_elements", &self.offending_elements)
            .field("comment", &self.comment.as_ref().map(|_| "<redacted>"))
            .field("error_id", &self.error_id)
            .field("attributes", &self.attributes)
            .finish()
    }
}

/// Why bytes are not a command set.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// An element reaches beyond the end, or bytes are left that are no element.
    #[error("element at byte {offset} is cut short")]
    Truncated {
        /// Where the element starts, from the first byte of the command set.
        offset: usize,
    },
    /// An element without which the command means nothing.
    #[error("element (0000,{element:04X}) is missing or has no value")]
    Missing {
        /// The element number in group 0000.
        element: u16,
    },
    /// C-STORE, C-FIND, C-MOVE, C-GET and N-SET requests say what they want in a data set, and this one announces none.
    #[error("request announces no data set")]
    NoDataSet,
}

/// Command Field values (PS3.7 table E.1-1).
mod field {
    pub(super) const C_STORE_RQ: u16 = 0x0001;
    pub(super) const C_STORE_RSP: u16 = 0x8001;
    pub(super) const C_GET_RQ: u16 = 0x0010;
    pub(super) const C_GET_RSP: u16 = 0x8010;
    pub(super) const C_FIND_RQ: u16 = 0x0020;
    pub(super) const C_FIND_RSP: u16 = 0x8020;
    pub(super) const C_MOVE_RQ: u16 = 0x0021;
    pub(super) const C_MOVE_RSP: u16 = 0x8021;
    pub(super) const C_ECHO_RQ: u16 = 0x0030;
    pub(super) const C_ECHO_RSP: u16 = 0x8030;
    pub(super) const N_EVENT_REPORT_RQ: u16 = 0x0100;
    pub(super) const N_EVENT_REPORT_RSP: u16 = 0x8100;
    pub(super) const N_GET_RQ: u16 = 0x0110;
    pub(super) const N_GET_RSP: u16 = 0x8110;
    pub(super) const N_SET_RQ: u16 = 0x0120;
    pub(super) const N_SET_RSP: u16 = 0x8120;
    pub(super) const N_ACTION_RQ: u16 = 0x0130;
    pub(super) const N_ACTION_RSP: u16 = 0x8130;
    pub(super) const N_CREATE_RQ: u16 = 0x0140;
    pub(super) const N_CREATE_RSP: u16 = 0x8140;
    pub(super) const N_DELETE_RQ: u16 = 0x0150;
    pub(super) const N_DELETE_RSP: u16 = 0x8150;
    pub(super) const C_CANCEL_RQ: u16 = 0x0FFF;
}

/// Bit 15 of the Command Field.
const RESPONSE: u16 = 0x8000;

/// Command Data Set Type when nothing follows; every other value means that a data set follows (PS3.7 section E.1).
const NO_DATA_SET: u16 = 0x0101;

/// The only SOP class with C-ECHO (PS3.4 annex A).
const VERIFICATION: &str = telerad_dicom::uids::VERIFICATION;

#[cfg(test)]
mod tests;
