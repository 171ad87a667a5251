use telerad_testkit::dicom::{Instance, Syntax, file, files};

use super::{HeadLimits, HeadScanner, PIXEL_DATA, Scan, WANTED};
use crate::{DamageKind, Encoding, Head, HeadError, InstanceHead, encoding_of, part10, tags};

#[track_caller]
fn scan(data_set: &[u8], encoding: Encoding) -> Result<Head, HeadError> {
    let mut scanner = HeadScanner::new(encoding, HeadLimits::default());
    scanner.push(data_set);
    scanner.finish()
}

fn synthetic(change: impl FnOnce(&mut Instance)) -> Instance {
    let mut instance = Instance::new(9);
    change(&mut instance);
    instance
}

const SYNTAXES: [Syntax; 5] = [
    Syntax::Deflated,
    Syntax::Encapsulated("1.2.840.10008.1.2.4.70"),
    Syntax::ExplicitBig,
    Syntax::ExplicitLittle,
    Syntax::ImplicitLittle,
];

#[test]
fn every_field_is_read_in_every_syntax() {
    for syntax in SYNTAXES {
        let instance = synthetic(|instance| {
            instance.syntax = syntax;
            instance.accession_issuer = "NORTH".to_owned();
            instance.patient_issuer = "NORTH-MRN".to_owned();
            instance.requested_procedure_id = "RP9".to_owned();
        });
        let head = scan(&instance.data_set(), encoding_of(syntax.uid())).unwrap();
        assert_eq!(head.damage(), None, "{syntax:?}");
        let head = InstanceHead::read(&head);
        let uid = |uid: &Option<telerad_core::Uid>| uid.as_ref().map(|uid| uid.to_string());
        assert_eq!(uid(&head.sop_class_uid), Some(instance.sop_class_uid));
        assert_eq!(uid(&head.sop_instance_uid), Some(instance.sop_instance_uid));
        assert_eq!(uid(&head.study_instance_uid), Some(instance.study_instance_uid));
        assert_eq!(uid(&head.series_instance_uid), Some(instance.series_instance_uid));
        let accession = head.accession.unwrap();
        assert_eq!(accession.value(), "A9");
        assert_eq!(accession.issuer().unwrap().to_string(), "NORTH");
        let id = head.patient.primary_id().unwrap();
        assert_eq!((id.value(), id.issuer().unwrap().to_string()), ("P9", "NORTH-MRN".to_owned()));
        assert_eq!(head.patient.name.to_dicom(), "TEST^PATIENT9");
        assert_eq!(head.patient.sex.map(telerad_core::Sex::as_dicom), Some("O"));
        assert!(head.patient.birth_date.is_some());
        let texts = [
            head.modality,
            head.body_part,
            head.study_description,
            head.series_description,
            head.institution,
            head.station_name,
            head.study_date,
            head.study_time,
            head.referring_physician,
            head.study_id,
            head.requested_procedure_id,
        ];
        let expected = [
            "CT",
            "HEAD",
            "CT HEAD",
            "AXIAL",
            "NORTH IMAGING",
            "CT1",
            "20260105",
            "101500",
            "REFERRER^ANNA",
            "S1",
            "RP9",
        ];
        assert_eq!(texts, expected, "{syntax:?}");
    }
}

#[test]
fn the_head_says_what_dicom_object_says_of_every_real_file() {
    for sample in files() {
        let (meta, at) = part10::read(&sample.bytes).unwrap();
        let encoding = encoding_of(&meta.transfer_syntax_uid);
        let data_set = &sample.bytes[at..];
        let head = scan(data_set, encoding).unwrap();
        assert_eq!(head.damage(), None, "{}", sample.name);
        let plain = match encoding {
            Encoding::DeflatedExplicitLittle => crate::inflate::all(data_set, 1 << 24).unwrap(),
            _ => data_set.to_vec(),
        };
        let object = oracle::read(&plain, encoding);
        for tag in WANTED {
            let expected = oracle::text(&object, tag);
            // Dicom-object does not follow code extensions; doubtful text it reads into other wrong characters.
            let is_extended = expected.as_deref().is_some_and(|text| text.contains('\u{1b}'));
            let is_ascii = expected.as_deref().is_none_or(str::is_ascii);
            if is_extended || (head.has_doubtful_text() && !is_ascii) {
                continue;
            }
            assert_eq!(head.text(tag), expected, "{} {tag}", sample.name);
        }
    }
}

