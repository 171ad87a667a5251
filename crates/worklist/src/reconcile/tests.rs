use proptest::prelude::*;
use telerad_core::{
    AccessionNumber, Code, Issuer, Order, PartialDate, Patient, PatientId, PersonName, Priority,
    Sex, SiteId, Timestamp, Uid,
};
use telerad_dicom::InstanceHead;
use telerad_hl7::Message;

use super::patient::{Said, is_another};
use super::side::{CODES, MODIFIERS_ALONE, verdict};
use super::{
    Attribute, Comparison, ImageFacts, ReconcilePolicy, Severity, SideWords, Sides, compare,
    compare_study, ordered_sides,
};
use crate::{Effect, Known, Mapping, OrderRecord, ScheduledStep, apply, read};

fn id(text: &str) -> PatientId {
    let (value, authority) = text.split_once('@').unwrap_or((text, ""));
    let issuer = (!authority.is_empty()).then(|| Issuer::local(authority).unwrap());
    PatientId::new(value, issuer).unwrap()
}

fn person(ids: &[&str], name: &str, birth_date: &str, sex: &str) -> Patient {
    Patient {
        ids: ids.iter().map(|text| id(text)).collect(),
        name: PersonName::from_dicom(name),
        birth_date: PartialDate::parse(birth_date).ok(),
        sex: Sex::from_code(sex),
    }
}

fn number(text: &str) -> AccessionNumber {
    let (value, issuer) = text.split_once('@').unwrap_or((text, ""));
    let issuer = (!issuer.is_empty()).then(|| Issuer::local(issuer).unwrap());
    AccessionNumber::new(value, issuer).unwrap()
}

fn code(value: &str, scheme: &str, meaning: &str) -> Code {
    Code { value: value.to_owned(), scheme: scheme.to_owned(), meaning: meaning.to_owned() }
}

fn step(modality: &str) -> ScheduledStep {
    ScheduledStep {
        step_id: "S1".to_owned(),
        modality: modality.to_owned(),
        ..ScheduledStep::default()
    }
}

fn order() -> OrderRecord {
    let order = Order {
        site: SiteId::new("north").unwrap(),
        patient: person(&["P1@MRN"], "DOE^JANE", "19700102", "F"),
        accession: number("A1@NORTH"),
        placer_order_number: None,
        filler_order_number: None,
        requested_procedure_id: "RP1".to_owned(),
        study_instance_uid: Uid::new("1.2.3").unwrap(),
        procedure: code("XRKNEE", "L", "Knie links"),
        priority: Priority::Routine,
        referring_physician: PersonName::default(),
        requesting_physician: PersonName::default(),
        reason: String::new(),
    };
    OrderRecord { steps: vec![step("DX")], ..OrderRecord::new(order, Timestamp::from_micros(0)) }
}

fn head() -> InstanceHead {
    InstanceHead {
        study_instance_uid: Uid::new("1.2.3").ok(),
        patient: person(&["P1@MRN"], "DOE^JANE", "19700102", "F"),
        accession: Some(number("A1@NORTH")),
        modality: "DX".to_owned(),
        requested_procedure_id: "RP1".to_owned(),
        ..InstanceHead::default()
    }
}

fn policy() -> ReconcilePolicy {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    ReconcilePolicy {
        body_parts: vec![
            ("KNEE".to_owned(), words(&["XRKNEE", "Knie"])),
            ("HAND".to_owned(), words(&["XRHAND"])),
        ],
        sides: SideWords {
            both: words(&["beidseits"]),
            left: words(&["links", "gauche"]),
            right: words(&["rechts", "droite"]),
        },
        ..ReconcilePolicy::default()
    }
}

fn found(comparison: &Comparison, attribute: Attribute) -> Option<(Severity, &'static str)> {
    let difference = comparison.differences.iter().find(|one| one.attribute == attribute)?;
    Some((difference.severity, difference.statement))
}

