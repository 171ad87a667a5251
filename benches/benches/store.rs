//! C-STORE of a 512 × 512 × 16-bit slice over loopback: into a sink that throws it away, and into a gateway that
//! makes it durable, beside a bare request and response of the same bytes over TCP in the same run.
//!
//! ```sh
//! cargo bench -p telerad-benches --bench store
//! ```
#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and opens sockets")]

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bytes::Bytes;
use telerad::core::AeTitle;
use telerad::dicom::{Status, uids};
use telerad::dimse::{AssociateRequest, Rejection, plan_contexts};
use telerad::gateway::{Configuration, Environment, Gateway};
use telerad::net::dicom::{
    AssociationContext, Body, ClientAssociation, Peer, ServerConfig, Services, StoreReply,
    StoreRequest, serve,
};
use telerad::net::{BoxFuture, Listener, Remote, TcpAcceptor, TcpConnector, TokioSpawn, shutdown};
use telerad::store::payload::DirectorySpool;
use telerad::store::sqlite::SqliteStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ROUNDS: usize = 5;
const SLICES: usize = 100;

fn main() -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let slices: Vec<Slice> = (0..SLICES).map(slice).collect();
    let bytes = slices.first().context("no slices")?.data_set.len();
    println!("{SLICES} slices of {bytes} bytes, one association, median of {ROUNDS} rounds\n");
    println!("{:<34}{:>12}{:>12}{:>10}", "", "µs/slice", "MB/s", "ratio");
    let bare = measure(|| bare(&slices)).await?;
    print_row("bare request/response over TCP", bare, bytes, bare);
    let sink = measure(|| sink(&slices)).await?;
    print_row("C-STORE into a sink", sink, bytes, bare);
    let synced = measure(|| synced(&slices)).await?;
    print_row("three syncs of the same bytes", synced, bytes, bare);
    let stored = measure(|| gateway(&slices)).await?;
    print_row("C-STORE into a durable gateway", stored, bytes, bare);
    println!("\ngateway / three syncs: {:.2}", stored.as_secs_f64() / synced.as_secs_f64());
    Ok(())
}

fn print_row(name: &str, each: Duration, bytes: usize, bare: Duration) {
    let micros = each.as_secs_f64() * 1e6;
    let rate = bytes as f64 / each.as_secs_f64() / 1e6;
    println!(
        "{name:<34}{micros:>12.0}{rate:>12.0}{:>10.2}",
        bare.as_secs_f64() / each.as_secs_f64()
    );
}

async fn measure<F>(round: impl Fn() -> F) -> anyhow::Result<Duration>
where
    F: Future<Output = anyhow::Result<Duration>>,
{
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(round().await? / SLICES as u32);
    }
    times.sort();
    times.get(ROUNDS / 2).copied().context("no rounds")
}

struct Slice {
    uid: String,
    data_set: Bytes,
}

fn slice(number: usize) -> Slice {
    let mut instance = telerad_testkit::dicom::Instance::new(number as u64);
    (instance.rows, instance.columns) = (512, 512);
    Slice { data_set: instance.data_set(), uid: instance.sop_instance_uid }
}

/// The same bytes, an answer of the size of a C-STORE response, and nothing else.
async fn bare(slices: &[Slice]) -> anyhow::Result<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let sizes: Vec<usize> = slices.iter().map(|it| it.data_set.len()).collect();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut buffer = vec![0; 256 * 1024];
        for size in sizes {
            let mut left = size;
            while left > 0 {
                let read = stream.read(&mut buffer[..left.min(256 * 1024)]).await?;
                left -= read;
            }
            stream.write_all(&[0; 150]).await?;
        }
        anyhow::Ok(())
    });
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let start = Instant::now();
    let mut answer = [0; 150];
    for slice in slices {
        stream.write_all(&slice.data_set).await?;
        stream.read_exact(&mut answer).await?;
    }
    let took = start.elapsed();
    server.await??;
    Ok(took)
}

