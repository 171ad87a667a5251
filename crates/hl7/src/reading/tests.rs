use super::*;
use crate::datatype::{Ce, Ei, MediaType, Ts, Xcn};
use crate::{Message, path};

const HEAD: &str = "MSH|^~\\&|RIS|HOSP|PACS|TELERAD|20260301101500||";
const PATIENT: &str =
    "PID|||PAT123^^^HOSP~77^^^NAT||DOE^JANE||19800102|F\rPV1||O||||||123^REF^DOC|||||||||||V77\r";

fn omi() -> Message {
    let body = "ORC|NW|PL55^EHR^1.2^ISO|FI66^RIS||SC||||20260301101400|||99^ORDER^ER|||||RAD^Radiology^L\r\
        TQ1|||||||20260301110000||S\r\
        OBR|1|PL55^EHR^1.2^ISO|FI66^RIS|CTHEAD^CT head^L|||||||||trauma|||99^ORDER^ER||||||||||||||WALK|^headache|||||||||||||CTH^CT of the head^L\r\
        NTE|1||second floor\r\
        IPC|A2026001^RIS^1.3^ISO|RP1|1.2.840.1|SPS1|CT|P1^plain^L|CT1||CT1AET\r\
        IPC|A2026001|RP1|1.2.840.1|SPS2|CT|P2^contrast^L|||CT2AET\r";
    Message::parse(format!("{HEAD}OMI^O23^OMI_O23|1|P|2.5.1\r{PATIENT}{body}")).unwrap()
}

fn orm() -> Message {
    let body = "ORC|NW|PL55^EHR|FI66^RIS||SC||1^once^^20260301110000^^S||20260301101400|||99^ORDER^ER|||||RAD^Radiology^L\r\
        OBR|1|PL55^EHR|FI66^RIS|CTHEAD^CT head^L^P1^plain^L|||||||||trauma|||99^ORDER^ER||A2026001|RP1|SPS1||||CT|||1^once^^20260301110000^^S||||^headache|||||||||||||CTH^CT of the head^L\r\
        NTE|1||second floor\r\
        ZDS|1.2.840.1^RIS^Application^DICOM\r";
    Message::parse(format!("{HEAD}ORM^O01|1|P|2.3.1\r{PATIENT}{body}")).unwrap()
}

fn only(message: &Message) -> OrderView {
    let mut orders = OrderView::read_all(message, &OrderSources::default());
    assert_eq!(orders.len(), 1);
    orders.remove(0)
}

/// Item, value and source, each as text.
fn told(order: &OrderView) -> Vec<(&'static str, String)> {
    let values = &order.values;
    let ei = |reading: &Reading<Ei>| reading.value().map(|id| id.entity_identifier.clone());
    let ce =
        |reading: &Reading<Ce>| reading.value().map(|code| code.identifier.clone() + &code.text);
    let ts = |reading: &Reading<Ts>| reading.value().map(|time| time.time.clone());
    let xcn = |reading: &Reading<Xcn>| reading.value().map(|name| name.id_number.clone());
    let items = [
        ("placer", ei(&values.placer_order_number)),
        ("filler", ei(&values.filler_order_number)),
        ("accession", ei(&values.accession)),
        ("requested", ei(&values.requested_procedure_id)),
        ("study", values.study_instance_uid.value().cloned()),
        ("modality", values.modality.value().cloned()),
        ("procedure", ce(&values.procedure)),
        ("start", ts(&values.start)),
        ("priority", values.priority.value().cloned()),
        ("provider", xcn(&values.ordering_provider)),
        ("reason", ce(&values.reason)),
        ("clinical", values.clinical_information.value().cloned()),
        ("patient", order.patient.identifier.value().map(|id| id.id_number.clone())),
        ("visit", order.patient.visit_number.value().map(|id| id.id_number.clone())),
        ("referring", xcn(&order.patient.referring_doctor)),
    ];
    items.into_iter().map(|(item, value)| (item, value.unwrap_or_default())).collect()
}

