//! What dicom-ul makes of the same bytes.

use bytes::Bytes;
use dicom_ul::pdu::{AssociationRQ, PDataValueType, Pdu, UserVariableItem, read_pdu, write_pdu};
use telerad_dimse::{AssociateRequest, Event};

/// Compares the events of a stream with dicom-ul's reading of it, as far as that goes.
pub(super) fn check(stream: &[u8], events: &[Event]) {
    let mut rest = Bytes::copy_from_slice(stream);
    let mut data = Vec::new();
    let mut is_first = true;
    // Its own limit would refuse long requests; ours has been applied already. Beyond this it would allocate.
    while let Ok(Some(pdu)) = read_pdu(&mut rest, 1 << 20, false) {
        match (pdu, events.first()) {
            // That we refuse what dicom-ul takes says nothing: it does not hold the lengths of items against each other.
            (Pdu::AssociationRQ(theirs), Some(Event::Requested(ours))) if is_first => {
                check_contexts(ours, &theirs);
                // It reads sub-items by their inner lengths alone: they count where it writes them back the same.
                if is_written_back(&theirs, stream) {
                    check_user_items(ours, &theirs);
                }
            }
            (Pdu::PData { data: values }, _) => {
                for value in values {
                    if value.value_type == PDataValueType::Data {
                        data.extend(value.data);
                    }
                }
            }
            _ => {}
        }
        is_first = false;
    }
    let ours: Vec<u8> = events
        .iter()
        .filter_map(|event| match event {
            Event::Body { bytes, .. } => Some(&bytes[..]),
            _ => None,
        })
        .flatten()
        .copied()
        .collect();
    // Either may have gone further: we hand on what has come of a PDU, dicom-ul does not know when an association ends.
    assert!(ours.starts_with(&data) || data.starts_with(&ours), "other data");
}

fn check_contexts(ours: &AssociateRequest, theirs: &AssociationRQ) {
    assert_eq!(ours.calling.as_str(), trimmed(&theirs.calling_ae_title));
    assert_eq!(ours.called.as_str(), trimmed(&theirs.called_ae_title));
    for context in &ours.contexts {
        let same = theirs.presentation_contexts.iter().any(|other| {
            other.id == context.id
                && is_same(&context.abstract_syntax, &other.abstract_syntax)
                && context.transfer_syntaxes.len() == other.transfer_syntaxes.len()
                && context
                    .transfer_syntaxes
                    .iter()
                    .zip(&other.transfer_syntaxes)
                    .all(|(ours, theirs)| is_same(ours, theirs))
        });
        assert!(same, "context {} is not what dicom-ul reads", context.id);
    }
}

fn is_written_back(theirs: &AssociationRQ, stream: &[u8]) -> bool {
    let mut written = Vec::new();
    write_pdu(&mut written, &Pdu::AssociationRQ(theirs.clone())).is_ok()
        && stream.starts_with(&written)
}

fn check_user_items(ours: &AssociateRequest, theirs: &AssociationRQ) {
    for item in &theirs.user_variables {
        match item {
            UserVariableItem::ScuScpRoleSelectionSubItem(class, _) => {
                assert!(ours.user.roles.iter().any(|role| is_same(&role.sop_class_uid, class)));
            }
            UserVariableItem::SopClassExtendedNegotiationSubItem(class, _) => {
                let mut classes = ours.user.extended.iter().map(|item| &item.sop_class_uid);
                assert!(classes.any(|ours| is_same(ours, class)));
            }
            UserVariableItem::UserIdentityItem(_) => assert!(ours.user.identity.is_some()),
            _ => {}
        }
    }
}

/// Names differ in what stands for bytes outside ASCII.
fn is_same(ours: &str, theirs: &str) -> bool {
    ours.contains('?') || ours == trimmed(theirs)
}

fn trimmed(name: &str) -> &str {
    name.trim_matches(['\0', ' '])
}
