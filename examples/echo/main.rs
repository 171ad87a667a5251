//! Verifies that a DICOM peer is there and knows us (C-ECHO), and tells how long its answers take.
//!
//! ```sh
//! cargo run --example echo -- 127.0.0.1:11112 ANY-SCP MY-TITLE 3
//! ```
//!
//! Our title and the count may be left out. What goes wrong is told with its cause: nobody listens, the title is not known,
//! the service is refused.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use telerad::dicom::{Status, uids};
use telerad::dimse::plan_contexts;
use telerad::net::TcpConnector;
use telerad::net::dicom::{ClientAssociation, Peer};
use telerad_examples::finish;
use tokio::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    finish("echo", run(&arguments).await)
}

async fn run(arguments: &[String]) -> anyhow::Result<()> {
    let ([address, title, rest @ ..], true) = (arguments, arguments.len() <= 4) else {
        anyhow::bail!("usage: echo <address> <AE title> [<our AE title>] [<count>]");
    };
    let ours = rest.first().map_or("TELERAD", String::as_str);
    let count = rest.get(1).map_or("1", String::as_str);
    let count: u32 = count.parse().with_context(|| format!("{count} is no count"))?;
    let peer = Peer::new(address, title.parse()?, ours.parse()?);
    let contexts = plan_contexts(&[(uids::VERIFICATION, uids::IMPLICIT_VR_LITTLE_ENDIAN)]);
    let opened = Instant::now();
    let mut association =
        ClientAssociation::connect(&TcpConnector, &peer, contexts.concat()).await?;
    let milliseconds = |since: Instant| since.elapsed().as_secs_f64() * 1000.0;
    writeln!(io::stdout(), "association opened in {:.1} ms", milliseconds(opened))?;
    for number in 1..=count {
        let asked = Instant::now();
        let status = association.echo().await?;
        writeln!(io::stdout(), "echo {number}: {status}, {:.1} ms", milliseconds(asked))?;
        ensure!(status == Status::SUCCESS, "the peer answers, but not with success");
    }
    Ok(association.release().await?)
}