/// What is said of one attribute when an order and an image are changed.
#[track_caller]
fn check(
    attribute: Attribute,
    change: impl FnOnce(&mut OrderRecord, &mut InstanceHead, &mut ReconcilePolicy),
    expected: Option<(Severity, &str)>,
) {
    let (mut order, mut head, mut policy) = (order(), head(), policy());
    change(&mut order, &mut head, &mut policy);
    let comparison = compare(&order, None, &ImageFacts::of(&head), &policy);
    assert_eq!(found(&comparison, attribute), expected, "{comparison:?}");
}

#[test]
fn what_is_equal_agrees_throughout() {
    let comparison = compare(&order(), None, &ImageFacts::of(&head()), &policy());
    assert_eq!(comparison.severity(), Some(Severity::Agree), "{comparison:?}");
    assert_eq!(comparison.words(Severity::Note), "");
}

#[test]
fn what_is_missing_is_no_conflict() {
    let nothing = InstanceHead::default();
    let comparison = compare(&order(), None, &ImageFacts::of(&nothing), &policy());
    assert_eq!(comparison, Comparison::default());
    assert_eq!(comparison.severity(), None);
}

#[test]
fn patient_identifiers_by_authority() {
    let same = |ordered: &'static [&str], imaged: &'static [&str], expected| {
        check(
            Attribute::PatientId,
            move |order, head, policy| {
                order.order.patient.ids = ordered.iter().map(|text| id(text)).collect();
                head.patient.ids = imaged.iter().map(|text| id(text)).collect();
                policy.patient_authority = Some(Issuer::local("MRN").unwrap());
                policy.also_known_as = vec![id("T9@MRN")];
            },
            expected,
        );
    };
    same(&["P1@MRN"], &["P1@MRN"], Some((Severity::Agree, "is equal under the same authority")));
    same(&["P1@MRN"], &["P1"], Some((Severity::Agree, "is equal under the same authority")));
    same(
        &["P1", "N5@NATION"],
        &["N5@NATION"],
        Some((Severity::Agree, "is equal under the same authority")),
    );
    same(&["P1@MRN"], &["P2@MRN"], Some((Severity::Stop, "differs under the same authority")));
    same(&["P1@MRN"], &["P2"], Some((Severity::Stop, "differs under the same authority")));
    same(
        &["P1@MRN"],
        &["T9@MRN"],
        Some((Severity::Note, "is one that was merged into the order's")),
    );
    same(&["P1@MRN"], &["P1@OTHER"], Some((Severity::Note, "has no authority in common")));
    same(&["P1@MRN"], &[], None);
    same(&[], &["P1@MRN"], None);
}

#[test]
fn one_contradicting_identifier_outweighs_an_equal_one() {
    check(
        Attribute::PatientId,
        |order, head, _| {
            order.order.patient.ids = vec![id("P1@MRN"), id("N5@NATION")];
            head.patient.ids = vec![id("P1@MRN"), id("N6@NATION")];
        },
        Some((Severity::Stop, "differs under the same authority")),
    );
}

#[test]
fn names_group_by_group() {
    let named = |ordered: &'static str, imaged: &'static str, expected| {
        check(
            Attribute::PatientName,
            move |order, head, _| {
                order.order.patient.name = PersonName::from_dicom(ordered);
                head.patient.name = PersonName::from_dicom(imaged);
            },
            expected,
        );
    };
    named("DOE^JANE", "Doe^Jane", Some((Severity::Agree, "is equal")));
    named("O'HARA^MARY-ANN", "OHARA^MARY ANN", Some((Severity::Agree, "is equal")));
    named("MÜLLER^JÖRG", "MULLER^JORG", Some((Severity::Note, "differs in accents only")));
    named("DOE^JANE", "JANE^DOE", Some((Severity::Note, "has family and given name exchanged")));
    named("DOE^JANE", "ROE^JANE", Some((Severity::Warn, "differs")));
    named("DOE^JANE", "ROE", Some((Severity::Warn, "differs")));
    named("DOE^JANE", "DOE", None);
    named("DOE^JANE", "", None);
    named("YAMADA^TARO=山田^太郎", "YAMADA^TARO=山田^太郎", Some((Severity::Agree, "is equal")));
    named("YAMADA^TARO=山田^太郎", "YAMADA^TARO=山本^太郎", Some((Severity::Warn, "differs")));
    named("YAMADA^TARO=山田^太郎", "YAMADA^TARO", Some((Severity::Agree, "is equal")));
    named("=山田^太郎", "YAMADA^TARO", None);
}

