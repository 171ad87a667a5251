//! HL7 over MLLP: servers and senders talking to each other, and to peers that break the rules.
#![expect(clippy::disallowed_methods, reason = "tests own their runtime")]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use telerad_core::Timestamp;
use telerad_hl7::mllp::{Commit, Expectation, FaultPolicy, Reaction, Release, frame};
use telerad_hl7::{AckCode, Acknowledgement, Message, ReceivedAck, acknowledge};
use telerad_net::mllp::{
    Handled, MessageHandler, Reconnect, Reply, SendError, Sender, ServerConfig, Timeouts, serve,
    serve_stream,
};
use telerad_net::{
    BoxFuture, Connector, Listener, Remote, Rng, Shutdown, ShutdownHandle, TcpAcceptor,
    TcpConnector, TokioSpawn, shutdown,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

/// Answers AA to what it can read and AR to the rest, after a pause, and notes what came.
#[derive(Clone, Default)]
struct Desk {
    pause: Duration,
    seen: Arc<Mutex<Vec<Bytes>>>,
}

impl MessageHandler for Desk {
    fn handle(&self, _: Remote, frame: Bytes) -> BoxFuture<'static, Bytes> {
        let desk = self.clone();
        Box::pin(async move {
            tokio::time::sleep(desk.pause).await;
            desk.seen.lock().unwrap().push(frame.clone());
            answer(&frame)
        })
    }
}

fn answer(frame: &Bytes) -> Bytes {
    let message = Message::parse(frame.clone()).ok();
    let code = if message.is_some() { AckCode::AA } else { AckCode::AR };
    let ack = Acknowledgement { code, error: None };
    acknowledge(message.as_ref(), &ack, "ACK1", Timestamp::from_micros(0))
}

fn message(control_id: &str) -> Message {
    let text = format!(
        "MSH|^~\\&|RIS|NORTH|TELERAD|GATEWAY|20240101||ADT^A04^ADT_A01|{control_id}|P|2.5.1\r\
         PID|1||P1^^^NORTH\r"
    );
    Message::parse(text.into_bytes()).unwrap()
}

fn start(
    stream: DuplexStream,
    desk: &Desk,
    config: ServerConfig,
) -> (ShutdownHandle, JoinHandle<()>) {
    let (handle, stop) = shutdown();
    let task =
        tokio::task::spawn(serve_stream(stream, "ris:1", Arc::new(desk.clone()), config, stop));
    (handle, task)
}

/// Hands out streams that were prepared.
struct Prepared(Mutex<Vec<DuplexStream>>);

impl Prepared {
    fn new(streams: impl IntoIterator<Item = DuplexStream>) -> Self {
        let mut streams: Vec<_> = streams.into_iter().collect();
        streams.reverse();
        Self(Mutex::new(streams))
    }
}

impl Connector for Prepared {
    type Stream = DuplexStream;

    async fn connect(&self, _: &str) -> io::Result<DuplexStream> {
        self.0.lock().unwrap().pop().ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }
}

/// Sends a message and stores its acknowledgement.
async fn acknowledged<C: Connector>(
    sender: &mut Sender<C>,
    control_id: &str,
) -> Result<ReceivedAck, SendError> {
    Ok(sender.send(&message(control_id)).await?.stored().await)
}

/// No chance at all: every pause is as long as can be.
struct NoChance;

impl Rng for NoChance {
    fn next_u64(&self) -> u64 {
        0
    }
}

/// A sender and the stream of a peer that the test plays itself.
fn sender() -> (Sender<Prepared>, DuplexStream) {
    let (near, far) = tokio::io::duplex(65_536);
    (Sender::new(Prepared::new([near]), "ris:2575", Timeouts::default()), far)
}

#[tokio::test]
async fn messages_are_acknowledged_over_tcp_until_the_server_stops() {
    let listener = TcpAcceptor::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_address();
    let (handle, stop) = shutdown();
    let desk = Desk::default();
    let server = spawn_server(listener, &desk, ServerConfig::default(), stop);
    let mut sender = Sender::new(TcpConnector, &address, Timeouts::default());
    for control_id in ["M1", "M2", "M3"] {
        let ack = acknowledged(&mut sender, control_id).await.unwrap();
        assert_eq!((ack.code, ack.control_id.as_str()), (AckCode::AA, control_id));
    }
    assert_eq!(desk.seen.lock().unwrap().len(), 3);
    handle.request();
    server.await.unwrap();
    let error = sender.send(&message("M4")).await.unwrap_err();
    assert!(matches!(error, SendError::Connect(_)), "{error:?}");
}

