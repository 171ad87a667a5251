//! Control PDUs, with dicom-ul as the oracle for what it takes.

use dicom_ul::pdu::{Pdu, UserVariableItem, read_pdu};
use telerad_core::AeTitle;

use super::user::PDU_BYTES_MAX_UNSTATED;
use super::{
    Acceptance, Request, UserVariables, read_acceptance, read_rejection, read_request, write_abort,
    write_acceptance, write_rejection, write_release_request, write_release_response,
    write_request,
};
use crate::negotiation::{AssociateRequest, ContextResult, ProposedContext};
use crate::refusal::{AbortReason, ProtocolError, RejectResult, RejectSource, Rejection};
use crate::user_items::{
    AsyncWindow, CommonExtendedNegotiation, ExtendedNegotiation, RoleSelection, Roles,
    UserIdentity, UserIdentityKind, UserIdentityResponse, UserItems,
};

fn item(item_type: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [&[item_type, 0], &length[..], value].concat()
}

fn context(id: u8, sub_items: &[Vec<u8>]) -> Vec<u8> {
    item(0x20, &[&[id, 0, 0, 0][..], &sub_items.concat()].concat())
}

fn answer(id: u8, result: u8, sub_items: &[Vec<u8>]) -> Vec<u8> {
    item(0x21, &[&[id, 0, result, 0][..], &sub_items.concat()].concat())
}

fn body(items: &[Vec<u8>]) -> Vec<u8> {
    let fixed = [&[0, 1, 0, 0], &b"TELERAD         CT1             "[..], &[0; 32]].concat();
    [&fixed[..], &item(0x10, b"1.2.840.10008.3.1.1.1\0"), &items.concat()].concat()
}

fn request(items: &[Vec<u8>]) -> (AssociateRequest, Vec<(u8, ContextResult)>) {
    match read_request(&body(items)) {
        Ok(Request::Acceptable { request, refused }) => (*request, refused),
        other => panic!("{other:?}"),
    }
}

fn proposed(id: u8, abstract_syntax: &str, transfer_syntaxes: &[&str]) -> ProposedContext {
    ProposedContext {
        id,
        abstract_syntax: abstract_syntax.to_owned(),
        transfer_syntaxes: transfer_syntaxes.iter().map(|uid| (*uid).to_owned()).collect(),
    }
}

fn role(class: &str, roles: Roles) -> RoleSelection {
    RoleSelection { sop_class_uid: class.to_owned(), roles }
}

fn unstated() -> UserVariables {
    UserVariables::unstated()
}

/// One of everything that a request may carry.
fn every_item() -> UserItems {
    UserItems {
        roles: vec![role("1.2", Roles::SCP), role("1.3", Roles::BOTH), role("1.4", Roles::NONE)],
        async_window: Some(AsyncWindow { invoked: 0x0102, performed: 3 }),
        extended: vec![ExtendedNegotiation {
            sop_class_uid: "1.2".to_owned(),
            application_information: vec![1, 0, 1],
        }],
        common_extended: vec![CommonExtendedNegotiation {
            sop_class_uid: "1.2".to_owned(),
            service_class_uid: "1.2.840.10008.4.2".to_owned(),
            related_general_sop_class_uids: vec!["1.5".to_owned(), "1.66".to_owned()],
        }],
        identity: Some(UserIdentity {
            kind: UserIdentityKind::Saml,
            positive_response_requested: true,
            primary: b"<assertion/>".to_vec(),
            secondary: vec![],
        }),
        identity_response: None,
    }
}

/// The PDU as dicom-ul understands it.
fn oracle(pdu: &[u8]) -> Pdu {
    read_pdu(pdu, 1_048_576, true).unwrap().unwrap()
}

