//! The gateway as a long-running process.
//!
//! ```sh
//! cargo run --release --example gateway -- examples/gateway.toml
//! ```

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(path), None) => telerad_examples::run_gateway(Path::new(&path)),
        _ => {
            eprintln!("usage: gateway <configuration.toml>");
            ExitCode::from(2)
        }
    }
}
