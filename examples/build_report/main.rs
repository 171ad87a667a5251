//! Writes a signed report of an order as ORU^R01, checks it, and shows, saves or sends it.
//!
//! ```sh
//! cargo run --release --example build_report -- examples/messages/order.hl7 \
//!     --text examples/messages/report.txt --signer '5522^MARTIN^CLAIRE'
//! cargo run --release --example build_report -- examples/messages/order.hl7 \
//!     --text examples/messages/report.txt --signer '5522^MARTIN^CLAIRE' --pdf report.pdf \
//!     --version 2.3.1 --charset 8859/15 --out report.hl7 --to 127.0.0.1:2575
//! ```
//!
//! Patient, numbers, accession, study and examination are those of the order, wherever it says them; sender and receiver
//! are its receiver and sender. Version and character set are the order's too, unless the RIS wants others. Nothing
//! goes out that breaks the profile, or that is read back with another text or file than was given.

#![expect(clippy::disallowed_methods, reason = "a program reads files and the clock")]

mod arguments;
mod compose;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::{Context, Result, bail, ensure};
use telerad::core::Timestamp;
use telerad::hl7::Message;
use telerad::hl7::datatype::Ed;
use telerad::hl7::reading::{Attachment, ReportSources, ReportView};
use telerad::hl7::validate::{Profile, Severity, validate};
use telerad::net::TcpConnector;
use telerad::net::mllp::{SendError, Sender, Timeouts};
use telerad_examples::{Shown, complain, decoded, finish, printable, read_messages, read_profile};

use self::arguments::{Arguments, USAGE};
use self::compose::{Report, compose};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match Arguments::read(&arguments) {
        Ok(arguments) => finish("build_report", run(&arguments)),
        Err(error) => {
            complain(format_args!("build_report: {error:#}\n{USAGE}"));
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let (messages, _) = read_messages(&arguments.order)?;
    let [order] = messages.as_slice() else {
        bail!("{} holds {} messages; a report is of one", arguments.order, messages.len());
    };
    let report = Report {
        lines: arguments.text.as_deref().map(read_lines).transpose()?.unwrap_or_default(),
        pdf: arguments.pdf.as_deref().map(read_pdf).transpose()?,
        signer: arguments.signer.clone(),
        sr: arguments.sr.clone(),
        status: arguments.status.clone(),
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap_or_default());
    let message = compose(order, &report, &arguments.dialect, now)?;

    let out = &mut Shown::new();
    show(&message, out)?;
    let profile = match &arguments.profile {
        Some(name) => read_profile(name)?,
        None => profile_for(&message, &report),
    };
    check(&message, &profile, out)?;
    read_back(&message, &report, out)?;
    if let Some(path) = &arguments.out {
        std::fs::write(path, message.as_bytes()).with_context(|| format!("cannot write {path}"))?;
        writeln!(out, "written to {path}")?;
    }
    if let Some(address) = &arguments.to {
        send(&message, address, out)?;
    }
    Ok(())
}

fn read(path: &str) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {path}"))
}

/// The lines of a text in UTF-8, empty ones included.
fn read_lines(path: &str) -> Result<Vec<String>> {
    let text = String::from_utf8(read(path)?).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        anyhow::anyhow!("{path} is not UTF-8 (byte {offset}): convert it, nothing is guessed")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    ensure!(!text.trim().is_empty(), "{path} has no text");
    Ok(text.lines().map(str::to_owned).collect())
}

fn read_pdf(path: &str) -> Result<Vec<u8>> {
    let bytes = read(path)?;
    ensure!(bytes.starts_with(b"%PDF-"), "{path} is no PDF: it does not begin with %PDF-");
    Ok(bytes)
}

/// IHE RAD-28 for the report of a structured report; RAD-128, which is defined for 2.5.1, where the study is known; for
/// any other, what a receiver needs to file it.
fn profile_for(message: &Message, report: &Report) -> Profile {
    let names_study = message.segments_with_id("OBX").any(|obx| obx.field(2).text() == "HD");
    let name = match report.sr {
        Some(_) => "RAD-28",
        None if message.version() == "2.5.1" && names_study => "RAD-128",
        None => "report",
    };
    Profile::named(name).unwrap_or_default()
}

/// The segments a line each, in the message's own character set as far as it can be read.
fn show(message: &Message, out: &mut impl Write) -> io::Result<()> {
    const CHARACTERS_MAX: usize = 240;
    for segment in message.segments() {
        let text = decoded(message, segment.raw());
        match text.char_indices().nth(CHARACTERS_MAX) {
            Some((end, _)) => {
                let (shown, rest) = text.split_at(end);
                writeln!(out, "{shown}… and {} bytes", rest.len())?;
            }
            None => writeln!(out, "{text}")?,
        }
    }
    Ok(())
}

fn check(message: &Message, profile: &Profile, out: &mut impl Write) -> Result<()> {
    let findings = validate(message, profile);
    writeln!(out, "\nfindings by {}: {}", profile.name, findings.len())?;
    for finding in &findings {
        writeln!(out, "  {finding}")?;
    }
    if !profile.applies_to(message) {
        bail!("profile {} is for other messages than ORU^R01", profile.name);
    }
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    ensure!(
        errors == 0,
        "the report breaks {} in {errors} place(s); nothing was sent",
        profile.name
    );
    Ok(())
}

/// Reads the report as its receiver will: the same lines, the same file.
fn read_back(message: &Message, report: &Report, out: &mut impl Write) -> Result<()> {
    let texts = message.segments_with_id("OBX").filter(|obx| obx.field(2).text() == "TX");
    let lines: Vec<String> = texts.map(|obx| obx.field(5).text().into_owned()).collect();
    ensure!(lines == report.lines, "the text would arrive altered; nothing was sent");

    let views = ReportView::read_all(message, &ReportSources::default());
    let attachments: Vec<&Ed<'_>> = views
        .iter()
        .flat_map(|view| &view.attachments)
        .filter_map(|attachment| match attachment {
            Attachment::Data { data, .. } => Some(data),
            _ => None,
        })
        .collect();
    ensure!(attachments.len() == usize::from(report.pdf.is_some()), "a file would be lost");
    for (data, expected) in attachments.iter().zip(&report.pdf) {
        ensure!(is_same(data, expected)?, "the file would arrive altered; nothing was sent");
        writeln!(out, "the file of {} bytes is read back as it was", expected.len())?;
    }
    Ok(())
}

/// Decodes base64 piece by piece, so that a large file does not stand in memory once more.
fn is_same(data: &Ed<'_>, expected: &[u8]) -> Result<bool> {
    let mut reader = data.base64();
    let mut piece = [0; 4096];
    let mut rest = expected;
    loop {
        let length = reader.read(&mut piece)?;
        match rest.strip_prefix(piece.get(..length).unwrap_or_default()) {
            Some(_) if length == 0 => return Ok(rest.is_empty()),
            Some(after) => rest = after,
            None => return Ok(false),
        }
    }
}

fn send(message: &Message, address: &str, out: &mut impl Write) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut sender = Sender::new(TcpConnector, address, Timeouts::default());
    // The answer is stored by being shown.
    let sent =
        runtime.block_on(async { Ok::<_, SendError>(sender.send(message).await?.stored().await) });
    let ack = sent.with_context(|| format!("no answer from {address}"))?;
    writeln!(
        out,
        "{address} answers {} to {} {}",
        ack.code,
        printable(&*ack.control_id),
        printable(ack.text.trim())
    )?;
    ensure!(ack.code.is_accepted(), "{address} did not accept the report");
    Ok(())
}