#[test]
fn birth_dates_by_what_both_know() {
    let born = |ordered: &'static str, imaged: &'static str, expected| {
        check(
            Attribute::PatientBirthDate,
            move |order, head, _| {
                order.order.patient.birth_date = PartialDate::parse(ordered).ok();
                head.patient.birth_date = PartialDate::parse(imaged).ok();
            },
            expected,
        );
    };
    born("19700102", "19700102", Some((Severity::Agree, "is equal")));
    born("19700102", "19700103", Some((Severity::Warn, "differs")));
    born("1970", "19710102", Some((Severity::Warn, "differs")));
    born("1970", "19700102", None);
    born("19700102", "", None);
}

#[test]
fn sexes_where_both_are_recorded() {
    let sexed = |ordered: &'static str, imaged: &'static str, expected| {
        check(
            Attribute::PatientSex,
            move |order, head, _| {
                order.order.patient.sex = Sex::from_code(ordered);
                head.patient.sex = Sex::from_code(imaged);
            },
            expected,
        );
    };
    sexed("F", "F", Some((Severity::Agree, "is equal")));
    sexed("M", "F", Some((Severity::Warn, "differs")));
    sexed("F", "M", Some((Severity::Warn, "differs")));
    sexed("F", "O", None);
    sexed("F", "", None);
}

#[test]
fn another_patient_cell_by_cell() {
    use Said::{Differs, Equal, Unknown};
    let all = [Differs, Equal, Unknown];
    let mut stopped = Vec::new();
    for id in all {
        for birth_date in all {
            for sex in all {
                for name in all {
                    if is_another(id, birth_date, sex, name) {
                        stopped.push((id, birth_date, sex, name));
                    }
                }
            }
        }
    }
    let of = |id: Said| stopped.iter().filter(|cell| cell.0 == id).count();
    assert_eq!((of(Differs), of(Equal), of(Unknown)), (27, 7, 17));
    for cell in [
        (Equal, Differs, Differs, Equal),
        (Equal, Differs, Unknown, Differs),
        (Unknown, Differs, Equal, Equal),
        (Unknown, Equal, Differs, Equal),
        (Unknown, Unknown, Unknown, Differs),
    ] {
        assert!(stopped.contains(&cell), "{cell:?}");
    }
    for cell in [
        (Equal, Differs, Equal, Equal),
        (Equal, Unknown, Unknown, Differs),
        (Unknown, Equal, Equal, Differs),
        (Unknown, Unknown, Unknown, Unknown),
    ] {
        assert!(!stopped.contains(&cell), "{cell:?}");
    }
}

#[test]
fn another_patient_stops_filing_and_one_wrong_character_does_not() {
    let another = Some((Severity::Stop, "is another one than the order's"));
    let date =
        |head: &mut InstanceHead| head.patient.birth_date = PartialDate::parse("19711231").ok();
    check(Attribute::Patient, |_, head, _| head.patient.ids = vec![id("P2@MRN")], another);
    check(Attribute::Patient, |_, head, _| date(head), None);
    let both = |_: &mut OrderRecord, head: &mut InstanceHead, _: &mut ReconcilePolicy| {
        date(head);
        head.patient.name = PersonName::from_dicom("ROE^MARY");
    };
    check(Attribute::Patient, both, another);
    let nameless = |_: &mut OrderRecord, head: &mut InstanceHead, _: &mut ReconcilePolicy| {
        date(head);
        head.patient.ids = vec![id("P1@OTHER")];
    };
    check(Attribute::Patient, nameless, another);
}