#[test]
fn the_result_does_not_depend_on_the_chunks() {
    let synthetic = SYNTAXES.map(|syntax| {
        let instance = synthetic(|instance| instance.syntax = syntax);
        (syntax.uid().to_owned(), instance.data_set())
    });
    let real = files().into_iter().map(|sample| {
        let (meta, at) = part10::read(&sample.bytes).unwrap();
        (meta.transfer_syntax_uid, sample.bytes.slice(at..))
    });
    for (syntax, data_set) in real.chain(synthetic) {
        let mut whole = HeadScanner::new(encoding_of(&syntax), HeadLimits::default());
        whole.push(&data_set);
        let offset = whole.pixel_data_offset();
        let whole = whole.finish().unwrap();
        for size in [1, 7, 4096] {
            let mut scanner = HeadScanner::new(encoding_of(&syntax), HeadLimits::default());
            data_set.chunks(size).for_each(|chunk| {
                scanner.push(chunk);
            });
            assert_eq!(scanner.pixel_data_offset(), offset);
            let head = scanner.finish().unwrap();
            assert_eq!((&head.bytes, head.damage), (&whole.bytes, whole.damage));
        }
    }
}

#[test]
fn the_pixel_data_is_found_where_it_is() {
    for sample in files() {
        let (meta, at) = part10::read(&sample.bytes).unwrap();
        let encoding = encoding_of(&meta.transfer_syntax_uid);
        let data_set = &sample.bytes[at..];
        let mut scanner = HeadScanner::new(encoding, HeadLimits::default());
        data_set.chunks(1000).for_each(|chunk| {
            scanner.push(chunk);
        });
        let expected: &[u8] = match encoding {
            Encoding::ExplicitBig => &[0x7F, 0xE0, 0x00, 0x10],
            _ => &[0xE0, 0x7F, 0x10, 0x00],
        };
        // The last place that looks like it: icons and private copies come before.
        let found = data_set.windows(4).rposition(|window| window == expected);
        let found = found.filter(|_| !encoding.is_deflated()).map(|offset| offset as u64);
        assert_eq!(scanner.pixel_data_offset(), found, "{}", sample.name);
    }
    assert!(PIXEL_DATA.contains(&tags::PIXEL_DATA));
}

#[test]
fn damage_behind_the_identifying_elements_loses_nothing() {
    let instance = synthetic(|instance| {
        // An element whose value representation is nonsense, in a group behind the identifying ones.
        instance.more = vec![((0x0021, 0x0010), "??", vec![1, 2])];
    });
    let data_set = instance.data_set();
    let mut scanner = HeadScanner::new(Encoding::ExplicitLittle, HeadLimits::default());
    assert_eq!(scanner.push(&data_set), Scan::Failed);
    let head = scanner.finish().unwrap();
    assert!(matches!(
        head.damage().unwrap().kind,
        DamageKind::NotAValueRepresentation(crate::Tag(0x0021, 0x0010))
    ));
    let head = InstanceHead::read(&head);
    assert_eq!(head.patient.primary_id().unwrap().value(), "P9");
    assert!(head.series_instance_uid.is_some());
}

