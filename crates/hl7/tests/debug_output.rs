//! Nothing that is printed for people who run a system shows what a message says of a patient.
//!
//! Each test fills messages with a mark in every place that may hold such text and prints every type that can carry
//! it. Identifiers of messages (MSH-10, DSC-1) and names of applications are for logs and stay readable.

use std::fmt::{Debug, Display};

use telerad_charset::Charset;
use telerad_core::Timestamp;
use telerad_hl7::batch::{self, BatchHead, BatchLimits};
use telerad_hl7::continuation::{Joiner, JoinerLimits};
use telerad_hl7::datatype::{
    Ce, Cne, Cnn, Composite, Cq, Cwe, Cx, Datatype, Dr, Ed, Ei, Eip, Erl, Fn, Hd, Ndl, Pl, Ppn, Ri,
    Rp, Sad, Tq, Ts, Xad, Xcn, Xon, Xpn, Xtn,
};
use telerad_hl7::french::{Complement, Exchange, FrenchView, Protocol};
use telerad_hl7::group::{Groups, placed_segments};
use telerad_hl7::reading::{
    AppointmentSources, AppointmentView, MergeView, OrderAnswer, OrderSources, OrderView,
    PatientSources, PatientView, ReportSources, ReportView, ResponseView, answer_orders,
};
use telerad_hl7::segment::{self, TypedSegment};
use telerad_hl7::validate::{Profile, Transaction, acknowledgement, validate};
use telerad_hl7::{
    AckCode, Acknowledgement, Content, EncodeOptions, ErrorForm, Message, MessageBuilder,
    MessageHead, ParseOptions, Reply, Terminator, WarningKind, WarningSet, header_fault, mllp,
    path, read_acknowledgement, read_errors, tables,
};

/// No word of this library, and neither a number nor a segment id.
const MARK: &str = "Rzqx";

#[track_caller]
fn silent(value: &impl Debug) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!shown.to_ascii_lowercase().contains(&MARK.to_ascii_lowercase()), "{shown}");
        // Bytes printed as numbers would be no better.
        assert!(!shown.contains("82, 122, 113, 120"), "{shown}");
    }
}

#[track_caller]
fn quiet(value: &(impl Debug + Display)) {
    silent(value);
    let shown = value.to_string();
    assert!(!shown.to_ascii_lowercase().contains(&MARK.to_ascii_lowercase()), "{shown}");
}

/// A segment whose every field, repetition, component and subcomponent is marked.
fn marked(id: &str) -> String {
    let component = format!("{MARK}&{MARK}");
    let repetition = [component.as_str(); 5].join("^");
    let field = format!("{repetition}~{MARK}^{MARK}");
    format!("{id}|{}", [field.as_str(); 52].join("|"))
}

fn header(kind: &str, version: &str) -> String {
    format!("MSH|^~\\&|RIS|NORTH|GATEWAY|HERE|{MARK}|{MARK}|{kind}|42|{MARK}|{version}")
}

/// Every segment there is, marked, in an order that gives patients, orders, observations and documents.
fn all_marked(kind: &str, version: &str) -> Message {
    let mut text = header(kind, version) + "\r";
    for table in tables::segments() {
        if !matches!(table.id, "MSH" | "FHS" | "BHS" | "BTS" | "FTS") {
            text += &(marked(table.id) + "\r");
        }
    }
    text += &format!("OBX|1|TX|{MARK}&GDT^{MARK}||{MARK}||||||F\r");
    text += &format!("OBX|2|ED|{MARK}||{MARK}^AP^PDF^Base64^{MARK}||||||F\r");
    text += &format!("OBX|3|RP|{MARK}||{MARK}^{MARK}||||||F\r");
    text += &format!("OBX|4|CE|{MARK}||{MARK}^{MARK}||||||F\rNTE|1||{MARK}\r{MARK}\r");
    Message::parse(text).expect("a message")
}

