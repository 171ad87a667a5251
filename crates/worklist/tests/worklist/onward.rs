//! What goes on to the reading platform, and that our own reading of it gives the same order.

use telerad_charset::Charset;
use telerad_core::{Issuer, PatientId, Timestamp};
use telerad_hl7::Message;
use telerad_worklist::{
    Disposition, Heard, OnwardError, OnwardEvent, OrderForm, OrderRecord, Origin, PatientUpdate,
    PlatformDialect, Sayings, ScheduledStep, StepHistory, StepStatus, merge_message, order_event,
    order_message, patient_message,
};

use crate::Site;

/// Everything that an order can say, with two steps.
const ORDER: &str = "MSH|^~\\&|RIS|NORTH|||20261124080000||OMI^O23|M1|P|2.5.1|||||UNICODE UTF-8
    PID|||4711^^^NORTH-MRN~99^^^NAT&1.2.3&ISO||Dupont^Zoé^Anne^Jr^Dr^^L~山田^太郎^^^^^L^I||19700102|F
    NTE|1|P|speaks French & German
    PV1||E|ER^2^B|||||D7^House^Gregory|||||||B6||||V-9^^^NORTH-ADT
    AL1|1|DA|^Penicillin
    ORC|NW|P-1^RIS|F-1^RIS&1.9&ISO|||||||||D8^Cuddy^Lisa|||||^Emergency|||||||||||V
    TQ1|1||||||20261124103000|20261124110000|S
    OBR|1|P-1^RIS|F-1^RIS&1.9&ISO|CTTHX^CT thorax^L||||||||^MRSA|pacemaker|||D8^Cuddy^Lisa||||||||||||||WALK|^short of breath
    NTE|1|P|first line
    NTE|2|P|second line
    OBX|1|NM|29463-7^Body weight^LN||82.5|kg|||||F
    IPC|A-1^NORTH|RP-1|1.2.3.4|S-1|CT|CTTHX^CT thorax^L|CT 1|^Room 2|CT1~CT2
    IPC|A-1^NORTH|RP-1|1.2.3.4|S-2|CT|CTABD^CT abdomen^L";

fn dialect(form: OrderForm) -> PlatformDialect {
    PlatformDialect {
        application: "PLATFORM".to_owned(),
        facility: "READING".to_owned(),
        sending_facility: "GW".to_owned(),
        form,
        version: if form == OrderForm::Omi { "2.5.1" } else { "2.3.1" }.to_owned(),
        ..PlatformDialect::default()
    }
}

fn at(second: i64) -> Timestamp {
    // 2026-11-24, nine o'clock.
    Timestamp::from_micros((1_795_510_800 + second) * 1_000_000)
}

fn lines(message: &Message) -> Vec<String> {
    let text = String::from_utf8(message.as_bytes().to_vec()).unwrap();
    text.split('\r').filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[track_caller]
fn check(message: Result<Message, OnwardError>, expected: &str) {
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|it| !it.is_empty()).collect();
    let message = message.unwrap();
    assert_eq!(lines(&message), expected, "{:#?}", lines(&message));
    assert!(message.warnings().is_empty(), "{:?}", message.warnings());
}

fn tell(
    event: OnwardEvent,
    before: Option<&OrderRecord>,
    after: &OrderRecord,
    dialect: &PlatformDialect,
) -> Result<Message, OnwardError> {
    order_message(event, before, after, Origin::Site, dialect, "C1", at(0))
}

fn order_of(site: &Site) -> OrderRecord {
    site.known.orders.first().cloned().unwrap()
}

/// What a platform with our own reading makes of an order: all of it that the form has room for.
fn comparable(mut order: OrderRecord, dialect: &PlatformDialect) -> OrderRecord {
    order.event_time = None;
    order.told.clear();
    order.said = Sayings::default();
    order.updated_at = at(0);
    order.revision = 0;
    for step in &mut order.steps {
        step.history = StepHistory::default();
        if dialect.form == OrderForm::Orm {
            step.station_ae_titles.clear();
            step.station_name.clear();
            step.location.clear();
        }
    }
    if dialect.version == "2.3.1" {
        order.confidentiality.clear();
    }
    order
}

