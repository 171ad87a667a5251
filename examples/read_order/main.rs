//! Reads an HL7 order from a file and says what it means, where each value came from, and what is wrong with it.
//!
//! ```sh
//! cargo run --release --example read_order -- examples/messages/order.hl7
//! cargo run --release --example read_order -- examples/messages/order.hl7 RAD-4
//! cargo run --release --example read_order -- examples/messages/order.hl7 examples/messages/north.toml
//! ```
//!
//! The second argument is a profile to check by: one that is built in (`RAD-2`, `RAD-4`, `TLR-FR-1`, …) or a TOML file
//! with a site's own rules.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Result, ensure};
use comfy_table::{ContentArrangement, Table, presets};
use telerad::hl7::Message;
use telerad::hl7::reading::{OrderSources, OrderView, Source};
use telerad::hl7::validate::{Profile, acknowledgement, validate};
use telerad_examples::{complain, decoded, finish, printable, read_messages, read_profile};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match &arguments[..] {
        [file] => run(file, &Profile::tables()),
        [file, profile] => read_profile(profile).and_then(|profile| run(file, &profile)),
        _ => {
            complain("usage: read_order <order.hl7> [profile]");
            return ExitCode::from(2);
        }
    };
    finish("read_order", result)
}

fn run(file: &str, profile: &Profile) -> Result<()> {
    let (messages, findings) = read_messages(file)?;
    let out = &mut io::stdout().lock();
    for finding in findings {
        writeln!(out, "file: {finding}")?;
    }
    let mut found = 0;
    for (message, number) in messages.iter().zip(1..) {
        if messages.len() > 1 {
            writeln!(out, "\nmessage {number} of {}:", messages.len())?;
        }
        found += explain(message, profile, out)?;
    }
    ensure!(found > 0, "{file} holds no order");
    Ok(())
}

/// Says what a message orders, and gives the number of orders.
fn explain(message: &Message, profile: &Profile, out: &mut impl Write) -> io::Result<usize> {
    let kind = format!("{}^{}", message.message_code(), message.trigger_event());
    let (kind, version) = (printable(kind), message.version());
    let orders = OrderView::read_all(message, &OrderSources::default());
    writeln!(out, "{kind}, version {}, {} order(s)", printable(version), orders.len())?;
    for order in &orders {
        writeln!(out, "\norder {}: {:?}", order.number, order.action())?;
        writeln!(out, "{}", values(message, order).trim_fmt())?;
        for conflict in order.conflicts() {
            writeln!(out, "  conflict: {conflict}")?;
        }
    }
    report(message, profile, out)?;
    Ok(orders.len())
}

/// Every item that has a value, its place, and its bytes as they stand.
fn values(message: &Message, order: &OrderView) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // What is longer goes on below, and looks the same in a file as in a terminal.
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(COLUMNS_MAX);
    table.set_header(["item", "from", "as it stands"]);
    for Source { item, location, span } in order.patient.sources().chain(order.values.sources()) {
        let raw = message.as_bytes().get(span).unwrap_or_default();
        let raw = decoded(message, raw);
        table.add_row([item, &location.to_string(), &broken(&raw)]);
    }
    for (step, number) in order.steps.iter().zip(1..) {
        let protocol: Vec<&str> =
            step.protocol_codes.all().iter().map(|code| code.value.identifier.as_str()).collect();
        let from = step.id.location().map(|location| location.to_string()).unwrap_or_default();
        let id = step.id.value().map(|id| id.entity_identifier.clone()).unwrap_or_default();
        let text = format!("{id} {}", protocol.join(", "));
        table.add_row([&*format!("step {number}"), &*from, &*printable(text.trim())]);
    }
    table
}

/// A value in lines of at most [`VALUE_COLUMNS_MAX`], broken behind delimiters and blanks where there are any; nothing is
/// left out.
fn broken(value: &str) -> String {
    let (mut lines, mut columns) = (String::new(), 0);
    for part in value.split_inclusive(['^', '~', '&', ' ']) {
        let width = part.chars().count();
        if columns > 0 && columns + width > VALUE_COLUMNS_MAX {
            lines.push('\n');
            columns = 0;
        }
        lines.push_str(part);
        columns += width;
    }
    lines
}

fn report(message: &Message, profile: &Profile, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "\nencoding:")?;
    for warning in message.warnings().iter().chain(&message.check()) {
        writeln!(out, "  {warning}")?;
    }
    writeln!(out, "\nfindings by {}:", profile.name)?;
    if !profile.applies_to(message) {
        let why = "the rules of this profile are for other messages; only the tables were asked";
        writeln!(out, "  {why}")?;
    }
    let findings = validate(message, profile);
    for finding in &findings {
        writeln!(out, "  {finding}")?;
    }
    writeln!(out, "\nanswer: {}", acknowledgement(&findings).code)
}

/// Of a terminal that nobody has made wider.
const COLUMNS_MAX: u16 = 80;
/// What is left of them beside the longest names and places.
const VALUE_COLUMNS_MAX: usize = 42;