/// What durability costs on this disk with nothing around it: the file, the name of the file, and a log record.
async fn synced(slices: &[Slice]) -> anyhow::Result<Duration> {
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
    let directory = File::open(folder.path())?;
    let mut log = File::create(folder.path().join("log"))?;
    let start = Instant::now();
    for (number, slice) in slices.iter().enumerate() {
        let (unfinished, published) = (folder.path().join("tmp"), number.to_string());
        let mut file = File::create(&unfinished)?;
        file.write_all(&slice.data_set)?;
        file.sync_data()?;
        std::fs::rename(&unfinished, folder.path().join(published))?;
        directory.sync_all()?;
        log.write_all(&[0; 8192])?;
        log.sync_data()?;
    }
    Ok(start.elapsed())
}

struct Sink;

impl Services for Sink {
    fn admit(&self, _request: &AssociateRequest, _remote: &Remote) -> Result<(), Rejection> {
        Ok(())
    }

    fn store(
        &self,
        _context: AssociationContext,
        _request: StoreRequest,
        mut body: Body,
    ) -> BoxFuture<'static, StoreReply> {
        Box::pin(async move {
            while let Some(piece) = body.next().await {
                if piece.is_err() {
                    return Status::CANNOT_UNDERSTAND.into();
                }
            }
            Status::SUCCESS.into()
        })
    }
}

async fn sink(slices: &[Slice]) -> anyhow::Result<Duration> {
    let listener = TcpAcceptor::bind("127.0.0.1:0").await?;
    let address = listener.local_address();
    let (up, stopped) = shutdown();
    tokio::spawn(serve(
        listener,
        Arc::new(Sink),
        ServerConfig::default(),
        Arc::new(TokioSpawn),
        stopped,
    ));
    let took = send(&address, slices).await;
    drop(up);
    took
}

const CONFIGURATION: &str = r#"
data_directory = "unused"
dicom = { ae_title = "TELERAD", listen = "127.0.0.1:0" }
hl7 = { listen = "127.0.0.1:0", application = "TELERAD", facility = "GATEWAY" }
site = [{ id = "north" }]
source = [{ site = "north", ae_title = "BENCH" }]
"#;

/// Spool and SQLite on a disk, nothing to deliver to.
async fn gateway(slices: &[Slice]) -> anyhow::Result<Duration> {
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
    let configuration = Configuration::from_toml(CONFIGURATION, "bench")?;
    let store = SqliteStore::open(folder.path(), Default::default())?;
    let payloads = DirectorySpool::open(&folder.path().join("spool"), Default::default())?;
    let environment = Environment::system(store, payloads);
    let dicom = TcpAcceptor::bind("127.0.0.1:0").await?;
    let hl7 = TcpAcceptor::bind("127.0.0.1:0").await?;
    let gateway = Gateway::start(configuration, environment, dicom, hl7, TcpConnector)?;
    let took = send(gateway.dicom_address(), slices).await;
    gateway.stop().await;
    took
}

async fn send(address: &str, slices: &[Slice]) -> anyhow::Result<Duration> {
    let peer = Peer::new(address, AeTitle::new("TELERAD")?, AeTitle::new("BENCH")?);
    let class = uids::CT_IMAGE_STORAGE.to_owned();
    let syntax = uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned();
    let contexts = plan_contexts(&[(class.clone(), syntax.clone())]);
    let contexts = contexts.into_iter().next().unwrap_or_default();
    let mut association = ClientAssociation::connect(&TcpConnector, &peer, contexts).await?;
    let start = Instant::now();
    for slice in slices {
        let request = StoreRequest {
            message_id: 0,
            sop_class_uid: class.clone(),
            sop_instance_uid: slice.uid.clone(),
            transfer_syntax_uid: syntax.clone(),
            move_originator: None,
        };
        let answer = association.store(&request, slice.data_set.clone()).await?;
        ensure!(answer.is_delivered(), "answered {:04X}H", answer.status().code());
    }
    let took = start.elapsed();
    association.release().await?;
    Ok(took)
}