#[test]
fn damage_within_a_sequence_of_known_length_is_passed_over() {
    let instance = synthetic(|instance| {
        let nonsense = b"\xFE\xFF\x00\xE0\x08\x00\x00\x00\x40\x00\x31\x00\x99\x99\x99\x99".to_vec();
        instance.more = vec![((0x0008, 0x0051), "SQ", nonsense)];
    });
    let head = scan(&instance.data_set(), Encoding::ExplicitLittle).unwrap();
    assert!(matches!(head.damage().unwrap().kind, DamageKind::NotAValueRepresentation(_)));
    assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("P9"));
    assert_eq!(head.text(tags::STUDY_ID).as_deref(), Some("S1"));
}

#[test]
fn a_data_set_that_ends_early_says_so() {
    let data_set = synthetic(|_| {}).data_set();
    let head = scan(&data_set[..120], Encoding::ExplicitLittle).unwrap();
    assert_eq!(head.damage().map(|d| d.kind), Some(DamageKind::EndsEarly));
    assert!(head.uid(tags::SOP_CLASS_UID).is_some());
    let error = scan(&data_set[..5], Encoding::ExplicitLittle).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), "data set is damaged: data set ends early at byte 0");
}

#[test]
fn nothing_is_allocated_by_a_declared_length() {
    // (0010,0020) of 4 GiB less two bytes, then nothing.
    let bytes = b"\x10\x00\x20\x00UT\x00\x00\xFE\xFF\xFF\xFF";
    let mut scanner = HeadScanner::new(Encoding::ExplicitLittle, HeadLimits::default());
    assert_eq!(scanner.push(bytes), Scan::NeedMore);
    assert!(scanner.collector.head.bytes.capacity() < 1024);
    let error = scanner.finish().map(|_| ()).unwrap_err();
    let text = "data set is damaged: (0010,0020) is longer than the limit at byte 0";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_huge_private_element_before_the_head_ends_costs_nothing() {
    let instance = synthetic(|instance| {
        instance.requested_procedure_id = "RP9".to_owned();
        instance.more = vec![((0x0029, 0x1010), "OB", vec![7; 1 << 20])];
    });
    let head = scan(&instance.data_set(), Encoding::ExplicitLittle).unwrap();
    assert_eq!(head.damage(), None);
    assert_eq!(InstanceHead::read(&head).requested_procedure_id, "RP9");
}

#[test]
fn nesting_is_limited_where_the_scan_has_to_look() {
    let nested = |levels: usize| {
        let mut bytes = Vec::new();
        for _ in 0..levels {
            bytes.extend_from_slice(b"\x08\x00\x40\x11SQ\x00\x00\xFF\xFF\xFF\xFF");
            bytes.extend_from_slice(b"\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF");
        }
        for _ in 0..levels {
            bytes.extend_from_slice(b"\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0");
        }
        bytes.extend_from_slice(b"\x10\x00\x20\x00LO\x02\x00P9");
        bytes
    };
    let head = scan(&nested(64), Encoding::ExplicitLittle).unwrap();
    assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("P9"));
    for levels in [65, 100_000] {
        let error = scan(&nested(levels), Encoding::ExplicitLittle).map(|_| ()).unwrap_err();
        let text = "data set is damaged: sequences are nested deeper than 64 at byte 1292";
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_flood_of_empty_elements_is_limited() {
    let limits = HeadLimits { elements_max: 1000, ..HeadLimits::default() };
    let mut scanner = HeadScanner::new(Encoding::ImplicitLittle, limits);
    let flood = b"\x09\x00\x01\x00\0\0\0\0".repeat(2000);
    assert_eq!(scanner.push(&flood), Scan::Failed);
    assert!(matches!(
        scanner.finish().map(|_| ()).unwrap_err(),
        HeadError::Damaged(damage) if damage.kind == DamageKind::TooManyElements { limit: 1000 }
    ));
}

#[test]
fn a_deflate_bomb_is_stopped() {
    let mut data_set = b"\x09\x00\x01\x10OB\x00\x00\x00\x00\x00\x40".to_vec();
    data_set.resize(4 << 20, 0);
    let bomb = crate::inflate::deflate(&data_set).unwrap();
    let limits = HeadLimits { inflated_bytes_max: 1 << 20, ..HeadLimits::default() };
    let mut scanner = HeadScanner::new(Encoding::DeflatedExplicitLittle, limits);
    assert_eq!(scanner.push(&bomb), Scan::Failed);
    assert_eq!(scanner.collector.head.damage.unwrap().kind, DamageKind::InflatedTooLarge);
}

#[test]
fn a_repeated_element_is_reported_and_the_first_one_counts() {
    let bytes = b"\x10\x00\x20\x00LO\x02\x00P1\x10\x00\x20\x00LO\x02\x00P2";
    let head = scan(bytes, Encoding::ExplicitLittle).unwrap();
    assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("P1"));
    let damage = head.damage().map(|damage| (damage.kind, damage.offset));
    assert_eq!(damage, Some((DamageKind::Repeated(tags::PATIENT_ID), 10)));
    let same = b"\x10\x00\x20\x00LO\x02\x00P1\x10\x00\x20\x00LO\x02\x00P1";
    assert_eq!(scan(same, Encoding::ExplicitLittle).unwrap().damage(), None);
}

#[test]
fn a_sequence_sent_as_unknown_is_implicit_within() {
    // PS3.5 section 6.2.2 note 4: UN of undefined length, items in implicit VR little endian.
    let mut bytes = b"\x08\x00\x51\x00UN\x00\x00\xFF\xFF\xFF\xFF".to_vec();
    bytes.extend_from_slice(b"\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF");
    bytes.extend_from_slice(b"\x40\x00\x31\x00\x06\x00\x00\x00NORTH ");
    bytes.extend_from_slice(b"\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0");
    bytes.extend_from_slice(b"\x10\x00\x20\x00LO\x02\x00P9");
    let head = scan(&bytes, Encoding::ExplicitLittle).unwrap();
    let issuer =
        head.text_in(tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE, tags::LOCAL_NAMESPACE_ENTITY_ID);
    assert_eq!(issuer.as_deref(), Some("NORTH"));
    assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("P9"));
}