/// Sends messages to a site, tells the platform of each what there is to tell, and compares what both have.
#[track_caller]
fn round_trip(messages: &[&str], dialect: &PlatformDialect, expected: &[OnwardEvent]) {
    let (mut site, mut platform) = (Site::new(), Site::new());
    let (mut told, mut events) = (Heard::NotYet, Vec::new());
    for (number, text) in (0..).zip(messages) {
        let before = site.known.orders.first().cloned();
        let outcome = site.send(text);
        assert!(!matches!(outcome.disposition, Disposition::Parked(_)), "{outcome:?}");
        let after = order_of(&site);
        let Some(event) = order_event(before.as_ref(), &after, told) else { continue };
        let (before, now) = (before.as_ref(), at(number));
        let message = order_message(event, before, &after, Origin::Site, dialect, "C1", now);
        let message = message.unwrap();
        assert!(message.warnings().is_empty(), "{:?}", message.warnings());
        let outcome = platform.send_bytes(message.as_bytes().to_vec());
        assert_eq!(outcome.disposition, Disposition::Applied, "{event:?} {:#?}", lines(&message));
        let got = comparable(order_of(&platform), dialect);
        assert!(got == comparable(after, dialect), "{event:?} {:#?}", lines(&message));
        events.push(event);
        told = Heard::Already;
    }
    assert_eq!(events, expected);
}

fn changed(order: &str, control: &str, minute: u32) -> String {
    let time = format!("2026112408{minute:02}00");
    order.replace("ORC|NW", &format!("ORC|{control}")).replace("20261124080000", &time)
}

const FORMS: [OrderForm; 2] = [OrderForm::Orm, OrderForm::Omi];

#[test]
fn a_new_order_for_2_3_1_has_one_group_for_each_step_and_one_zds() {
    let mut site = Site::new();
    site.send(ORDER);
    let message = tell(OnwardEvent::New, None, &order_of(&site), &dialect(OrderForm::Orm));
    check(
        message,
        "MSH|^~\\&|TELERAD|GW|PLATFORM|READING|20261124090000+0000||ORM^O01|C1|P|2.3.1||||||UNICODE UTF-8
        PID|1||4711^^^NORTH-MRN~99^^^NAT&1.2.3&ISO||Dupont^Zoé^Anne^Jr^Dr^^^A~山田^太郎^^^^^^I||19700102|F
        NTE|1|P|speaks French \\T\\ German
        PV1|1|E|ER^2^B|||||^House^Gregory|||||||B6||||V-9^^^NORTH-ADT
        AL1|1|MA|^Penicillin
        ORC|NW|P-1^RIS|F-1^RIS||SC||^^^20261124103000^^S||20261124080000|||^Cuddy^Lisa|||||^Emergency
        OBR|1|P-1^RIS|F-1^RIS|CTTHX^CT thorax^L^CTTHX^CT thorax^L||||||||^MRSA|pacemaker|||^Cuddy^Lisa||A-1|RP-1|S-1||||CT|||^^^20261124103000^^S|||WALK|^short of breath
        NTE|1|P|first line
        NTE|2|P|second line
        OBX|1|NM|29463-7^Body weight^LN||82.5|kg|||||F
        ORC|NW|P-1^RIS|F-1^RIS||SC||^^^20261124103000^^S||20261124080000|||^Cuddy^Lisa|||||^Emergency
        OBR|2|P-1^RIS|F-1^RIS|CTTHX^CT thorax^L^CTABD^CT abdomen^L||||||||^MRSA|pacemaker|||^Cuddy^Lisa||A-1|RP-1|S-2||||CT|||^^^20261124103000^^S|||WALK|^short of breath
        NTE|1|P|first line
        NTE|2|P|second line
        ZDS|1.2.3.4^^Application^DICOM",
    );
}

