//! DIMSE commands: what a message asks or answers, apart from its data set (PS3.7 sections 6.3, 9.3 and annex E).

mod elements;

use telerad_core::AeTitle;
use telerad_dicom::{Status, StatusClass};

use elements::{Elements, Writer, number};

/// The command set of one DIMSE message.
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
        /// Affected SOP Class UID (0000,0002), as sent but without padding.
        sop_class_uid: String,
        /// Affected SOP Instance UID (0000,1000), as sent but without padding. It comes from outside: never a file name.
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
    },
    /// C-CANCEL-RQ (PS3.7 section 9.3.2.3); it has no response.
    CancelRq {
        /// Message ID Being Responded To (0000,0120): the request to be cancelled.
        message_id: u16,
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

impl Command {
    /// Reads a command set: implicit VR little endian, group 0000 (PS3.7 section 6.3.1).
    ///
    /// Elements may come in any order, with or without group length, padded with NUL or space; elements of other
    /// groups and unknown ones are skipped.
    ///
    /// # Errors
    /// [`CommandError`] says which element is missing or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, CommandError> {
        let elements = Elements::read(bytes)?;
        let field = elements.number(number::COMMAND_FIELD)?;
        let has_data_set = elements.number(number::COMMAND_DATA_SET_TYPE)? != NO_DATA_SET;
        let message_id = || elements.number(number::MESSAGE_ID);
        let responded_to = || elements.number(number::MESSAGE_ID_BEING_RESPONDED_TO);
        let status = || elements.number(number::STATUS).map(Status::new);
        Ok(match field {
            field::C_ECHO_RQ => Self::EchoRq { message_id: message_id()? },
            field::C_ECHO_RSP => Self::EchoRsp { message_id: responded_to()?, status: status()? },
            field::C_STORE_RQ => {
                require_data_set(has_data_set)?;
                Self::StoreRq {
                    message_id: message_id()?,
                    sop_class_uid: elements.required_text(number::AFFECTED_SOP_CLASS_UID)?,
                    sop_instance_uid: elements.required_text(number::AFFECTED_SOP_INSTANCE_UID)?,
                    priority: elements.number(number::PRIORITY).unwrap_or_default(),
                    move_originator: move_originator(&elements),
                }
            }
            field::C_STORE_RSP => Self::StoreRsp {
                message_id: responded_to()?,
                sop_class_uid: elements.text(number::AFFECTED_SOP_CLASS_UID),
                sop_instance_uid: elements.text(number::AFFECTED_SOP_INSTANCE_UID),
                status: status()?,
                comment: Some(elements.text(number::ERROR_COMMENT))
                    .filter(|comment| !comment.is_empty()),
            },
            field::C_FIND_RQ => {
                require_data_set(has_data_set)?;
                Self::FindRq {
                    message_id: message_id()?,
                    sop_class_uid: elements.required_text(number::AFFECTED_SOP_CLASS_UID)?,
                    priority: elements.number(number::PRIORITY).unwrap_or_default(),
                }
            }
            field::C_FIND_RSP => Self::FindRsp {
                message_id: responded_to()?,
                sop_class_uid: elements.text(number::AFFECTED_SOP_CLASS_UID),
                status: status()?,
                has_identifier: has_data_set,
            },
            field::C_CANCEL_RQ => Self::CancelRq { message_id: responded_to()? },
            other => Self::decode_other(other, has_data_set, &elements)?,
        })
    }

    fn decode_other(
        field: u16,
        has_data_set: bool,
        elements: &Elements<'_>,
    ) -> Result<Self, CommandError> {
        let affected = elements.text(number::AFFECTED_SOP_CLASS_UID);
        let (message_id, status) = if field & RESPONSE == 0 {
            (elements.number(number::MESSAGE_ID)?, None)
        } else {
            let status = Status::new(elements.number(number::STATUS)?);
            (elements.number(number::MESSAGE_ID_BEING_RESPONDED_TO)?, Some(status))
        };
        Ok(Self::Other {
            field,
            message_id,
            sop_class_uid: if affected.is_empty() {
                elements.text(number::REQUESTED_SOP_CLASS_UID)
            } else {
                affected
            },
            status,
            has_data_set,
        })
    }

    /// The command set as it travels, group length first and elements in ascending order.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        match self {
            Self::EchoRq { .. } | Self::EchoRsp { .. } => {
                writer.text(number::AFFECTED_SOP_CLASS_UID, VERIFICATION, 0);
            }
            Self::StoreRq { sop_class_uid, .. }
            | Self::StoreRsp { sop_class_uid, .. }
            | Self::FindRq { sop_class_uid, .. }
            | Self::FindRsp { sop_class_uid, .. }
            | Self::Other { sop_class_uid, .. } => {
                writer.text(number::AFFECTED_SOP_CLASS_UID, sop_class_uid, 0);
            }
            Self::CancelRq { .. } => {}
        }
        writer.number(number::COMMAND_FIELD, self.field());
        let identifier = if self.is_response() || matches!(self, Self::CancelRq { .. }) {
            number::MESSAGE_ID_BEING_RESPONDED_TO
        } else {
            number::MESSAGE_ID
        };
        writer.number(identifier, self.message_id());
        if let Self::StoreRq { priority, .. } | Self::FindRq { priority, .. } = self {
            writer.number(number::PRIORITY, *priority);
        }
        let data_set = if self.has_data_set() { DATA_SET } else { NO_DATA_SET };
        writer.number(number::COMMAND_DATA_SET_TYPE, data_set);
        if let Some(status) = self.status() {
            writer.number(number::STATUS, status.code());
        }
        self.encode_tail(&mut writer);
        writer.finish()
    }

    fn encode_tail(&self, writer: &mut Writer) {
        match self {
            Self::StoreRq { sop_instance_uid, move_originator, .. } => {
                writer.text(number::AFFECTED_SOP_INSTANCE_UID, sop_instance_uid, 0);
                if let Some((title, message_id)) = move_originator {
                    let element = number::MOVE_ORIGINATOR_APPLICATION_ENTITY_TITLE;
                    writer.text(element, title.as_str(), b' ');
                    writer.number(number::MOVE_ORIGINATOR_MESSAGE_ID, *message_id);
                }
            }
            Self::StoreRsp { sop_instance_uid, comment, .. } => {
                if let Some(comment) = comment {
                    // LO holds 64 characters of the default repertoire (PS3.5 section 6.2); a command set has no
                    // character set attribute.
                    let ascii: String = comment
                        .chars()
                        .map(|c| if (' '..='~').contains(&c) && c != '\\' { c } else { '?' })
                        .take(COMMENT_CHARACTERS_MAX)
                        .collect();
                    writer.text(number::ERROR_COMMENT, &ascii, b' ');
                }
                writer.text(number::AFFECTED_SOP_INSTANCE_UID, sop_instance_uid, 0);
            }
            _ => {}
        }
    }

    /// Command Field (0000,0100).
    pub fn field(&self) -> u16 {
        match self {
            Self::EchoRq { .. } => field::C_ECHO_RQ,
            Self::EchoRsp { .. } => field::C_ECHO_RSP,
            Self::StoreRq { .. } => field::C_STORE_RQ,
            Self::StoreRsp { .. } => field::C_STORE_RSP,
            Self::FindRq { .. } => field::C_FIND_RQ,
            Self::FindRsp { .. } => field::C_FIND_RSP,
            Self::CancelRq { .. } => field::C_CANCEL_RQ,
            Self::Other { field, .. } => *field,
        }
    }

    /// The Message ID of a request, or the one that a response or a cancellation refers to.
    pub fn message_id(&self) -> u16 {
        match self {
            Self::EchoRq { message_id }
            | Self::EchoRsp { message_id, .. }
            | Self::StoreRq { message_id, .. }
            | Self::StoreRsp { message_id, .. }
            | Self::FindRq { message_id, .. }
            | Self::FindRsp { message_id, .. }
            | Self::CancelRq { message_id }
            | Self::Other { message_id, .. } => *message_id,
        }
    }

    /// Status (0000,0900), in a response.
    pub fn status(&self) -> Option<Status> {
        match self {
            Self::EchoRsp { status, .. }
            | Self::StoreRsp { status, .. }
            | Self::FindRsp { status, .. } => Some(*status),
            Self::Other { status, .. } => *status,
            Self::EchoRq { .. }
            | Self::StoreRq { .. }
            | Self::FindRq { .. }
            | Self::CancelRq { .. } => None,
        }
    }

    /// Whether a data set follows the command.
    ///
    /// What PS3.7 fixes for the service decides, not the peer's Command Data Set Type, which some devices set
    /// wrongly in responses that can have no data set.
    pub fn has_data_set(&self) -> bool {
        match self {
            Self::StoreRq { .. } | Self::FindRq { .. } => true,
            Self::EchoRq { .. }
            | Self::EchoRsp { .. }
            | Self::StoreRsp { .. }
            | Self::CancelRq { .. } => false,
            Self::FindRsp { has_identifier, .. } => *has_identifier,
            Self::Other { has_data_set, .. } => *has_data_set,
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

    /// The response to this request with a status and no data set; `None` when it wants no response.
    pub fn response(&self, status: Status) -> Option<Self> {
        let message_id = self.message_id();
        match self {
            Self::EchoRq { .. } => Some(Self::EchoRsp { message_id, status }),
            Self::StoreRq { sop_class_uid, sop_instance_uid, .. } => Some(Self::StoreRsp {
                message_id,
                sop_class_uid: sop_class_uid.clone(),
                sop_instance_uid: sop_instance_uid.clone(),
                status,
                comment: None,
            }),
            Self::FindRq { sop_class_uid, .. } => Some(Self::FindRsp {
                message_id,
                sop_class_uid: sop_class_uid.clone(),
                status,
                has_identifier: false,
            }),
            Self::Other { field, sop_class_uid, .. } if self.wants_response() => {
                Some(Self::Other {
                    field: field | RESPONSE,
                    message_id,
                    sop_class_uid: sop_class_uid.clone(),
                    status: Some(status),
                    has_data_set: false,
                })
            }
            _ => None,
        }
    }
}

impl std::fmt::Debug for Command {
    /// Field, message and status; the peer's free text may hold patient data and is not shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::EchoRq { .. } => "EchoRq",
            Self::EchoRsp { .. } => "EchoRsp",
            Self::StoreRq { .. } => "StoreRq",
            Self::StoreRsp { .. } => "StoreRsp",
            Self::FindRq { .. } => "FindRq",
            Self::FindRsp { .. } => "FindRsp",
            Self::CancelRq { .. } => "CancelRq",
            Self::Other { .. } => "Other",
        };
        let mut shown = f.debug_struct(name);
        shown.field("message_id", &self.message_id());
        match self {
            Self::StoreRq {
                sop_class_uid, sop_instance_uid, priority, move_originator, ..
            } => {
                shown
                    .field("sop_class_uid", sop_class_uid)
                    .field("sop_instance_uid", sop_instance_uid)
                    .field("priority", priority)
                    .field("move_originator", move_originator);
            }
            Self::StoreRsp { sop_class_uid, sop_instance_uid, comment, .. } => {
                shown
                    .field("sop_class_uid", sop_class_uid)
                    .field("sop_instance_uid", sop_instance_uid)
                    .field("comment", &comment.as_ref().map(|_| "<redacted>"));
            }
            Self::FindRq { sop_class_uid, .. } | Self::FindRsp { sop_class_uid, .. } => {
                shown.field("sop_class_uid", sop_class_uid);
            }
            Self::Other { field, sop_class_uid, .. } => {
                shown.field("field", &format_args!("{field:#06X}"));
                shown.field("sop_class_uid", sop_class_uid);
            }
            Self::EchoRq { .. } | Self::EchoRsp { .. } | Self::CancelRq { .. } => {}
        }
        if let Some(status) = self.status() {
            shown.field("status", &format_args!("{:#06X}", status.code()));
        }
        shown.field("has_data_set", &self.has_data_set()).finish()
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
    /// C-STORE and C-FIND requests say what they want in a data set, and this one announces none.
    #[error("request announces no data set")]
    NoDataSet,
}

