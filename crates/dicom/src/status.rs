//! DIMSE status codes and what a peer answered.

use serde::{Deserialize, Serialize};

/// The status of a DIMSE response (PS3.7 annex C; for storage PS3.4 section B.2.3).
#[derive(Clone, Copy, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Status(u16);

/// The class of a status (PS3.7 section C.1).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum StatusClass {
    /// The operation was cancelled: FE00H.
    Cancel,
    /// The operation was not done.
    Failure,
    /// More answers follow: FF00H and FF01H.
    Pending,
    /// The operation was done: 0000H.
    Success,
    /// The operation was done, with something to note. For C-STORE: the instance *is stored*.
    Warning,
}

impl Status {
    /// Success.
    pub const SUCCESS: Self = Self(0x0000);
    /// Attribute list error, a warning (PS3.7 section C.4.2).
    pub const ATTRIBUTE_LIST_ERROR: Self = Self(0x0107);
    /// Invalid attribute value (PS3.7 section C.5.11).
    pub const INVALID_ATTRIBUTE_VALUE: Self = Self(0x0106);
    /// Processing failure (PS3.7 section C.5.10).
    pub const PROCESSING_FAILURE: Self = Self(0x0110);
    /// Duplicate SOP instance (PS3.7 section C.5.6).
    pub const DUPLICATE_SOP_INSTANCE: Self = Self(0x0111);
    /// No such SOP instance (PS3.7 section C.5.19).
    pub const NO_SUCH_SOP_INSTANCE: Self = Self(0x0112);
    /// No such event type (PS3.7 section C.5.18).
    pub const NO_SUCH_EVENT_TYPE: Self = Self(0x0113);
    /// Invalid argument value (PS3.7 section C.5.10).
    pub const INVALID_ARGUMENT_VALUE: Self = Self(0x0115);
    /// Invalid SOP instance (PS3.7 section C.5.12).
    pub const INVALID_SOP_INSTANCE: Self = Self(0x0117);
    /// No such SOP class: not known, or not one of the presentation context (PS3.7 annex C, for N-services).
    pub const NO_SUCH_SOP_CLASS: Self = Self(0x0118);
    /// Missing attribute (PS3.7 section C.5.13).
    pub const MISSING_ATTRIBUTE: Self = Self(0x0120);
    /// SOP class not supported, also "refused: SOP class not supported" of C-STORE (PS3.7 section C.5.23).
    pub const SOP_CLASS_NOT_SUPPORTED: Self = Self(0x0122);
    /// No such action type (PS3.7 section C.5.15).
    pub const NO_SUCH_ACTION_TYPE: Self = Self(0x0123);
    /// Refused: not authorised (PS3.7 section C.5.18).
    pub const NOT_AUTHORIZED: Self = Self(0x0124);
    /// Duplicate invocation: the message ID is in use (PS3.7 section C.5.5).
    pub const DUPLICATE_INVOCATION: Self = Self(0x0210);
    /// Unrecognised operation (PS3.7 section C.5.24).
    pub const UNRECOGNIZED_OPERATION: Self = Self(0x0211);
    /// Mistyped argument (PS3.7 section C.5.14).
    pub const MISTYPED_ARGUMENT: Self = Self(0x0212);
    /// Resource limitation (PS3.7 section C.5.22).
    pub const RESOURCE_LIMITATION: Self = Self(0x0213);
    /// Refused: out of resources; the first of A7xxH (PS3.4 section B.2.3).
    pub const OUT_OF_RESOURCES: Self = Self(0xA700);
    /// Refused: out of resources, unable to calculate the number of matches, of C-MOVE and C-GET (PS3.4 section C.4.2.1.5).
    pub const UNABLE_TO_CALCULATE_MATCHES: Self = Self(0xA701);
    /// Refused: out of resources, unable to perform sub-operations, of C-MOVE and C-GET (PS3.4 section C.4.2.1.5).
    pub const UNABLE_TO_PERFORM_SUB_OPERATIONS: Self = Self(0xA702);
    /// Refused: move destination unknown (PS3.4 section C.4.2.1.5).
    pub const MOVE_DESTINATION_UNKNOWN: Self = Self(0xA801);
    /// Error: data set does not match SOP class; the first of A9xxH (PS3.4 section B.2.3).
    pub const DATA_SET_DOES_NOT_MATCH: Self = Self(0xA900);
    /// Warning: coercion of data elements (PS3.4 section B.2.3).
    pub const COERCION_OF_DATA_ELEMENTS: Self = Self(0xB000);
    /// Warning: sub-operations complete, one or more failures or warnings, of C-MOVE and C-GET (PS3.4 section C.4.2.1.5).
    pub const SUB_OPERATIONS_FAILED: Self = Self(0xB000);
    /// Warning: elements discarded (PS3.4 section B.2.3).
    pub const ELEMENTS_DISCARDED: Self = Self(0xB006);
    /// Warning: data set does not match SOP class (PS3.4 section B.2.3).
    pub const DATA_SET_DOES_NOT_MATCH_WARNING: Self = Self(0xB007);
    /// Error: cannot understand, also "unable to process" of C-FIND; the first of CxxxH (PS3.4 section B.2.3, C.4.1).
    pub const CANNOT_UNDERSTAND: Self = Self(0xC000);
    /// Matching was ended by a cancel request (PS3.4 section C.4.1.1.4).
    pub const CANCEL: Self = Self(0xFE00);
    /// Matches continue, all optional keys supported as asked (PS3.4 section C.4.1.1.4).
    pub const PENDING: Self = Self(0xFF00);
    /// Matches continue, some optional keys not supported (PS3.4 section C.4.1.1.4).
    pub const PENDING_WARNING: Self = Self(0xFF01);

