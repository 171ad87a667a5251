//! The examples on the files beside them: what they answer, and how they end.

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

/// Runs a command line; the exit code, and what must stand in the last lines of either output.
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