const KINDS: [(&str, &str); 14] = [
    ("ADT^A08^ADT_A01", "2.3.1"),
    ("ADT^A40^ADT_A39", "2.5.1"),
    ("ADT^A45^ADT_A45", "2.5.1"),
    ("ADT^A24^ADT_A24", "2.5.1"),
    ("ORM^O01^ORM_O01", "2.3.1"),
    ("ORR^O02^ORR_O02", "2.3.1"),
    ("OMG^O19^OMG_O19", "2.5.1"),
    ("OMI^O23^OMI_O23", "2.5.1"),
    ("ORI^O24^ORI_O24", "2.5.1"),
    ("ORU^R01^ORU_R01", "2.5.1"),
    ("MDM^T02^MDM_T02", "2.5.1"),
    ("SIU^S12^SIU_S12", "2.5.1"),
    ("ACK^A08^ACK", "2.5.1"),
    ("Rzqx^Rzqx^Rzqx", "Rzqx"),
];

#[test]
fn views_print_no_text() {
    for (kind, version) in KINDS {
        let message = all_marked(kind, version);
        silent(&message);
        silent(&message.segments());
        silent(&message.character_sets());
        silent(&message.value(&path!("PID-5")));
        silent(&Groups::of(&message));
        silent(&placed_segments(&message));
        for segment in message.segments() {
            silent(&segment);
            for field in segment.fields().take(6) {
                silent(&field);
                silent(&field.value());
                silent(&message.doubt(field));
                for repetition in field.repetitions() {
                    silent(&repetition);
                    silent(&Composite::from(repetition));
                    for component in repetition.components().take(2) {
                        silent(&component);
                        component.subcomponents().for_each(|leaf| silent(&leaf));
                    }
                }
            }
        }
    }
}

#[test]
fn values_print_no_text() {
    let message = all_marked("ORU^R01^ORU_R01", "2.5.1");
    let field = message.segment("PID").expect("PID").field(3);
    macro_rules! values {
        ($($kind:ident)*) => {$(
            let value = $kind::read(field);
            assert!(!value.is_empty(), stringify!($kind));
            silent(&value);
            silent(&$kind::read_all(field));
        )*};
    }
    values! {
        Ce Cne Cnn Cq Cwe Cx Dr Ei Eip Erl Fn Hd Ndl Pl Ppn Ri Rp Sad Tq Ts Xad Xcn Xon Xpn Xtn
    }
    silent(&Xpn::read(field).name_group());
    // An issuer is no patient; the number is.
    let number = Cx { id_number: MARK.to_owned(), ..Cx::default() };
    silent(&number.patient_id());
    let number = Ei { entity_identifier: MARK.to_owned(), ..Ei::default() };
    silent(&number.entity_identifier());
    silent(&Ts::read(field).exact());
    silent(&Erl::read(field).location());
    let data = Ed::read(field);
    silent(&data);
    silent(&data.base64());
    silent(&data.bytes(1 << 20).map(|bytes| bytes.len()));
    silent(&data.media_type());
}

#[test]
fn segments_print_no_text() {
    let message = all_marked("ORU^R01^ORU_R01", "2.5.1");
    let read = message.segment("PID").expect("PID");
    macro_rules! segments {
        ($($kind:ident)*) => {$(
            let value = segment::$kind::read(read);
            silent(&value);
            silent(&MessageBuilder::new(MessageHead::default()).typed(&value));
        )*};
    }
    segments! {
        Aig Ail Aip Ais Al1 Dg1 Err Evn Ipc Mrg Msa Nk1 Nte Obr Obx Orc Pid Pv1 Rgs Sch Tq1 Txa Zds
    }
}

