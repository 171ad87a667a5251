use proptest::prelude::*;
use telerad_core::AeTitle;
use telerad_dicom::{Status, Tag};

use super::{Command, CommandError, StatusDetail, SubOperations};

fn element(number: u16, value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_le_bytes();
    [&[0, 0], &number.to_le_bytes()[..], &length[..], value].concat()
}

fn class() -> String {
    "1.2.840.10008.5.1.4.1.1.2".to_owned()
}

fn instance() -> String {
    "1.2.3".to_owned()
}

fn detail() -> StatusDetail {
    StatusDetail {
        offending_elements: vec![Tag(0x0010, 0x0020)],
        comment: Some("no".to_owned()),
        error_id: Some(7),
        attributes: vec![Tag(0x0008, 0x0050), Tag(0x0040, 0xA123)],
    }
}

/// At least one of each, with and without what may be absent.
fn every_kind() -> Vec<Command> {
    let requests = [
        Command::EchoRq { message_id: 1 },
        Command::StoreRq {
            message_id: 1,
            sop_class_uid: class(),
            sop_instance_uid: instance(),
            priority: 2,
            move_originator: None,
        },
        Command::StoreRq {
            message_id: 65_535,
            sop_class_uid: class(),
            sop_instance_uid: "1.2.34".to_owned(),
            priority: 0,
            move_originator: Some((AeTitle::new("MOVER").unwrap(), 12)),
        },
        Command::FindRq { message_id: 4, sop_class_uid: class(), priority: 1 },
        Command::GetRq { message_id: 5, sop_class_uid: class(), priority: 2 },
        Command::MoveRq {
            message_id: 6,
            sop_class_uid: class(),
            priority: 0,
            move_destination: AeTitle::new("READING").unwrap(),
        },
        Command::CancelRq { message_id: 4 },
        Command::NEventReportRq {
            message_id: 7,
            sop_class_uid: class(),
            sop_instance_uid: instance(),
            event_type_id: 2,
            has_data_set: true,
        },
        Command::NGetRq {
            message_id: 8,
            sop_class_uid: class(),
            sop_instance_uid: instance(),
            attributes: vec![Tag(0x0008, 0x0060), Tag(0x0040, 0x0252)],
        },
        Command::NSetRq { message_id: 9, sop_class_uid: class(), sop_instance_uid: instance() },
        Command::NActionRq {
            message_id: 10,
            sop_class_uid: class(),
            sop_instance_uid: instance(),
            action_type_id: 1,
            has_data_set: true,
        },
        Command::NCreateRq {
            message_id: 11,
            sop_class_uid: class(),
            sop_instance_uid: String::new(),
            has_data_set: true,
        },
        Command::NDeleteRq { message_id: 12, sop_class_uid: class(), sop_instance_uid: instance() },
        Command::Other {
            field: 0x0160,
            message_id: 13,
            sop_class_uid: "1.2".to_owned(),
            status: None,
            has_data_set: true,
        },
    ];
    let responses = requests.iter().filter_map(|request| request.response(Status::SUCCESS));
    let mut every: Vec<Command> = responses.collect();
    every.extend(requests);
    every.extend(telling_responses());
    every
}