#[test]
fn one_order_reads_the_same_from_either_message() {
    let (omi, orm) = (only(&omi()), only(&orm()));
    let expected = [
        ("placer", "PL55"),
        ("filler", "FI66"),
        ("accession", "A2026001"),
        ("requested", "RP1"),
        ("study", "1.2.840.1"),
        ("modality", "CT"),
        ("procedure", "CTHCT of the head"),
        ("start", "20260301110000"),
        ("priority", "S"),
        ("provider", "99"),
        ("reason", "headache"),
        ("clinical", "trauma"),
        ("patient", "PAT123"),
        ("visit", "V77"),
        ("referring", "123"),
    ]
    .map(|(item, value)| (item, value.to_owned()));
    assert_eq!(told(&omi), expected);
    assert_eq!(told(&orm), expected);
    for order in [&omi, &orm] {
        assert_eq!(order.action(), OrderAction::New);
        assert_eq!(order.notes, ["second floor"]);
        assert_eq!(order.conflicts().count(), 0);
    }
}

#[test]
fn every_value_says_where_it_came_from() {
    let places = |order: OrderView| {
        let places = order.values.sources();
        let wanted = ["accession", "study_instance_uid", "modality", "start", "priority"];
        let places = places.filter(|place| wanted.contains(&place.item));
        places.map(|place| format!("{} {}", place.item, place.location)).collect::<Vec<_>>()
    };
    let expected = [
        "accession IPC-1",
        "study_instance_uid IPC-3",
        "modality IPC-5",
        "start TQ1-7",
        "priority TQ1-9",
    ];
    assert_eq!(places(only(&omi())), expected);
    let expected = [
        "accession OBR-18",
        "study_instance_uid ZDS-1",
        "modality OBR-24",
        "start ORC-7.4",
        "priority ORC-7.6",
    ];
    assert_eq!(places(only(&orm())), expected);
    let message = orm();
    let order = only(&message);
    let found = order.values.accession.found().unwrap();
    assert_eq!(&message.as_bytes()[found.span.clone()], b"A2026001");
}

#[test]
fn each_control_segment_is_a_step() {
    let step = |step: &StepView| {
        let id = step.id.value().map(|id| id.entity_identifier.clone()).unwrap_or_default();
        let protocol = step.protocol_codes.value().map(|code| code.identifier.clone());
        let titles: Vec<&str> =
            step.station_ae_titles.all().iter().map(|title| title.value.as_str()).collect();
        format!("{id} {} {}", protocol.unwrap_or_default(), titles.join(","))
    };
    assert_eq!(
        only(&omi()).steps.iter().map(step).collect::<Vec<_>>(),
        ["SPS1 P1 CT1AET", "SPS2 P2 CT2AET"]
    );
    assert_eq!(only(&orm()).steps.iter().map(step).collect::<Vec<_>>(), ["SPS1 P1 "]);
}

#[track_caller]
fn check_conflicts(body: &str, expected: &[&str]) {
    let message = Message::parse(format!("{HEAD}OMI^O23|1|P|2.5.1\r{PATIENT}{body}")).unwrap();
    let conflicts: Vec<String> =
        only(&message).conflicts().map(|conflict| conflict.to_string()).collect();
    assert_eq!(conflicts, expected);
}

#[test]
fn sources_that_disagree_are_named() {
    check_conflicts("ORC|NW|P1\rOBR|1|P2\r", &["placer_order_number: ORC-2 and OBR-2 disagree"]);
    check_conflicts(
        "ORC|NW|P1\rOBR|1|P1\rIPC|A1||1.2.3\rIPC|A1||1.2.4\r",
        &["study_instance_uid: IPC-3 and IPC[2]-3 disagree"],
    );
    check_conflicts(
        "ORC|NW\rOBR|1|||||||||||||||||A2\rIPC|A1||1.2.3\rZDS|1.2.4\r",
        &["accession: IPC-1 and OBR-18 disagree", "study_instance_uid: IPC-3 and ZDS-1 disagree"],
    );
}

#[test]
fn saying_more_is_no_disagreement() {
    check_conflicts("ORC|NW|P1^RIS\rOBR|1|P1^^1.2^ISO\r", &[]);
    check_conflicts(
        "ORC|NW||||||^^^20260301||||||^ORDER^ER\rOBR|1||||||||||||||99^ORDER^ER|||||||||||^^^202603011100\r",
        &[],
    );
    check_conflicts(
        "ORC|NW|P1^RIS\rOBR|1|P1^PACS\r",
        &["placer_order_number: ORC-2 and OBR-2 disagree"],
    );
}