/// The head of a data set with an unknown sequence of one item, of a length or without one.
fn unknown_with(item: &[u8], defined: bool) -> Head {
    let mut bytes = b"\x08\x00\x51\x00UN\x00\x00\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0".to_vec();
    let length = if defined { item.len() as u32 } else { u32::MAX };
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(item);
    if !defined {
        bytes.extend_from_slice(b"\xFE\xFF\x0D\xE0\0\0\0\0");
    }
    bytes.extend_from_slice(b"\xFE\xFF\xDD\xE0\0\0\0\0\x10\x00\x20\x00LO\x02\x00P9");
    let read = |size: usize| {
        let mut scanner = HeadScanner::new(Encoding::ExplicitLittle, HeadLimits::default());
        bytes.chunks(size).for_each(|chunk| {
            scanner.push(chunk);
        });
        scanner.finish().unwrap()
    };
    let (whole, pieces) = (read(bytes.len()), read(1));
    assert_eq!((&whole.bytes, whole.damage), (&pieces.bytes, pieces.damage));
    whole
}

#[test]
fn explicit_items_of_an_unknown_sequence_are_read_where_nothing_else_is_possible() {
    let issuer = |head: &Head| {
        head.text_in(tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE, tags::LOCAL_NAMESPACE_ENTITY_ID)
    };
    let private = b"\x29\x00\x10\x10ZZ\x02\x00X ";
    // By the dictionary, by a length that no element has, by one that does not fit.
    for (first, defined) in [
        (&b"\x08\x00\x60\x00CS\x02\x00CT"[..], false),
        (b"\x29\x00\x10\x10UN\x00\x00\x02\x00\x00\x00X ", false),
        (b"\x29\x00\x10\x10SH\x02\x00X ", true),
    ] {
        let item = [first, b"\x40\x00\x31\x00UT\x00\x00\x06\x00\x00\x00NORTH "].concat();
        let head = unknown_with(&item, defined);
        assert_eq!(issuer(&head).as_deref(), Some("NORTH"));
        assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("P9"));
        let damage = head.damage().map(|damage| damage.to_string());
        assert_eq!(
            damage.as_deref(),
            Some("the items of (0008,0051) are in explicit VR at byte 20")
        );
    }
    // No representation: what does not fit is damage, and the next element is not guessed.
    let mut scanner = HeadScanner::new(Encoding::ExplicitLittle, HeadLimits::default());
    scanner.push(b"\x08\x00\x60\x00CS\x02\x00CT\x08\x00\x51\x00UN\x00\x00\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\x0A\x00\x00\x00");
    assert_eq!(scanner.push(private), Scan::Failed);
}

