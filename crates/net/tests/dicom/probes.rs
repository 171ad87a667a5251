//! Those who connect and do not speak DICOM leave nothing behind: no task, no connection, no place taken.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use telerad_net::dicom::{Server, ServerConfig};
use telerad_net::{BoxFuture, Clock, Listener, Spawn, SystemClock, shutdown};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

use crate::peers::{Desk, Queue, Raw, every_context, peer};
use crate::server::builder;

/// Counts what lives.
#[derive(Clone, Default)]
struct Count(Arc<AtomicUsize>);

impl Count {
    fn one(&self) -> Alive {
        self.0.fetch_add(1, Ordering::Relaxed);
        Alive(self.clone())
    }

    fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

struct Alive(Count);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Clone, Default)]
struct CountedSpawn(Count);

impl Spawn for CountedSpawn {
    fn spawn(&self, _: &str, task: BoxFuture<'static, ()>) {
        let alive = self.0.one();
        tokio::task::spawn(async move {
            task.await;
            drop(alive);
        });
    }
}

/// A stream in memory that counts as a descriptor while it lives.
struct CountedStream(DuplexStream, #[expect(dead_code, reason = "counts")] Alive);

impl AsyncRead for CountedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

struct CountedQueue(Queue, Count);

impl Listener for CountedQueue {
    type Stream = CountedStream;

    async fn accept(&mut self) -> io::Result<(CountedStream, String)> {
        let (stream, address) = self.0.accept().await?;
        Ok((CountedStream(stream, self.1.one()), address))
    }

    fn local_address(&self) -> String {
        self.0.local_address()
    }
}

/// A request whose length says more than will ever come.
const HALF_A_REQUEST: &[u8] = b"\x01\x00\x00\x00\x00\xCE\x00\x01\x00\x00";
const HTTP: &[u8] = b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n";
const TLS_HELLO: &[u8] = b"\x16\x03\x01\x00\xC4\x01\x00\x00\xC0\x03\x03";

/// What is left after the deadline of `probes` that say this and hold on to their end, or not.
async fn check(said: &[u8], holds_on: bool) {
    let (streams, tasks) = (Count::default(), CountedSpawn::default());
    let (queue, connector) = Queue::new();
    let (handle, stop) = shutdown();
    // Two places: a probe that kept one would lock the others out.
    let config = ServerConfig {
        associations_max: 2,
        associations_per_peer_max: 2,
        ..ServerConfig::default()
    };
    let timers = config.association.timers;
    let server: Server = builder().config(config).build();
    let spawn = Arc::new(tasks.clone());
    let listener = CountedQueue(queue, streams.clone());
    let serving = tokio::task::spawn(server.serve(listener, spawn, stop));
    let mut ends = Vec::new();
    for _ in 0..2 {
        let mut probe = telerad_net::Connector::connect(&connector, "192.0.2.7:1").await.unwrap();
        probe.write_all(said).await.unwrap();
        if holds_on {
            ends.push(probe);
        }
    }
    let start = SystemClock.now();
    if said.is_empty() && holds_on {
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!((tasks.0.now(), streams.now()), (2, 2));
    }
    for probe in &mut ends {
        // Until the server has closed: it may say A-ABORT before.
        probe.read_to_end(&mut Vec::new()).await.unwrap();
    }
    let longest = timers.request + timers.abort;
    assert!(SystemClock.now() - start <= longest, "{:?}", SystemClock.now() - start);
    // What the tasks of those who have left already have to do takes no time, only turns.
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((tasks.0.now(), streams.now()), (0, 0), "{said:?}, holding on: {holds_on}");
    let peer = peer("192.0.2.7:9");
    let association =
        telerad_net::dicom::ClientAssociation::connect(&connector, &peer, every_context());
    association.await.unwrap().release().await.unwrap();
    drop(ends);
    handle.request();
    serving.await.unwrap();
    assert_eq!((tasks.0.now(), streams.now()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn no_probe_leaves_a_task_or_a_connection_behind() {
    for said in [b"".as_slice(), HTTP, TLS_HELLO, HALF_A_REQUEST] {
        check(said, true).await;
        check(said, false).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_falls_silent_after_its_request_is_let_go_at_the_idle_deadline() {
    let config = ServerConfig::default();
    let timers = config.association.timers;
    let silent = Raw::associate(Desk::default(), config).await;
    let start = SystemClock.now();
    silent.server.await.unwrap();
    assert_eq!(SystemClock.now() - start, timers.idle + timers.abort);
}
