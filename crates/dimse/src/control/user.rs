//! User information sub-items (PS3.7 section D.3.3), read and written.

use bytes::{Buf, BufMut};
use dicom_ul::pdu::{RequestorRoles, UserVariableItem};

use super::items::{Items, counted, item_type, name};
use crate::refusal::UseError;
use crate::user_items::{
    AsyncWindow, CommonExtendedNegotiation, ExtendedNegotiation, RoleSelection, Roles,
    UserIdentity, UserIdentityKind, UserIdentityResponse, UserItems,
};

/// What either side says about itself.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct UserVariables {
    /// Maximum length received; [`PDU_BYTES_MAX_UNSTATED`] when the peer did not say.
    pub(crate) pdu_bytes_max: u32,
    /// Implementation Class UID; empty when absent.
    pub(crate) implementation_class_uid: String,
    /// Implementation Version Name; empty when absent.
    pub(crate) implementation_version_name: String,
    /// Everything that may be left out.
    pub(crate) items: UserItems,
}

impl UserVariables {
    /// Those of a peer that says nothing.
    pub(super) fn unstated() -> Self {
        Self {
            pdu_bytes_max: PDU_BYTES_MAX_UNSTATED,
            implementation_class_uid: String::new(),
            implementation_version_name: String::new(),
            items: UserItems::default(),
        }
    }

    /// Adds what a user information item says. `None` when sub-items or the maximum length do not add up.
    ///
    /// A sub-item that may be left out and makes no sense in itself is read over like an unknown one: the defaults of
    /// PS3.7 hold then, which are the safe side of each. Of two about the same thing the first one counts.
    pub(super) fn read(&mut self, value: &[u8], items_left: &mut usize) -> Option<()> {
        for item in Items::new(value) {
            let (item_type, value) = item?;
            *items_left = items_left.checked_sub(1)?;
            match item_type {
                item_type::MAXIMUM_LENGTH => {
                    self.pdu_bytes_max = u32::from_be_bytes(*value.first_chunk::<4>()?);
                }
                item_type::IMPLEMENTATION_CLASS_UID => self.implementation_class_uid = name(value),
                item_type::IMPLEMENTATION_VERSION_NAME => {
                    self.implementation_version_name = name(value);
                }
                _ => {
                    read_optional(&mut self.items, item_type, value);
                }
            }
        }
        Some(())
    }

    /// The sub-items for dicom-ul, which has no words for some of them.
    pub(super) fn write(&self) -> Vec<UserVariableItem> {
        let mut items = vec![UserVariableItem::MaxLength(self.pdu_bytes_max)];
        if !self.implementation_class_uid.is_empty() {
            let uid = self.implementation_class_uid.clone();
            items.push(UserVariableItem::ImplementationClassUID(uid));
        }
        if !self.implementation_version_name.is_empty() {
            let name = self.implementation_version_name.clone();
            items.push(UserVariableItem::ImplementationVersionName(name));
        }
        write_optional(&self.items, &mut items);
        items
    }

    /// dicom-ul cuts items longer than 65,535 bytes silently, so nothing that long may reach it.
    pub(super) fn check(&self) -> Result<(), UseError> {
        if self.implementation_class_uid.len() > telerad_core::Uid::CHARACTERS_MAX {
            return Err(UseError::TooLong("implementation class UID"));
        }
        if self.implementation_version_name.len() > VERSION_NAME_CHARACTERS_MAX {
            return Err(UseError::TooLong("implementation version name"));
        }
        let items = &self.items;
        let texts = items
            .common_extended
            .iter()
            .flat_map(|item| item.related_general_sop_class_uids.iter().map(|uid| (uid.len(), 2)))
            .chain(items.common_extended.iter().map(|item| {
                (item.sop_class_uid.len().saturating_add(item.service_class_uid.len()), 10)
            }))
            .chain(items.extended.iter().map(|item| {
                (item.sop_class_uid.len().saturating_add(item.application_information.len()), 6)
            }))
            .chain(items.roles.iter().map(|item| (item.sop_class_uid.len(), 8)))
            .chain(items.identity.iter().map(|identity| {
                (identity.primary.len().saturating_add(identity.secondary.len()), 10)
            }))
            .chain(items.identity_response.iter().map(|item| (item.server_response.len(), 6)));
        let whole = texts.fold(FIXED_BYTES_MAX, |sum, (text, headers)| {
            sum.saturating_add(text).saturating_add(headers)
        });
        if whole > ITEM_BYTES_MAX { Err(UseError::TooLong("user information")) } else { Ok(()) }
    }
}

