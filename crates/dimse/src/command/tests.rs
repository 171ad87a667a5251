use proptest::prelude::*;
use telerad_core::AeTitle;
use telerad_dicom::Status;

use super::{Command, CommandError};

fn element(number: u16, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_le_bytes();
    [&[0, 0], &number.to_le_bytes()[..], &length[..], value].concat()
}

fn every_kind() -> Vec<Command> {
    let sop_class_uid = "1.2.840.10008.5.1.4.1.1.2".to_owned();
    let status = Status::SUCCESS;
    let plain = Command::StoreRq {
        message_id: 1,
        sop_class_uid: sop_class_uid.clone(),
        sop_instance_uid: "1.2.3".to_owned(),
        priority: 2,
        move_originator: None,
    };
    let moved = Command::StoreRq {
        message_id: 65_535,
        sop_class_uid: sop_class_uid.clone(),
        sop_instance_uid: "1.2.34".to_owned(),
        priority: 0,
        move_originator: Some((AeTitle::new("MOVER").unwrap(), 12)),
    };
    let stored = Command::StoreRsp {
        message_id: 2,
        sop_class_uid: sop_class_uid.clone(),
        sop_instance_uid: "1.2.3".to_owned(),
        status: Status::OUT_OF_RESOURCES,
        comment: Some("disk full".to_owned()),
    };
    let found = |status, has_identifier| Command::FindRsp {
        message_id: 4,
        sop_class_uid: sop_class_uid.clone(),
        status,
        has_identifier,
    };
    vec![
        Command::EchoRq { message_id: 1 },
        Command::EchoRsp { message_id: 1, status },
        plain,
        moved,
        stored,
        Command::FindRq { message_id: 4, sop_class_uid: sop_class_uid.clone(), priority: 1 },
        found(Status::PENDING, true),
        found(status, false),
        Command::CancelRq { message_id: 4 },
        Command::Other {
            field: 0x0150,
            message_id: 9,
            sop_class_uid: "1.2".to_owned(),
            status: None,
            has_data_set: true,
        },
        Command::Other {
            field: 0x8150,
            message_id: 9,
            sop_class_uid: String::new(),
            status: Some(status),
            has_data_set: false,
        },
    ]
}

#[test]
fn every_command_survives_its_own_encoding() {
    for command in every_kind() {
        assert_eq!(Command::decode(&command.encode()), Ok(command));
    }
}

#[test]
fn elements_are_even_ascending_and_counted_by_the_group_length() {
    for command in every_kind() {
        let set = command.encode();
        let (mut rest, mut last) = (&set[..], None);
        while !rest.is_empty() {
            let number = u16::from_le_bytes([rest[2], rest[3]]);
            let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
            assert!(last < Some(number) && length.is_multiple_of(2), "{command:?}");
            if number == 0 {
                let counted = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
                assert_eq!(counted, set.len() - 12);
            }
            last = Some(number);
            rest = &rest[8 + length..];
        }
    }
}

#[test]
fn an_echo_is_the_bytes_of_the_standard() {
    let expected = [
        element(0x0000, &56_u32.to_le_bytes()),
        element(0x0002, b"1.2.840.10008.1.1\0"),
        element(0x0100, &[0x30, 0]),
        element(0x0110, &[7, 0]),
        element(0x0800, &[1, 1]),
    ];
    assert_eq!(Command::EchoRq { message_id: 7 }.encode(), expected.concat());
}

#[test]
fn order_padding_foreign_elements_and_group_length_do_not_matter() {
    let foreign = b"\x08\0\x05\0\x02\0\0\0zz";
    let set = [
        element(0x1000, b"1.2.3  "),
        element(0x0800, &[0, 0]),
        foreign.to_vec(),
        element(0x4444, b"???"),
        element(0x0110, &[5, 0, 6, 0]),
        element(0x0002, b"1.2\0\0\0"),
        element(0x0100, &[1, 0]),
        vec![0, 0, 0],
    ];
    let expected = Command::StoreRq {
        message_id: 5,
        sop_class_uid: "1.2".to_owned(),
        sop_instance_uid: "1.2.3".to_owned(),
        priority: 0,
        move_originator: None,
    };
    assert_eq!(Command::decode(&set.concat()), Ok(expected));
}

#[test]
fn a_wrong_data_set_type_in_a_response_without_data_set_is_read_over() {
    let set = [
        element(0x0100, &[0x01, 0x80]),
        element(0x0120, &[5, 0]),
        element(0x0800, &[0, 0]),
        element(0x0900, &[0, 0]),
    ];
    let command = Command::decode(&set.concat()).unwrap();
    assert!(!command.has_data_set());
    assert_eq!(command.status(), Some(Status::SUCCESS));
}

#[test]
fn damage_is_named() {
    let cases = [
        (vec![], "element (0000,0100) is missing or has no value"),
        (element(0x0100, &[1]), "element (0000,0100) is missing or has no value"),
        (vec![1, 2, 3], "element at byte 0 is cut short"),
        ([element(0x0100, &[1, 0]), vec![9; 9]].concat(), "element at byte 10 is cut short"),
    ];
    for (set, expected) in cases {
        let error: CommandError = Command::decode(&set).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_request_knows_its_response_and_a_response_has_none() {
    let mut responses = 0;
    for command in every_kind() {
        let response = command.response(Status::UNRECOGNIZED_OPERATION);
        assert_eq!(response.is_some(), command.wants_response(), "{command:?}");
        if let Some(response) = response {
            assert_eq!(response.field(), command.field() | 0x8000);
            assert_eq!(response.message_id(), command.message_id());
            assert_eq!(response.status(), Some(Status::UNRECOGNIZED_OPERATION));
            assert!(response.is_final_response() && !response.has_data_set());
            responses += 1;
        }
    }
    assert_eq!(responses, 5);
}

#[test]
fn a_comment_fits_its_field() {
    let command = Command::StoreRsp {
        message_id: 1,
        sop_class_uid: String::new(),
        sop_instance_uid: String::new(),
        status: Status::CANNOT_UNDERSTAND,
        comment: Some(format!("gr\u{FC}n\\{}", "x".repeat(100))),
    };
    let Ok(Command::StoreRsp { comment, .. }) = Command::decode(&command.encode()) else {
        panic!("not a C-STORE-RSP");
    };
    assert_eq!(comment, Some(format!("gr?n?{}", "x".repeat(59))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_a_command_or_an_error(set in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(command) = Command::decode(&set) {
            prop_assert_eq!(Command::decode(&command.encode()).map(|again| again.field()), Ok(command.field()));
        }
    }

    #[test]
    fn damaged_commands_are_a_command_or_an_error(
        kind in 0_usize..11,
        at in 0_usize..200,
        value in any::<u8>(),
    ) {
        let mut set = every_kind().swap_remove(kind).encode();
        let at = at % set.len();
        set[at] = value;
        let _ = Command::decode(&set);
    }
}
