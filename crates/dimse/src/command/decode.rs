//! Command sets, read.

use telerad_core::AeTitle;
use telerad_dicom::Status;

use super::elements::{Elements, number};
use super::{Command, CommandError, NO_DATA_SET, RESPONSE, StatusDetail, SubOperations, field};

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
        let set = CommandSet {
            field: elements.number(number::COMMAND_FIELD)?,
            has_data_set: elements.number(number::COMMAND_DATA_SET_TYPE)? != NO_DATA_SET,
            elements,
        };
        match set.field {
            field::N_EVENT_REPORT_RQ..=field::N_DELETE_RQ => set.n_request(),
            field::N_EVENT_REPORT_RSP..=field::N_DELETE_RSP => set.n_response(),
            code if code & RESPONSE == 0 => set.c_request(),
            _ => set.c_response(),
        }
    }
}

/// The elements of a command set, and the two that say how to read the others.
struct CommandSet<'a> {
    field: u16,
    has_data_set: bool,
    elements: Elements<'a>,
}

impl CommandSet<'_> {
    fn c_request(&self) -> Result<Command, CommandError> {
        let elements = &self.elements;
        let sop_class_uid = || elements.required_text(number::AFFECTED_SOP_CLASS_UID);
        let priority = elements.number(number::PRIORITY).unwrap_or_default();
        Ok(match self.field {
            field::C_ECHO_RQ => Command::EchoRq { message_id: self.message_id()? },
            field::C_STORE_RQ => Command::StoreRq {
                message_id: self.message_id_with_data_set()?,
                sop_class_uid: sop_class_uid()?,
                sop_instance_uid: elements.required_text(number::AFFECTED_SOP_INSTANCE_UID)?,
                priority,
                move_originator: self.move_originator(),
            },
            field::C_FIND_RQ => Command::FindRq {
                message_id: self.message_id_with_data_set()?,
                sop_class_uid: sop_class_uid()?,
                priority,
            },
            field::C_GET_RQ => Command::GetRq {
                message_id: self.message_id_with_data_set()?,
                sop_class_uid: sop_class_uid()?,
                priority,
            },
            field::C_MOVE_RQ => {
                let message_id = self.message_id_with_data_set()?;
                let sop_class_uid = sop_class_uid()?;
                match AeTitle::new(&elements.text(number::MOVE_DESTINATION)) {
                    Ok(move_destination) => {
                        Command::MoveRq { message_id, sop_class_uid, priority, move_destination }
                    }
                    // Nothing to abort for: "destination unknown" is an answer that a person understands.
                    Err(_) => self.other()?,
                }
            }
            field::C_CANCEL_RQ => Command::CancelRq { message_id: self.responded_to()? },
            _ => self.other()?,
        })
    }

    fn c_response(&self) -> Result<Command, CommandError> {
        let elements = &self.elements;
        let (message_id, status) = match self.field {
            field::C_ECHO_RSP
            | field::C_STORE_RSP
            | field::C_FIND_RSP
            | field::C_GET_RSP
            | field::C_MOVE_RSP => (self.responded_to()?, self.status()?),
            _ => return self.other(),
        };
        let sop_class_uid = elements.text(number::AFFECTED_SOP_CLASS_UID);
        let has_identifier = self.has_data_set;
        let comment = self.comment();
        let sub_operations = self.sub_operations();
        Ok(match self.field {
            field::C_ECHO_RSP => Command::EchoRsp { message_id, status },
            field::C_STORE_RSP => Command::StoreRsp {
                message_id,
                sop_class_uid,
                sop_instance_uid: elements.text(number::AFFECTED_SOP_INSTANCE_UID),
                status,
                comment,
            },
            field::C_FIND_RSP => {
                Command::FindRsp { message_id, sop_class_uid, status, has_identifier, comment }
            }
            field::C_GET_RSP => Command::GetRsp {
                message_id,
                sop_class_uid,
                status,
                sub_operations,
                has_identifier,
                comment,
            },
            _ => Command::MoveRsp {
                message_id,
                sop_class_uid,
                status,
                sub_operations,
                has_identifier,
                comment,
            },
        })
    }

    fn n_request(&self) -> Result<Command, CommandError> {
        let elements = &self.elements;
        let has_data_set = self.has_data_set;
        Ok(match self.field {
            field::N_EVENT_REPORT_RQ => Command::NEventReportRq {
                message_id: self.message_id()?,
                sop_class_uid: self.name(AFFECTED_CLASS)?,
                sop_instance_uid: self.name(AFFECTED_INSTANCE)?,
                event_type_id: elements.number(number::EVENT_TYPE_ID)?,
                has_data_set,
            },
            field::N_GET_RQ => Command::NGetRq {
                message_id: self.message_id()?,
                sop_class_uid: self.name(REQUESTED_CLASS)?,
                sop_instance_uid: self.name(REQUESTED_INSTANCE)?,
                attributes: elements.tags(number::ATTRIBUTE_IDENTIFIER_LIST),
            },
            field::N_SET_RQ => Command::NSetRq {
                message_id: self.message_id_with_data_set()?,
                sop_class_uid: self.name(REQUESTED_CLASS)?,
                sop_instance_uid: self.name(REQUESTED_INSTANCE)?,
            },
            field::N_ACTION_RQ => Command::NActionRq {
                message_id: self.message_id()?,
                sop_class_uid: self.name(REQUESTED_CLASS)?,
                sop_instance_uid: self.name(REQUESTED_INSTANCE)?,
                action_type_id: elements.number(number::ACTION_TYPE_ID)?,
                has_data_set,
            },
            field::N_CREATE_RQ => Command::NCreateRq {
                message_id: self.message_id()?,
                sop_class_uid: self.name(AFFECTED_CLASS)?,
                sop_instance_uid: self.name(AFFECTED_INSTANCE).unwrap_or_default(),
                has_data_set,
            },
            field::N_DELETE_RQ => Command::NDeleteRq {
                message_id: self.message_id()?,
                sop_class_uid: self.name(REQUESTED_CLASS)?,
                sop_instance_uid: self.name(REQUESTED_INSTANCE)?,
            },
            _ => self.other()?,
        })
    }

    fn n_response(&self) -> Result<Command, CommandError> {
        let elements = &self.elements;
        let (message_id, status) = (self.responded_to()?, self.status()?);
        let sop_class_uid = elements.text(number::AFFECTED_SOP_CLASS_UID);
        let sop_instance_uid = elements.text(number::AFFECTED_SOP_INSTANCE_UID);
        let (detail, has_data_set) = (self.detail(), self.has_data_set);
        Ok(match self.field {
            field::N_EVENT_REPORT_RSP => Command::NEventReportRsp {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                event_type_id: elements.number(number::EVENT_TYPE_ID).ok(),
                status,
                detail,
                has_data_set,
            },
            field::N_ACTION_RSP => Command::NActionRsp {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                action_type_id: elements.number(number::ACTION_TYPE_ID).ok(),
                status,
                detail,
                has_data_set,
            },
            field::N_DELETE_RSP => {
                Command::NDeleteRsp { message_id, sop_class_uid, sop_instance_uid, status, detail }
            }
            _ => self.n_attributes_response()?,
        })
    }

    /// The responses that may carry an attribute list.
    fn n_attributes_response(&self) -> Result<Command, CommandError> {
        let (message_id, status) = (self.responded_to()?, self.status()?);
        let sop_class_uid = self.elements.text(number::AFFECTED_SOP_CLASS_UID);
        let sop_instance_uid = self.elements.text(number::AFFECTED_SOP_INSTANCE_UID);
        let (detail, has_data_set) = (self.detail(), self.has_data_set);
        Ok(match self.field {
            field::N_GET_RSP => Command::NGetRsp {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                status,
                detail,
                has_data_set,
            },
            field::N_SET_RSP => Command::NSetRsp {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                status,
                detail,
                has_data_set,
            },
            field::N_CREATE_RSP => Command::NCreateRsp {
                message_id,
                sop_class_uid,
                sop_instance_uid,
                status,
                detail,
                has_data_set,
            },
            _ => self.other()?,
        })
    }

    fn other(&self) -> Result<Command, CommandError> {
        let is_response = self.field & RESPONSE != 0;
        Ok(Command::Other {
            field: self.field,
            message_id: if is_response { self.responded_to()? } else { self.message_id()? },
            sop_class_uid: self.name(AFFECTED_CLASS).unwrap_or_default(),
            status: if is_response { Some(self.status()?) } else { None },
            has_data_set: self.has_data_set,
        })
    }

    /// A UID by the name that PS3.7 gives it, else by the other one, which some devices use.
    fn name(&self, [first, second]: [u16; 2]) -> Result<String, CommandError> {
        let elements = &self.elements;
        elements
            .required_text(first)
            .or_else(|missing| elements.required_text(second).map_err(|_| missing))
    }

    fn message_id(&self) -> Result<u16, CommandError> {
        self.elements.number(number::MESSAGE_ID)
    }

    fn message_id_with_data_set(&self) -> Result<u16, CommandError> {
        if self.has_data_set { self.message_id() } else { Err(CommandError::NoDataSet) }
    }

    fn responded_to(&self) -> Result<u16, CommandError> {
        self.elements.number(number::MESSAGE_ID_BEING_RESPONDED_TO)
    }

    fn status(&self) -> Result<Status, CommandError> {
        self.elements.number(number::STATUS).map(Status::new)
    }

    fn comment(&self) -> Option<String> {
        Some(self.elements.text(number::ERROR_COMMENT)).filter(|comment| !comment.is_empty())
    }

    fn detail(&self) -> StatusDetail {
        StatusDetail {
            offending_elements: self.elements.tags(number::OFFENDING_ELEMENT),
            comment: self.comment(),
            error_id: self.elements.number(number::ERROR_ID).ok(),
            attributes: self.elements.tags(number::ATTRIBUTE_IDENTIFIER_LIST),
        }
    }

    fn sub_operations(&self) -> SubOperations {
        let count = |element| self.elements.number(element);
        SubOperations {
            remaining: count(number::NUMBER_OF_REMAINING_SUB_OPERATIONS).ok(),
            completed: count(number::NUMBER_OF_COMPLETED_SUB_OPERATIONS).unwrap_or_default(),
            failed: count(number::NUMBER_OF_FAILED_SUB_OPERATIONS).unwrap_or_default(),
            warning: count(number::NUMBER_OF_WARNING_SUB_OPERATIONS).unwrap_or_default(),
        }
    }

    /// A title that is no title, or one without a message ID, identifies no C-MOVE: the object itself is still good.
    fn move_originator(&self) -> Option<(AeTitle, u16)> {
        let title = self.elements.text(number::MOVE_ORIGINATOR_APPLICATION_ENTITY_TITLE);
        let message_id = self.elements.number(number::MOVE_ORIGINATOR_MESSAGE_ID).ok()?;
        Some((AeTitle::new(&title).ok()?, message_id))
    }
}

const AFFECTED_CLASS: [u16; 2] = [number::AFFECTED_SOP_CLASS_UID, number::REQUESTED_SOP_CLASS_UID];
const AFFECTED_INSTANCE: [u16; 2] =
    [number::AFFECTED_SOP_INSTANCE_UID, number::REQUESTED_SOP_INSTANCE_UID];
const REQUESTED_CLASS: [u16; 2] = [number::REQUESTED_SOP_CLASS_UID, number::AFFECTED_SOP_CLASS_UID];
const REQUESTED_INSTANCE: [u16; 2] =
    [number::REQUESTED_SOP_INSTANCE_UID, number::AFFECTED_SOP_INSTANCE_UID];
