//! HL7: index, path reads and a full walk of a report with 60 OBX, beside counting its delimiters byte by byte.
//!
//! `cargo bench -p telerad-benches --bench hl7`. Medians of several runs; the machine's noise is the spread.

#![expect(clippy::print_stdout, reason = "a program that reports to a person")]
#![expect(clippy::disallowed_methods, reason = "measures time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use telerad_hl7::reading::{OrderSources, OrderView, ReportSources, ReportView};
use telerad_hl7::validate::{Profile, validate};
use telerad_hl7::{Message, Path, mllp};

const RUNS: usize = 15;
const RUN_TIME: Duration = Duration::from_millis(60);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let report = report(60);
    let pdf = report_with_pdf(1 << 20);
    let paths = [
        "PID-3",
        "PID-5",
        "ORC-2",
        "OBR-18",
        "OBR-4",
        "OBR-25",
        "OBX[60]-5",
        "MSH-9.2",
        "MSH-10",
        "MSH-18",
    ];
    let paths = paths.map(str::parse::<Path>).into_iter().collect::<Result<Vec<_>, _>>()?;
    let parsed = Message::parse(report.clone())?;
    let framed = mllp::frame(&report);

    println!("report of 60 OBX, {} bytes; report with a PDF, {} bytes", report.len(), pdf.len());
    println!("{:<44} {:>12} {:>10} {:>8}", "operation", "ns", "MB/s", "spread");
    measure("baseline: count delimiters byte by byte", report.len(), || {
        black_box(&report).iter().filter(|byte| is_delimiter(**byte)).count()
    });
    measure("index", report.len(), || Message::parse(black_box(&report).clone()).is_ok());
    measure("index and ten path reads", report.len(), || {
        let message = Message::parse(black_box(&report).clone()).ok()?;
        Some(read(&message, &paths))
    });
    measure("ten path reads", report.len(), || read(black_box(&parsed), &paths));
    measure("index and walk to every subcomponent", report.len(), || {
        Message::parse(black_box(&report).clone()).map_or(0, |message| walk(&message, false))
    });
    measure("index and decode every value", report.len(), || {
        Message::parse(black_box(&report).clone()).map_or(0, |message| walk(&message, true))
    });
    measure("index a report with a PDF of 1 MiB", pdf.len(), || {
        Message::parse(black_box(&pdf).clone()).is_ok()
    });
    let pdf_message = Message::parse(pdf.clone())?;
    for (name, message, paths) in [
        ("60 OBX", &parsed, &["PID-5.2", "OBX[60]-11", "OBX[60]-20"][..]),
        ("a PDF of 1 MiB", &pdf_message, &["PID-5.2", "OBX-5.2", "OBX-11", "OBX-20"]),
    ] {
        let bytes = message.as_bytes();
        measure(&format!("baseline: copy {name}"), bytes.len(), || black_box(bytes).to_vec());
        for place in paths {
            let path = place.parse::<Path>()?;
            measure(&format!("edit {place} of {name} and encode"), bytes.len(), || {
                let mut edit = black_box(message).edit();
                edit.set(&path, "EVA").is_ok().then(|| edit.encode())
            });
        }
    }
    measure_readings(&Message::parse(ORDER)?, &parsed, &pdf_message);
    for chunk in [7, 64, 1460, 64 << 10] {
        measure(&format!("MLLP frame in reads of {chunk}"), framed.len(), || {
            decode(black_box(&framed), chunk)
        });
    }
    Ok(())
}

/// Readings and validation take a message that is parsed already.
fn measure_readings(order: &Message, report: &Message, pdf: &Message) {
    let (orders, reports) = (OrderSources::default(), ReportSources::default());
    measure("read an order: OrderView", order.as_bytes().len(), || {
        OrderView::read_all(black_box(order), &orders).len()
    });
    for (name, message) in [("60 OBX", report), ("a PDF of 1 MiB", pdf)] {
        measure(&format!("read {name}: ReportView"), message.as_bytes().len(), || {
            ReportView::read_all(black_box(message), &reports).len()
        });
    }
    for (name, message) in [("an order", order), ("60 OBX", report)] {
        let profile = if message == order { Profile::order() } else { Profile::report() };
        measure(&format!("validate {name}"), message.as_bytes().len(), || {
            validate(black_box(message), &profile).len()
        });
    }
}

fn read(message: &Message, paths: &[Path]) -> usize {
    paths.iter().filter(|path| message.value(path).is_present()).count()
}