fn require_data_set(has_data_set: bool) -> Result<(), CommandError> {
    if has_data_set { Ok(()) } else { Err(CommandError::NoDataSet) }
}

/// A title that is no title, or one without a message ID, identifies no C-MOVE: the object itself is still good.
fn move_originator(elements: &Elements<'_>) -> Option<(AeTitle, u16)> {
    let title = elements.text(number::MOVE_ORIGINATOR_APPLICATION_ENTITY_TITLE);
    let message_id = elements.number(number::MOVE_ORIGINATOR_MESSAGE_ID).ok()?;
    Some((AeTitle::new(&title).ok()?, message_id))
}

/// Command Field values (PS3.7 table E.1-1).
mod field {
    pub(super) const C_STORE_RQ: u16 = 0x0001;
    pub(super) const C_STORE_RSP: u16 = 0x8001;
    pub(super) const C_FIND_RQ: u16 = 0x0020;
    pub(super) const C_FIND_RSP: u16 = 0x8020;
    pub(super) const C_ECHO_RQ: u16 = 0x0030;
    pub(super) const C_ECHO_RSP: u16 = 0x8030;
    pub(super) const C_CANCEL_RQ: u16 = 0x0FFF;
}

/// Bit 15 of the Command Field.
const RESPONSE: u16 = 0x8000;

/// Command Data Set Type when nothing follows; every other value means that a data set follows (PS3.7 section E.1).
const NO_DATA_SET: u16 = 0x0101;

/// What we send when a data set follows. 0000 is what most implementations send.
const DATA_SET: u16 = 0x0000;

const COMMENT_CHARACTERS_MAX: usize = 64;

/// The only SOP class with C-ECHO (PS3.4 annex A).
const VERIFICATION: &str = telerad_dicom::uids::VERIFICATION;

#[cfg(test)]
mod tests;
