//! What no store-and-forward program can go beyond on this machine: the reference program, which passes on what it has
//! made durable, between a sender and a sink that speak no protocol either.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};

use crate::reference::{ANSWER, BUFFER_BYTES, Client};
use crate::sender;

/// Receives and hashes data sets, as the trials' reader does, and counts them. Its threads end with their connections,
/// the listener with the process.
pub struct Sink {
    pub port: u16,
    count: Arc<AtomicUsize>,
}

impl Sink {
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (port, count) = (listener.local_addr()?.port(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&count);
        drop(std::thread::spawn(move || {
            for stream in listener.incoming().map_while(std::io::Result::ok) {
                let counted = Arc::clone(&counted);
                drop(std::thread::spawn(move || receive(stream, &counted)));
            }
        }));
        Ok(Self { port, count })
    }

    /// How many data sets have come whole.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

fn receive(mut stream: TcpStream, count: &AtomicUsize) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut length = [0; 4];
    while stream.read_exact(&mut length).is_ok() {
        let mut left = u32::from_le_bytes(length) as usize;
        let mut hasher = blake3::Hasher::new();
        while left > 0 {
            let piece =
                buffer.get_mut(..left.min(BUFFER_BYTES)).context("a piece of the buffer")?;
            stream.read_exact(piece)?;
            hasher.update(piece);
            left -= piece.len();
        }
        std::hint::black_box(hasher.finalize());
        count.fetch_add(1, Ordering::Relaxed);
        stream.write_all(&ANSWER)?;
    }
    Ok(())
}

/// PORT FOLDER: sends every file, each when the one before has been answered.
pub fn send_folder(port: u16, folder: &Path) -> Result<()> {
    let mut client = Client::connect((Ipv4Addr::LOCALHOST, port).into())?;
    sender::files(folder)?.iter().try_for_each(|path| client.send(&std::fs::read(path)?.into()))
}
