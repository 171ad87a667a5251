use super::*;
use crate::datatype::{Ce, Cx, Datatype, Ei};
use crate::{Message, MessageHead, tables};

/// Every typed field is one the tables know, by a type that fits.
#[track_caller]
fn check_copy<T: TypedSegment + PartialEq + std::fmt::Debug>(raw: &str) {
    let message = Message::parse(format!("MSH|^~\\&|A\r{raw}\r")).unwrap();
    let value = message.segment(T::ID).map(T::read).unwrap();
    let copy = MessageBuilder::new(MessageHead::default()).typed(&value).build().unwrap();
    let segment = copy.segment(T::ID).unwrap();
    assert_eq!(std::str::from_utf8(segment.raw()).unwrap(), raw);
    assert_eq!(T::read(segment), value);
    assert!(tables::segment(T::ID).is_some());
}

#[test]
fn what_is_read_is_written_as_it_was() {
    check_copy::<Evn>("EVN||20240301||||20240229");
    check_copy::<Pid>(
        "PID|1||1001^^^NORTH&1.2.3&ISO^PI~77^^^STATE^NH||DOE&VAN&DOE^JANE^^^DR^^L~ROE^JANE^^^^^M||\
         19800102|F|||1 RUE X&RUE X^^PARIS^^75001^FRA^H||^PRN^PH^^33^1^445566",
    );
    check_copy::<Mrg>("MRG|OLD9^^^NORTH^PI||ACC-1|||ALT|DOE^JAYNE");
    check_copy::<Pv1>("PV1||O|WARD^1^2^NORTH&1.2&ISO||||||||||||B6||||V77");
    check_copy::<Orc>("ORC|NW|P-1^RIS|F-1||SC||1^once^^20260301110000^^R||20260301101400");
    check_copy::<Tq1>("TQ1||||||30^d|20260301110000||S^Stat^HL70485");
    check_copy::<Obr>(
        "OBR|1|P-1|F-1|CT^CT head^L^P1^plain^L||||||||||||99^ORDER^ER||A1|RP1|SPS1||||CT|F|||||||\
         77&RAD&IOLOGIST^20260301",
    );
    check_copy::<Ipc>("IPC|A1^RIS^1.2^ISO|RP1|1.2.3|SPS1|CT|P1^plain^L|CT1||AET1~AET2");
    check_copy::<Zds>("ZDS|1.2.3^RIS^Application^DICOM");
    check_copy::<Obx>("OBX|1|TX|121070^Findings^DCM|1.2|||||||F|||20260301");
    check_copy::<Txa>("TXA|1|DI|TX|||20260301||||||D-1|D-0|P-1~P-2|F-1||LA|||||1^RAD^IO");
    check_copy::<Sch>("SCH|AP-1|AF-1||||R||||||1^^^20260301080000^20260301083000");
    check_copy::<Ais>("AIS|1|A|CT^CT head^L|20260301080000|||30|min");
    check_copy::<Aig>("AIG|1||CT1^Scanner|DEV");
    check_copy::<Ail>("AIL|1||WARD^R1");
    check_copy::<Aip>("AIP|1||99^ORDER^ER");
    check_copy::<Msa>("MSA|AE|42|text");
    check_copy::<Err>("ERR||PID^1^3|101^Required field missing^HL70357|E||||text");
}

#[test]
fn null_has_no_text_and_is_noted() {
    let message = Message::parse("MSH|^~\\&|A\rPID|1||\"\"||\"\"^JANE||\"\"\r").unwrap();
    let pid = message.segment("PID").map(Pid::read).unwrap();
    assert!(pid.patient_identifier_list.is_empty());
    assert!(pid.birth.is_empty());
    assert_eq!([3, 5, 7, 8].map(|n| pid.nulls.contains(n)), [true, false, true, false]);
    assert!(pid.patient_names.iter().all(|name| name.family_name.nulls.contains(1)));
    assert_eq!(pid.patient_names.first().map(|name| name.given_name.as_str()), Some("JANE"));
}

#[test]
fn nulls_are_written_as_they_came() {
    check_copy::<Pid>("PID|||\"\"||\"\"^JANE^\"\"~DOE^\"\"||\"\"|\"\"");
    check_copy::<Pid>("PID|||1001^\"\"^^\"\"&1.2~77^^^NORTH&\"\"||^\"\"");
    check_copy::<Orc>("ORC|\"\"|\"\"^RIS|\"\"||||1^\"\"^^\"\"");
    check_copy::<Obr>("OBR|1|||\"\"^CT||||||||||||\"\"|||||||||||||||||77&\"\"&IO^\"\"^^\"\"");
    check_copy::<Pv1>("PV1||\"\"|\"\"^1^2^\"\"&1.2");
    check_copy::<Sch>("SCH|||||R||||||\"\"");
}

#[test]
fn a_value_takes_the_place_of_null() {
    let message = Message::parse("MSH|^~\\&|A\rPID|||\"\"||\"\"^JANE||\"\"|\"\"\r").unwrap();
    let mut pid = message.segment("PID").map(Pid::read).unwrap();
    pid.patient_identifier_list = vec![Cx { id_number: "7".into(), ..Cx::default() }];
    pid.birth.time = "19800102".into();
    pid.administrative_sex = "F".into();
    for name in &mut pid.patient_names {
        name.family_name.surname = "DOE".into();
    }
    let copy = MessageBuilder::new(MessageHead::default()).typed(&pid).build().unwrap();
    let raw = copy.segment("PID").unwrap().raw();
    assert_eq!(std::str::from_utf8(raw), Ok("PID|||7||DOE^JANE||19800102|F"));
}

#[test]
fn an_empty_segment_is_empty_everywhere() {
    let message = Message::parse("MSH|^~\\&|A\rOBR\r").unwrap();
    assert_eq!(message.segment("OBR").map(Obr::read), Some(Obr::default()));
}

#[test]
fn text_with_delimiters_comes_back() {
    let order = Orc {
        placer_order_number: Ei { entity_identifier: "A^B&C|D~E\\".into(), ..Ei::default() },
        order_control_reason: Ce { text: "Müller\r\nline".into(), ..Ce::default() },
        ..Orc::default()
    };
    let message = MessageBuilder::new(MessageHead::default()).typed(&order).build().unwrap();
    assert_eq!(message.segment("ORC").map(Orc::read), Some(order));
}

#[test]
fn debug_prints_no_patient() {
    let message = Message::parse("MSH|^~\\&|A\rPID|1||1001||DOE^JANE\r").unwrap();
    let pid = message.segment("PID").map(Pid::read).unwrap();
    assert_eq!(format!("{pid:?} {:?}", pid.patient_names), "Pid(<redacted>) [Xpn(<redacted>)]");
}
