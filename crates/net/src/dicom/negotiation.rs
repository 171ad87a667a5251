//! Which presentation contexts are accepted, and in which encoding.

use telerad_dicom::uids;
use telerad_dimse::{AssociateRequest, ContextResult, ProposedContext, RoleSelection, UserItems};

/// Which services a caller may use, for [`Services`](super::Services) that answer contexts by hand; C-ECHO always. A
/// [`Server`](super::Server) knows by itself what it offers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Offers {
    /// C-STORE of every storage class, private and unknown ones included.
    pub storage: bool,
    /// C-FIND on the modality worklist.
    pub worklist: bool,
    /// N-CREATE and N-SET of performed procedure steps (MPPS).
    pub performed_steps: bool,
}

impl Offers {
    /// Storage and the worklist.
    pub const STORAGE_AND_WORKLIST: Self =
        Self { storage: true, worklist: true, performed_steps: false };
    /// C-ECHO only.
    pub const NONE: Self = Self { storage: false, worklist: false, performed_steps: false };
}

/// Answers the proposed contexts of a request.
///
/// An instance is kept in the encoding in which it arrives, so for storage classes the first proposed transfer
/// syntax is accepted, whatever it is. A query has to be understood, and so has a performed step: for these the first proposed one that is
/// uncompressed.
pub fn negotiate(request: &AssociateRequest, offers: Offers) -> Vec<(u8, ContextResult)> {
    request.contexts.iter().map(|context| (context.id, answer(context, offers))).collect()
}

/// Grants the roles that a requestor wants for storage classes, that of the provider above all: with it, instances can be
/// sent to it on its own association (PS3.4 section C.5.3). The same for storage commitment, where a provider opens an
/// association to report (section J.3.3). Nothing else is granted.
pub fn grant_receiving(request: &AssociateRequest) -> UserItems {
    let granted = |role: &&RoleSelection| {
        is_storable(&role.sop_class_uid)
            || role.sop_class_uid == uids::STORAGE_COMMITMENT_PUSH_MODEL
    };
    let roles = request.user.roles.iter().filter(granted).cloned().collect();
    UserItems { roles, ..UserItems::default() }
}

fn answer(context: &ProposedContext, offers: Offers) -> ContextResult {
    let wanted = |syntax: &&String| match context.abstract_syntax.as_str() {
        uids::MODALITY_WORKLIST_FIND | uids::MODALITY_PERFORMED_PROCEDURE_STEP => {
            QUERY_SYNTAXES.contains(&syntax.as_str())
        }
        _ => !syntax.is_empty(),
    };
    let offered = match context.abstract_syntax.as_str() {
        uids::VERIFICATION => true,
        uids::MODALITY_WORKLIST_FIND => offers.worklist,
        uids::MODALITY_PERFORMED_PROCEDURE_STEP => offers.performed_steps,
        class => offers.storage && is_storable(class),
    };
    if !offered {
        return ContextResult::AbstractSyntaxNotSupported;
    }
    match context.transfer_syntaxes.iter().find(wanted) {
        Some(syntax) => ContextResult::Accepted { transfer_syntax: syntax.clone() },
        None => ContextResult::TransferSyntaxesNotSupported,
    }
}