#[test]
fn steps_may_differ_where_an_order_may_not() {
    check_conflicts("ORC|NW|P1\rOBR|1|P1\rIPC|A1||||CT\rIPC|A1||||PT\r", &[]);
    check_conflicts(
        "ORC|NW|P1\rOBR|1|P1||||||||||||||||||||||MR\rIPC|A1||||CT\r",
        &["modality: IPC-5 and OBR-24 disagree"],
    );
}

#[test]
fn a_further_request_has_numbers_of_its_own() {
    let body = "ORC|NW|P1|F1\rOBR|1|P1|F1|CT\rOBR|2|P2|F2|MR\rOBR|3|||US\r";
    let message = Message::parse(format!("{HEAD}ORM^O01|1|P|2.3.1\r{body}")).unwrap();
    let orders = OrderView::read_all(&message, &OrderSources::default());
    let told: Vec<_> = orders
        .iter()
        .map(|order| {
            let number = order.values.placer_order_number.value().unwrap();
            (number.entity_identifier.as_str(), order.conflicts().count())
        })
        .collect();
    assert_eq!(told, [("P1", 0), ("P2", 0), ("P1", 0)]);
}

#[test]
fn a_null_is_not_filled_from_another_source() {
    let message =
        Message::parse(format!("{HEAD}ORM^O01|1|P|2.3.1\rORC|XO|\"\"\rOBR|1|P2\r")).unwrap();
    let order = only(&message);
    assert!(order.values.placer_order_number.is_null());
    assert_eq!(order.values.placer_order_number.value(), None);
    assert_eq!(order.conflicts().count(), 1);
}

#[test]
fn a_site_names_its_own_sources() {
    let body = "ORC|NW|P1|ACC9^RIS\rOBR|1|P1||CT||||||||||||||OLD\r";
    let message = Message::parse(format!("{HEAD}ORM^O01|1|P|2.3\r{body}")).unwrap();
    let accession = vec![path!("ORC-3"), path!("OBR-18")];
    let sources = OrderSources { accession, ..OrderSources::default() };
    let orders = OrderView::read_all(&message, &sources);
    let accession = &orders[0].values.accession;
    assert_eq!(accession.value().map(|id| id.entity_identifier.as_str()), Some("ACC9"));
    assert_eq!(accession.location().map(|place| place.to_string()).as_deref(), Some("ORC-3"));
    assert_eq!(accession.conflicts().count(), 1);
}

#[test]
fn control_and_status_say_what_is_asked() {
    #[track_caller]
    fn check(control: &str, status: &str, expected: OrderAction) {
        assert_eq!(OrderAction::of(control, status), expected, "{control} {status}");
    }
    check("NW", "SC", OrderAction::New);
    check("NW", "IP", OrderAction::New);
    check("XO", "SC", OrderAction::Update);
    check("XO", "", OrderAction::Update);
    check("CA", "CA", OrderAction::Cancel);
    check("DC", "CA", OrderAction::Discontinue);
    // What else the message says counts as well: the status comes beside the change.
    check("XO", "CM", OrderAction::Update);
    check("XX", "", OrderAction::Update);
    check("SC", "CM", OrderAction::Complete);
    // Some, but not all, results.
    check("SC", "A", OrderAction::StatusChange);
    check("SC", "HD", OrderAction::Hold);
    check("SC", "IP", OrderAction::Start);
    check("SC", "DC", OrderAction::Discontinue);
    check("SC", "", OrderAction::StatusChange);
    check("OC", "", OrderAction::Cancel);
    check("SN", "", OrderAction::NewByFiller);
    for answer in "OK RR AF DF CR DR HR OR XR UA UC UD UF UH UM UR UX".split(' ') {
        check(answer, "CA", OrderAction::Respond);
    }
    check("PR", "", OrderAction::Result);
    check("", "CM", OrderAction::Unknown);
}

