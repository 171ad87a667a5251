//! The examples on the files beside them: what they answer, and how they end.

#![expect(clippy::disallowed_methods, reason = "the test writes the files that programs read")]

use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Cargo builds the examples of a package before it runs its tests.
fn example(name: &str) -> Command {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(|dependencies| dependencies.parent()).unwrap();
    let mut command = Command::new(folder.join("examples").join(name));
    command.current_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."));
    command
}

/// Runs a command line; the exit code, and what must stand in the either output.
#[track_caller]
fn check(line: &str, code: i32, expected: &str) {
    let mut words = line.split(' ');
    let output = example(words.next().unwrap()).args(words).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{}", text.join("\n"));
    assert!(text.iter().any(|text| text.contains(expected)), "{}", text.join("\n"));
}

const REPORT: &str = "build_report examples/messages/order.hl7 --text examples/messages/report.txt \
                      --signer 5522^MARTIN^CLAIRE";

#[test]
fn an_order_is_read_by_the_tables_and_by_profiles() {
    check("read_order examples/messages/order.hl7", 0, "answer: AA");
    check("read_order examples/messages/order.hl7 RAD-4", 0, "findings by RAD-4");
    check("read_order examples/messages/order.hl7 examples/messages/north.toml", 0, "by north");
    check("read_order examples/messages/order.hl7 RAD-5", 1, "no profile is called RAD-5");
    check("read_order", 2, "usage");
}

#[test]
fn a_report_answers_its_order_in_either_version() {
    check(REPORT, 0, "|ACC-26-004417|RP-4417|");
    check(REPORT, 0, "findings by RAD-128: 0");
    check(&format!("{REPORT} --version 2.3.1 --charset 8859/15"), 0, "|2.3.1||||||8859/15");
    check(&format!("{REPORT} --sr 1.2.3"), 0, "findings by RAD-28: 0");
}

#[test]
fn a_report_that_cannot_be_right_is_not_written() {
    check(&format!("{REPORT} --profile RAD-28"), 1, "nothing was sent");
    check(&format!("{REPORT} --charset GB18030 --order 2"), 1, "there is no order 2");
    check(&format!("{REPORT} --charset ASCII"), 1, "line 2 of the text does not fit into ASCII");
    check(&format!("{REPORT} --pdf examples/messages/order.hl7"), 1, "is no PDF");
    check(&format!("{REPORT} --status X"), 2, "--status is P, F or C, not X");
    check("build_report examples/messages/order.hl7", 2, "who signs?");
}

#[test]
fn orders_become_a_worklist() {
    let bridge = "bridge_orders examples/messages/order.hl7";
    check(bridge, 0, "message 1: OMI^O23, applied");
    check(bridge, 0, "OBR-2: another number than ORC-2, which was taken");
    check(bridge, 0, "ACC-26-004417");
    let configured = "bridge_orders --configuration examples/gateway.toml";
    check(&format!("{configured} --site north examples/messages/order.hl7"), 0, "applied");
    check(&format!("{configured} --site south examples/messages/order.hl7"), 1, "no such site");
    check(&format!("{configured} examples/messages/report.txt"), 1, "holds no HL7 message");
    check("bridge_orders", 2, "usage");
    check("bridge_orders --site north", 2, "usage");
}

#[test]
fn a_message_that_needs_a_person_is_told() {
    let nobody = changed("unknown.hl7", |order| order.replace("NP-20417", "").into_bytes());
    check(&format!("bridge_orders {nobody}"), 1, "parked for a person: no patient identifier");
    check(&format!("bridge_orders {nobody}"), 1, "1 of 1 messages need a person");
    let twice = changed("twice.hl7", |order| format!("{order}{order}").into_bytes());
    check(&format!("bridge_orders {twice}"), 0, "message 2: OMI^O23, no change");
}

/// The sample order, changed and written to a file of its own.
fn changed(name: &str, change: impl Fn(String) -> Vec<u8>) -> String {
    let order = concat!(env!("CARGO_MANIFEST_DIR"), "/messages/order.hl7");
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, change(std::fs::read_to_string(order).unwrap())).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn every_message_of_a_file_is_read_for_itself() {
    let two = changed("two.hl7", |order| format!("BHS|^~\\&\r{order}{order}BTS|3\r").into_bytes());
    check(&format!("read_order {two}"), 0, "file: BTS-1 of batch 1 says 3 messages, 2 are there");
    check(&format!("read_order {two}"), 0, "message 2 of 2");
    let report = REPORT.replace("examples/messages/order.hl7", &two);
    check(&report, 1, "holds 2 messages; a report is of one");
}