fn read_optional(items: &mut UserItems, item_type: u8, value: &[u8]) -> Option<()> {
    let mut rest = value;
    match item_type {
        item_type::ASYNCHRONOUS_OPERATIONS_WINDOW if items.async_window.is_none() => {
            let (invoked, performed) = (rest.try_get_u16().ok()?, rest.try_get_u16().ok()?);
            items.async_window = Some(AsyncWindow { invoked, performed });
        }
        item_type::ROLE_SELECTION => {
            let sop_class_uid = name(counted(&mut rest)?);
            let (scu, scp) = (rest.try_get_u8().ok()?, rest.try_get_u8().ok()?);
            if items.roles_of(&sop_class_uid).is_none() {
                let roles = Roles { scu: scu == 1, scp: scp == 1 };
                items.roles.push(RoleSelection { sop_class_uid, roles });
            }
        }
        item_type::EXTENDED_NEGOTIATION => {
            let sop_class_uid = name(counted(&mut rest)?);
            if items.extended_of(&sop_class_uid).is_none() {
                let application_information = rest.to_vec();
                items.extended.push(ExtendedNegotiation { sop_class_uid, application_information });
            }
        }
        item_type::COMMON_EXTENDED_NEGOTIATION => {
            let sop_class_uid = name(counted(&mut rest)?);
            let service_class_uid = name(counted(&mut rest)?);
            let mut related = counted(&mut rest)?;
            let mut related_general_sop_class_uids = Vec::new();
            while !related.is_empty() {
                related_general_sop_class_uids.push(name(counted(&mut related)?));
            }
            items.common_extended.push(CommonExtendedNegotiation {
                sop_class_uid,
                service_class_uid,
                related_general_sop_class_uids,
            });
        }
        item_type::USER_IDENTITY if items.identity.is_none() => {
            let kind = UserIdentityKind::from_code(rest.try_get_u8().ok()?);
            let positive_response_requested = rest.try_get_u8().ok()? == 1;
            let primary = counted(&mut rest)?.to_vec();
            let secondary = counted(&mut rest).unwrap_or_default().to_vec();
            items.identity =
                Some(UserIdentity { kind, positive_response_requested, primary, secondary });
        }
        item_type::USER_IDENTITY_RESPONSE if items.identity_response.is_none() => {
            let server_response = counted(&mut rest)?.to_vec();
            items.identity_response = Some(UserIdentityResponse { server_response });
        }
        _ => {}
    }
    Some(())
}

fn write_optional(items: &UserItems, to: &mut Vec<UserVariableItem>) {
    if let Some(AsyncWindow { invoked, performed }) = items.async_window {
        let value = [invoked.to_be_bytes(), performed.to_be_bytes()].concat();
        to.push(UserVariableItem::Unknown(item_type::ASYNCHRONOUS_OPERATIONS_WINDOW, value));
    }
    for RoleSelection { sop_class_uid, roles } in &items.roles {
        let roles = RequestorRoles { scu: roles.scu, scp: roles.scp };
        to.push(UserVariableItem::ScuScpRoleSelectionSubItem(sop_class_uid.clone(), roles));
    }
    for ExtendedNegotiation { sop_class_uid, application_information } in &items.extended {
        to.push(UserVariableItem::SopClassExtendedNegotiationSubItem(
            sop_class_uid.clone(),
            application_information.clone(),
        ));
    }
    for item in &items.common_extended {
        let mut value = Vec::new();
        put_counted(&mut value, item.sop_class_uid.as_bytes());
        put_counted(&mut value, item.service_class_uid.as_bytes());
        let mut related = Vec::new();
        for uid in &item.related_general_sop_class_uids {
            put_counted(&mut related, uid.as_bytes());
        }
        put_counted(&mut value, &related);
        to.push(UserVariableItem::Unknown(item_type::COMMON_EXTENDED_NEGOTIATION, value));
    }
    if let Some(identity) = &items.identity {
        let mut value = vec![identity.kind.code(), u8::from(identity.positive_response_requested)];
        put_counted(&mut value, &identity.primary);
        put_counted(&mut value, &identity.secondary);
        to.push(UserVariableItem::Unknown(item_type::USER_IDENTITY, value));
    }
    if let Some(response) = &items.identity_response {
        let mut value = Vec::new();
        put_counted(&mut value, &response.server_response);
        to.push(UserVariableItem::Unknown(item_type::USER_IDENTITY_RESPONSE, value));
    }
}

/// [`UserVariables::check`] has seen to it that lengths fit.
fn put_counted(to: &mut Vec<u8>, value: &[u8]) {
    to.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
    to.extend_from_slice(value);
}

/// What is sent to a peer that does not say what it can receive, although PS3.7 section D.3.3.1 obliges it to: the
/// smallest value in common use.
pub(super) const PDU_BYTES_MAX_UNSTATED: u32 = 16_384;

/// The longest item.
pub(super) const ITEM_BYTES_MAX: usize = 65_535;

/// More than maximum length, implementation names and operations window take.
const FIXED_BYTES_MAX: usize = 128;

/// PS3.7 section D.3.3.2.4.
const VERSION_NAME_CHARACTERS_MAX: usize = 16;
