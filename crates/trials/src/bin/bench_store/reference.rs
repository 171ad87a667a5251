//! What an intake cannot do without: bytes from TCP, a digest, a file, its syncs, and a log whose sync is shared. No
//! protocol, no head, no decision. Where it forwards, it does so as soon as the log is synced, and notes nothing of it.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use anyhow::{Context, Result};
use bytes::Bytes;
use telerad_trials::tool::Running;

use crate::{ROLE, say};

/// A reference program in a process of its own.
pub struct Reference {
    pub address: SocketAddr,
    _process: Running,
}

impl Reference {
    /// Starts it on a folder that exists and is empty; what it has made durable it passes on to `sink`.
    pub fn start(folder: &Path, sink: Option<u16>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([ROLE, "reference"]).arg(folder).args(sink.map(|port| port.to_string()));
        let mut child: Child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("reference")?;
        let output = child.stdout.take().context("standard output")?;
        let process = Running(child);
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line)?;
        let port = line.trim_end().strip_prefix("ready ").context("it is not ready")?;
        Ok(Self { address: (Ipv4Addr::LOCALHOST, port.parse()?).into(), _process: process })
    }
}

/// Sends data sets, each when the one before has been answered.
pub struct Client(TcpStream);

impl Client {
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    pub fn send(&mut self, data_set: &Bytes) -> Result<()> {
        self.0.write_all(&u32::try_from(data_set.len())?.to_le_bytes())?;
        self.0.write_all(data_set)?;
        Ok(self.0.read_exact(&mut [0; ANSWER.len()])?)
    }
}

/// `FOLDER [PORT]`: keeps what comes, as files named by their digests, and a log.
pub fn serve(folder: &Path, sink: Option<u16>) -> Result<()> {
    std::fs::create_dir(folder.join("tmp"))?;
    for number in 0..=u8::MAX {
        std::fs::create_dir(folder.join(format!("{number:02x}")))?;
    }
    let log = create_log(&folder.join("log"))?;
    let (records, waiting) = channel();
    drop(std::thread::spawn(move || write_log(log, &waiting)));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    say(&format!("ready {}", listener.local_addr()?.port()))?;
    let next = Arc::new(AtomicU64::new(0));
    for stream in listener.incoming() {
        let (stream, folder, records) = (stream?, folder.to_owned(), records.clone());
        let next = Arc::clone(&next);
        drop(std::thread::spawn(move || {
            if let Err(error) = receive(stream, &folder, &records, &next, sink) {
                eprintln!("reference: {error:#}");
            }
        }));
    }
    Ok(())
}

fn receive(
    mut stream: TcpStream,
    folder: &Path,
    records: &Sender<Sender<()>>,
    next: &AtomicU64,
    sink: Option<u16>,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let onward = sink.map(forward);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut length = [0; 4];
    while stream.read_exact(&mut length).is_ok() {
        let mut left = u32::from_le_bytes(length) as usize;
        let temporary = folder.join("tmp").join(next.fetch_add(1, Ordering::Relaxed).to_string());
        let mut file = File::create(&temporary)?;
        let mut hasher = blake3::Hasher::new();
        while left > 0 {
            // As much at a time as the spool writes.
            let part = left.min(BUFFER_BYTES);
            stream.read_exact(&mut buffer[..part])?;
            hasher.update(&buffer[..part]);
            file.write_all(&buffer[..part])?;
            left -= part;
        }
        file.sync_data()?;
        let name = hasher.finalize().to_hex();
        let directory = folder.join(&name[..2]);
        let path = directory.join(name.as_str());
        std::fs::rename(&temporary, &path)?;
        File::open(&directory)?.sync_all()?;
        let (written, wait) = channel();
        records.send(written)?;
        wait.recv()?;
        stream.write_all(&ANSWER)?;
        if let Some(onward) = &onward {
            onward.send(path)?;
        }
    }
    Ok(())
}

/// One connection to the sink for each that comes in, which reads files and waits for each answer.
fn forward(sink: u16) -> Sender<PathBuf> {
    let (paths, waiting) = channel::<PathBuf>();
    drop(std::thread::spawn(move || {
        let send_all = || -> Result<()> {
            let mut client = Client::connect((Ipv4Addr::LOCALHOST, sink).into())?;
            waiting.iter().try_for_each(|path| client.send(&std::fs::read(path)?.into()))
        };
        if let Err(error) = send_all() {
            eprintln!("reference: {error:#}");
        }
    }));
    paths
}

/// A log that is as long beforehand as it gets: one that grows takes about twice as long to sync.
pub fn create_log(path: &Path) -> Result<File> {
    let mut log = File::create(path)?;
    log.write_all(&vec![0; LOG_BYTES])?;
    log.sync_all()?;
    log.rewind()?;
    Ok(log)
}

/// Whoever has come during a sync shares the next one.
fn write_log(mut log: File, waiting: &Receiver<Sender<()>>) -> Result<()> {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter());
        log.write_all(&vec![0; group.len() * RECORD_BYTES])?;
        log.sync_data()?;
        for member in group {
            // One that is gone needs no answer.
            let _ = member.send(());
        }
    }
    Ok(())
}

/// What the engine logs of an instance, about.
pub const RECORD_BYTES: usize = 8192;
pub const BUFFER_BYTES: usize = 256 * 1024;
/// As long as the answer to a C-STORE.
pub const ANSWER: [u8; 150] = [0; 150];
/// Half as much again as any run logs.
const LOG_BYTES: usize = 4 * 1024 * 1024;