#[test]
fn orders_are_shown_in_their_own_character_set() {
    let latin = changed("latin.hl7", |order| {
        let order = order.replace("UNICODE UTF-8", "8859/1");
        order.chars().map(|each| u8::try_from(u32::from(each)).unwrap()).collect()
    });
    check(&format!("read_order {latin}"), 0, "LEFÈVRE^ÉLODIE");
}

#[test]
fn an_order_that_asks_for_no_report_gets_none() {
    let check = |name: &str, from: &str, to: &str, expected: &str| {
        let path = changed(name, |order| order.replace(from, to).into_bytes());
        check(&REPORT.replace("examples/messages/order.hl7", &path), 1, expected);
    };
    check("cancelled.hl7", "ORC|NW", "ORC|CA", "the message cancels its order");
    check("fragment.hl7", "\rIPC", "\rDSC|1\rIPC", "a fragment of a longer message");
    check("klingon.hl7", "UNICODE UTF-8", "KLINGON", "HL7 has no character set KLINGON");
    check("nobody.hl7", "NP-20417", "", "names no patient");
}

#[test]
fn messages_are_echoed() {
    let mut echo = example("mllp_echo").stdout(Stdio::piped()).spawn().unwrap();
    // One process is both ends; it ends when the answer is here.
    assert!(echo.wait().unwrap().success());
    let mut text = String::new();
    echo.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(text.contains("ORM^O01 42") && text.contains("42: AA"), "{text}");
}

#[test]
fn a_reader_who_has_enough_is_no_fault() {
    for line in ["read_order examples/messages/order.hl7", REPORT] {
        let mut words = line.split(' ');
        let mut program = example(words.next().unwrap());
        program.args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = program.spawn().unwrap();
        drop(program.stdout.take());
        let output = program.wait_with_output().unwrap();
        assert!(output.status.success(), "{line}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{line}");
    }
}

#[test]
fn an_order_fits_a_terminal() {
    let output = example("read_order").arg("examples/messages/order.hl7").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let wide: Vec<&str> =
        text.lines().filter(|line| line.chars().count() > 80 || line.trim_end() != *line).collect();
    assert_eq!(wide, [""; 0]);
    // A value that goes on in the next line is broken between its parts.
    assert!(
        text.contains("^^^NORTH&\n") && text.contains(" 1.2.826.0.1.3680043.10.999.1&ISO^PI\n")
    );
}

#[test]
fn a_message_cannot_command_the_terminal() {
    let order = changed("escape.hl7", |order| {
        order.replace("NP-20417", "\u{1b}[2JNP").replace("LEFÈVRE", "LEF\u{9b}2J").into_bytes()
    });
    check(&format!("read_order {order}"), 0, "\\u{1b}[2JNP");
    check(&format!("read_order {order}"), 0, "LEF\\u{9b}2J");
    check(&REPORT.replace("examples/messages/order.hl7", &order), 0, "LEF\\u{9b}2J");
}

/// Runs a command line whose standard output nobody reads, and what stands in its standard error.
fn unread(line: &str) -> (Option<i32>, String) {
    let mut words = line.split(' ');
    let mut program = example(words.next().unwrap());
    program.args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = program.spawn().unwrap();
    drop(program.stdout.take());
    let output = program.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_report_that_nobody_looks_at_is_written_and_sent_all_the_same() {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("unread.hl7");
    let _ = std::fs::remove_file(&file);
    assert_eq!(unread(&format!("{REPORT} --out {}", file.display())), (Some(0), String::new()));
    assert!(std::fs::read(&file).unwrap().starts_with(b"MSH|"));
    // Port 1 of the loopback interface takes nothing.
    for line in [
        &format!("{REPORT} --to 127.0.0.1:1"),
        "mllp_echo send 127.0.0.1:1 examples/messages/order.hl7",
    ] {
        let (code, told) = unread(line);
        assert!(code == Some(1) && told.contains("cannot connect"), "{line}: {code:?} {told}");
    }
}

#[test]
fn a_fault_that_nobody_reads_is_one_all_the_same() {
    for (line, code) in [
        ("read_order nowhere.hl7", 1),
        ("read_order", 2),
        ("build_report", 2),
        ("mllp_echo listen", 2),
    ] {
        let mut words = line.split(' ');
        let mut program = example(words.next().unwrap());
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = program.args(words).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(code), "{line}");
    }
}