#[test]
fn accession_numbers_with_their_issuers() {
    let numbered = |ordered: &'static str, imaged: &'static str, site: &'static str, expected| {
        check(
            Attribute::AccessionNumber,
            move |order, head, policy| {
                order.order.accession = number(ordered);
                head.accession = Some(number(imaged));
                policy.accession_issuer = Issuer::local(site).ok();
            },
            expected,
        );
    };
    numbered("A1@NORTH", "A1@NORTH", "", Some((Severity::Agree, "is equal")));
    numbered("A1@NORTH", "A1", "NORTH", Some((Severity::Agree, "is equal")));
    let unknown = "is equal, and it is not known whether its issuer is";
    numbered("A1@NORTH", "A1", "", Some((Severity::Note, unknown)));
    numbered("A1@NORTH", "A1@SOUTH", "", Some((Severity::Warn, "is equal and of another issuer")));
    numbered("A1@NORTH", "A2@NORTH", "", Some((Severity::Warn, "differs")));
    check(Attribute::AccessionNumber, |_, head, _| head.accession = None, None);
}

#[test]
fn studies_and_requested_procedures() {
    let study = Attribute::StudyInstanceUid;
    let uid = |text: &str| Uid::new(text).ok();
    check(
        study,
        |_, head, _| head.study_instance_uid = uid("1.2.3"),
        Some((Severity::Agree, "is equal")),
    );
    check(
        study,
        |_, head, _| head.study_instance_uid = uid("1.2.4"),
        Some((Severity::Note, "is not the one of the order")),
    );
    let requested = Attribute::RequestedProcedureId;
    check(
        requested,
        |_, head, _| head.requested_procedure_id = "RP9".to_owned(),
        Some((Severity::Note, "differs")),
    );
    check(requested, |_, head, _| head.requested_procedure_id = String::new(), None);
}

#[test]
fn modalities_beside_and_instead_of_the_scheduled_one() {
    let made = |scheduled: &'static str, imaged: &'static str, expected| {
        check(
            Attribute::Modality,
            move |order, head, _| {
                order.steps = vec![step(scheduled)];
                head.modality = imaged.to_owned();
            },
            expected,
        );
    };
    let alike = Some((Severity::Note, "is one that goes with the scheduled one"));
    made("DX", "DX", Some((Severity::Agree, "is as scheduled")));
    made("DX", "CR", alike);
    made("PT", "CT", alike);
    made("CT", "MR", Some((Severity::Warn, "is not the scheduled one")));
    made("CT", "SR", None);
    made("CT", "", None);
    made("", "CT", None);
}

#[test]
fn performed_codes_against_scheduled_ones() {
    #[track_caller]
    fn check(performed: &[Code], expected: Option<(Severity, &str)>) {
        let (order, head) = (order(), head());
        let image = ImageFacts { performed, ..ImageFacts::of(&head) };
        let comparison = compare(&order, None, &image, &policy());
        assert_eq!(found(&comparison, Attribute::ProcedureCode), expected);
    }
    check(&[], None);
    check(&[code("XRKNEE", "L", "")], Some((Severity::Agree, "performed is as scheduled")));
    check(
        &[code("XRKNEE", "L", ""), code("XRHAND", "L", "")],
        Some((Severity::Warn, "performed is not the scheduled one")),
    );
    // Another vocabulary says nothing about this one.
    check(&[code("XRHAND", "LN", "")], None);
}

#[test]
fn body_parts_by_the_table_of_the_site() {
    let part = |imaged: &'static str, expected| {
        check(
            Attribute::BodyPartExamined,
            move |_, head, _| head.body_part = imaged.to_owned(),
            expected,
        );
    };
    part("KNEE", Some((Severity::Agree, "is as ordered")));
    part("knie", Some((Severity::Agree, "is as ordered")));
    part("HAND", Some((Severity::Warn, "is not the ordered one")));
    part("LEG", None);
    part("", None);
    check(
        Attribute::BodyPartExamined,
        |_, head, policy| {
            policy.body_parts.clear();
            head.body_part = "HAND".to_owned();
        },
        None,
    );
    check(
        Attribute::BodyPartExamined,
        |order, head, policy| {
            policy.body_parts.clear();
            order.steps[0].body_site = "Hand".to_owned();
            head.body_part = "HAND".to_owned();
        },
        Some((Severity::Agree, "is as ordered")),
    );
}