#[test]
fn a_long_implicit_item_of_an_unknown_sequence_stays_implicit() {
    // A length of letters, `DS` and 1: 86,852 bytes, which fit.
    let mut item = b"\x29\x00\x10\x10DS\x01\x00".to_vec();
    item.resize(8 + 86_852, b'1');
    item.extend_from_slice(b"\x40\x00\x31\x00\x06\x00\x00\x00NORTH ");
    for defined in [true, false] {
        let head = unknown_with(&item, defined);
        let issuer = head
            .text_in(tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE, tags::LOCAL_NAMESPACE_ENTITY_ID);
        assert_eq!((issuer.as_deref(), head.damage()), (Some("NORTH"), None));
    }
}

#[test]
fn a_deflated_data_set_in_the_wrapper_of_zlib_is_read_and_reported() {
    let mut instance = synthetic(|instance| instance.syntax = Syntax::ExplicitLittle);
    let plain = instance.data_set();
    let wrapped = crate::inflate::zlib(&plain);
    for size in [1, 3, wrapped.len()] {
        let mut scanner = HeadScanner::new(Encoding::DeflatedExplicitLittle, HeadLimits::default());
        wrapped.chunks(size).for_each(|chunk| {
            scanner.push(chunk);
        });
        let head = scanner.finish().unwrap();
        assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("P9"));
        let damage = head.damage().map(|damage| damage.to_string());
        assert_eq!(damage.as_deref(), Some("deflated in the wrapper of zlib at byte 0"));
    }
    instance.syntax = Syntax::Deflated;
    let raw = scan(&instance.data_set(), Encoding::DeflatedExplicitLittle).unwrap();
    assert_eq!(raw.damage(), None);
}

#[test]
fn elements_in_the_other_vr_form_are_read_and_reported() {
    for (sent, declared) in [
        (Syntax::ImplicitLittle, Encoding::ExplicitLittle),
        (Syntax::ExplicitLittle, Encoding::ImplicitLittle),
    ] {
        let instance = synthetic(|instance| instance.syntax = sent);
        for chunk in [3, 4096] {
            let mut scanner = HeadScanner::new(declared, HeadLimits::default());
            instance.data_set().chunks(chunk).for_each(|chunk| {
                scanner.push(chunk);
            });
            assert!(scanner.pixel_data_offset().is_some());
            let head = scanner.finish().unwrap();
            let kind = head.damage().map(|damage| damage.kind);
            assert_eq!(kind, Some(DamageKind::NotTheDeclaredEncoding));
            assert_eq!(head.encoding(), encoding_of(sent.uid()));
            assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("P9"));
        }
    }
}