/// Responses with everything in them.
fn telling_responses() -> [Command; 6] {
    let (message_id, status) = (2, Status::OUT_OF_RESOURCES);
    let sub_operations =
        SubOperations { remaining: Some(3), completed: 400, failed: 1, warning: 2 };
    [
        Command::StoreRsp {
            message_id,
            sop_class_uid: class(),
            sop_instance_uid: instance(),
            status,
            comment: Some("disk full".to_owned()),
        },
        Command::FindRsp {
            message_id,
            sop_class_uid: class(),
            status: Status::PENDING,
            has_identifier: true,
            comment: None,
        },
        Command::GetRsp {
            message_id,
            sop_class_uid: class(),
            status: Status::CANCEL,
            sub_operations,
            has_identifier: true,
            comment: Some("stopped".to_owned()),
        },
        Command::MoveRsp {
            message_id,
            sop_class_uid: class(),
            status: Status::PENDING,
            sub_operations,
            has_identifier: false,
            comment: None,
        },
        Command::NActionRsp {
            message_id,
            sop_class_uid: class(),
            sop_instance_uid: instance(),
            action_type_id: Some(1),
            status,
            detail: detail(),
            has_data_set: true,
        },
        Command::NCreateRsp {
            message_id,
            sop_class_uid: class(),
            sop_instance_uid: instance(),
            status,
            detail: StatusDetail { error_id: None, ..detail() },
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

#[track_caller]
fn check_bytes(command: Command, elements: &[(u16, &[u8])]) {
    let set: Vec<u8> =
        elements.iter().flat_map(|(number, value)| element(*number, value)).collect();
    let length = u32::try_from(set.len()).unwrap().to_le_bytes();
    let set = [element(0x0000, &length), set].concat();
    assert_eq!(command.encode(), set);
    assert_eq!(Command::decode(&set), Ok(command));
}

#[test]
fn a_move_names_its_destination_and_counts_its_sub_operations() {
    check_bytes(
        Command::MoveRq {
            message_id: 0x0102,
            sop_class_uid: "1.2.840.10008.5.1.4.1.2.2.2".to_owned(),
            priority: 1,
            move_destination: AeTitle::new("READING").unwrap(),
        },
        &[
            (0x0002, b"1.2.840.10008.5.1.4.1.2.2.2\0"),
            (0x0100, &[0x21, 0x00]),
            (0x0110, &[0x02, 0x01]),
            (0x0600, b"READING "),
            (0x0700, &[1, 0]),
            (0x0800, &[0, 0]),
        ],
    );
    check_bytes(
        Command::MoveRsp {
            message_id: 0x0102,
            sop_class_uid: "1.2.840.10008.5.1.4.1.2.2.2".to_owned(),
            status: Status::PENDING,
            sub_operations: SubOperations {
                remaining: Some(0x0201),
                completed: 2,
                failed: 3,
                warning: 4,
            },
            has_identifier: false,
            comment: None,
        },
        &[
            (0x0002, b"1.2.840.10008.5.1.4.1.2.2.2\0"),
            (0x0100, &[0x21, 0x80]),
            (0x0120, &[0x02, 0x01]),
            (0x0800, &[1, 1]),
            (0x0900, &[0x00, 0xFF]),
            (0x1020, &[1, 2]),
            (0x1021, &[2, 0]),
            (0x1022, &[3, 0]),
            (0x1023, &[4, 0]),
        ],
    );
}

#[test]
fn a_final_retrieve_response_leaves_the_remaining_count_out() {
    check_bytes(
        Command::GetRsp {
            message_id: 3,
            sop_class_uid: "1.2.840.10008.5.1.4.1.2.2.3".to_owned(),
            status: Status::COERCION_OF_DATA_ELEMENTS,
            sub_operations: SubOperations { remaining: None, completed: 1, failed: 1, warning: 0 },
            has_identifier: true,
            comment: Some("one lost".to_owned()),
        },
        &[
            (0x0002, b"1.2.840.10008.5.1.4.1.2.2.3\0"),
            (0x0100, &[0x10, 0x80]),
            (0x0120, &[3, 0]),
            (0x0800, &[0, 0]),
            (0x0900, &[0x00, 0xB0]),
            (0x0902, b"one lost"),
            (0x1021, &[1, 0]),
            (0x1022, &[1, 0]),
            (0x1023, &[0, 0]),
        ],
    );
}

#[test]
fn an_action_is_requested_of_an_instance_and_answered_with_its_type() {
    check_bytes(
        Command::NActionRq {
            message_id: 1,
            sop_class_uid: "1.2.840.10008.1.20.1".to_owned(),
            sop_instance_uid: "1.2.840.10008.1.20.1.1".to_owned(),
            action_type_id: 1,
            has_data_set: true,
        },
        &[
            (0x0003, b"1.2.840.10008.1.20.1"),
            (0x0100, &[0x30, 0x01]),
            (0x0110, &[1, 0]),
            (0x0800, &[0, 0]),
            (0x1001, b"1.2.840.10008.1.20.1.1"),
            (0x1008, &[1, 0]),
        ],
    );
    check_bytes(
        Command::NEventReportRsp {
            message_id: 1,
            sop_class_uid: "1.2.840.10008.1.20.1".to_owned(),
            sop_instance_uid: "1.2.840.10008.1.20.1.1".to_owned(),
            event_type_id: Some(2),
            status: Status::SUCCESS,
            detail: StatusDetail::default(),
            has_data_set: false,
        },
        &[
            (0x0002, b"1.2.840.10008.1.20.1"),
            (0x0100, &[0x00, 0x81]),
            (0x0120, &[1, 0]),
            (0x0800, &[1, 1]),
            (0x0900, &[0, 0]),
            (0x1000, b"1.2.840.10008.1.20.1.1"),
            (0x1002, &[2, 0]),
        ],
    );
}

#[test]
fn a_failure_says_which_attributes_it_is_about() {
    check_bytes(
        Command::NSetRsp {
            message_id: 9,
            sop_class_uid: "1.2.840.10008.3.1.2.3.3".to_owned(),
            sop_instance_uid: "1.2.3.44".to_owned(),
            status: Status::MISSING_ATTRIBUTE,
            detail: StatusDetail {
                offending_elements: vec![Tag(0x0040, 0x0252)],
                comment: Some("status".to_owned()),
                error_id: Some(0x0A0B),
                attributes: vec![Tag(0x0040, 0x0252), Tag(0x0008, 0x1110)],
            },
            has_data_set: false,
        },
        &[
            (0x0002, b"1.2.840.10008.3.1.2.3.3\0"),
            (0x0100, &[0x20, 0x81]),
            (0x0120, &[9, 0]),
            (0x0800, &[1, 1]),
            (0x0900, &[0x20, 0x01]),
            (0x0901, &[0x40, 0, 0x52, 2]),
            (0x0902, b"status"),
            (0x0903, &[0x0B, 0x0A]),
            (0x1000, b"1.2.3.44"),
            (0x1005, &[0x40, 0, 0x52, 2, 8, 0, 0x10, 0x11]),
        ],
    );
}

#[test]
fn an_instance_named_by_the_wrong_element_is_found() {
    let set = [
        element(0x0002, b"1.2.840.10008.3.1.2.3.3\0"),
        element(0x0100, &[0x20, 0x01]),
        element(0x0110, &[9, 0]),
        element(0x0800, &[0, 0]),
        element(0x1000, b"1.2.3.44"),
    ];
    let expected = Command::NSetRq {
        message_id: 9,
        sop_class_uid: "1.2.840.10008.3.1.2.3.3".to_owned(),
        sop_instance_uid: "1.2.3.44".to_owned(),
    };
    assert_eq!(Command::decode(&set.concat()), Ok(expected));
}

#[test]
fn a_move_to_no_title_can_still_be_answered() {
    let set = [
        element(0x0002, b"1.2.840.10008.5.1.4.1.2.2.2\0"),
        element(0x0100, &[0x21, 0x00]),
        element(0x0110, &[9, 0]),
        element(0x0600, b"A TITLE OF EIGHTEEN"),
        element(0x0800, &[0, 0]),
    ];
    let command = Command::decode(&set.concat()).unwrap();
    assert_eq!((command.field(), command.message_id()), (0x0021, 9));
    assert!(matches!(command, Command::Other { has_data_set: true, .. }));
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
        (
            [element(0x0100, &[0x20, 1]), element(0x0110, &[1, 0]), element(0x0800, &[1, 1])]
                .concat(),
            "request announces no data set",
        ),
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
    assert_eq!(responses, 13);
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

fn uid() -> impl Strategy<Value = String> {
    "[1-9](\\.[1-9][0-9]{0,8}){1,6}"
}

fn tags() -> impl Strategy<Value = Vec<Tag>> {
    prop::collection::vec(
        any::<(u16, u16)>().prop_map(|(group, element)| Tag(group, element)),
        0..4,
    )
}

fn comment() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[!-\\[\\]-~]{1,64}")
}

fn title() -> impl Strategy<Value = AeTitle> {
    "[A-Z0-9_]{1,16}".prop_map(|title| AeTitle::new(&title).unwrap())
}

prop_compose! {
    fn status_detail()(
        (offending_elements, attributes) in (tags(), tags()),
        comment in comment(),
        error_id in any::<Option<u16>>(),
    ) -> StatusDetail {
        StatusDetail { offending_elements, comment, error_id, attributes }
    }
}

/// Any command of any kind.
fn command() -> impl Strategy<Value = Command> {
    let numbers = any::<(u16, u16, u16, Option<u16>, bool)>();
    let counts = any::<(Option<u16>, u16, u16, u16)>();
    let texts = (uid(), uid(), title(), comment(), tags(), status_detail());
    let kind = 0..every_kind().len();
    (kind, numbers, counts, texts).prop_map(|(kind, numbers, counts, texts)| {
        let (id, type_id, code, maybe, flag) = numbers;
        let mut command = every_kind().swap_remove(kind);
        vary_names(&mut command, id, &texts.0, &texts.1);
        let (new_status, new_comment, new_detail) = (Status::new(code), texts.3, texts.5);
        let (remaining, completed, failed, warning) = counts;
        let counts = SubOperations { remaining, completed, failed, warning };
        match &mut command {
            Command::StoreRq { priority, move_originator, .. } => {
                *priority = code;
                *move_originator = maybe.map(|id| (texts.2, id));
            }
            Command::MoveRq { move_destination, .. } => *move_destination = texts.2,
            Command::StoreRsp { status, comment, .. } => {
                (*status, *comment) = (new_status, new_comment);
            }
            Command::FindRsp { status, comment, has_identifier, .. } => {
                (*status, *comment, *has_identifier) = (new_status, new_comment, flag);
            }
            Command::GetRsp { status, sub_operations, has_identifier, comment, .. }
            | Command::MoveRsp { status, sub_operations, has_identifier, comment, .. } => {
                (*status, *sub_operations) = (new_status, counts);
                (*comment, *has_identifier) = (new_comment, flag);
            }
            Command::NGetRq { attributes, .. } => *attributes = texts.4,
            Command::NActionRq { action_type_id, has_data_set, .. } => {
                (*action_type_id, *has_data_set) = (type_id, flag);
            }
            Command::NEventReportRsp { event_type_id, status, detail, has_data_set, .. } => {
                (*event_type_id, *status) = (maybe, new_status);
                (*detail, *has_data_set) = (new_detail, flag);
            }
            Command::NGetRsp { status, detail, has_data_set, .. }
            | Command::NSetRsp { status, detail, has_data_set, .. }
            | Command::NCreateRsp { status, detail, has_data_set, .. } => {
                (*status, *detail, *has_data_set) = (new_status, new_detail, flag);
            }
            _ => {}
        }
        command
    })
}

fn vary_names(command: &mut Command, id: u16, class: &str, instance: &str) {
    match command {
        Command::StoreRq { message_id, sop_class_uid, sop_instance_uid, .. }
        | Command::StoreRsp { message_id, sop_class_uid, sop_instance_uid, .. }
        | Command::NEventReportRsp { message_id, sop_class_uid, sop_instance_uid, .. }
        | Command::NGetRq { message_id, sop_class_uid, sop_instance_uid, .. }
        | Command::NGetRsp { message_id, sop_class_uid, sop_instance_uid, .. }
        | Command::NSetRq { message_id, sop_class_uid, sop_instance_uid, .. }
        | Command::NSetRsp { message_id, sop_class_uid, sop_instance_uid, .. }
        | Command::NActionRq { message_id, sop_class_uid, sop_instance_uid, .. }
        | Command::NCreateRq { message_id, sop_class_uid, sop_instance_uid, .. }
        | Command::NDeleteRsp { message_id, sop_class_uid, sop_instance_uid, .. } => {
            *message_id = id;
            *sop_class_uid = class.to_owned();
            *sop_instance_uid = instance.to_owned();
        }
        Command::FindRq { message_id, sop_class_uid, .. }
        | Command::GetRsp { message_id, sop_class_uid, .. }
        | Command::MoveRsp { message_id, sop_class_uid, .. } => {
            *message_id = id;
            *sop_class_uid = class.to_owned();
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_command_survives_its_own_encoding(command in command()) {
        prop_assert_eq!(Command::decode(&command.encode()), Ok(command));
    }

    #[test]
    fn arbitrary_bytes_are_a_command_or_an_error(set in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(command) = Command::decode(&set) {
            prop_assert_eq!(Command::decode(&command.encode()).map(|again| again.field()), Ok(command.field()));
        }
    }

    #[test]
    fn damaged_commands_are_a_command_or_an_error(
        command in command(),
        at in 0_usize..200,
        value in any::<u8>(),
    ) {
        let mut set = command.encode();
        let at = at % set.len();
        set[at] = value;
        let _ = Command::decode(&set);
    }
}