#[test]
fn sides_cell_by_cell() {
    let (none, left, right, both) = (Sides::NONE, Sides::LEFT, Sides::RIGHT, Sides::BOTH);
    let agree = Some((Severity::Agree, "is as ordered"));
    let more = Some((Severity::Warn, "is of both sides where one was ordered"));
    let wrong = Some((Severity::Stop, "is the wrong side"));
    for (ordered, imaged, expected) in [
        (none, none, None),
        (none, left, None),
        (none, right, None),
        (none, both, None),
        (left, none, None),
        (left, left, agree),
        (left, right, wrong),
        (left, both, more),
        (right, none, None),
        (right, left, wrong),
        (right, right, agree),
        (right, both, more),
        (both, none, None),
        (both, left, agree),
        (both, right, agree),
        (both, both, agree),
    ] {
        assert_eq!(verdict(ordered, imaged), expected, "{ordered:?} {imaged:?}");
    }
}

/// The side of an image as its elements and texts say, against an order for the left knee.
#[track_caller]
fn check_side(
    (laterality, image_laterality, protocol_name): (&str, &str, &str),
    change: impl FnOnce(&mut OrderRecord, &mut InstanceHead, &mut ReconcilePolicy),
    expected: Option<Severity>,
) {
    let (mut order, mut head, mut policy) = (order(), head(), policy());
    change(&mut order, &mut head, &mut policy);
    let image = ImageFacts { laterality, image_laterality, protocol_name, ..ImageFacts::of(&head) };
    let comparison = compare(&order, None, &image, &policy);
    let got = found(&comparison, Attribute::Laterality).map(|(severity, _)| severity);
    assert_eq!(got, expected, "{comparison:?}");
    assert_eq!(comparison.stops_filing(), expected == Some(Severity::Stop));
}

#[test]
fn the_side_of_an_image_by_its_elements() {
    let (agree, warn, stop) = (Some(Severity::Agree), Some(Severity::Warn), Some(Severity::Stop));
    for (laterality, image_laterality, expected) in [
        ("L", "", agree),
        ("", "L", agree),
        ("R", "", stop),
        ("", "R", stop),
        ("B", "", warn),
        ("", "B", warn),
        // The image's own element is the nearer one.
        ("R", "L", agree),
        ("L", "R", stop),
        ("U", "", None),
        ("R", "U", stop),
        ("", "", None),
        ("LEFT", "", None),
    ] {
        check_side((laterality, image_laterality, ""), |_, _, _| (), expected);
    }
}

#[test]
fn the_side_of_an_image_by_declared_words_only() {
    let series = |text: &'static str| {
        move |_: &mut OrderRecord, head: &mut InstanceHead, _: &mut ReconcilePolicy| {
            head.series_description = text.to_owned();
        }
    };
    let nothing = ("", "", "");
    check_side(nothing, series("Knie RECHTS a.p."), Some(Severity::Stop));
    check_side(nothing, series("Knie links a.p."), Some(Severity::Agree));
    check_side(nothing, series("Knie beidseits"), Some(Severity::Warn));
    // Not a word of its own, and not a declared one.
    check_side(nothing, series("rechtsbetont"), None);
    check_side(nothing, series("KNEE R"), None);
    check_side(("", "", "genou droite"), |_, _, _| (), Some(Severity::Stop));
    // What contradicts itself is of both.
    check_side(("L", "", "genou droite"), |_, _, _| (), Some(Severity::Warn));
    check_side(
        nothing,
        |_, head, policy| {
            head.series_description = "Knie rechts".to_owned();
            policy.sides = SideWords::default();
        },
        None,
    );
}