#[track_caller]
fn check_found(data_set: &[u8], declared: Encoding, found: Encoding) {
    let head = scan(data_set, declared).unwrap();
    let kind = head.damage().map(|damage| damage.kind);
    assert_eq!(kind, Some(DamageKind::NotTheDeclaredEncoding), "{declared:?}");
    assert_eq!(head.encoding(), found);
    assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("P9"));
    // Nothing is changed in, and no query read from, what is not in its encoding.
    let change = [(tags::PATIENT_ID, "LO", "OTHER")];
    let error = crate::edit::set_elements(data_set, declared, &change).unwrap_err();
    assert!(error.to_string().contains("not in the declared encoding"), "{error}");
    let syntax = match declared {
        Encoding::ImplicitLittle => "1.2.840.10008.1.2",
        Encoding::ExplicitBig => "1.2.840.10008.1.2.2",
        _ => "1.2.840.10008.1.2.1",
    };
    let error = crate::DataSet::decode(data_set, syntax, Default::default()).unwrap_err();
    assert!(error.to_string().contains("not in the declared encoding"), "{error}");
}

#[test]
fn elements_in_any_other_encoding_are_read_and_reported() {
    let plain = [Syntax::ExplicitBig, Syntax::ExplicitLittle, Syntax::ImplicitLittle];
    for sent in plain {
        let data_set = synthetic(|instance| instance.syntax = sent).data_set();
        let found = encoding_of(sent.uid());
        for declared in plain.map(|syntax| encoding_of(syntax.uid())) {
            if declared != found {
                check_found(&data_set, declared, found);
            }
        }
    }
    // A data set may begin behind group 0008.
    let explicit = b"\x10\x00\x20\x00LO\x02\x00P9";
    check_found(explicit, Encoding::ImplicitLittle, Encoding::ExplicitLittle);
    let implicit = b"\x10\x00\x20\x00\x02\x00\x00\x00P9";
    check_found(implicit, Encoding::ExplicitLittle, Encoding::ImplicitLittle);
}

#[test]
fn file_meta_information_in_a_data_set_is_passed_over_and_reported() {
    for syntax in [Syntax::ExplicitBig, Syntax::ExplicitLittle, Syntax::ImplicitLittle] {
        let encoding = encoding_of(syntax.uid());
        let data_set = synthetic(|instance| instance.syntax = syntax).data_set();
        let meta = part10::FileMeta {
            transfer_syntax_uid: syntax.uid().to_owned(),
            ..part10::FileMeta::default()
        };
        let file = [part10::write(&meta), data_set.to_vec()].concat();
        let head = scan(&file[132..], encoding).unwrap();
        let damage = head.damage().map(|damage| (damage.kind, damage.offset));
        let group_length = tags::FILE_META_INFORMATION_GROUP_LENGTH;
        assert_eq!(damage, Some((DamageKind::NotOfADataSet(group_length), 0)), "{syntax:?}");
        assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("P9"));
        assert_eq!(head.encoding(), encoding);
        let change = [(tags::PATIENT_ID, "LO", "OTHER")];
        assert!(crate::edit::set_elements(&file[132..], encoding, &change).is_err());
        // With its preamble, it is no data set at all.
        assert!(scan(&file, encoding).is_err());
    }
}

#[test]
fn an_element_out_of_order_is_read_and_reported() {
    let bytes =
        b"\x08\x00\x60\x00CS\x02\x00CT\x43\x00\x10\x00LO\x02\x00X \x10\x00\x20\x00LO\x02\x00P9";
    let head = scan(bytes, Encoding::ExplicitLittle).unwrap();
    assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("P9"));
    let damage = head.damage().map(|damage| damage.to_string());
    assert_eq!(damage.as_deref(), Some("(0010,0020) is out of order at byte 20"));
    // Found by fuzzing: one damaged tag behind that of the pixels hid the patient without a word.
    let mut damaged = bytes.to_vec();
    damaged[11] = 0xFF;
    let head = scan(&damaged, Encoding::ExplicitLittle).unwrap();
    assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("P9"));
    assert_eq!(head.damage().map(|damage| damage.offset), Some(20));
}