#[test]
fn readings_print_no_text() {
    for (kind, version) in KINDS {
        let message = all_marked(kind, version);
        for patient in PatientView::read_all(&message, &PatientSources::default()) {
            silent(&patient);
            silent(&patient.values);
            silent(&patient.chosen_name());
            patient.conflicts().for_each(|conflict| quiet(&conflict));
        }
        for merge in MergeView::read_all(&message) {
            silent(&merge);
            silent(&merge.fault());
        }
        for order in OrderView::read_all(&message, &OrderSources::default()) {
            silent(&order);
            silent(&order.values);
            silent(&order.steps);
            silent(&order.observations);
            silent(&order.status());
            order.values.sources().for_each(|source| silent(&source));
            order.conflicts().for_each(|conflict| quiet(&conflict));
        }
        for report in ReportView::read_all(&message, &ReportSources::default()) {
            silent(&report);
            report.conflicts().for_each(|conflict| quiet(&conflict));
        }
        if let Some(appointment) = AppointmentView::read(&message, &AppointmentSources::default()) {
            silent(&appointment);
            silent(&appointment.values);
        }
        silent(&ResponseView::read(&message));
        let number = Ei { entity_identifier: MARK.to_owned(), ..Ei::default() };
        let answer = OrderAnswer {
            order_control: "OK".to_owned(),
            placer_order_number: number.clone(),
            filler_order_number: number,
        };
        silent(&answer);
        let builder = answer_orders(&message, MessageHead::default(), AckCode::AA, &[answer]);
        silent(&builder.map(MessageBuilder::build));
    }
}

/// As readings, but what they look at is there: the answer of an application, with words of its own.
#[test]
fn answers_print_no_text() {
    let answer = Message::parse(format!(
        "{}\rMSA|AE|42|{MARK}|||{MARK}^{MARK}\r\
         ERR|{MARK}^1^{MARK}^207&{MARK}~PID^1^5^{MARK}&{MARK}\r\
         ERR||PID^1^5|101^{MARK}|{MARK}|{MARK}|{MARK}|{MARK}|{MARK}\r\
         PID|1||{MARK}||{MARK}\rORC|OK|{MARK}|{MARK}\rOBR|1|{MARK}|{MARK}|{MARK}\r",
        header("ORR^O02^ORR_O02", "2.5.1")
    ))
    .expect("a message");
    let read = read_acknowledgement(&answer).expect("an acknowledgement");
    silent(&read);
    let errors = read_errors(&answer);
    assert_eq!(errors.len(), 3);
    silent(&errors);
    silent(&ResponseView::read(&answer).expect("an answer"));
}

#[test]
fn french_flows_print_no_text() {
    let mark = || MARK.to_owned();
    let exchange = Exchange {
        patient: segment::Pid { birth_place: mark(), ..segment::Pid::default() },
        placer_order_number: Ei { entity_identifier: mark(), ..Ei::default() },
        reason: Ce { text: mark(), ..Ce::default() },
        justification: mark(),
        ..Exchange::default()
    };
    silent(&exchange);
    let protocols = [Protocol::Text(mark()), Protocol::Pdf(MARK.into())];
    silent(&protocols);
    let code = Ei { entity_identifier: mark(), ..Ei::default() };
    let complement = Complement {
        accession: code.clone(),
        requested_procedure: code.clone(),
        step: code,
        study_instance_uid: telerad_core::Uid::new("1.2.3").expect("a UID"),
        retention_days: 90,
        examined: Ts::default(),
        partial_viewer_url: mark(),
    };
    silent(&complement);
    let observation = |builder: MessageBuilder| {
        builder.segment("OBX", |obx| {
            obx.field(1, "9")
                .field(2, MARK)
                .components(3, &[MARK, MARK, "TLR_OBSERVATION"])
                .field(4, "1.1")
                .field(5, MARK)
        })
    };
    let flows = [
        observation(exchange.request()),
        exchange.cancellation(),
        exchange.acceptance(&protocols),
        exchange.refusal(),
        observation(exchange.complement(&complement)),
    ];
    for flow in flows {
        silent(&flow);
        let message = flow.build().expect("a message");
        let view = FrenchView::read(&message).expect("a flow");
        silent(&view);
        silent(&view.things);
        silent(&view.protocol_files);
        let mut edit = message.edit();
        edit.set(&path!("MSH-11"), MARK).expect("a change");
        let marked = edit.finish().expect("a message");
        silent(&FrenchView::read(&marked).expect("a flow"));
    }
}

