//! Streams in memory that hand over any number of bytes at a time, hold few, and can be cut.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use telerad::net::{Connector, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::executor::{Dice, Executor, lock};

/// One end of a connection.
pub struct Wire {
    read: Arc<Mutex<Pipe>>,
    write: Arc<Mutex<Pipe>>,
    dice: Dice,
}

/// Cuts a connection, for both ends.
#[derive(Clone)]
pub struct Scissors([Arc<Mutex<Pipe>>; 2]);

#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    /// Nothing more is written.
    ended: bool,
    /// Nobody reads.
    deserted: bool,
    cut: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How an address takes a connection at the moment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Line {
    Open,
    /// Nobody is there.
    Refused,
    /// No answer at all.
    Silent,
}

type Gate = Arc<dyn Fn(&str) -> Line + Send + Sync>;

/// Hands one end of a new connection, and what cuts it, to whoever listens.
type Caller = UnboundedSender<(Wire, Scissors)>;

/// Addresses that somebody listens on. Clones share them.
#[derive(Clone)]
pub struct Network {
    executor: Executor,
    gate: Gate,
    ports: Arc<Mutex<BTreeMap<String, Caller>>>,
}

/// Listens on an address until it is dropped.
pub struct Port {
    address: String,
    accepted: u64,
    streams: UnboundedReceiver<(Wire, Scissors)>,
}

impl Network {
    pub fn new(executor: Executor, gate: Gate) -> Self {
        Self { executor, gate, ports: Arc::default() }
    }

    pub fn bind(&self, address: &str) -> Port {
        let (sender, streams) = unbounded_channel();
        lock(&self.ports).insert(address.to_owned(), sender);
        Port { address: address.to_owned(), accepted: 0, streams }
    }

    /// Connects; with the stream come the scissors for it.
    pub async fn call(&self, address: &str) -> io::Result<(Wire, Scissors)> {
        self.executor.dawdle().await;
        match (self.gate)(address) {
            Line::Open => {}
            Line::Refused => return Err(io::ErrorKind::ConnectionRefused.into()),
            Line::Silent => std::future::pending().await,
        }
        let port = lock(&self.ports).get(address).cloned();
        let (near, far, scissors) = pair(&self.executor.dice());
        if port.is_some_and(|port| port.send((far, scissors.clone())).is_ok()) {
            return Ok((near, scissors));
        }
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

impl Connector for Network {
    type Stream = Wire;

    async fn connect(&self, address: &str) -> io::Result<Wire> {
        Ok(self.call(address).await?.0)
    }
}

impl Port {
    pub async fn next(&mut self) -> Option<(Wire, Scissors)> {
        self.streams.recv().await
    }
}

impl Listener for Port {
    type Stream = Wire;

    async fn accept(&mut self) -> io::Result<(Wire, String)> {
        let (stream, _) = self.next().await.ok_or(io::ErrorKind::NotConnected)?;
        self.accepted += 1;
        Ok((stream, format!("caller {}", self.accepted)))
    }

    fn local_address(&self) -> String {
        self.address.clone()
    }
}

fn pair(dice: &Dice) -> (Wire, Wire, Scissors) {
    let (one, two) = (Arc::<Mutex<Pipe>>::default(), Arc::<Mutex<Pipe>>::default());
    let end = |read: &Arc<Mutex<Pipe>>, write: &Arc<Mutex<Pipe>>| Wire {
        read: Arc::clone(read),
        write: Arc::clone(write),
        dice: dice.clone(),
    };
    let (near, far) = (end(&one, &two), end(&two, &one));
    (near, far, Scissors([one, two]))
}

impl Scissors {
    pub fn cut(&self) {
        for pipe in &self.0 {
            let wakers = {
                let mut pipe = lock(pipe);
                pipe.cut = true;
                [pipe.reader.take(), pipe.writer.take()]
            };
            wakers.into_iter().flatten().for_each(Waker::wake);
        }
    }

    /// Cuts it after a while, unless it has ended by then.
    pub async fn cut_after(self, executor: Executor, time: Duration) {
        executor.pause(time).await;
        self.cut();
    }
}

impl Wire {
    /// How many of so many bytes go at once: mostly all of them.
    fn portion(&self, count: usize) -> usize {
        if count > 1 && self.dice.once_in(4) {
            let some = self.dice.below(count as u64) + 1;
            return usize::try_from(some).unwrap_or(count);
        }
        count
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.read);
        if pipe.cut {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = self.portion(pipe.bytes.len().min(buffer.remaining()));
        if count == 0 && !pipe.ended && buffer.remaining() > 0 {
            pipe.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        for byte in pipe.bytes.drain(..count) {
            buffer.put_slice(&[byte]);
        }
        let writer = pipe.writer.take();
        drop(pipe);
        writer.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.write);
        if pipe.cut || pipe.deserted || pipe.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = CAPACITY.saturating_sub(pipe.bytes.len());
        if room == 0 {
            pipe.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = self.portion(room.min(bytes.len()));
        pipe.bytes.extend(&bytes[..count]);
        let reader = pipe.reader.take();
        drop(pipe);
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let reader = {
            let mut pipe = lock(&self.write);
            pipe.ended = true;
            pipe.reader.take()
        };
        reader.into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let reader = {
            let mut pipe = lock(&self.write);
            pipe.ended = true;
            pipe.reader.take()
        };
        let writer = {
            let mut pipe = lock(&self.read);
            pipe.deserted = true;
            pipe.writer.take()
        };
        reader.into_iter().chain(writer).for_each(Waker::wake);
    }
}

/// Bytes that are under way in one direction at most.
const CAPACITY: usize = 2048;