#[test]
fn the_side_of_an_order_by_its_codes() {
    for (schemes, value, sides) in CODES {
        for scheme in schemes {
            let expected = match (sides.left, sides.right) {
                (true, false) => Severity::Stop,
                _ => Severity::Agree,
            };
            check_side(
                ("R", "", ""),
                |order, _, policy| {
                    policy.sides = SideWords::default();
                    order.steps[0].protocol = code(value, scheme, "");
                },
                Some(expected),
            );
        }
    }
    for (value, sides) in MODIFIERS_ALONE {
        let expected = if sides == Sides::LEFT { Severity::Stop } else { Severity::Agree };
        check_side(
            ("R", "", ""),
            |order, _, policy| {
                policy.sides = SideWords::default();
                order.steps[0].laterality = code(&value.to_lowercase(), "", "");
            },
            Some(expected),
        );
    }
}

#[test]
fn the_side_of_an_order_by_declared_words_only() {
    let procedure = |value: &'static str, meaning: &'static str| {
        move |order: &mut OrderRecord, _: &mut InstanceHead, _: &mut ReconcilePolicy| {
            order.order.procedure = code(value, "L", meaning);
        }
    };
    let right = ("R", "", "");
    check_side(right, procedure("K", "Knie links"), Some(Severity::Stop));
    check_side(right, procedure("K", "Knie rechts"), Some(Severity::Agree));
    check_side(right, procedure("gauche", ""), Some(Severity::Stop));
    // A scheme that nobody knows gives its codes no meaning.
    check_side(right, procedure("L", "Knie"), None);
    check_side(
        right,
        |order, _, _| {
            order.order.procedure = Code::default();
            order.steps[0].laterality = code("L", "99LOCAL", "");
        },
        None,
    );
}

#[test]
fn the_side_and_the_site_of_a_message_are_kept_with_its_step() {
    let said = |field: &str| {
        let message = Message::parse(format!(
            "MSH|^~\\&|RIS|NORTH|||20261124080000||ORM^O01|M1|P|2.3.1\r\
             PID|||4711^^^MRN||Doe^Jane||19700102|F\r\
             ORC|NW||||||^^^202611241030^^S\r\
             OBR||||XRKNEE^Knie^L|||||||||||{field}|||A-1|RP-1|SPS-1||||DX\r"
        ));
        let mapping = Mapping::new(SiteId::new("north").unwrap());
        let inbound = read(&message.unwrap(), &mapping).unwrap();
        let applied = apply(inbound, &Known::default(), Timestamp::from_micros(0));
        let order = applied.effects.into_iter().find_map(|effect| match effect {
            Effect::PutOrder(order) => Some(order),
            Effect::PutPatient(_) => None,
        });
        let step = order.unwrap().steps.remove(0);
        (step.body_site, step.laterality)
    };
    assert_eq!(said("^^^KNEE^L"), ("KNEE".to_owned(), code("L", "", "")));
    let coded = "^^^KNEE^7771000&Left&SCT";
    assert_eq!(said(coded), ("KNEE".to_owned(), code("7771000", "SCT", "Left")));
    assert_eq!(said(""), (String::new(), Code::default()));
}

#[test]
fn one_step_is_compared_where_it_is_known_which() {
    let mut order = order();
    order.order.procedure = Code::default();
    let sided = |value: &str| ScheduledStep { laterality: code(value, "", ""), ..step("MG") };
    order.steps = vec![sided("L"), sided("R")];
    let head = InstanceHead { modality: "MG".to_owned(), ..head() };
    let image = ImageFacts { laterality: "R", ..ImageFacts::of(&head) };
    let of = |step: Option<&ScheduledStep>| compare(&order, step, &image, &policy()).severity();
    assert_eq!(of(None), Some(Severity::Agree));
    assert_eq!(of(order.steps.first()), Some(Severity::Stop));
    assert_eq!(of(order.steps.last()), Some(Severity::Agree));
}