/// Found by fuzzing: the bytes of its items were taken for the accession number.
#[test]
fn a_sequence_in_the_place_of_a_value_is_reported_and_not_read() {
    for length in [8, u32::MAX] {
        let mut bytes = b"\x08\x00\x50\x00SQ\0\0".to_vec();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(b"\xFE\xFF\x00\xE0\0\0\0\0");
        if length == u32::MAX {
            bytes.extend_from_slice(b"\xFE\xFF\xDD\xE0\0\0\0\0");
        }
        bytes.extend_from_slice(b"\x10\x00\x20\x00LO\x02\x00P9");
        let head = scan(&bytes, Encoding::ExplicitLittle).unwrap();
        assert_eq!(head.text(tags::ACCESSION_NUMBER), None);
        assert_eq!(head.text(tags::PATIENT_ID).as_deref(), Some("P9"));
        let damage = head.damage().map(|damage| damage.to_string());
        let text = "(0008,0050) is a sequence where a value belongs at byte 0";
        assert_eq!(damage.as_deref(), Some(text));
    }
}

#[test]
fn the_head_has_to_end_within_the_limit() {
    let limits = HeadLimits { scanned_bytes_max: 100, ..HeadLimits::default() };
    let mut scanner = HeadScanner::new(Encoding::ExplicitLittle, limits);
    assert_eq!(scanner.push(b"\x08\x00\x60\x00CS\x02\x00CT"), Scan::NeedMore);
    let mut private = b"\x09\x00\x10\x10OB\x00\x00\x80\x00\x00\x00".to_vec();
    private.resize(12 + 128, 0);
    scanner.push(&private);
    assert_eq!(scanner.push(b"\x10\x00\x20\x00LO\x02\x00P9"), Scan::Failed);
    let head = scanner.finish().unwrap();
    let damage = head.damage().map(|damage| damage.to_string());
    let text = "the head does not end within 100 bytes at byte 150";
    assert_eq!(damage.as_deref(), Some(text));
}

/// The limit of elements counts up to the end of the head, wherever the pieces end.
#[test]
fn a_flood_behind_the_head_does_not_hide_the_pixels() {
    let mut bytes = b"\x08\x00\x60\x00\x02\x00\x00\x00CT".to_vec();
    bytes.extend(b"\x41\x00\x01\x10\0\0\0\0".repeat(2000));
    let at = bytes.len() as u64;
    bytes.extend_from_slice(b"\xE0\x7F\x10\x00\0\0\0\0");
    for size in [1, 100, bytes.len()] {
        let limits = HeadLimits { elements_max: 1000, ..HeadLimits::default() };
        let mut scanner = HeadScanner::new(Encoding::ImplicitLittle, limits);
        bytes.chunks(size).for_each(|chunk| {
            scanner.push(chunk);
        });
        assert_eq!(scanner.pixel_data_offset(), Some(at), "pieces of {size}");
    }
}

/// What a broken stream yields before it breaks does not depend on the pieces.
#[test]
fn a_broken_deflate_stream_gives_the_same_in_any_pieces() {
    let whole = synthetic(|instance| instance.syntax = Syntax::Deflated).data_set();
    for at in (0..whole.len()).step_by(7) {
        let mut broken = whole.to_vec();
        broken[at] ^= 0x55;
        let read = |size: usize| {
            let limits = HeadLimits::default();
            let mut scanner = HeadScanner::new(Encoding::DeflatedExplicitLittle, limits);
            broken.chunks(size).for_each(|chunk| {
                scanner.push(chunk);
            });
            let state = scanner.state();
            (state, scanner.finish().map(|head| (head.damage, head.bytes)))
        };
        let expected = read(broken.len());
        assert!([1, 13].into_iter().all(|size| read(size) == expected), "byte {at}");
    }
}

