//! Asks an archive for studies and prints their dates and UIDs, no patient data; after the limit the query is cancelled.
//!
//! ```sh
//! cargo run --example find_studies -- 127.0.0.1:11211 QRSCP 20240101-20241231 100
//! ```

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use telerad::dicom::{DataSet, tags, uids};
use telerad::dimse::plan_contexts;
use telerad::net::TcpConnector;
use telerad::net::dicom::{ClientAssociation, Peer};
use telerad_examples::finish;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    finish("find_studies", run(&arguments).await)
}

async fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [address, title, dates, limit] = arguments else {
        anyhow::bail!("usage: find_studies <address> <AE title> <dates> <limit>");
    };
    let limit: usize = limit.parse().context("the limit is no number")?;
    let peer = Peer::new(address, title.parse()?, "TELERAD".parse()?);
    let syntax = uids::EXPLICIT_VR_LITTLE_ENDIAN;
    let contexts = plan_contexts(&[(uids::STUDY_ROOT_FIND, syntax)]).remove(0);
    let mut association = ClientAssociation::connect(&TcpConnector, &peer, contexts).await?;

    let mut identifier = DataSet::new();
    identifier.set_text(tags::QUERY_RETRIEVE_LEVEL, "STUDY");
    identifier.set_text(tags::STUDY_DATE, dates);
    identifier.set_empty(tags::STUDY_INSTANCE_UID);
    let mut studies = association.find(uids::STUDY_ROOT_FIND, &identifier).await?;
    let mut found = 0;
    while let Some(study) = studies.next().await {
        let study = study?.data_set;
        let date = study.text(tags::STUDY_DATE).unwrap_or_default();
        writeln!(
            io::stdout(),
            "{date:8} {}",
            study.text(tags::STUDY_INSTANCE_UID).unwrap_or_default()
        )?;
        found += 1;
        if found == limit {
            studies.cancel().await?;
        }
    }
    let status = studies.status().context("no final status")?;
    drop(studies);
    writeln!(io::stdout(), "{found} studies, final status {status}")?;
    Ok(association.release().await?)
}