#[test]
fn the_side_of_a_study_is_that_of_all_its_images() {
    let (order, head) = (order(), head());
    let image = |laterality: &'static str| ImageFacts { laterality, ..ImageFacts::of(&head) };
    let of = |images: &[ImageFacts<'_>]| {
        let comparison = compare_study(&order, images.iter().copied(), &policy());
        found(&comparison, Attribute::Laterality).map(|(severity, _)| severity)
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[image("R"), image("")]), Some(Severity::Stop));
    assert_eq!(of(&[image("R"), image("L")]), Some(Severity::Warn));
    assert_eq!(of(&[image("L"), image("U")]), Some(Severity::Agree));
    assert_eq!(ordered_sides(&order, &policy()), Sides::LEFT);
}

#[test]
fn the_worst_image_of_a_study_counts() {
    let (order, right) = (order(), head());
    let wrong = InstanceHead { patient: person(&["P2@MRN"], "", "", ""), ..head() };
    for images in [[&right, &wrong], [&wrong, &right]] {
        let comparison = compare_study(&order, images.map(ImageFacts::of), &policy());
        assert!(comparison.stops_filing(), "{comparison:?}");
        assert_eq!(comparison, {
            let mut sorted = comparison.clone();
            sorted.differences.sort_by_key(|one| one.attribute);
            sorted
        });
    }
}

#[test]
fn values_are_for_the_person_who_decides_and_not_for_a_log() {
    let mut head = head();
    head.patient = person(&["P2@MRN"], "ROE^RICHARD", "19711231", "M");
    head.series_description = "Knie rechts".to_owned();
    let comparison = compare(&order(), None, &ImageFacts::of(&head), &policy());
    let (plain, debug) = (comparison.words(Severity::Warn), format!("{comparison:?}"));
    for text in [&plain, &debug] {
        for value in ["P1", "P2", "DOE", "ROE", "1970", "1971"] {
            assert!(!text.contains(value), "{text}");
        }
    }
    assert_eq!(
        comparison.words_with_values(Severity::Stop),
        "Laterality is the wrong side (order `left`, image `right`); \
         Patient is another one than the order's; \
         Patient ID differs under the same authority (order `P1`, image `P2`)"
    );
}

proptest! {
    #[test]
    fn it_never_agrees_where_identifiers_of_one_authority_differ(
        ordered in "[A-Z0-9]{1,8}",
        imaged in "[A-Z0-9]{1,8}",
        is_named in any::<bool>(),
        others in proptest::collection::vec("[A-Z0-9]{1,8}", 0..3),
        side in prop::sample::select(vec!["", "L", "R", "B", "U"]),
        name in prop::sample::select(vec!["DOE^JANE", "", "ROE^X"]),
        modality in prop::sample::select(vec!["DX", "CT", "SR", ""]),
    ) {
        prop_assume!(ordered != imaged);
        let (mut order, mut head, mut policy) = (order(), head(), policy());
        order.order.patient.ids = vec![id(&format!("{ordered}@MRN"))];
        for (at, other) in others.iter().enumerate() {
            order.order.patient.ids.push(id(&format!("{other}@X{at}")));
            head.patient.ids.push(id(&format!("{other}@X{at}")));
        }
        policy.patient_authority = Some(Issuer::local("MRN").unwrap());
        let imaged = if is_named { format!("{imaged}@MRN") } else { imaged };
        head.patient.ids.retain(|kept| kept.issuer() != policy.patient_authority.as_ref());
        head.patient.ids.push(id(&imaged));
        head.patient.name = PersonName::from_dicom(name);
        head.modality = modality.to_owned();
        let image = ImageFacts { laterality: side, ..ImageFacts::of(&head) };
        let comparison = compare(&order, None, &image, &policy);
        prop_assert_eq!(comparison.severity(), Some(Severity::Stop));
        let expected = Some((Severity::Stop, "is another one than the order's"));
        prop_assert_eq!(found(&comparison, Attribute::Patient), expected);
    }
}
