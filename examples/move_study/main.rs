//! Has an archive send a study to a third party, and shows how it goes.
//!
//! ```sh
//! cargo run --example move_study -- 127.0.0.1:11211 QRSCP MOVEDEST 1.2.840.113619.2.1
//! ```

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use telerad::dicom::{DataSet, Status, tags, uids};
use telerad::dimse::plan_contexts;
use telerad::net::TcpConnector;
use telerad::net::dicom::{ClientAssociation, Peer};
use telerad_examples::finish;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    finish("move_study", run(&arguments).await)
}

async fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [address, title, destination, study] = arguments else {
        anyhow::bail!("usage: move_study <address> <AE title> <destination> <study UID>");
    };
    let peer = Peer::new(address, title.parse()?, "TELERAD".parse()?);
    let syntax = uids::EXPLICIT_VR_LITTLE_ENDIAN;
    let contexts = plan_contexts(&[(uids::STUDY_ROOT_MOVE, syntax)]).remove(0);
    let mut association = ClientAssociation::connect(&TcpConnector, &peer, contexts).await?;

    let mut identifier = DataSet::new();
    identifier.set_text(tags::QUERY_RETRIEVE_LEVEL, "STUDY");
    identifier.set_text(tags::STUDY_INSTANCE_UID, study);
    let destination = destination.parse()?;
    let class = uids::STUDY_ROOT_MOVE;
    let mut moving = association.move_to(class, &destination, &identifier).await?;
    while let Some(progress) = moving.next().await {
        let counts = progress?;
        let remaining = counts.remaining.unwrap_or_default();
        writeln!(io::stdout(), "{} sent, {remaining} to go", counts.completed + counts.warning)?;
    }
    let outcome = moving.outcome().cloned().context("no final status")?;
    drop(moving);
    let counts = outcome.sub_operations;
    writeln!(io::stdout(), "{} sent, {} failed", counts.completed + counts.warning, counts.failed)?;
    for instance in &outcome.failed {
        writeln!(io::stdout(), "failed: {instance}")?;
    }
    association.release().await?;
    anyhow::ensure!(outcome.status == Status::SUCCESS, "final status {}", outcome.status);
    Ok(())
}