#[test]
fn every_order_status_is_read() {
    use OrderStatus::*;
    let table = [
        ("A", PartialResults),
        ("CA", Canceled),
        ("CM", Completed),
        ("DC", Discontinued),
        ("ER", Error),
        ("HD", OnHold),
        ("IP", InProcess),
        ("RP", Replaced),
        ("SC", Scheduled),
        ("cm", Unknown),
    ];
    for (code, expected) in table {
        assert_eq!(OrderStatus::from_code(code), Some(expected), "{code}");
    }
    assert_eq!(OrderStatus::from_code(" "), None);
}

fn reports(body: &str) -> Message {
    let head = "MSH|^~\\&|TELERAD|TR|RIS|HOSP|20260301130000||ORU^R01|9|P|2.5.1\r";
    Message::parse(format!("{head}PID|||PAT123||DOE^JANE\r{body}")).unwrap()
}

#[test]
fn every_request_is_a_report_with_its_own_numbers() {
    #[track_caller]
    fn check(body: &str, expected: &[&str]) {
        let message =
            Message::parse(format!("MSH|^~\\&|A||||||ORU^R01|9|P|2.5.1\r{body}")).unwrap();
        let reports = ReportView::read_all(&message, &ReportSources::default());
        let told = |report: &ReportView<'_>| {
            let place =
                |place: Option<Location>| place.map_or("-".to_owned(), |place| place.to_string());
            let (values, text) =
                (&report.values, |text: Option<&str>| text.unwrap_or("-").to_owned());
            [
                place(report.patient_location),
                place(report.request_location),
                text(values.filler_order_number.value().map(|number| &*number.entity_identifier)),
                text(values.study_instance_uid.value().map(String::as_str)),
            ]
            .join(" ")
        };
        assert_eq!(reports.iter().map(told).collect::<Vec<_>>(), expected);
    }
    check("PID|||1\rORC|RE||F1\rOBR|1\rOBR|2\r", &["PID OBR F1 -", "PID OBR[2] - -"]);
    check("PID|||1\rOBR|1||F1\rPID|||2\rOBR|2||F2\r", &["PID OBR F1 -", "PID[2] OBR[2] F2 -"]);
    // Some senders put a TXA into an ORU; it must not hide a request.
    let document = "TXA|1|DI\rOBX|1|TX|||t\r";
    check(
        &format!("PID|||1\rOBR|1||F1\rOBR|2||F2\r{document}"),
        &["PID OBR F1 -", "PID OBR[2] F2 -"],
    );
    check(&format!("PID|||1\rOBR|1||F1\r{document}"), &["PID OBR F1 -"]);
    check("OBR|1||F1\rPID|||1\r", &["- OBR F1 -"]);
    check("PID|||1\rORC|RE||F1\rORC|RE\rOBR|1\r", &["PID - F1 -", "PID OBR - -"]);
    let study = "OBX|1|ST|113014^DICOM Study^DCM||1.2.3\r";
    check(&format!("PID|||1\r{study}OBR|1||F1\r"), &["PID OBR F1 1.2.3"]);
}

#[test]
fn a_report_has_sections_and_files() {
    let message = reports(
        "ORC|RE|PL55|FI66\rOBR|1|PL55|FI66|CTHEAD^CT head^L|||20260301110500|||||||||99^ORDER||A2026001||||20260301125900||CT|F|||||||77&RAD&IOLOGIST\r\
         OBX|1|ST|113014^DICOM Study^DCM||1.2.840.1||||||F\r\
         OBX|2|TX|121070^Findings^DCM|1|No bleed.~No mass.||||||F\r\
         OBX|3|TX|121070^Findings^DCM|1|||||||F\r\
         OBX|4|TX|121070^Findings^DCM|1|Sinuses clear & dry.||||||F\r\
         OBX|5|TX|121076^Conclusions^DCM|2|Normal CT head.||||||F\r\
         OBX|6|TX|121076^Conclusions^DCM|2|Another patient||||||W\r\
         OBX|7|ED|18748-4^Report^LN|3|^application^pdf^Base64^JVBERi0xLjQK||||||F\r\
         OBX|8|RP|^Viewer|4|https://a.example/1^^TEXT^HTML||||||F\r",
    );
    let reports = ReportView::read_all(&message, &ReportSources::default());
    let [report] = &reports[..] else { panic!("{}", reports.len()) };
    assert_eq!(report.state(), ReportState::Final);
    assert_eq!(report.values.study_instance_uid.value().map(String::as_str), Some("1.2.840.1"));
    let interpreter = report.values.principal_interpreter.value().unwrap();
    assert_eq!(interpreter.name.family_name, "RAD");
    let sections: Vec<_> =
        report.sections.iter().map(|each| (each.kind, each.text.as_str())).collect();
    let expected = [
        (SectionKind::Findings, "No bleed.\nNo mass.\n\nSinuses clear & dry."),
        (SectionKind::Impression, "Normal CT head."),
    ];
    assert_eq!(sections, expected);
    let [Attachment::Data { data, location, .. }, Attachment::Pointer { pointer, .. }] =
        &report.attachments[..]
    else {
        panic!("{}", report.attachments.len())
    };
    assert_eq!(data.media_type(), MediaType::Pdf);
    assert_eq!(data.bytes(100).unwrap(), b"%PDF-1.4\n");
    assert_eq!(location.map(|location| location.to_string()).as_deref(), Some("OBX[7]"));
    assert_eq!(pointer.pointer, "https://a.example/1");
}