fn walk(message: &Message, decode: bool) -> usize {
    let mut total = 0;
    for segment in message.segments() {
        for field in segment.fields() {
            for repetition in field.repetitions() {
                for component in repetition.components() {
                    for subcomponent in component.subcomponents() {
                        total += if decode {
                            subcomponent.text().len()
                        } else {
                            subcomponent.raw().len()
                        };
                    }
                }
            }
        }
    }
    total
}

fn decode(stream: &Bytes, chunk: usize) -> usize {
    let mut decoder = mllp::Decoder::new(mllp::Limits::default());
    let mut frames = 0;
    let mut rest = stream.clone();
    while !rest.is_empty() {
        decoder.feed(rest.split_to(chunk.min(rest.len())));
        while decoder.poll().is_some() {
            frames += 1;
        }
    }
    frames
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'|' | b'^' | b'~' | b'&' | b'\r')
}

/// Prints the median time of one call, the throughput it means for `bytes`, and half the spread of the runs.
fn measure<T>(name: &str, bytes: usize, mut operation: impl FnMut() -> T) {
    let mut per_call = |calls: u32| {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(operation());
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
    };
    let once = per_call(10).max(1.0);
    let calls = (RUN_TIME.as_secs_f64() * 1e9 / once).clamp(10.0, 5e6) as u32;
    let mut runs: Vec<f64> = (0..RUNS).map(|_| per_call(calls)).collect();
    runs.sort_by(f64::total_cmp);
    let median = runs[RUNS / 2];
    let spread = (runs[RUNS * 3 / 4] - runs[RUNS / 4]) / 2.0 / median * 100.0;
    let throughput = bytes as f64 / median * 1e3;
    println!("{name:<44} {median:>12.0} {throughput:>10.0} {spread:>7.1}%");
}

const HEADER: &str = "MSH|^~\\&|READER|PLATFORM|TELERAD|GATEWAY|20240301101500+0100||ORU^R01^ORU_R01|R-77|P|2.5.1||||||UNICODE UTF-8\r\
    PID|1||1001^^^NORTH&1.2.840.1&ISO^MR||ROSSI^ANNA^MARIA^^^^L||19701224|F|||1 High Street^^Town^^1000\r\
    PV1|1|O|RAD^1^1||||1234^Smith^John^^^Dr\r\
    ORC|RE|P-1001^RIS|F-1001^TELERAD||CM\r\
    OBR|1|P-1001^RIS|F-1001^TELERAD|CTABD^CT abdomen^L|||20240301093000||||||||1234^Smith^John||A-1001|RP-1|SPS-1|||20240301101000||CT|F||||||||4321&Reader&Rita\r";

const ORDER: &str = "MSH|^~\\&|RIS|NORTH|TELERAD|GATEWAY|20240301081500+0100||ORM^O01^ORM_O01|O-77|P|2.5.1||||||UNICODE UTF-8\r\
    PID|1||1001^^^NORTH&1.2.840.1&ISO^MR||ROSSI^ANNA^MARIA^^^^L||19701224|F|||1 High Street^^Town^^1000\r\
    PV1|1|O|RAD^1^1||||1234^Smith^John^^^Dr|||||||||||V-1^^^NORTH\r\
    ORC|NW|P-1001^RIS|F-1001^RIS||SC||^^^20240301090000^^R||20240301081500|||1234^Smith^John|||||RAD\r\
    OBR|1|P-1001^RIS|F-1001^RIS|CTABD^CT abdomen^L|||||||||Pain|||1234^Smith^John||A-1001|RP-1|SPS-1||||CT|||^^^20240301090000^^R||||Pain\r\
    ZDS|1.2.840.1.77^RIS^Application^DICOM\r";

fn report(lines: usize) -> Bytes {
    let mut text = HEADER.to_owned();
    for line in 1..=lines {
        text.push_str(&format!(
            "OBX|{line}|TX|GDT^Report text^L||No focal lesion of the liver, spleen or kidneys; line {line} of the \
             findings \\T\\ the comparison.||||||F|||20240301101000\r"
        ));
    }
    Bytes::from(text)
}

fn report_with_pdf(bytes: usize) -> Bytes {
    let content = "JVBERi0xLjQKJcOkw7zDtsOf".repeat(bytes / 24);
    Bytes::from(format!(
        "{HEADER}OBX|1|ED|PDF^Report^L||^application^pdf^Base64^{content}||||||F\r"
    ))
}