#[test]
fn findings_and_errors_name_no_text() {
    let transactions = [
        Transaction::Rad1,
        Transaction::Rad2,
        Transaction::Rad3,
        Transaction::Rad4,
        Transaction::Rad12,
        Transaction::Rad13,
        Transaction::Rad28,
        Transaction::Rad128,
    ];
    let french = ["TLR-FR-1", "TLR-FR-2", "TLR-FR-3", "TLR-FR-4"];
    let mut profiles: Vec<Profile> = transactions.map(Profile::ihe).to_vec();
    profiles.extend(french.iter().filter_map(|name| Profile::named(name)));
    profiles.extend([Profile::order(), Profile::report()]);
    for profile in &mut profiles {
        profile.messages.clear();
        profile.checks_lengths = true;
    }
    for (kind, version) in KINDS.into_iter().step_by(4) {
        let message = all_marked(kind, version);
        for profile in &profiles {
            let findings = validate(&message, profile);
            assert!(!findings.is_empty());
            findings.iter().for_each(|finding| quiet(finding));
            let answer = acknowledgement(&findings);
            silent(&answer);
            silent(&findings.iter().map(segment::Err::from).collect::<Vec<_>>());
            for form in [ErrorForm::Old, ErrorForm::New] {
                let reply = Reply::from(&answer).in_form(form);
                silent(&reply);
                silent(&Message::parse(reply.write(Some(&message), "1", Timestamp::default())));
            }
        }
        silent(&header_fault(&message));
        message.check().iter().for_each(quiet);
        message.warnings().iter().for_each(quiet);
        for field in message.segments().flat_map(|segment| segment.fields().collect::<Vec<_>>()) {
            message.doubt(field).iter().for_each(quiet);
        }
        for kind in WarningKind::ALL {
            let refused: WarningSet = [*kind].into_iter().collect();
            let options = ParseOptions { refused, ..ParseOptions::default() };
            if let Err(error) = Message::parse_with(&options, message.as_bytes().clone()) {
                quiet(&error);
                silent(&error.acknowledgement());
            }
        }
    }
    for bytes in [MARK.to_owned(), format!("MSH{MARK}"), format!("PID|{MARK}")] {
        let error = Message::parse(bytes).expect_err("no message");
        quiet(&error);
        silent(&Acknowledgement::clone(&error.acknowledgement()));
    }
}

#[test]
fn changes_and_what_is_built_print_no_text() {
    let message = all_marked("ORU^R01^ORU_R01", "2.5.1");
    let mut edit = message.edit();
    for content in [
        Content::Text(MARK),
        Content::Encoded(&format!("{MARK}\r{MARK}")),
        Content::Formatted(MARK),
    ] {
        silent(&content);
        if let Err(error) = edit.set(&path!("PID-5.1"), content) {
            quiet(&error);
        }
    }
    silent(&edit);
    if let Err(error) = edit.set(&path!("PID[9]-5"), MARK) {
        quiet(&error);
    }
    for terminator in [Terminator::LineFeed, Terminator::CarriageReturnLineFeed] {
        for charset in [Charset::Ascii, Charset::Latin1, Charset::Utf8] {
            let options = EncodeOptions { terminator: Some(terminator), charset: Some(charset) };
            silent(&options);
            if let Err(error) = message.encode_with(&options) {
                quiet(&error);
            }
        }
    }
    let building = |charset, id: &str, text: &str| {
        let head = MessageHead { charset, ..MessageHead::default() };
        let builder = MessageBuilder::new(head).segment(id, |segment| {
            let segment = segment.field(3, text).raw(4, text).field(5000, text);
            silent(&segment);
            segment
        });
        silent(&builder);
        builder.build()
    };
    for (id, text) in [(MARK, MARK), ("PID", "Rzqx\r"), ("PID", "Rzqx \u{9ea4}")] {
        quiet(&building(Some(Charset::Ascii.into()), id, text).expect_err("nothing"));
    }
}

