//! A small server in a process of its own: what it holds can be counted from outside.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use telerad::core::Uid;
use telerad::dicom::{HeadLimits, HeadScanner, Status, encoding_of};
use telerad::net::dicom::{
    AssociationContext, Body, CalledTitle, Server, ServerConfig, StoreReply, StoreRequest, StoreScp,
};
use telerad::net::tls::TlsAcceptor;
use telerad::net::{BoxFuture, Listener, Spawn, TcpAcceptor, TokioSpawn, shutdown};
use telerad_trials::GATEWAY_TITLE;
use telerad_trials::tool::Running;

use crate::credentials;

/// The first argument of a process that is to serve; the second is the folder of its certificates, if it has some.
pub const WORD: &str = "serve";

/// How long a peer of the small server may keep silent, in seconds.
pub const SILENCE_SECONDS: u64 = 3;

/// The small server as its parent sees it; killed when dropped.
pub struct Subject {
    process: Running,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    pub address: String,
}

impl Subject {
    pub fn start(certificates: Option<&Path>) -> Result<Self> {
        let ourselves = std::env::current_exe().context("where this program lies")?;
        let mut child: Child = Command::new(ourselves)
            .arg(WORD)
            .args(certificates)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the small server")?;
        let input = child.stdin.take().context("standard input")?;
        let output = BufReader::new(child.stdout.take().context("standard output")?);
        let mut subject = Self { process: Running(child), input, output, address: String::new() };
        subject.address = subject.line()?;
        Ok(subject)
    }

    pub fn id(&self) -> u32 {
        self.process.0.id()
    }

    /// How many of its tasks have not ended.
    pub fn tasks(&mut self) -> Result<usize> {
        self.input.write_all(b"tasks\n")?;
        Ok(self.line()?.parse()?)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

/// Serves until standard input ends. Says the address, then the number of tasks for each line that comes.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
pub fn serve(certificates: Option<PathBuf>) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpAcceptor::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_address());
        let listener = match certificates {
            Some(folder) => TlsAcceptor::new(listener, credentials::server(&folder)?),
            None => TlsAcceptor::without(listener),
        };
        let tasks = Tasks::default();
        let counted = tasks.clone();
        let (handle, stop) = shutdown();
        std::thread::spawn(move || {
            for _ in std::io::stdin().lines().map_while(Result::ok) {
                println!("{}", counted.0.load(Ordering::Relaxed));
            }
            handle.request();
        });
        let door = CalledTitle(GATEWAY_TITLE.parse()?);
        let server = Server::builder(door).store(Scanner).config(config()).build();
        server.serve(listener, Arc::new(tasks), stop).await;
        Ok(())
    })
}

/// Room for every probe at once, and deadlines that a trial can wait for.
fn config() -> ServerConfig {
    let mut config = ServerConfig {
        associations_max: 250,
        associations_per_peer_max: 250,
        tls_seconds_max: SILENCE_SECONDS,
        ..ServerConfig::default()
    };
    let timers = &mut config.association.timers;
    timers.request = Duration::from_secs(SILENCE_SECONDS);
    timers.idle = Duration::from_secs(SILENCE_SECONDS);
    timers.progress = Duration::from_secs(SILENCE_SECONDS);
    config
}

/// Reads each instance, keeps nothing of it, and says whether it was one.
struct Scanner;

impl StoreScp for Scanner {
    async fn store(
        &self,
        _: AssociationContext,
        request: StoreRequest,
        mut body: Body,
    ) -> StoreReply {
        if Uid::new(&request.sop_instance_uid).is_err() {
            return Status::INVALID_SOP_INSTANCE.into();
        }
        let encoding = encoding_of(&request.transfer_syntax_uid);
        let mut scanner = HeadScanner::new(encoding, HeadLimits::default());
        while let Some(piece) = body.next().await {
            let Ok(piece) = piece else { return Status::CANNOT_UNDERSTAND.into() };
            scanner.push(&piece);
        }
        match scanner.finish() {
            Ok(head) if head.damage().is_none() => Status::SUCCESS.into(),
            _ => Status::CANNOT_UNDERSTAND.into(),
        }
    }
}

/// Counts the tasks that live.
#[derive(Clone, Default)]
struct Tasks(Arc<AtomicUsize>);

impl Spawn for Tasks {
    fn spawn(&self, name: &str, task: BoxFuture<'static, ()>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        let alive = Alive(self.clone());
        let counted = async move {
            task.await;
            drop(alive);
        };
        TokioSpawn.spawn(name, Box::pin(counted));
    }
}

struct Alive(Tasks);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