#[test]
fn older_suffixes_name_sections() {
    let message = reports(
        "OBR|1||F1|24646-2^CXR\rOBX|1|TX|24646-2&GDT^CXR^LN||Seen.\rOBX|2|TX|&IMP||Meant.\r\
         OBX|3|TX|&ADT||Added.\rOBX|4||REC^Recommendation||Do.\rOBX|5|TX|X^Something||Else.\r",
    );
    let reports = ReportView::read_all(&message, &ReportSources::default());
    let kinds: Vec<_> = reports[0].sections.iter().map(|section| section.kind).collect();
    let expected = [
        SectionKind::Findings,
        SectionKind::Impression,
        SectionKind::Addendum,
        SectionKind::Recommendation,
        SectionKind::Other,
    ];
    assert_eq!(kinds, expected);
}

#[test]
fn the_state_is_read_where_it_stands() {
    #[track_caller]
    fn check(body: &str, expected: ReportState) {
        let message = reports(body);
        let reports = ReportView::read_all(&message, &ReportSources::default());
        assert_eq!(reports[0].state(), expected, "{body}");
    }
    let obr = |status: &str| format!("OBR|1||F1|X{}{status}", "|".repeat(21));
    check(&obr("C"), ReportState::Corrected);
    check(
        &format!("{}\rOBX|1|TX|X||t||||||F\rOBX|2|TX|X||t||||||P", obr("")),
        ReportState::Preliminary,
    );
    check(
        &format!("{}\rOBX|1|TX|X||t||||||F\rOBX|2|TX|X||t||||||C", obr("")),
        ReportState::Corrected,
    );
    check(&format!("{}\rOBX|1|TX|X||t||||||P", obr("F")), ReportState::Final);
    check("TXA|1|DI||||||||||D1||||||LA", ReportState::Unknown);
    check("TXA|1|DI||||||||||D1|||||LA", ReportState::Final);
    check(&obr(""), ReportState::Unknown);
}

#[test]
fn a_document_takes_the_order_before_it() {
    let message = Message::parse(
        "MSH|^~\\&|A|||||MDM|MDM^T02|1|P|2.5\rEVN||20260301\rPID|||P1\rPV1||O\rORC|RE|PL1|A-7\rOBR|1|PL1|A-7|CT\r\
         TXA|1|DI|TX|||20260301||||||D-1|D-0|PL1|A-7||LA\rOBX|1|TX|^Findings||Seen.||||||F\r",
    )
    .unwrap();
    let reports = ReportView::read_all(&message, &ReportSources::default());
    let [report] = &reports[..] else { panic!("{}", reports.len()) };
    let id = |reading: &Reading<Ei>| reading.value().map(|id| id.entity_identifier.clone());
    assert_eq!(id(&report.values.document_number).as_deref(), Some("D-1"));
    assert_eq!(id(&report.values.parent_document_number).as_deref(), Some("D-0"));
    assert_eq!(id(&report.values.filler_order_number).as_deref(), Some("A-7"));
    assert_eq!((report.text().as_str(), report.conflicts().count()), ("Seen.", 0));
}

