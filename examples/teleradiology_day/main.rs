//! A day of teleradiology on loopback: a RIS, a modality, a PACS and a reading platform around a gateway, on real
//! sockets, with real images, and with trouble on purpose.
//!
//! ```sh
//! cargo run --release --example teleradiology_day
//! ```
//!
//! It prints a timeline and a table, and exits with 1 when anything differs from what should have happened.
#![expect(
    clippy::disallowed_methods,
    reason = "a program reads its own files, clock and environment"
)]

mod cast;
mod changes;
mod day;
mod images;
mod process;
mod reader;
mod ris;
mod table;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// With this argument the program is the gateway process of the day, so that it can be killed and started again.
const GATEWAY: &str = "--gateway";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next()) {
        (None, None) => play(),
        (Some(flag), Some(path)) if flag == GATEWAY => {
            telerad_examples::run_gateway(Path::new(&path))
        }
        _ => {
            eprintln!("usage: teleradiology_day");
            ExitCode::from(2)
        }
    }
}

fn play() -> ExitCode {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let played = runtime.map_err(anyhow::Error::from).and_then(|it| it.block_on(day::play()));
    match played {
        Ok(results) => {
            let (verdict, code) = match results.all_as_expected() {
                true => ("Everything happened as it should.", ExitCode::SUCCESS),
                false => {
                    ("NOT as it should have been: see the rows marked DIFFERS.", ExitCode::FAILURE)
                }
            };
            let _ = writeln!(io::stdout(), "\n{}\n\n{verdict}", results.to_table());
            code
        }
        Err(error) => {
            eprintln!("\nthe day broke off: {error:#}");
            ExitCode::FAILURE
        }
    }
}