#[test]
fn a_new_order_for_2_5_1_has_one_ipc_for_each_step() {
    let mut site = Site::new();
    site.send(ORDER);
    let message = tell(OnwardEvent::New, None, &order_of(&site), &dialect(OrderForm::Omi));
    check(
        message,
        "MSH|^~\\&|TELERAD|GW|PLATFORM|READING|20261124090000+0000||OMI^O23^OMI_O23|C1|P|2.5.1||||||UNICODE UTF-8
        PID|1||4711^^^NORTH-MRN~99^^^NAT&1.2.3&ISO||Dupont^Zoé^Anne^Jr^Dr^^^A~山田^太郎^^^^^^I||19700102|F
        NTE|1|P|speaks French \\T\\ German
        PV1|1|E|ER^2^B|||||^House^Gregory|||||||B6||||V-9^^^NORTH-ADT
        AL1|1|MA|^Penicillin
        ORC|NW|P-1^RIS|F-1^RIS||SC||||20261124080000|||^Cuddy^Lisa|||||^Emergency|||||||||||V
        TQ1|1||||||20261124103000||S
        OBR|1|P-1^RIS|F-1^RIS|CTTHX^CT thorax^L||||||||^MRSA|pacemaker|||^Cuddy^Lisa||||||||||||||WALK|^short of breath
        NTE|1|P|first line
        NTE|2|P|second line
        OBX|1|NM|29463-7^Body weight^LN||82.5|kg|||||F
        IPC|A-1^NORTH|RP-1|1.2.3.4|S-1|CT|CTTHX^CT thorax^L|CT 1|^Room 2|CT1~CT2
        IPC|A-1^NORTH|RP-1|1.2.3.4|S-2|CT|CTABD^CT abdomen^L",
    );
}

/// An order that says as little as an order can.
const PLAIN: &str = "MSH|^~\\&|RIS|NORTH|||20261124080000||ORM^O01|M1|P|2.3.1
    PID|||4711||Doe^Jane
    ORC|NW
    OBR||||CR^Chest^L||||||||||||||A-1|RP-1|S-1||||CR|||^^^20261124
    ZDS|1.2.3.4";

#[test]
fn numbers_are_written_as_the_platform_has_them() {
    let mut site = Site::new();
    site.mapping.patient_authority = None;
    site.send(PLAIN);
    let authority = |name| Issuer::local(name).ok();
    let own = |form| PlatformDialect {
        accession_prefix: "N-".to_owned(),
        accession_authority: authority("NORD"),
        patient_authority: authority("NORD-IPP"),
        charset: None,
        ..dialect(form)
    };
    let order = order_of(&site);
    check(
        tell(OnwardEvent::New, None, &order, &own(OrderForm::Orm)),
        "MSH|^~\\&|TELERAD|GW|PLATFORM|READING|20261124090000+0000||ORM^O01|C1|P|2.3.1
        PID|1||4711^^^NORD-IPP||Doe^Jane
        PV1|1
        ORC|NW||||SC||^^^20261124^^R||20261124080000
        OBR|1|||CR^Chest^L^CR^Chest^L||||||||||||||N-A-1^NORD|RP-1|S-1||||CR|||^^^20261124^^R
        ZDS|1.2.3.4^^Application^DICOM",
    );
    let omi = tell(OnwardEvent::New, None, &order, &own(OrderForm::Omi)).unwrap();
    assert_eq!(omi.text("IPC-1.1").as_deref(), Some("N-A-1"));
    assert_eq!(omi.text("IPC-1.2").as_deref(), Some("NORD"));
    assert_eq!(own(OrderForm::Omi).accession("N-A-1"), "N-A-1");
}

#[test]
fn an_order_from_images_says_so() {
    let mut site = Site::new();
    site.send(PLAIN);
    let order = order_of(&site);
    for form in FORMS {
        let event = OnwardEvent::New;
        let dialect = dialect(form);
        let message =
            order_message(event, None, &order, Origin::Images, &dialect, "C1", at(0)).unwrap();
        let text = |path| message.text(path).unwrap_or_default();
        assert_eq!(text("ORC-16.1"), "IMAGES");
        assert_eq!(text("ORC-16.3"), "99TELERAD");
        assert!(text("NTE-3").starts_with("This order was built from the heads of the images"));
    }
}