#[track_caller]
fn check_merge(event: &str, body: &str, expected: &[(MergeKind, &str, &str, Option<MergeFault>)]) {
    let head = format!("MSH|^~\\&|HIS||||||ADT^{event}|1|P|2.5\rEVN||20260301||||20260228\r");
    let message = Message::parse(format!("{head}{body}")).unwrap();
    let merges = MergeView::read_all(&message);
    let ids = |list: &[crate::datatype::Cx]| {
        list.iter().map(|id| id.id_number.clone()).collect::<Vec<_>>().join(",")
    };
    let told: Vec<_> = merges
        .iter()
        .map(|merge| {
            let (surviving, prior) = match merge.kind {
                MergeKind::MergeAccount => (
                    merge.surviving_account.id_number.clone(),
                    merge.prior_account.id_number.clone(),
                ),
                MergeKind::MoveVisit => {
                    (merge.surviving_visit.id_number.clone(), merge.prior_visit.id_number.clone())
                }
                _ => (ids(&merge.surviving_identifiers), ids(&merge.prior_identifiers)),
            };
            (merge.kind, surviving, prior, merge.fault())
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(kind, one, other, fault)| (*kind, (*one).to_owned(), (*other).to_owned(), *fault))
        .collect();
    assert_eq!(told, expected);
    for merge in &merges {
        assert_eq!(merge.occurred.time, "20260228");
    }
}

#[test]
fn events_that_change_identities_say_what_survives() {
    let merge = MergeKind::MergePatient;
    check_merge("A40", "PID|||NEW\rMRG|OLD", &[(merge, "NEW", "OLD", None)]);
    check_merge(
        "A40",
        "PID|||N1\rMRG|O1\rPID|||N2~N3\rMRG|O2",
        &[(merge, "N1", "O1", None), (merge, "N2,N3", "O2", None)],
    );
    check_merge("A34", "PID||NEW\rMRG||||OLD", &[(merge, "NEW", "OLD", None)]);
    check_merge(
        "A40",
        "PID|||SAME^^^A\rMRG|SAME^^^A",
        &[(merge, "SAME", "SAME", Some(MergeFault::SameIdentifier))],
    );
    check_merge("A40", "PID|||SAME^^^A\rMRG|SAME^^^B", &[(merge, "SAME", "SAME", None)]);
    check_merge("A40", "PID|||NEW\rMRG|", &[(merge, "NEW", "", Some(MergeFault::NoPrior))]);
    check_merge("A40", "PID|||\rMRG|OLD", &[(merge, "", "OLD", Some(MergeFault::NoSurvivor))]);
    check_merge("A47", "PID|||NEW\rMRG|OLD", &[(MergeKind::ChangeIdentifier, "NEW", "OLD", None)]);
    check_merge("A24", "PID|||ONE\rPID|||TWO", &[(MergeKind::Link, "ONE", "TWO", None)]);
    let accounts = "PID|||P||||||||||||||||\rMRG|||OLD";
    check_merge(
        "A35",
        accounts,
        &[(MergeKind::MergeAccount, "", "OLD", Some(MergeFault::NoSurvivor))],
    );
    let pv1 = |visit: &str| format!("PV1||I{}{visit}", "|".repeat(17));
    let visits = format!("PID|||P\rMRG|||||V1\r{}\rMRG|||||V2\r{}", pv1("V3"), pv1("V4"));
    let moved = MergeKind::MoveVisit;
    check_merge("A45", &visits, &[(moved, "V3", "V1", None), (moved, "V4", "V2", None)]);
    check_merge("A08", "PID|||P", &[]);
}

#[test]
fn an_appointment_reads_its_resources() {
    let message = Message::parse(
        "MSH|^~\\&|RIS|||||20260301|SIU^S13|1|P|2.5\rSCH|AP1|AF1||||R^moved|||30|min|1^^^20260302080000^20260302083000||||||||||||||BOOKED|PL55|FI66\r\
         PID|||P1||DOE^JANE\rRGS|1\rAIS|1|U|CTHEAD^CT head^L|20260302080000|||30|min\rNTE|1||bring images\r\
         AIG|1||CT1^Scanner\rAIL|1||RAD^R2\rAIP|1||77^RAD^IO\r",
    )
    .unwrap();
    let view = AppointmentView::read(&message, &AppointmentSources::default()).unwrap();
    assert_eq!(view.action, AppointmentAction::Reschedule);
    let values = &view.values;
    assert_eq!(values.start.location().map(|place| place.to_string()).as_deref(), Some("AIS-4"));
    assert_eq!(values.end.value().map(|end| end.time.as_str()), Some("20260302083000"));
    assert_eq!(values.service.value().map(|code| code.text.as_str()), Some("CT head"));
    assert_eq!(values.location.value().map(|place| place.room.as_str()), Some("R2"));
    assert_eq!(values.person.value().map(|person| person.id_number.as_str()), Some("77"));
    assert_eq!(
        values.placer_order_number.value().map(|id| id.entity_identifier.as_str()),
        Some("PL55")
    );
    assert_eq!(view.notes, ["bring images"]);
    assert_eq!((view.patients, view.conflicts().count()), (1, 0));
    let message = Message::parse("MSH|^~\\&|A\rPID|1\r").unwrap();
    assert!(AppointmentView::read(&message, &AppointmentSources::default()).is_none());
}

#[test]
fn an_event_tells_of_a_patient() {
    let message = Message::parse(
        "MSH|^~\\&|HIS||||||ADT^A08|1|P|2.5\rEVN||20260301||||20260228\r\
         PID|||P1^^^A~P2^^^B||DOE^JANE^^^^^N~ROE^JANE^^^^^L||1980|F|||||||||||||||||||||||||202603010900\rPV1||O\r",
    )
    .unwrap();
    let views = PatientView::read_all(&message, &PatientSources::default());
    let [view] = &views[..] else { panic!("{}", views.len()) };
    assert_eq!((view.event, view.identifiers.len()), (PatientEvent::Update, 2));
    assert_eq!(
        view.chosen_name().map(|chosen| chosen.name.to_dicom()).as_deref(),
        Some("ROE^JANE")
    );
    assert_eq!(
        (view.recorded.time.as_str(), view.occurred.time.as_str()),
        ("20260301", "20260228")
    );
    let updated = view.values.last_update.value().map(|time| time.time.clone());
    assert_eq!(updated.as_deref(), Some("202603010900"));
    assert_eq!(PatientEvent::of_event("A40"), PatientEvent::Identity);
    assert_eq!(PatientEvent::of_event("A11"), PatientEvent::CancelAdmit);
    assert_eq!(PatientEvent::of_event("Z01"), PatientEvent::Unknown);
}

#[test]
fn every_adt_event_of_the_tables_has_a_meaning() {
    let events = crate::tables::codes("0003").unwrap();
    let adt = events.codes.iter().filter(|code| code.meaning.starts_with("ADT"));
    for code in adt {
        assert_ne!(PatientEvent::of_event(code.code), PatientEvent::Unknown, "{}", code.code);
        let is_identity = PatientEvent::of_event(code.code) == PatientEvent::Identity;
        assert_eq!(MergeKind::of_event(code.code).is_some(), is_identity, "{}", code.code);
    }
}

#[test]
fn an_answer_names_the_orders_it_is_about() {
    let number = |text: &str| Ei { entity_identifier: text.into(), ..Ei::default() };
    let answer = OrderAnswer {
        order_control: "NA".into(),
        placer_order_number: number("P-9"),
        filler_order_number: number("F-9"),
    };
    #[track_caller]
    fn check(request: &Message, answer: &OrderAnswer, expected: &str) {
        let head = crate::MessageHead { control_id: "A1".into(), ..Default::default() };
        let built = answer_orders(request, head, crate::AckCode::AA, std::slice::from_ref(answer));
        let built = built.unwrap().build().unwrap();
        let kind = format!("{}^{}", built.message_code(), built.trigger_event());
        assert_eq!((kind.as_str(), built.receiving_application().as_str()), (expected, "RIS"));
        let view = ResponseView::read(&built).unwrap();
        assert_eq!(view.acknowledgement.control_id, "1");
        let [order] = &view.orders[..] else { panic!("{}", view.orders.len()) };
        assert_eq!(order.action(), OrderAction::AssignNumber);
        assert_eq!(order.values.placer_order_number.value(), Some(&answer.placer_order_number));
    }
    check(&orm(), &answer, "ORR^O02");
    check(&omi(), &answer, "ORI^O24");
    let report = reports("OBR|1\r");
    let head = crate::MessageHead::default();
    assert!(answer_orders(&report, head, crate::AckCode::AA, &[]).is_none());
    assert!(ResponseView::read(&report).is_none());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(96))]

    #[test]
    fn no_message_breaks_a_view(
        kind in "(ORM\\^O01|OMI\\^O23|OMG\\^O19|ORU\\^R01|MDM\\^T02|SIU\\^S12|ADT\\^A40|ADT\\^A24|ORR\\^O02|X)",
        segments in proptest::collection::vec(
            ("(PID|PV1|ORC|OBR|OBX|IPC|ZDS|TQ1|NTE|MRG|SCH|RGS|AIS|AIL|TXA|EVN|MSA|DG1|Z1)", "[|^~&\\\\\"A-Z0-9. é+-]{0,60}"),
            0..12,
        ),
    ) {
        let body: String =
            segments.iter().map(|(id, fields)| format!("{id}|{fields}\r")).collect();
        let raw = format!("MSH|^~\\&|A||||20260301||{kind}|1|P|2.5|||||||||1.0^CISIS_TLR_HL7_V2\r{body}");
        let message = Message::parse(raw).unwrap();
        for order in OrderView::read_all(&message, &OrderSources::default()) {
            let _ = (order.conflicts().count(), order.action());
        }
        for report in ReportView::read_all(&message, &ReportSources::default()) {
            let _ = (report.state(), report.text(), report.conflicts().count());
        }
        for merge in MergeView::read_all(&message) {
            let _ = merge.fault();
        }
        let _ = AppointmentView::read(&message, &AppointmentSources::default());
        let _ = (PatientView::read_all(&message, &PatientSources::default()), ResponseView::read(&message));
        let _ = crate::french::FrenchView::read(&message);
        use crate::validate::{Profile, Transaction, validate};
        for finding in validate(&message, &Profile::ihe(Transaction::Rad4)) {
            proptest::prop_assert!(message.as_bytes().get(finding.span).is_some());
        }
    }
}

