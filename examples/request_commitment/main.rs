//! Asks an archive to take responsibility for instances (storage commitment, PS3.4 annex J), and waits for its word.
//!
//! ```sh
//! cargo run --example request_commitment -- 127.0.0.1:11112 ARCHIVE 127.0.0.1:11113 60 study-folder
//! ```
//!
//! The third argument is where we listen for an archive that brings the result on an association of its own, which has to
//! know this address as that of `TELERAD`; the fourth is how many seconds to wait. The exit code is 0 only when the
//! archive answers for every instance: then, and not before, a modality may delete its copy.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use telerad::core::Uid;
use telerad::dicom::dataset::DataSetLimits;
use telerad::dicom::{Status, uids};
use telerad::dimse::plan_contexts;
use telerad::net::dicom::{
    AssociationContext, CalledTitle, ClientAssociation, CommitmentRequest, CommitmentResult,
    CommitmentScu, Peer, Server, SopReference,
};
use telerad::net::{Listener, Rng, SystemRng, TcpAcceptor, TcpConnector, TokioSpawn, shutdown};
use telerad_examples::{find_instances, finish};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

const OURS: &str = "TELERAD";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    finish("request_commitment", run(&arguments).await)
}

async fn run(arguments: &[String]) -> anyhow::Result<()> {
    let ([address, title, listen, seconds, paths @ ..], true) = (arguments, arguments.len() > 4)
    else {
        anyhow::bail!(
            "usage: request_commitment <address> <AE title> <our address> <seconds> <file or folder> …"
        );
    };
    let seconds = seconds.parse().with_context(|| format!("{seconds} is no number of seconds"))?;
    let mut peer = Peer::new(address, title.parse()?, OURS.parse()?);
    peer.timeouts.idle = Duration::from_secs(seconds).max(peer.timeouts.idle);
    let (files, left_out) = find_instances(paths).await?;
    ensure!(left_out.is_empty(), "not to be asked for: {}", left_out.join("; "));
    let instances: BTreeSet<SopReference> = files
        .iter()
        .map(|file| SopReference {
            sop_class_uid: file.meta.sop_class_uid.clone(),
            sop_instance_uid: file.meta.sop_instance_uid.clone(),
        })
        .collect();
    let request = CommitmentRequest {
        transaction_uid: new_uid().to_string(),
        instances: instances.into_iter().collect(),
    };

    let listener = TcpAcceptor::bind(listen.as_str())
        .await
        .with_context(|| format!("cannot listen on {listen}"))?;
    writeln!(io::stdout(), "listening on {}", listener.local_address())?;
    let (results, mut arrived) = mpsc::channel(1);
    let inbox = Results { transaction_uid: request.transaction_uid.clone(), results };
    let server = Server::builder(CalledTitle(OURS.parse()?)).commitment_results(inbox).build();
    let (stop, stopping) = shutdown();
    let serving = server.serve(listener, Arc::new(TokioSpawn), stopping);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let asking = async {
        let result = ask(&peer, &request, &mut arrived, deadline).await;
        stop.request();
        result
    };
    let ((), result) = tokio::join!(serving, asking);
    tell(&request, &result?)
}

/// A unique identifier as PS3.5 section B.2 derives one from random bits.
fn new_uid() -> Uid {
    let [high, low] = [SystemRng.next_u64(), SystemRng.next_u64()];
    Uid::from_u128(u128::from(high) << 64 | u128::from(low))
}

/// Asks, and waits for the result on either way that it may come.
async fn ask(
    peer: &Peer,
    request: &CommitmentRequest,
    arrived: &mut mpsc::Receiver<CommitmentResult>,
    deadline: Instant,
) -> anyhow::Result<CommitmentResult> {
    let syntax = uids::EXPLICIT_VR_LITTLE_ENDIAN;
    let contexts = plan_contexts(&[(uids::STORAGE_COMMITMENT_PUSH_MODEL, syntax)]).concat();
    let mut association = ClientAssociation::connect(&TcpConnector, peer, contexts).await?;
    let reply = association.n_service(&request.action(syntax)?).await?;
    ensure!(reply.status == Status::SUCCESS, "the archive answers {}", reply.status);
    writeln!(io::stdout(), "asked for {} instances", request.instances.len())?;
    let late = "no result came in time; nothing may be deleted";
    tokio::select! {
        biased;
        elsewhere = timeout_at(deadline, arrived.recv()) => elsewhere.ok().flatten().context(late),
        here = report(&mut association, &request.transaction_uid) => match here {
            Ok(result) => {
                association.release().await?;
                Ok(result)
            }
            // The archive may well end this association and open its own.
            Err(error) => {
                writeln!(io::stdout(), "waiting for an association of the archive's: {error:#}")?;
                timeout_at(deadline, arrived.recv()).await.ok().flatten().context(late)
            }
        },
    }
}

/// The result, if it comes on the association of the request.
async fn report(
    association: &mut ClientAssociation,
    transaction_uid: &str,
) -> anyhow::Result<CommitmentResult> {
    loop {
        let Some(report) = association.next_report(Duration::from_secs(1)).await? else { continue };
        let result = CommitmentResult::read(&report.request, DataSetLimits::default());
        let status = result.as_ref().err().copied().unwrap_or(Status::SUCCESS);
        association.answer_report(report, status.into()).await?;
        if let Ok(result) = result
            && result.transaction_uid == transaction_uid
        {
            return Ok(result);
        }
    }
}

/// Takes the result that an archive brings.
struct Results {
    transaction_uid: String,
    results: mpsc::Sender<CommitmentResult>,
}

impl CommitmentScu for Results {
    async fn result(&self, _: AssociationContext, result: CommitmentResult) -> Status {
        if result.transaction_uid != self.transaction_uid {
            return Status::PROCESSING_FAILURE;
        }
        // One is enough: a second is a repetition.
        self.results.try_send(result).ok();
        Status::SUCCESS
    }
}

fn tell(request: &CommitmentRequest, result: &CommitmentResult) -> anyhow::Result<()> {
    for failure in &result.failed {
        let instance = &failure.instance.sop_instance_uid;
        writeln!(io::stdout(), "not safe: {instance}, reason {:04X}H", failure.reason)?;
    }
    let (safe, asked) = (result.committed.len(), request.instances.len());
    writeln!(io::stdout(), "{safe} of {asked} instances are safe")?;
    ensure!(result.failed.is_empty(), "the archive does not answer for all of them");
    ensure!(request.is_answered_by(result), "the result does not mention all of them");
    Ok(())
}
