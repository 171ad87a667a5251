//! Serves a modality worklist (PS3.4 annex K) from files: HL7 orders, and the items of another worklist server.
//!
//! ```sh
//! cargo run --example serve_worklist -- 127.0.0.1:11112 TELERAD examples/messages/order.hl7
//! ```
//!
//! A folder stands for the files in it, which are read once. Ask with `query_worklist`, or with any modality. Ctrl-C stops.
//! With a gateway the worklist follows the messages and outlives the process; this one shows the parts.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use telerad::core::SiteId;
use telerad::dicom::Status;
use telerad::dicom::dataset::DataSetLimits;
use telerad::net::dicom::{
    AssociationContext, CalledTitle, FindAnswer, FindAnswers, FindRequest, FindScp, KeySupport,
    Server, answers,
};
use telerad::net::{Listener, TcpAcceptor, TokioSpawn, shutdown};
use telerad::worklist::{Disposition, Mapping, Query, WorklistIndex, encode_answer};
use telerad_examples::{Bridge, files_in, finish, now};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    finish("serve_worklist", run(&arguments).await)
}

async fn run(arguments: &[String]) -> Result<()> {
    let ([address, title, paths @ ..], false) = (arguments, arguments.len() < 3) else {
        anyhow::bail!("usage: serve_worklist <address> <AE title> <file or folder>...");
    };
    let index = load(paths)?;
    let listener = TcpAcceptor::bind(address.as_str())
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    writeln!(io::stdout(), "listening on {}", listener.local_address())?;
    writeln!(io::stdout(), "{} steps", index.steps())?;

    let server = Server::builder(CalledTitle(title.parse()?)).worklist(Worklist(index)).build();
    let (stop, stopping) = shutdown();
    let serving = server.serve(listener, Arc::new(TokioSpawn), stopping);
    let asked = async {
        tokio::select! {
            biased;
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stop.request();
    };
    tokio::join!(serving, asked);
    Ok(())
}

/// What the files hold. What of it cannot be on a worklist is told, and the rest is served.
fn load(paths: &[String]) -> Result<WorklistIndex> {
    let mut bridge = Bridge::new(Mapping::new(SiteId::new("site")?));
    let now = now();
    for path in files_in(paths)? {
        match bridge.take_file(&path, now) {
            Ok(taken) => {
                for it in taken {
                    if let Disposition::Parked(why) = &it.disposition {
                        eprintln!("serve_worklist: {}: {}: {why}", path.display(), it.kind);
                    }
                    if let Disposition::Rejected(why) = &it.disposition {
                        eprintln!("serve_worklist: {}: {}: {why}", path.display(), it.kind);
                    }
                }
            }
            Err(error) => eprintln!("serve_worklist: {error:#}"),
        }
    }
    let mut index = WorklistIndex::new();
    bridge.orders().for_each(|order| index.put_order(order));
    bridge.patients().for_each(|patient| index.put_patient(patient));
    Ok(index)
}

struct Worklist(WorklistIndex);

impl FindScp for Worklist {
    async fn find(
        &self,
        from: AssociationContext,
        request: FindRequest,
    ) -> Result<Box<dyn FindAnswers>, Status> {
        let keys = request.keys(DataSetLimits::default())?;
        let query = Query::read(&keys).map_err(|error| {
            eprintln!("serve_worklist: {}: {error}", from.calling);
            error.status()
        })?;
        let query = query.asked_by(from.calling.clone());
        let support = if query.is_fully_supported() { KeySupport::All } else { KeySupport::Some };
        let sets = query.character_sets();
        let found = self.0.find(query, ANSWERS_MAX);
        writeln!(io::stdout(), "{} answers for {}", found.len(), from.calling).ok();
        let syntax = request.transfer_syntax_uid;
        Ok(answers(found.map(move |answer| {
            let identifier = encode_answer(&answer, sets, &syntax);
            let identifier = identifier.map_err(|_| Status::CANNOT_UNDERSTAND)?;
            Ok(FindAnswer { identifier: identifier.into(), support })
        })))
    }
}

/// No limit: who asks for everything is shown everything.
const ANSWERS_MAX: usize = usize::MAX;