fn spawn_server<L: Listener>(
    listener: L,
    desk: &Desk,
    config: ServerConfig,
    stop: Shutdown,
) -> JoinHandle<()> {
    let desk = Arc::new(desk.clone());
    tokio::task::spawn(serve(listener, desk, config, Arc::new(TokioSpawn), stop))
}

#[tokio::test]
async fn frames_of_one_connection_are_answered_in_order() {
    let (mut near, far) = tokio::io::duplex(65_536);
    let desk = Desk::default();
    let (_handle, _server) = start(far, &desk, ServerConfig::default());
    let (first, second) = (message("M1"), message("M2"));
    let sent = [frame(first.as_bytes()), frame(second.as_bytes())].concat();
    near.write_all(&sent).await.unwrap();
    let expected = [frame(&answer(first.as_bytes())), frame(&answer(second.as_bytes()))].concat();
    let mut got = vec![0; expected.len()];
    near.read_exact(&mut got).await.unwrap();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn nonsense_in_a_frame_is_answered() {
    let (mut near, far) = tokio::io::duplex(65_536);
    let (_handle, _server) = start(far, &Desk::default(), ServerConfig::default());
    near.write_all(&frame(b"no message at all")).await.unwrap();
    let mut got = vec![0; 1000];
    let count = near.read(&mut got).await.unwrap();
    assert!(String::from_utf8_lossy(&got[..count]).contains("\rMSA|AR|"));
}

#[tokio::test]
async fn an_oversized_frame_closes_the_connection() {
    let (mut near, far) = tokio::io::duplex(65_536);
    let config = ServerConfig { frame_bytes_max: 1000, ..ServerConfig::default() };
    let desk = Desk::default();
    let (_handle, server) = start(far, &desk, config);
    near.write_all(&frame(&[b'x'; 5000])).await.unwrap();
    server.await.unwrap();
    assert_eq!(near.read(&mut [0; 10]).await.unwrap(), 0);
    assert!(desk.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn half_a_frame_is_not_a_message() {
    let (mut near, far) = tokio::io::duplex(65_536);
    let desk = Desk::default();
    let (_handle, server) = start(far, &desk, ServerConfig::default());
    let whole = frame(message("M1").as_bytes());
    near.write_all(&whole[..whole.len() - 2]).await.unwrap();
    drop(near);
    server.await.unwrap();
    assert!(desk.seen.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stalled_frame_ends_the_connection() {
    let (mut near, far) = tokio::io::duplex(65_536);
    let start_time = tokio::time::Instant::now();
    let (_handle, server) = start(far, &Desk::default(), ServerConfig::default());
    near.write_all(b"\x0bMSH|^~\\&|").await.unwrap();
    server.await.unwrap();
    assert_eq!(start_time.elapsed().as_secs(), 30);
}

#[tokio::test(start_paused = true)]
async fn shutdown_answers_the_message_in_flight() {
    let (near, far) = tokio::io::duplex(65_536);
    let desk = Desk { pause: Duration::from_secs(5), ..Desk::default() };
    let (handle, server) = start(far, &desk, ServerConfig::default());
    let mut sender = Sender::new(Prepared::new([near]), "ris:2575", Timeouts::default());
    let outgoing = message("M1");
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        handle.request();
    };
    let (ack, ()) = tokio::join!(sender.send(&outgoing), stopping);
    assert_eq!(ack.unwrap().ack().code, AckCode::AA);
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_answer_ends_the_connection() {
    let (near, far) = tokio::io::duplex(65_536);
    let desk = Desk { pause: Duration::from_secs(1_000_000), ..Desk::default() };
    let config = ServerConfig { handler_seconds_max: 20, ..ServerConfig::default() };
    let (_handle, server) = start(far, &desk, config);
    let mut sender = Sender::new(Prepared::new([near]), "ris:2575", Timeouts::default());
    let start_time = tokio::time::Instant::now();
    let error = sender.send(&message("M1")).await.unwrap_err();
    assert!(matches!(error, SendError::Closed(_)), "{error:?}");
    assert_eq!(start_time.elapsed().as_secs(), 20);
    server.await.unwrap();
}

#[tokio::test]
async fn a_lost_connection_is_renewed() {
    let (near_1, far_1) = tokio::io::duplex(65_536);
    let (near_2, far_2) = tokio::io::duplex(65_536);
    let desk = Desk::default();
    let (handle_1, server_1) = start(far_1, &desk, ServerConfig::default());
    let (_handle_2, _server_2) = start(far_2, &desk, ServerConfig::default());
    let connector = Prepared::new([near_1, near_2]);
    let mut sender = Sender::new(connector, "ris:2575", Timeouts::default());
    acknowledged(&mut sender, "M1").await.unwrap();
    handle_1.request();
    server_1.await.unwrap();
    assert_eq!(acknowledged(&mut sender, "M2").await.unwrap().control_id, "M2");
    assert_eq!(desk.seen.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn silence_is_a_timeout_and_costs_the_connection() {
    let (mut sender, _far) = sender();
    let start_time = tokio::time::Instant::now();
    assert_eq!(sender.send(&message("M1")).await.unwrap_err(), SendError::Timeout);
    assert_eq!(start_time.elapsed().as_secs(), 30);
    let next = sender.send(&message("M1")).await.unwrap_err();
    assert_eq!(next, SendError::Connect(io::ErrorKind::ConnectionRefused));
}

#[tokio::test(start_paused = true)]
async fn the_acknowledgement_of_another_message_is_none() {
    let (mut sender, mut far) = sender();
    let wrong = frame(&answer(message("OTHER").as_bytes()));
    far.write_all(&wrong).await.unwrap();
    let error = sender.send(&message("M1")).await.unwrap_err();
    assert_eq!(error, SendError::NotAnAcknowledgement);
}

#[tokio::test(start_paused = true)]
async fn the_right_acknowledgement_may_come_behind_a_wrong_one() {
    let (mut sender, mut far) = sender();
    let both = [answer(message("OTHER").as_bytes()), answer(message("M1").as_bytes())];
    far.write_all(&both.map(|ack| frame(&ack)).concat()).await.unwrap();
    assert_eq!(acknowledged(&mut sender, "M1").await.unwrap().control_id, "M1");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_no_bytes_is_noticed() {
    let (near, _far) = tokio::io::duplex(16);
    let mut sender = Sender::new(Prepared::new([near]), "ris:2575", Timeouts::default());
    assert_eq!(sender.send(&message("M1")).await.unwrap_err(), SendError::Stalled);
}

#[tokio::test(start_paused = true)]
async fn the_time_to_answer_starts_with_the_last_byte_of_the_message() {
    let (near, mut far) = tokio::io::duplex(16);
    let mut sender = Sender::new(Prepared::new([near]), "ris:2575", Timeouts::default());
    let outgoing = message("M1");
    let slow_peer = async {
        let mut left = frame(outgoing.as_bytes()).len();
        while left > 0 {
            tokio::time::sleep(Duration::from_secs(10)).await;
            left -= far.read(&mut [0; 16]).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        far.write_all(&frame(&answer(outgoing.as_bytes()))).await.unwrap();
        std::future::pending::<()>().await;
    };
    let ack = tokio::select! {
        ack = sender.send(&outgoing) => ack,
        () = slow_peer => unreachable!(),
    };
    assert_eq!(ack.unwrap().ack().code, AckCode::AA);
}

#[tokio::test]
async fn a_message_without_control_id_is_not_sent() {
    let (mut sender, _far) = sender();
    assert_eq!(sender.send(&message("")).await.unwrap_err(), SendError::NoControlId);
}

#[tokio::test]
async fn a_port_alone_listens_on_the_loopback_interface_only() {
    for address in ["0", ":0"] {
        let listener = TcpAcceptor::bind(address).await.unwrap();
        assert!(listener.local_address().starts_with("127.0.0.1:"), "{}", listener.local_address());
    }
}

#[tokio::test]
async fn a_message_that_holds_the_end_of_a_frame_is_not_sent() {
    let (mut sender, _peer) = sender();
    for text in ["a\x1c\rZZZ|b", "a\x0bb", "a\x1c\nb"] {
        let message = Message::parse(format!("MSH|^~\\&||||||||M1\rOBX|||||{text}\r")).unwrap();
        assert_eq!(sender.send(&message).await.unwrap_err(), SendError::NotFramable, "{text:?}");
    }
}

fn release_2() -> ServerConfig {
    ServerConfig { release: Release::Two, ..ServerConfig::default() }
}

#[tokio::test]
async fn both_ends_commit_in_release_2() {
    let (near, far) = tokio::io::duplex(65_536);
    let desk = Desk::default();
    let (_handle, _server) = start(far, &desk, release_2());
    let connector = Prepared::new([near]);
    let mut sender =
        Sender::new(connector, "ris:2575", Timeouts::default()).with_release(Release::Two);
    for control_id in ["M1", "M2"] {
        assert_eq!(acknowledged(&mut sender, control_id).await.unwrap().code, AckCode::AA);
    }
    assert_eq!(desk.seen.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn in_release_2_the_commit_block_comes_before_the_answer() {
    let (mut near, far) = tokio::io::duplex(65_536);
    let (_handle, _server) = start(far, &Desk::default(), release_2());
    near.write_all(&frame(message("M1").as_bytes())).await.unwrap();
    let mut got = [0; 8];
    near.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"\x0b\x06\x1c\r\x0bMSH");
}

/// Ends every frame in the same way.
#[derive(Clone)]
struct Ending(Handled);

impl MessageHandler for Ending {
    fn handle(&self, _: Remote, _: Bytes) -> BoxFuture<'static, Bytes> {
        unreachable!("the server asks for more than an answer")
    }

    fn handle_frame(&self, _: Remote, _: Bytes) -> BoxFuture<'static, Handled> {
        let handled = self.0.clone();
        Box::pin(async move { handled })
    }
}

/// What the server sends back for one frame, up to its closing the connection or to `bytes`.
async fn reply(handled: Handled, config: ServerConfig, bytes: usize) -> Vec<u8> {
    let (mut near, far) = tokio::io::duplex(65_536);
    let (_handle, stop) = shutdown();
    tokio::task::spawn(serve_stream(far, "ris:1", Arc::new(Ending(handled)), config, stop));
    near.write_all(&frame(message("M1").as_bytes())).await.unwrap();
    let mut got = Vec::new();
    near.take(bytes as u64).read_to_end(&mut got).await.unwrap();
    got
}

#[tokio::test]
async fn what_could_not_be_stored_is_sent_again() {
    assert_eq!(reply(Handled::NotStored, release_2(), 4).await, b"\x0b\x15\x1c\r");
    assert_eq!(reply(Handled::NotStored, ServerConfig::default(), 4).await, b"");
    assert_eq!(reply(Handled::Close, release_2(), 4).await, b"");
    assert_eq!(reply(Handled::Nothing, release_2(), 4).await, b"\x0b\x06\x1c\r");
}

#[tokio::test]
async fn a_sender_learns_that_its_message_was_not_stored() {
    let (near, far) = tokio::io::duplex(65_536);
    let (_handle, stop) = shutdown();
    let handler = Arc::new(Ending(Handled::NotStored));
    tokio::task::spawn(serve_stream(far, "ris:1", handler, release_2(), stop));
    let connector = Prepared::new([near]);
    let mut sender =
        Sender::new(connector, "ris:2575", Timeouts::default()).with_release(Release::Two);
    assert_eq!(acknowledged(&mut sender, "M1").await, Err(SendError::NotCommitted));
}

#[tokio::test]
async fn broken_framing_ends_the_connection_where_the_policy_says_so() {
    let (mut near, far) = tokio::io::duplex(65_536);
    let fault_policy = FaultPolicy { stray_bytes: Reaction::Close, ..FaultPolicy::default() };
    let config = ServerConfig { fault_policy, ..ServerConfig::default() };
    let (_handle, server) = start(far, &Desk::default(), config);
    near.write_all(b"x").await.unwrap();
    near.write_all(&frame(message("M1").as_bytes())).await.unwrap();
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn connections_that_come_to_nothing_are_tried_more_and_more_seldom() {
    let reconnect = Reconnect { first: Duration::from_secs(1), longest: Duration::from_secs(5) };
    let mut sender = Sender::new(Prepared::new([]), "ris:2575", Timeouts::default())
        .with_reconnect(reconnect, Arc::new(NoChance));
    let start_time = tokio::time::Instant::now();
    let mut tried_at = Vec::new();
    for _ in 0..6 {
        sender.send(&message("M1")).await.unwrap_err();
        tried_at.push(start_time.elapsed().as_secs());
    }
    assert_eq!(tried_at, [0, 1, 3, 7, 12, 17]);
}

#[tokio::test(start_paused = true)]
async fn after_an_answer_the_next_connection_is_tried_at_once() {
    let (streams, peers): (Vec<_>, Vec<_>) = (0..2).map(|_| tokio::io::duplex(65_536)).unzip();
    let mut sender = Sender::new(Prepared::new(streams), "ris:2575", Timeouts::default())
        .with_reconnect(Reconnect::default(), Arc::new(NoChance));
    let start_time = tokio::time::Instant::now();
    for peer in peers {
        let (handle, server) = start(peer, &Desk::default(), ServerConfig::default());
        acknowledged(&mut sender, "M1").await.unwrap();
        handle.request();
        server.await.unwrap();
    }
    assert_eq!(start_time.elapsed().as_secs(), 0);
}

#[test]
fn a_sender_can_be_moved_between_threads_while_it_sends() {
    fn check<T: Send>(_: T) {}
    let (mut sender, _peer) = sender();
    check(sender.send(&message("M1")));
}

#[tokio::test(start_paused = true)]
async fn both_answers_of_enhanced_mode_are_waited_for() {
    let (mut sender, mut peer) = sender();
    let answering = async {
        peer.write_all(&frame(b"MSH|^~\\&\rMSA|CA|M1\r")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(200)).await;
        peer.write_all(&frame(b"MSH|^~\\&\rMSA|AE|M1\r")).await.unwrap();
    };
    let message = message("M1");
    let sending = async {
        let both = Expectation::CommitAndApplication;
        let reply = sender.send_expecting(&message, both).await.unwrap();
        let Reply::Accepted(accepted) = reply else { panic!("{reply:?}") };
        assert_eq!(accepted.ack().code, AckCode::CA);
        accepted.stored().await.unwrap().stored().await
    };
    let (ack, ()) = tokio::join!(sending, answering);
    assert_eq!(ack.code, AckCode::AE);
}

#[tokio::test(start_paused = true)]
async fn an_application_that_does_not_answer_is_given_up() {
    let (mut sender, mut peer) = sender();
    peer.write_all(&frame(b"MSH|^~\\&\rMSA|CA|M1\r")).await.unwrap();
    let start_time = tokio::time::Instant::now();
    let both = Expectation::CommitAndApplication;
    let reply = sender.send_expecting(&message("M1"), both).await.unwrap();
    let Reply::Accepted(accepted) = reply else { panic!("{reply:?}") };
    assert_eq!(accepted.stored().await.unwrap_err(), SendError::Timeout);
    assert_eq!(start_time.elapsed().as_secs(), 300);
}

#[tokio::test]
async fn a_message_that_wants_no_answer_is_done_with_once_it_is_sent() {
    let (mut sender, mut peer) = sender();
    let message = message("M1");
    let reply = sender.send_expecting(&message, Expectation::Nothing).await.unwrap();
    assert!(matches!(reply, Reply::Nothing), "{reply:?}");
    let mut got = vec![0; frame(message.as_bytes()).len()];
    peer.read_exact(&mut got).await.unwrap();
    assert_eq!(got, frame(message.as_bytes()));
}

/// A sender in release 2 whose peer has committed `M1` and answered it, and that peer.
async fn answered_in_release_2() -> (Sender<Prepared>, DuplexStream) {
    let (sender, mut peer) = sender();
    peer.write_all(Commit::Ack.block()).await.unwrap();
    peer.write_all(&frame(b"MSH|^~\\&\rMSA|AA|M1\r")).await.unwrap();
    (sender.with_release(Release::Two), peer)
}

/// What has come to the peer, beyond the message, so far or until the connection was closed.
async fn said(peer: &mut DuplexStream) -> String {
    let mut got = vec![0; 1000];
    let sent = frame(message("M1").as_bytes()).len();
    let mut count = 0;
    let reading = async {
        loop {
            let more = peer.read(&mut got[count..]).await.unwrap();
            count += more;
            if more == 0 {
                break;
            }
        }
    };
    let closed = tokio::time::timeout(Duration::from_secs(1), reading).await.is_ok();
    let end = if closed { "end" } else { "open" };
    format!("{} {end}", got[sent..count].escape_ascii())
}

#[tokio::test(start_paused = true)]
async fn in_release_2_an_answer_is_committed_once_it_is_stored() {
    let (mut sender, mut peer) = answered_in_release_2().await;
    let outgoing = message("M1");
    let answer = sender.send(&outgoing).await.unwrap();
    assert_eq!(answer.ack().code, AckCode::AA);
    assert_eq!(said(&mut peer).await, " open");
    answer.stored().await;
    let mut block = [0; 4];
    peer.read_exact(&mut block).await.unwrap();
    assert_eq!(block, Commit::Ack.block());
}

#[tokio::test]
async fn in_release_2_the_next_message_of_an_answer_without_commit_block_has_its_own_connection() {
    let ((near, mut far), (next_near, mut next_far)) =
        (tokio::io::duplex(65_536), tokio::io::duplex(65_536));
    let connector = Prepared::new([near, next_near]);
    let mut sender =
        Sender::new(connector, "ris:2575", Timeouts::default()).with_release(Release::Two);
    far.write_all(&frame(b"MSH|^~\\&\rMSA|AA|M1\r")).await.unwrap();
    assert_eq!(acknowledged(&mut sender, "M1").await.unwrap().code, AckCode::AA);
    next_far.write_all(Commit::Ack.block()).await.unwrap();
    next_far.write_all(&frame(b"MSH|^~\\&\rMSA|AA|M2\r")).await.unwrap();
    assert_eq!(acknowledged(&mut sender, "M2").await.unwrap().code, AckCode::AA);
}

#[tokio::test]
async fn a_connection_lost_between_both_answers_is_no_delivery() {
    let (mut sender, mut peer) = sender();
    peer.write_all(&frame(b"MSH|^~\\&\rMSA|CA|M1\r")).await.unwrap();
    let outgoing = message("M1");
    let reply = sender.send_expecting(&outgoing, Expectation::CommitAndApplication).await.unwrap();
    let Reply::Accepted(accepted) = reply else { panic!("{reply:?}") };
    drop(peer);
    let error = accepted.stored().await.unwrap_err();
    assert!(matches!(error, SendError::Closed(_) | SendError::Transport(_)), "{error:?}");
    assert!(error.is_outcome_unknown());
}

#[tokio::test]
async fn an_answer_may_come_byte_by_byte() {
    let (near, mut peer) = tokio::io::duplex(1);
    let mut sender = Sender::new(Prepared::new([near]), "ris:2575", Timeouts::default());
    let playing = tokio::spawn(async move {
        let mut got = vec![0; frame(message("M1").as_bytes()).len()];
        peer.read_exact(&mut got).await.unwrap();
        peer.write_all(&frame(b"MSH|^~\\&\rMSA|AA|M1\r")).await.unwrap();
        peer
    });
    assert_eq!(acknowledged(&mut sender, "M1").await.unwrap().code, AckCode::AA);
    drop(playing.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn in_release_2_an_answer_that_is_not_stored_is_refused() {
    let (mut sender, mut peer) = answered_in_release_2().await;
    drop(sender.send(&message("M1")).await.unwrap());
    assert_eq!(said(&mut peer).await, "\\x0b\\x15\\x1c\\r end");
}

#[tokio::test(start_paused = true)]
async fn in_release_1_a_dropped_answer_costs_nothing() {
    let (mut sender, mut peer) = sender();
    peer.write_all(&frame(b"MSH|^~\\&\rMSA|AA|M1\r")).await.unwrap();
    drop(sender.send(&message("M1")).await.unwrap());
    assert_eq!(said(&mut peer).await, " open");
}

#[tokio::test(start_paused = true)]
async fn in_release_2_a_commit_answer_is_committed_before_the_application_s_is_awaited() {
    let (near, mut peer) = tokio::io::duplex(65_536);
    let sender = Sender::new(Prepared::new([near]), "ris:2575", Timeouts::default());
    let mut sender = sender.with_release(Release::Two);
    peer.write_all(Commit::Ack.block()).await.unwrap();
    peer.write_all(&frame(b"MSH|^~\\&\rMSA|CA|M1\r")).await.unwrap();
    let outgoing = message("M1");
    let reply = sender.send_expecting(&outgoing, Expectation::CommitAndApplication).await.unwrap();
    let Reply::Accepted(accepted) = reply else { panic!("{reply:?}") };
    assert_eq!(said(&mut peer).await, " open");
    let application = async {
        let mut block = [0; 4];
        peer.read_exact(&mut block).await.unwrap();
        peer.write_all(&frame(b"MSH|^~\\&\rMSA|AA|M1\r")).await.unwrap();
        block
    };
    let (answer, block) = tokio::join!(accepted.stored(), application);
    assert_eq!((answer.unwrap().ack().code, &block[..]), (AckCode::AA, Commit::Ack.block()));
}