#[test]
fn names_are_trimmed_and_unknown_items_are_read_over() {
    let (read, refused) = request(&[
        item(0x7F, b"xx"),
        context(1, &[item(0x30, b"1.2\0"), item(0x7E, b"?"), item(0x40, b" 9.1 ")]),
        item(
            0x50,
            &[
                item(0x51, &[0, 0, 64, 0]),
                item(0x52, b"2.25.7\0"),
                item(0x53, &[0, 0, 0, 0]),
                item(0x54, b"\0\x041.2\0\x01\x01"),
                item(0x58, b"\x02\x01\0\x04user\0\x04pass"),
                item(0x5F, b"abc"),
                item(0x55, b"NAME_LONGER_THAN_SIXTEEN"),
            ]
            .concat(),
        ),
    ]);
    let expected = AssociateRequest {
        calling: AeTitle::new("CT1").unwrap(),
        called: AeTitle::new("TELERAD").unwrap(),
        contexts: vec![proposed(1, "1.2", &["9.1"])],
        pdu_bytes_max: 16_384,
        implementation_class_uid: "2.25.7".to_owned(),
        implementation_version_name: "NAME_LONGER_THAN_SIXTEEN".to_owned(),
        user: UserItems {
            roles: vec![role("1.2", Roles::BOTH)],
            async_window: Some(AsyncWindow { invoked: 0, performed: 0 }),
            identity: Some(UserIdentity {
                kind: UserIdentityKind::UsernameAndPasscode,
                positive_response_requested: true,
                primary: b"user".to_vec(),
                secondary: b"pass".to_vec(),
            }),
            ..UserItems::default()
        },
    };
    assert_eq!((read, refused), (expected, vec![]));
}

#[test]
fn a_peer_that_says_nothing_about_itself_gets_small_pdus() {
    let (read, _) = request(&[context(1, &[item(0x30, b"1.2"), item(0x40, b"9.1")])]);
    assert_eq!(read.pdu_bytes_max, PDU_BYTES_MAX_UNSTATED);
}

#[test]
fn contexts_without_sense_are_refused_one_by_one() {
    let good = [item(0x30, b"1.2"), item(0x40, b"9.1")];
    let other = [item(0x30, b"1.3"), item(0x40, b"9.1")];
    let (read, refused) = request(&[
        context(2, &good),
        context(3, &[item(0x40, b"9.1")]),
        context(5, &[item(0x30, b"1.2")]),
        context(7, &good),
        context(7, &good),
        context(9, &good),
        context(9, &other),
        context(9, &good),
    ]);
    assert_eq!(read.contexts, [proposed(7, "1.2", &["9.1"])]);
    let expected = [
        (2, ContextResult::NoReason),
        (3, ContextResult::AbstractSyntaxNotSupported),
        (5, ContextResult::TransferSyntaxesNotSupported),
        (9, ContextResult::NoReason),
    ];
    assert_eq!(refused, expected);
}

#[test]
fn items_that_do_not_add_up_are_malformed() {
    let malformed = Err(ProtocolError::MalformedPdu(1));
    let cut = [&body(&[])[..], &[0x50, 0, 0xFF, 0xF0, 0x51]].concat();
    assert_eq!(read_request(&cut), malformed);
    assert_eq!(read_request(&[0; 67]), malformed);
    assert_eq!(read_request(&body(&[item(0x20, &[1, 0])])), malformed);
    assert_eq!(read_request(&body(&[item(0x50, &item(0x51, &[1]))])), malformed);
    assert_eq!(read_request(&[&body(&[])[..], &[0x7F]].concat()), malformed);
    let many = item(0x7F, b"").repeat(20_000);
    assert_eq!(read_request(&body(&[many])), malformed);
}

#[test]
fn answers_of_sloppy_acceptors_are_understood() {
    let read = read_acceptance(&body(&[
        answer(1, 0, &[item(0x40, b"9.1\0")]),
        answer(3, 3, &[]),
        answer(5, 4, &[item(0x40, b"")]),
        answer(7, 9, &[]),
        answer(9, 0, &[]),
        answer(11, 0, &[item(0x40, b"9.1"), item(0x40, b"9.2")]),
        answer(13, 1, &[item(0x40, b"9.1"), item(0x40, b"9.2")]),
        item(0x50, &item(0x51, &[0, 0, 0, 0])),
    ]));
    let results = vec![
        (1, ContextResult::Accepted { transfer_syntax: "9.1".to_owned() }),
        (3, ContextResult::AbstractSyntaxNotSupported),
        (5, ContextResult::TransferSyntaxesNotSupported),
        (7, ContextResult::NoReason),
        (9, ContextResult::NoReason),
        (11, ContextResult::NoReason),
        (13, ContextResult::UserRejection),
    ];
    assert_eq!(
        read,
        Ok(Acceptance { results, user: UserVariables { pdu_bytes_max: 0, ..unstated() } })
    );
}

#[test]
fn reserved_fields_of_an_acceptance_are_not_tested() {
    let mut sloppy = body(&[answer(1, 0, &[item(0x40, b"9.1")])]);
    sloppy[4..36].fill(0xE4);
    assert!(read_acceptance(&sloppy).is_ok());
}

