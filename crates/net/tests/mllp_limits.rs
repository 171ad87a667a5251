//! What an MLLP server holds for all of its connections, and for those of one peer.
#![expect(clippy::disallowed_methods, reason = "tests own their runtime")]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use telerad_hl7::mllp::frame;
use telerad_net::mllp::{MessageHandler, ServerConfig, serve};
use telerad_net::{BoxFuture, Listener, Remote, ShutdownHandle, TokioSpawn, shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

struct Echo;

impl MessageHandler for Echo {
    fn handle(&self, _: Remote, frame: Bytes) -> BoxFuture<'static, Bytes> {
        Box::pin(async move {
            if frame.len() == SLOW {
                tokio::time::sleep(Duration::from_secs(100)).await;
            }
            Bytes::from(format!("{} bytes", frame.len()))
        })
    }
}

struct Door(mpsc::UnboundedReceiver<(DuplexStream, String)>);

impl Listener for Door {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, String)> {
        match self.0.recv().await {
            Some(visitor) => Ok(visitor),
            None => std::future::pending().await,
        }
    }

    fn local_address(&self) -> String {
        "in memory".to_owned()
    }
}

/// A server that echoes the length of frames.
struct Server {
    door: mpsc::UnboundedSender<(DuplexStream, String)>,
    _shutdown: ShutdownHandle,
}

impl Server {
    fn start(config: ServerConfig) -> Self {
        let (door, visitors) = mpsc::unbounded_channel();
        let (handle, stop) = shutdown();
        let spawn = Arc::new(TokioSpawn);
        tokio::spawn(serve(Door(visitors), Arc::new(Echo), config, spawn, stop));
        Self { door, _shutdown: handle }
    }

    fn connect(&self, address: &str) -> DuplexStream {
        // Small, so that a peer that is held back feels it.
        let (near, far) = tokio::io::duplex(4096);
        self.door.send((far, address.to_owned())).unwrap();
        near
    }
}

/// What comes back for a frame of so many bytes, and after how many seconds: `None` when the connection is closed.
async fn exchange(mut stream: DuplexStream, bytes: usize) -> (Option<String>, u64) {
    let start = Instant::now();
    if stream.write_all(&frame(&vec![b'x'; bytes])).await.is_err() {
        return (None, start.elapsed().as_secs());
    }
    let mut got = Vec::new();
    while !got.ends_with(b"\x1c\r") {
        if stream.read_buf(&mut got).await.unwrap_or(0) == 0 {
            return (None, start.elapsed().as_secs());
        }
    }
    let text = String::from_utf8(got[1..got.len() - 2].to_vec()).unwrap();
    (Some(text), start.elapsed().as_secs())
}

/// Begins a frame of so many bytes, and says nothing more.
async fn half(server: &Server, bytes: usize) -> DuplexStream {
    let mut stream = server.connect("idle:1");
    stream.write_all(b"\x0b").await.unwrap();
    stream.write_all(&vec![b'x'; bytes]).await.unwrap();
    stream
}

const KIB: usize = 1024;
/// A frame of this length is worked on for 100 s.
const SLOW: usize = 240 * KIB;

/// Room for one frame of 256 KiB apart, and for as much beside it.
fn tight() -> ServerConfig {
    ServerConfig {
        frame_bytes_max: 256 * KIB,
        frames_bytes_max_total: 512 * KIB,
        ..ServerConfig::default()
    }
}

fn answered(bytes: usize, seconds: u64) -> (Option<String>, u64) {
    (Some(format!("{bytes} bytes")), seconds)
}

#[tokio::test(start_paused = true)]
async fn a_frame_as_large_as_the_memory_passes() {
    let config = ServerConfig { frames_bytes_max_total: 0, ..tight() };
    let server = Server::start(config);
    assert_eq!(exchange(server.connect("a:1"), 256 * KIB).await, answered(256 * KIB, 0));
    assert_eq!(exchange(server.connect("a:1"), 256 * KIB).await, answered(256 * KIB, 0));
}

#[tokio::test(start_paused = true)]
async fn large_frames_wait_for_memory_and_small_ones_do_not() {
    let server = Server::start(tight());
    // The first takes what is beside the lane, the second the lane.
    let _idle = [half(&server, 200 * KIB).await, half(&server, 200 * KIB).await];
    let small = exchange(server.connect("b:1"), 10 * KIB);
    let large = exchange(server.connect("c:1"), 200 * KIB);
    let (small, large) = tokio::join!(small, large);
    assert_eq!(small, answered(10 * KIB, 0));
    // Silent senders are given up after half a minute.
    assert_eq!(large, answered(200 * KIB, 30));
}

#[tokio::test(start_paused = true)]
async fn frames_that_wait_for_each_other_all_end() {
    let server = Server::start(tight());
    let all = (0..8).map(|n| exchange(server.connect(&format!("p{n}:1")), 250 * KIB));
    let mut tasks = Vec::new();
    for one in all {
        tasks.push(tokio::spawn(one));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), answered(250 * KIB, 0));
    }
}

/// Holds the lane as long as the server lets it: 200 KiB of a frame, then a byte every 10 s.
async fn drip(server: &Server) {
    let mut stream = half(server, 200 * KIB).await;
    tokio::spawn(async move {
        while stream.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    });
}

#[tokio::test(start_paused = true)]
async fn a_dripping_frame_gives_its_memory_back_at_its_deadline() {
    let server = Server::start(ServerConfig { frames_bytes_max_total: 0, ..tight() });
    drip(&server).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    // Whoever drips has 600 s in all.
    assert_eq!(exchange(server.connect("b:1"), 200 * KIB).await, answered(200 * KIB, 500));
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_gets_no_memory_in_time_is_given_up() {
    let config = ServerConfig { frames_bytes_max_total: 0, frame_seconds_max: 60, ..tight() };
    let server = Server::start(config);
    let slow = tokio::spawn(exchange(server.connect("a:1"), SLOW));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(exchange(server.connect("b:1"), 200 * KIB).await, (None, 60));
    assert_eq!(slow.await.unwrap(), answered(SLOW, 100));
    assert_eq!(exchange(server.connect("b:1"), 200 * KIB).await, answered(200 * KIB, 0));
}

#[tokio::test(start_paused = true)]
async fn one_peer_cannot_take_every_connection() {
    let config = ServerConfig { connections_per_peer_max: 2, ..ServerConfig::default() };
    let server = Server::start(config);
    let _held = [server.connect("192.0.2.1:1001"), server.connect("192.0.2.1:1002")];
    assert_eq!(exchange(server.connect("192.0.2.1:1003"), 10).await, (None, 0));
    assert_eq!(exchange(server.connect("192.0.2.2:1001"), 10).await, answered(10, 0));
}