#[test]
fn a_patient_is_told_by_the_event_of_the_platform() {
    let mut site = Site::new();
    site.send(ORDER);
    let mut record = site.patient().clone();
    record.clinical = site.order().clinical.clone();
    let as_of = |patient_update, version: &str| PlatformDialect {
        patient_update,
        version: version.to_owned(),
        ..dialect(OrderForm::Orm)
    };
    check(
        patient_message(&record, &as_of(PatientUpdate::A08, "2.3.1"), "C1", at(0)),
        "MSH|^~\\&|TELERAD|GW|PLATFORM|READING|20261124090000+0000||ADT^A08|C1|P|2.3.1||||||UNICODE UTF-8
        EVN|A08|20261124090000+0000
        PID|1||4711^^^NORTH-MRN~99^^^NAT&1.2.3&ISO||Dupont^Zoé^Anne^Jr^Dr^^^A~山田^太郎^^^^^^I||19700102|F
        PV1|1|N
        OBX|1|NM|29463-7^Body weight^LN||82.5|kg|||||F
        AL1|1|MA|^Penicillin",
    );
    let update = patient_message(&record, &as_of(PatientUpdate::A31, "2.5.1"), "C1", at(0));
    let update = update.unwrap();
    assert_eq!(update.text("MSH-9.3").as_deref(), Some("ADT_A05"));
    // Our own reading of it gives the same patient.
    let mut platform = Site::new();
    platform.send_bytes(update.as_bytes().to_vec());
    assert!(platform.patient().patient == record.patient);
    assert_eq!(platform.patient().clinical.weight_kg, "82.5");
    assert_eq!(platform.patient().clinical.allergies, ["Penicillin"]);
}

#[test]
fn a_merge_names_who_remains_and_whose_number_ends() {
    let mut site = Site::new();
    site.send(PLAIN);
    let survivor = site.patient().patient.clone();
    let prior = PatientId::new("4712", Issuer::local("NORTH-MRN").ok()).unwrap();
    let merged = |version: &str| {
        let dialect = PlatformDialect { version: version.to_owned(), ..dialect(OrderForm::Omi) };
        merge_message(&prior, &survivor, &dialect, "C1", at(0))
    };
    check(
        merged("2.5.1"),
        "MSH|^~\\&|TELERAD|GW|PLATFORM|READING|20261124090000+0000||ADT^A40^ADT_A39|C1|P|2.5.1||||||UNICODE UTF-8
        EVN|A40|20261124090000+0000
        PID|1||4711^^^NORTH-MRN||Doe^Jane
        MRG|4712^^^NORTH-MRN",
    );
    assert_eq!(merged("2.3.1").unwrap().text("MSH-9.3"), None);
}

#[test]
fn a_name_that_the_platform_cannot_read_is_an_error() {
    let mut site = Site::new();
    site.send(ORDER);
    for form in FORMS {
        let dialect = PlatformDialect { charset: Some(Charset::Latin1), ..dialect(form) };
        let error = tell(OnwardEvent::New, None, &order_of(&site), &dialect).unwrap_err();
        assert!(matches!(error, OnwardError::Build(_)), "{error}");
        assert!(!error.to_string().contains('山'), "{error}");
        let error = patient_message(site.patient(), &dialect, "C1", at(0)).unwrap_err();
        assert!(matches!(error, OnwardError::Build(_)), "{error}");
    }
}

/// An order whose steps have these statuses; `h` stands for a held one.
fn with_steps(statuses: &str) -> OrderRecord {
    let mut site = Site::new();
    site.send(PLAIN);
    let mut order = order_of(&site);
    let step = order.steps.remove(0);
    for (number, letter) in (1..).zip(statuses.chars()) {
        let status = match letter {
            's' | 'h' => StepStatus::Scheduled,
            'i' => StepStatus::Started,
            'x' => StepStatus::Canceled,
            'd' => StepStatus::Discontinued,
            'c' => StepStatus::Completed,
            other => panic!("{other}"),
        };
        let (step_id, is_held) = (format!("S-{number}"), letter == 'h');
        order.steps.push(ScheduledStep { step_id, status, is_held, ..step.clone() });
    }
    order
}

#[track_caller]
fn check_event(before: &str, after: &str, expected: Option<OnwardEvent>, expected_controls: &str) {
    let (before, after) = (with_steps(before), with_steps(after));
    let event = order_event(Some(&before), &after, Heard::Already);
    assert_eq!(event, expected);
    for form in FORMS {
        let Some(event) = event else { continue };
        let message = tell(event, Some(&before), &after, &dialect(form)).unwrap();
        let orders = message.segments_with_id("ORC");
        let controls = orders.map(|orc| format!("{}/{}", orc.field(1).text(), orc.field(5).text()));
        let mut controls: Vec<String> = controls.collect();
        if form == OrderForm::Orm {
            assert_eq!(controls.join(" "), expected_controls);
        }
        controls.dedup();
        if form == OrderForm::Omi {
            let mut expected: Vec<&str> = expected_controls.split(' ').collect();
            expected.dedup();
            assert_eq!(controls, expected);
        }
    }
}