#[test]
fn dicom_ul_reads_back_what_we_write() {
    let request = AssociateRequest {
        calling: AeTitle::new("CT1").unwrap(),
        called: AeTitle::new("TELERAD").unwrap(),
        contexts: vec![proposed(1, "1.2", &["9.1", "9.2"]), proposed(255, "1.3", &["9.1"])],
        pdu_bytes_max: 0,
        implementation_class_uid: "2.25.7".to_owned(),
        implementation_version_name: String::new(),
        user: UserItems::default(),
    };
    let pdu = write_request(&request).unwrap();
    let Pdu::AssociationRQ(read) = oracle(&pdu) else { panic!("not an A-ASSOCIATE-RQ") };
    assert_eq!(read.protocol_version, 1);
    assert_eq!((&*read.calling_ae_title, &*read.called_ae_title), ("CT1", "TELERAD"));
    assert_eq!(read.presentation_contexts.len(), 2);
    assert_eq!(read.user_variables.len(), 2);
    let back = read_request(&pdu[6..]);
    assert_eq!(
        back,
        Ok(Request::Acceptable { request: Box::new(request.clone()), refused: vec![] })
    );

    let results = vec![
        (1, ContextResult::Accepted { transfer_syntax: "9.2".to_owned() }),
        (2, ContextResult::UserRejection),
        (3, ContextResult::NoReason),
        (5, ContextResult::AbstractSyntaxNotSupported),
        (7, ContextResult::TransferSyntaxesNotSupported),
    ];
    let user = UserVariables { pdu_bytes_max: 4_096, ..unstated() };
    let pdu = write_acceptance(&request, &results, &user).unwrap();
    let Pdu::AssociationAC(read) = oracle(&pdu) else { panic!("not an A-ASSOCIATE-AC") };
    assert!(read.presentation_contexts.iter().all(|context| !context.transfer_syntax.is_empty()));
    assert_eq!(read_acceptance(&pdu[6..]), Ok(Acceptance { results, user }));
}

fn asking(user: UserItems) -> AssociateRequest {
    AssociateRequest {
        calling: AeTitle::new("CT1").unwrap(),
        called: AeTitle::new("TELERAD").unwrap(),
        contexts: vec![proposed(1, "1.2", &["9.1", "9.2"]), proposed(3, "1.3", &["9.1"])],
        pdu_bytes_max: 16_384,
        implementation_class_uid: "2.25.7".to_owned(),
        implementation_version_name: "NAME".to_owned(),
        user,
    }
}

#[test]
fn every_user_item_is_read_as_it_was_written() {
    let request = asking(every_item());
    let pdu = write_request(&request).unwrap();
    assert_eq!(
        read_request(&pdu[6..]),
        Ok(Request::Acceptable { request: Box::new(request), refused: vec![] })
    );
    let Pdu::AssociationRQ(read) = oracle(&pdu) else { panic!("not an A-ASSOCIATE-RQ") };
    let known = |item: &&UserVariableItem| !matches!(item, UserVariableItem::Unknown(..));
    // Three of length and names, three roles, one extended negotiation, one identity.
    assert_eq!(read.user_variables.iter().filter(known).count(), 8);

    let items = UserItems {
        common_extended: vec![],
        identity: None,
        identity_response: Some(UserIdentityResponse { server_response: b"ticket".to_vec() }),
        ..every_item()
    };
    let user = UserVariables { items, ..unstated() };
    let pdu = write_acceptance(&asking(every_item()), &[], &user).unwrap();
    assert_eq!(read_acceptance(&pdu[6..]), Ok(Acceptance { results: vec![], user }));
}

#[test]
fn user_items_are_the_bytes_of_the_standard() {
    let request = asking(every_item());
    let pdu = write_request(&request).unwrap();
    let expected = [
        item(0x51, &[0, 0, 0x40, 0]),
        item(0x52, b"2.25.7"),
        item(0x55, b"NAME"),
        item(0x53, &[1, 2, 0, 3]),
        item(0x54, b"\0\x031.2\0\x01"),
        item(0x54, b"\0\x031.3\x01\x01"),
        item(0x54, b"\0\x031.4\0\0"),
        item(0x56, b"\0\x031.2\x01\0\x01"),
        item(0x57, b"\0\x031.2\0\x111.2.840.10008.4.2\0\x0B\0\x031.5\0\x041.66"),
        item(0x58, b"\x04\x01\0\x0C<assertion/>\0\0"),
    ];
    assert!(pdu.ends_with(&item(0x50, &expected.concat())));
}