/// Whether instances of this SOP class can be stored, as far as its UID tells.
///
/// Everything is, except what the standard is known to use otherwise (PS3.6 table A-1): a class that is private, or
/// newer than this table, is kept and forwarded like any other.
pub fn is_storable(sop_class_uid: &str) -> bool {
    let Some(registered) = sop_class_uid.strip_prefix("1.2.840.10008.") else {
        return !sop_class_uid.is_empty();
    };
    let is_under = |arc: &&str| {
        registered.strip_prefix(*arc).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    STORED_AMONG_PRINT.contains(&registered) || !NOT_STORED.iter().any(is_under)
}

/// What we can read a query in.
pub(super) const QUERY_SYNTAXES: [&str; 3] = [
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    uids::EXPLICIT_VR_BIG_ENDIAN,
];

/// Arcs under 1.2.840.10008 whose classes are services, not objects to store.
const NOT_STORED: &[&str] = &[
    "1",               // verification, storage commitment, media directory, event logging
    "3",               // detached management, modality performed procedure step
    "4",               // service class UIDs
    "5.1.1",           // print and media creation, but see below
    "5.1.4.1.1.200.4", // protocol approval, find
    "5.1.4.1.1.200.5", // … move
    "5.1.4.1.1.200.6", // … get
    "5.1.4.1.1.201.2", // inventory, find
    "5.1.4.1.1.201.3", // … move
    "5.1.4.1.1.201.4", // … get
    "5.1.4.1.1.201.5", // inventory creation
    "5.1.4.1.1.201.6", // repository query
    "5.1.4.1.2",       // query and retrieve
    "5.1.4.20",        // defined procedure protocol
    "5.1.4.31",        // modality worklist
    "5.1.4.32",        // general purpose worklist
    "5.1.4.33",        // instance availability notification
    "5.1.4.34.2",      // machine verification, trial
    "5.1.4.34.3",      // ion machine verification, trial
    "5.1.4.34.4",      // unified procedure step, trial
    "5.1.4.34.5",      // … its well-known instances
    "5.1.4.34.6",      // unified procedure step
    "5.1.4.34.8",      // conventional machine verification
    "5.1.4.34.9",      // ion machine verification
    "5.1.4.37",        // relevant patient information
    "5.1.4.38.2",      // hanging protocol, find
    "5.1.4.38.3",      // … move
    "5.1.4.38.4",      // … get
    "5.1.4.39.2",      // colour palette, find
    "5.1.4.39.3",      // … move
    "5.1.4.39.4",      // … get
    "5.1.4.41",        // product characteristics
    "5.1.4.42",        // substance approval
    "5.1.4.43.2",      // generic implant template, find
    "5.1.4.43.3",      // … move
    "5.1.4.43.4",      // … get
    "5.1.4.44.2",      // implant assembly template, find
    "5.1.4.44.3",      // … move
    "5.1.4.44.4",      // … get
    "5.1.4.45.2",      // implant template group, find
    "5.1.4.45.3",      // … move
    "5.1.4.45.4",      // … get
    "10",              // real-time video
];

/// Retired objects that were stored for printing, under the arc of print services.
const STORED_AMONG_PRINT: [&str; 3] = ["5.1.1.27", "5.1.1.29", "5.1.1.30"];

#[cfg(test)]
mod tests {
    use telerad_core::AeTitle;
    use telerad_dicom::uids;
    use telerad_dimse::{AssociateRequest, ContextResult, ProposedContext, UserItems};

    use super::{Offers, is_storable, negotiate};

    #[track_caller]
    fn check_stored(uid: &str, stored: bool) {
        assert_eq!(is_storable(uid), stored, "{uid}");
    }

    #[test]
    fn objects_are_storable_and_services_are_not() {
        for object in ["5.1.4.1.1.2", "5.1.4.1.1.200.1", "5.1.4.1.1.200.3", "5.1.4.1.1.201.1"] {
            check_stored(&format!("1.2.840.10008.{object}"), true);
        }
        for object in ["5.1.4.34.1", "5.1.4.34.7", "5.1.4.34.10", "5.1.4.38.1", "5.1.4.45.1"] {
            check_stored(&format!("1.2.840.10008.{object}"), true);
        }
        for object in ["5.1.4.1.1.104.1", "5.1.1.27", "5.1.1.29", "5.1.1.30", "5.1.4.1.1.9"] {
            check_stored(&format!("1.2.840.10008.{object}"), true);
        }
        for service in ["1.1", "1.20.1", "1.3.10", "3.1.2.3.3", "5.1.1.1", "5.1.1.9", "5.1.1.33"] {
            check_stored(&format!("1.2.840.10008.{service}"), false);
        }
        for service in ["5.1.4.1.2.1.1", "5.1.4.1.2.2.3", "5.1.4.31", "5.1.4.33", "5.1.4.34.6.1"] {
            check_stored(&format!("1.2.840.10008.{service}"), false);
        }
        for service in ["5.1.4.1.1.200.4", "5.1.4.1.1.201.6", "5.1.4.38.2", "5.1.4.43.4", "10.1"] {
            check_stored(&format!("1.2.840.10008.{service}"), false);
        }
    }

    #[test]
    fn private_and_unknown_classes_are_storable() {
        check_stored("1.3.46.670589.5.0.1", true);
        check_stored("1.2.840.10008.5.1.4.1.1.99999", true);
        check_stored("1.2.840.10008.5.1.4.320", true);
        check_stored("", false);
    }

    fn one(class: &str, syntaxes: &[&str], offers: Offers) -> ContextResult {
        let context = ProposedContext {
            id: 1,
            abstract_syntax: class.to_owned(),
            transfer_syntaxes: syntaxes.iter().map(|syntax| (*syntax).to_owned()).collect(),
        };
        let request = AssociateRequest {
            calling: AeTitle::new("CT1").unwrap(),
            called: AeTitle::new("TELERAD").unwrap(),
            contexts: vec![context],
            pdu_bytes_max: 0,
            implementation_class_uid: String::new(),
            implementation_version_name: String::new(),
            user: UserItems::default(),
        };
        negotiate(&request, offers).remove(0).1
    }

    #[test]
    fn an_instance_keeps_the_encoding_that_was_proposed_first() {
        let got = one(
            uids::CT_IMAGE_STORAGE,
            &["1.2.840.113619.5.2", "1.2.840.10008.1.2"],
            Offers::STORAGE_AND_WORKLIST,
        );
        assert_eq!(
            got,
            ContextResult::Accepted { transfer_syntax: "1.2.840.113619.5.2".to_owned() }
        );
    }

    #[test]
    fn a_query_must_be_readable() {
        let jpeg = "1.2.840.10008.1.2.4.50";
        let implicit = uids::IMPLICIT_VR_LITTLE_ENDIAN;
        assert_eq!(
            one(uids::MODALITY_WORKLIST_FIND, &[jpeg, implicit], Offers::STORAGE_AND_WORKLIST),
            ContextResult::Accepted { transfer_syntax: implicit.to_owned() }
        );
        assert_eq!(
            one(uids::MODALITY_WORKLIST_FIND, &[jpeg], Offers::STORAGE_AND_WORKLIST),
            ContextResult::TransferSyntaxesNotSupported
        );
    }

    #[test]
    fn what_is_not_offered_is_not_accepted() {
        let implicit = uids::IMPLICIT_VR_LITTLE_ENDIAN;
        for class in [uids::CT_IMAGE_STORAGE, uids::MODALITY_WORKLIST_FIND] {
            let got = one(class, &[implicit], Offers::NONE);
            assert_eq!(got, ContextResult::AbstractSyntaxNotSupported);
        }
        let echo = one(uids::VERIFICATION, &[implicit], Offers::NONE);
        assert_eq!(echo, ContextResult::Accepted { transfer_syntax: implicit.to_owned() });
    }
}