#[test]
fn each_step_is_told_what_became_of_it() {
    use OnwardEvent::{Cancel, Change, Complete, Discontinue, Hold, New, Release, Start};
    check_event("s", "s", None, "");
    check_event("ss", "xx", Some(Cancel), "CA/CA CA/CA");
    check_event("ss", "xs", Some(Change), "CA/CA XO/SC");
    check_event("si", "xd", Some(Discontinue), "CA/CA DC/DC");
    check_event("ii", "dd", Some(Discontinue), "DC/DC DC/DC");
    check_event("xs", "xx", Some(Cancel), "CA/CA");
    check_event("xs", "xc", Some(Complete), "SC/CM");
    check_event("ss", "xc", Some(Discontinue), "CA/CA SC/CM");
    check_event("ii", "cc", Some(Complete), "SC/CM SC/CM");
    check_event("ii", "ci", Some(Change), "XO/CM XO/IP");
    check_event("ss", "is", Some(Start), "SC/IP");
    check_event("ss", "hh", Some(Hold), "HD/HD HD/HD");
    check_event("hh", "ss", Some(Release), "RL/SC RL/SC");
    check_event("xx", "ss", Some(New), "NW/SC NW/SC");
    check_event("x", "ss", Some(New), "NW/SC NW/SC");
    check_event("s", "ss", Some(Change), "XO/SC XO/SC");
    check_event("cx", "cx", None, "");
}

#[test]
fn what_the_platform_never_heard_of_is_new_to_it_unless_nothing_is_left() {
    let event = |after: &str, told| order_event(Some(&with_steps("s")), &with_steps(after), told);
    assert_eq!(event("s", Heard::NotYet), Some(OnwardEvent::New));
    assert_eq!(event("c", Heard::NotYet), Some(OnwardEvent::New));
    assert_eq!(event("xd", Heard::NotYet), None);
    assert_eq!(event("", Heard::NotYet), None);
    assert_eq!(event("s", Heard::FromImages), Some(OnwardEvent::Change));
    assert_eq!(event("x", Heard::FromImages), Some(OnwardEvent::Cancel));
    let nothing = tell(OnwardEvent::Cancel, None, &with_steps("s"), &dialect(OrderForm::Orm));
    assert_eq!(nothing.err(), Some(OnwardError::NoStep));
}

#[test]
fn an_order_comes_back_as_it_went() {
    for form in FORMS {
        round_trip(&[ORDER], &dialect(form), &[OnwardEvent::New]);
    }
}

#[test]
fn every_event_of_an_order_comes_back() {
    use OnwardEvent::{Cancel, Change, Complete, Discontinue, Hold, New, Release, Start};
    let change = changed(ORDER, "XO", 1).replace("short of breath", "chest pain");
    let urgent = changed(&change, "XO", 2).replace("|20261124110000|S", "|20261124110000|R");
    for form in FORMS {
        let dialect = dialect(form);
        let cancel = changed(ORDER, "CA", 3);
        round_trip(&[ORDER, &change, &urgent, &cancel], &dialect, &[New, Change, Change, Cancel]);
        // Again, once more: nothing to tell.
        round_trip(&[ORDER, ORDER, &changed(ORDER, "XO", 1)], &dialect, &[New]);
        let started = changed(ORDER, "SC||||IP", 1)
            .replace("SC||||IP|P-1^RIS|F-1^RIS&1.9&ISO||", "SC|P-1^RIS|F-1^RIS&1.9&ISO||IP");
        let complete = started.replace("||IP|", "||CM|");
        round_trip(&[ORDER, &complete], &dialect, &[New, Complete]);
        let (hold, release) = (changed(ORDER, "HD", 1), changed(ORDER, "RL", 2));
        round_trip(&[ORDER, &hold, &release], &dialect, &[New, Hold, Release]);
        // Withdrawn, and ordered again later.
        let again = changed(ORDER, "NW", 4);
        round_trip(&[ORDER, &cancel, &again], &dialect, &[New, Cancel, New]);
        let discontinue = changed(ORDER, "DC", 3);
        round_trip(&[ORDER, &started, &discontinue], &dialect, &[New, Start, Discontinue]);
    }
}