    /// A status from the value of (0000,0900).
    pub const fn new(code: u16) -> Self {
        Self(code)
    }

    /// The value of (0000,0900).
    pub const fn code(self) -> u16 {
        self.0
    }

    /// The class of the code (PS3.7 section C.1; 0001H and Bxxx warn, as do 0107H and 0116H).
    ///
    /// A code that no class lists is a failure: what was not plainly confirmed was not done.
    pub const fn class(self) -> StatusClass {
        match self.0 {
            0x0000 => StatusClass::Success,
            0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF => StatusClass::Warning,
            0xFE00 => StatusClass::Cancel,
            0xFF00 | 0xFF01 => StatusClass::Pending,
            _ => StatusClass::Failure,
        }
    }

    /// Whether sending the same thing again later may succeed.
    ///
    /// A lack of resources passes (A7xxH, 0213H), and so may a processing failure that names no fault of ours (0110H)
    /// and a reused message ID (0210H). What the peer cannot accept as it is, A9xxH, CxxxH, 0122H, 0124H and the
    /// rest, will fail again.
    pub const fn is_retryable(self) -> bool {
        matches!(self.0, 0xA700..=0xA7FF | 0x0110 | 0x0210 | 0x0213)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04X}H", self.0)
    }
}

impl std::fmt::Debug for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Status({self})")
    }
}

/// What a peer answered to a C-STORE: the only thing that "delivered" can be built from.
///
/// There is no way to make one except from a response that arrived, and none to change one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct PeerAnswer {
    status: Status,
    message_id: u16,
}

impl PeerAnswer {
    /// From the status and the Message ID Being Responded To of a response that arrived.
    pub const fn from_response(status: Status, message_id: u16) -> Self {
        Self { status, message_id }
    }

    /// The status that the peer answered.
    pub const fn status(self) -> Status {
        self.status
    }

    /// The message that it answered.
    pub const fn message_id(self) -> u16 {
        self.message_id
    }

    /// Whether the peer has the instance: success, or a warning, with which it is stored too (PS3.4 section B.2.3).
    pub const fn is_delivered(self) -> bool {
        matches!(self.status.class(), StatusClass::Success | StatusClass::Warning)
    }
}

#[cfg(test)]
mod tests {
    use super::{PeerAnswer, Status, StatusClass};

    #[track_caller]
    fn check(code: u16, class: StatusClass, retryable: bool) {
        let status = Status::new(code);
        assert_eq!((status.class(), status.is_retryable()), (class, retryable), "{status}");
    }

    #[test]
    fn storage_statuses_have_the_classes_of_the_table() {
        check(0x0000, StatusClass::Success, false);
        for warning in [0xB000, 0xB006, 0xB007, 0x0001, 0x0107, 0x0116] {
            check(warning, StatusClass::Warning, false);
        }
        for passing in [0xA700, 0xA701, 0xA7FF, 0x0213, 0x0110] {
            check(passing, StatusClass::Failure, true);
        }
        for lasting in [0xA900, 0xA9FF, 0xC000, 0xC123, 0x0122, 0x0124, 0x0117, 0x0211, 0x0212] {
            check(lasting, StatusClass::Failure, false);
        }
    }

    #[test]
    fn query_statuses_have_the_classes_of_the_table() {
        check(0xFF00, StatusClass::Pending, false);
        check(0xFF01, StatusClass::Pending, false);
        check(0xFE00, StatusClass::Cancel, false);
    }

    #[test]
    fn a_code_that_nobody_defined_is_a_failure() {
        check(0x4711, StatusClass::Failure, false);
        check(0xFF02, StatusClass::Failure, false);
    }

    #[test]
    fn only_success_and_warning_deliver() {
        let delivered = |code| PeerAnswer::from_response(Status::new(code), 1).is_delivered();
        assert!(delivered(0x0000) && delivered(0xB007));
        assert!(!delivered(0xFF00) && !delivered(0xFE00) && !delivered(0xA700));
    }
}