#[test]
fn odd_lengths_are_taken_as_they_are() {
    let bytes =
        b"\x08\x00\x60\x00CS\x01\x00X\x10\x00\x20\x00LO\x03\x00P99\x20\x00\x10\x00SH\x00\x00";
    let head = scan(bytes, Encoding::ExplicitLittle).unwrap();
    let text = |tag| head.text(tag);
    assert_eq!(text(tags::MODALITY).as_deref(), Some("X"));
    assert_eq!(text(tags::PATIENT_ID).as_deref(), Some("P99"));
    assert_eq!(text(tags::STUDY_ID).as_deref(), Some(""));
    assert_eq!(text(tags::PATIENT_NAME), None);
}

#[test]
fn names_are_read_in_their_character_set() {
    for (name, expected, doubtful) in [
        ("ot_utf8.dcm", "Wang^XiaoDong=王^小東=", false),
        ("ot_gb18030.dcm", "Wang^XiaoDong=王^小东=", false),
        ("ot_greek.dcm", "Διονυσιος", false),
    ] {
        let sample = file(name).unwrap();
        let (meta, at) = part10::read(&sample.bytes).unwrap();
        let head = scan(&sample.bytes[at..], encoding_of(&meta.transfer_syntax_uid)).unwrap();
        assert_eq!(head.text(tags::PATIENT_NAME).as_deref(), Some(expected), "{name}");
        assert_eq!(head.has_doubtful_text(), doubtful, "{name}");
    }
}

#[test]
fn code_extensions_are_followed() {
    let sample = file("cr_japanese_extensions.dcm").unwrap();
    let (_, at) = part10::read(&sample.bytes).unwrap();
    let head = scan(&sample.bytes[at..], Encoding::ExplicitLittle).unwrap();
    assert_eq!(head.text(tags::PATIENT_NAME).as_deref(), Some("やまだ^たろう"));
    assert!(!head.has_doubtful_text());
    assert_eq!(head.text(tags::ACCESSION_NUMBER).as_deref(), Some("2008050417172310"));
}

#[test]
fn text_beyond_ascii_without_a_declaration_is_doubtful() {
    let bytes = |name: &[u8]| [b"\x10\x00\x10\x00PN\x06\x00", name].concat();
    let latin = scan(&bytes(b"M\xFCller"), Encoding::ExplicitLittle).unwrap();
    let utf8 = scan(&bytes("Zoë^A".as_bytes()), Encoding::ExplicitLittle).unwrap();
    assert_eq!(latin.text(tags::PATIENT_NAME).as_deref(), Some("Müller"));
    assert_eq!(utf8.text(tags::PATIENT_NAME).as_deref(), Some("Zoë^A"));
    assert!(latin.has_doubtful_text() && utf8.has_doubtful_text());
}

#[test]
fn debug_prints_no_patient() {
    let head = scan(&synthetic(|_| {}).data_set(), Encoding::ExplicitLittle).unwrap();
    let printed = format!("{head:?} {:?}", InstanceHead::read(&head));
    assert!(!printed.contains("PATIENT9") && !printed.contains("P9"), "{printed}");
}

/// What dicom-object reads from the same bytes.
mod oracle {
    use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
    use dicom_object::InMemDicomObject;
    use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

    use crate::{Encoding, Tag, uids};

    pub(super) fn read(bytes: &[u8], encoding: Encoding) -> InMemDicomObject {
        let uid = match encoding {
            Encoding::ImplicitLittle => uids::IMPLICIT_VR_LITTLE_ENDIAN,
            Encoding::ExplicitBig => uids::EXPLICIT_VR_BIG_ENDIAN,
            _ => uids::EXPLICIT_VR_LITTLE_ENDIAN,
        };
        let syntax = TransferSyntaxRegistry.get(uid).unwrap();
        InMemDicomObject::read_dataset_with_ts(bytes, syntax).unwrap()
    }

    pub(super) fn text(object: &InMemDicomObject, tag: Tag) -> Option<String> {
        let element = object.get(dicom_core::Tag(tag.0, tag.1))?;
        let text = element.value().to_str().unwrap();
        Some(text.trim_matches([' ', '\0']).to_owned())
    }
}