#[test]
fn an_optional_item_without_sense_is_read_over_and_the_first_of_two_counts() {
    let (read, _) = request(&[item(
        0x50,
        &[
            item(0x53, &[0, 1, 0]),
            item(0x53, &[0, 2, 0, 2, 9]),
            item(0x53, &[0, 3, 0, 3]),
            item(0x54, b"\0\xFF1.2\x01\x01"),
            item(0x54, b"\0\x031.2\x01"),
            item(0x54, b"\0\x031.2\x01\x02"),
            item(0x54, b"\0\x031.2\x01\x01"),
            item(0x56, b"\0"),
            item(0x57, b"\0\x031.2\0\x031.3\0\x05\0\x091.4"),
            item(0x58, b"\x01\0\0\x09abc"),
            item(0x58, b"\x09\0\0\x03abc"),
            item(0x59, b"\0"),
        ]
        .concat(),
    )]);
    let expected = UserItems {
        roles: vec![role("1.2", Roles::SCU)],
        async_window: Some(AsyncWindow { invoked: 2, performed: 2 }),
        identity: Some(UserIdentity {
            kind: UserIdentityKind::Reserved(9),
            positive_response_requested: false,
            primary: b"abc".to_vec(),
            secondary: vec![],
        }),
        ..UserItems::default()
    };
    assert_eq!(read.user, expected);
}

#[test]
fn what_does_not_fit_an_item_is_not_written() {
    let too_long = Err(crate::refusal::UseError::TooLong("user information"));
    let mut user = every_item();
    user.identity.as_mut().unwrap().primary = vec![b'x'; 65_500];
    assert_eq!(write_request(&asking(user)).map(|_| ()), too_long);
    let mut user = every_item();
    user.extended[0].application_information = vec![0; 65_500];
    assert_eq!(write_request(&asking(user)).map(|_| ()), too_long);
    let mut user = every_item();
    user.roles = (0..5_000).map(|n| role(&format!("1.2.{n}"), Roles::SCP)).collect();
    assert_eq!(write_request(&asking(user)).map(|_| ()), too_long);
    let mut user = every_item();
    user.identity.as_mut().unwrap().primary = vec![b'x'; 65_000];
    let request = asking(user);
    let pdu = write_request(&request).unwrap();
    assert_eq!(
        read_request(&pdu[6..]),
        Ok(Request::Acceptable { request: Box::new(request), refused: vec![] })
    );
}

#[test]
fn fixed_pdus_are_the_bytes_of_the_standard() {
    assert_eq!(&write_release_request()[..], b"\x05\0\0\0\0\x04\0\0\0\0");
    assert_eq!(&write_release_response()[..], b"\x06\0\0\0\0\x04\0\0\0\0");
    let reasons = [
        (AbortReason::ServiceUser, 0, 0),
        (AbortReason::NotSpecified, 2, 0),
        (AbortReason::UnrecognizedPdu, 2, 1),
        (AbortReason::UnexpectedPdu, 2, 2),
        (AbortReason::UnrecognizedPduParameter, 2, 4),
        (AbortReason::UnexpectedPduParameter, 2, 5),
        (AbortReason::InvalidPduParameter, 2, 6),
    ];
    for (reason, source, code) in reasons {
        assert_eq!(&write_abort(reason)[..], [7, 0, 0, 0, 0, 4, 0, 0, source, code]);
    }
}

#[test]
fn a_rejection_is_read_as_it_was_written() {
    for rejection in [
        Rejection::NO_REASON,
        Rejection::APPLICATION_CONTEXT_NOT_SUPPORTED,
        Rejection::CALLING_AE_NOT_RECOGNIZED,
        Rejection::CALLED_AE_NOT_RECOGNIZED,
        Rejection::PROTOCOL_VERSION_NOT_SUPPORTED,
        Rejection::TEMPORARY_CONGESTION,
        Rejection::LOCAL_LIMIT_EXCEEDED,
    ] {
        assert_eq!(read_rejection(&write_rejection(rejection)[6..]), Ok(rejection));
    }
}

#[test]
fn reserved_rejection_codes_leave_the_door_open() {
    let expected = Rejection::new(RejectResult::Transient, RejectSource::ServiceUser, 99);
    assert_eq!(read_rejection(&[0, 7, 9, 99]), Ok(expected));
    assert_eq!(read_rejection(&[0, 1, 1]), Err(ProtocolError::MalformedPdu(3)));
}