#[test]
fn batches_and_fragments_print_no_text() {
    let message = all_marked("ORU^R01^ORU_R01", "2.5.1");
    let text = String::from_utf8_lossy(message.as_bytes()).into_owned();
    let stream = format!(
        "FHS|^~\\&|{MARK}|{MARK}\rBHS|^~\\&|{MARK}|||||||{MARK}\r{text}BTS|{MARK}|{MARK}\r\
         {MARK}\rFTS|{MARK}|{MARK}\r"
    );
    let file = batch::File::read(stream.clone(), BatchLimits::default()).expect("a file");
    silent(&file);
    assert!(file.findings.len() > 2);
    file.findings.iter().for_each(quiet);
    batch::parts(stream).for_each(|part| silent(&part));
    let limits = BatchLimits { messages_max: 0, ..BatchLimits::default() };
    quiet(&batch::File::read(text, limits).expect_err("a limit"));
    let head =
        BatchHead { name: MARK.to_owned(), comment: MARK.to_owned(), ..BatchHead::default() };
    silent(&head);

    let part = |before: &str, after: &str| {
        let head = header("ORU^R01", "2.5.1");
        Message::parse(format!("{head}||{before}\rPID|{MARK}\rADD|{MARK}\rDSC|{after}|F\r"))
            .expect("a message")
    };
    let mut joiner = Joiner::new(JoinerLimits::default());
    silent(&joiner.take(part("", "P1")));
    silent(&joiner.take(part("P7", "P2")));
    silent(&joiner);
    silent(&joiner.take(part("P1", "")));
    silent(&part("", "").with_additions());
    silent(&joiner.give_up());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "any moment will do")]
fn frames_and_machines_print_no_text() {
    let now = std::time::Instant::now();
    let message = all_marked("ORU^R01^ORU_R01", "2.5.1");
    let frame = mllp::frame(message.as_bytes());
    let mut decoder = mllp::Decoder::new(mllp::Limits::default());
    decoder.feed(bytes::Bytes::from(MARK));
    decoder.feed(frame.clone());
    silent(&decoder);
    while let Some(event) = decoder.poll() {
        silent(&event);
    }
    let mut receiver = mllp::Receiver::new(mllp::ReceiverConfig::default(), now);
    receiver.handle_input(now, frame.slice(..100));
    silent(&receiver);
    receiver.handle_input(now, frame.slice(100..));
    while let Some(event) = receiver.poll_event() {
        silent(&event);
    }
    receiver.answer(now, 0, message.as_bytes());
    silent(&receiver);
    let mut sender = mllp::Sender::new(mllp::SenderConfig::default());
    sender.send(now, "42", message.as_bytes()).expect("room");
    silent(&sender);
    let answer = format!("MSH|^~\\&|{MARK}\rMSA|AE|42|{MARK}\rERR||{MARK}|{MARK}|{MARK}\r");
    for bytes in [MARK.as_bytes(), answer.as_bytes()] {
        sender.handle_input(now, mllp::frame(bytes));
        while let Some(event) = sender.poll_event() {
            silent(&event);
        }
    }
    sender.handle_closed(now);
    while let Some(event) = sender.poll_event() {
        silent(&event);
    }
}

#[cfg(feature = "serde")]
#[test]
fn json_that_is_no_message_is_not_shown() {
    let message = all_marked("ORU^R01^ORU_R01", "2.5.1");
    silent(&telerad_hl7::Readable(&message));
    for json in [
        format!("\"{MARK}\""),
        format!("[\"{MARK}\"]"),
        format!("{{\"segments\": \"{MARK}\"}}"),
        format!("{{\"segments\": [[\"{MARK}\"], \"{MARK}\"]}}"),
        format!("{{\"segments\": {{\"{MARK}\": 1}}}}"),
        format!("{{\"segments\": [\"{MARK}\"]}}"),
        format!("{{\"segments\": [\"MSH|{MARK}\"], \"charset\": \"{MARK}\"}}"),
        format!("{{\"segments\": [\"MSH|{MARK}\"], \"charset\": [\"{MARK}\"]}}"),
        format!("{{\"segments\": [\"MSH|{MARK}\"], \"terminator\": {{\"{MARK}\": 1}}}}"),
        format!("{{\"hexadecimal\": \"{MARK}\"}}"),
        format!("{{\"hexadecimal\": [\"{MARK}\"]}}"),
        format!("{{\"{MARK}\": \"{MARK}\"}}"),
        format!("{{\"segments\": [], \"segments\": [\"{MARK}\"]}}"),
        format!("{{\"segments\": [\"{MARK}"),
    ] {
        quiet(&serde_json::from_str::<Message>(&json).expect_err("no message"));
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(&json) {
            quiet(&serde_json::from_value::<Message>(value).expect_err("no message"));
        }
    }
}