/// Were the work for each order to grow with the message, this would take far longer than every other test together.
#[test]
fn many_orders_are_read_without_looking_through_the_message_for_each() {
    let noise = "PV1|1\rZPI|1\rAIS|1\rPID|1\rPV1|1\rDG1|1\rZPI|1\r".repeat(1500);
    let orders = "ORC|NW|P1\rTQ1|1\rOBR|1|P1\r".repeat(1500);
    let raw = format!("{HEAD}ORM^O01|1|P|2.5.1\rPID|||P1\r{noise}{orders}");
    let message = Message::parse(raw).unwrap();
    assert_eq!(OrderView::read_all(&message, &OrderSources::default()).len(), 1500);
    assert!(crate::validate::validate(&message, &crate::validate::Profile::order()).len() > 1);
}

#[test]
fn debug_prints_no_patient() {
    let message = omi();
    let order = only(&message);
    let shown = format!("{order:?} {:?}", MergeView::read_all(&message));
    for secret in ["DOE", "PAT123", "trauma", "PL55", "second floor"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

#[test]
fn a_view_tells_a_deleted_list_from_an_empty_one() {
    let view = |pid: &str| {
        let message =
            Message::parse(format!("MSH|^~\\&|A||||||ADT^A08|1|P|2.5\rPID|{pid}\r")).unwrap();
        let views = PatientView::read_all(&message, &PatientSources::default());
        let view = views.first().unwrap();
        assert_eq!(view.deletes_identifiers, view.values.identifier.is_null());
        (view.identifiers.len(), view.deletes_identifiers, view.names.len(), view.deletes_names)
    };
    assert_eq!(view("||\"\"||\"\""), (0, true, 0, true));
    assert_eq!(view("||||"), (0, false, 0, false));
    assert_eq!(view("||1||\"\"^JANE"), (1, false, 1, false));
}
