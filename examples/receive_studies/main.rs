//! Receives studies by C-STORE and keeps each instance as a file, byte for byte as it came.
//!
//! ```sh
//! cargo run --example receive_studies -- 127.0.0.1:11112 INBOX received
//! ```
//!
//! Success is answered once a file is whole and synced. Ctrl-C stops: what is under way is finished first.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use telerad::dicom::Status;
use telerad::net::dicom::{
    AssociationContext, Body, BodyError, CalledTitle, Server, StoreReply, StoreRequest, StoreScp,
};
use telerad::net::{Listener, TcpAcceptor, TokioSpawn, shutdown};
use telerad_examples::{finish, save};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    finish("receive_studies", run(&arguments).await)
}

async fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [address, title, folder] = arguments else {
        anyhow::bail!("usage: receive_studies <address> <AE title> <folder>");
    };
    let folder = PathBuf::from(folder);
    tokio::fs::create_dir_all(&folder)
        .await
        .with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let listener = TcpAcceptor::bind(address.as_str())
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    writeln!(io::stdout(), "listening on {}", listener.local_address())?;

    // Storage of every class in every transfer syntax, and verification: nothing else is negotiated.
    let server = Server::builder(CalledTitle(title.parse()?)).store(Folder(folder)).build();
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

struct Folder(PathBuf);

impl StoreScp for Folder {
    async fn store(&self, from: AssociationContext, it: StoreRequest, body: Body) -> StoreReply {
        match save(&self.0, &it, body).await {
            Ok(path) => {
                // Whether anybody reads along is no matter to the sender.
                writeln!(io::stdout(), "{} from {}", path.display(), from.calling).ok();
                Status::SUCCESS.into()
            }
            Err(error) => {
                eprintln!(
                    "receive_studies: {} from {}: {error:#}",
                    it.sop_instance_uid, from.calling
                );
                status_of(&error).into()
            }
        }
    }
}

/// What the sender hears: whether it should come again (PS3.4 section B.2.3).
fn status_of(error: &anyhow::Error) -> Status {
    match error.is::<io::Error>() {
        true => Status::OUT_OF_RESOURCES,
        false if error.is::<BodyError>() => Status::PROCESSING_FAILURE,
        false => Status::CANNOT_UNDERSTAND,
    }
}
