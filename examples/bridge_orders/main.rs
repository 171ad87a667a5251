//! Turns HL7 messages into a modality worklist: a file of messages in, the scheduled steps and what was found out.
//!
//! ```sh
//! cargo run --example bridge_orders -- examples/messages/order.hl7
//! cargo run --example bridge_orders -- --configuration examples/gateway.toml examples/messages/order.hl7
//! ```
//!
//! Messages are applied one after the other, as a gateway would. With `--configuration` they are read as the first site
//! of that file declares (or the one of `--site`); without it, as a site that declares nothing.
//!
//! The exit code is 0 when every message was applied or asks for nothing, else 1.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use telerad::core::SiteId;
use telerad::worklist::{Disposition, Mapping, OrderRecord, ScheduledStep};
use telerad_examples::{Bridge, Taken, complain, finish, now, printable};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (configuration, site, files) = match split(&arguments) {
        Some(it) if !it.2.is_empty() => it,
        _ => {
            complain("usage: bridge_orders [--configuration <file.toml> [--site <id>]] <file>...");
            return ExitCode::from(2);
        }
    };
    finish("bridge_orders", run(configuration, site, files))
}

/// Configuration, site and files of a command line.
fn split(arguments: &[String]) -> Option<(Option<&str>, Option<&str>, &[String])> {
    match arguments {
        [option, path, rest @ ..] if option == "--configuration" => match rest {
            [option, site, rest @ ..] if option == "--site" => Some((Some(path), Some(site), rest)),
            _ => Some((Some(path), None, rest)),
        },
        [option, ..] if option.starts_with("--") => None,
        files => Some((None, None, files)),
    }
}

fn run(configuration: Option<&str>, site: Option<&str>, files: &[String]) -> Result<()> {
    let mut bridge = match configuration {
        Some(path) => Bridge::configured(path, site)?,
        None => Bridge::new(Mapping::new(SiteId::new("site")?)),
    };
    let now = now();
    let (mut messages, mut refused) = (0, 0);
    let out = &mut io::stdout().lock();
    for file in files {
        for taken in bridge.take_file(Path::new(file), now)? {
            messages += 1;
            writeln!(out, "message {messages}: {}", ending(&taken))?;
            for finding in &taken.findings {
                writeln!(out, "  {}", printable(finding))?;
            }
            refused += u32::from(is_refused(&taken.disposition));
        }
    }
    writeln!(out, "\n{}", steps(bridge.orders()).trim_fmt())?;
    ensure!(refused == 0, "{refused} of {messages} messages need a person or a correction");
    Ok(())
}

fn ending(taken: &Taken) -> String {
    let kind = printable(&taken.kind);
    match &taken.disposition {
        Disposition::Applied => format!("{kind}, applied"),
        Disposition::NoChange => format!("{kind}, no change"),
        Disposition::Parked(reason) => format!("{kind}, parked for a person: {reason}"),
        Disposition::Rejected(refused) => format!("{kind}, rejected: {refused}"),
    }
}

fn is_refused(disposition: &Disposition) -> bool {
    matches!(disposition, Disposition::Parked(_) | Disposition::Rejected(_))
}

fn steps<'a>(orders: impl Iterator<Item = &'a OrderRecord>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    // Looks the same in a file as in a terminal.
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(80);
    table.set_header(["start", "mod", "status", "accession", "patient ID", "patient", "procedure"]);
    for order in orders {
        for step in &order.steps {
            table.add_row(row(order, step).map(|cell| printable(cell).into_owned()));
        }
    }
    // Numbers that people copy are not broken.
    for column in [3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

fn row(order: &OrderRecord, step: &ScheduledStep) -> [String; 7] {
    let patient = &order.order.patient;
    let start = step.start.map(|start| {
        let time = start.time_text().unwrap_or_default();
        format!("{} {}", start.date(), time.get(..4).unwrap_or(&time))
    });
    let procedure = &order.order.procedure;
    let words = [&step.description, &procedure.meaning, &procedure.value];
    [
        start.unwrap_or_default(),
        step.modality.clone(),
        step.status.as_dicom().to_owned(),
        order.order.accession.value().to_owned(),
        patient.primary_id().map(|id| id.value().to_owned()).unwrap_or_default(),
        patient.name.to_dicom(),
        words.into_iter().find(|words| !words.is_empty()).cloned().unwrap_or_default(),
    ]
}
