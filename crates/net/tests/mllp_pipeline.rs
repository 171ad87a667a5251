//! One pipeline, many tasks: order, deadlines, lost connections and the end.
#![expect(clippy::disallowed_methods, reason = "tests own their runtime")]

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use telerad_hl7::mllp::{Decoder, Event, Expectation, Limits, frame};
use telerad_hl7::{AckCode, Message, ReceivedAck};
use telerad_net::mllp::{Pipeline, PipelineConfig, SendError};
use telerad_net::{Connector, Rng, ShutdownHandle, TokioSpawn, shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

fn message(control_id: &str) -> Message {
    let text = format!("MSH|^~\\&|RIS|NORTH|||20240101||ADT^A04|{control_id}|P|2.5.1\r");
    Message::parse(text.into_bytes()).unwrap()
}

/// No chance at all: every pause is as long as can be.
struct NoChance;

impl Rng for NoChance {
    fn next_u64(&self) -> u64 {
        0
    }
}

/// Hands out streams that were prepared, and notes when it was asked.
#[derive(Clone, Default)]
struct Prepared {
    streams: Arc<Mutex<Vec<DuplexStream>>>,
    asked: Arc<Mutex<Vec<Instant>>>,
}

impl Connector for Prepared {
    type Stream = DuplexStream;

    async fn connect(&self, _: &str) -> io::Result<DuplexStream> {
        self.asked.lock().unwrap().push(Instant::now());
        self.streams.lock().unwrap().pop().ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }
}

/// A pipeline, the peers of its connections in order, and its end.
struct House {
    pipeline: Pipeline,
    peers: Vec<Peer>,
    connector: Prepared,
    shutdown: ShutdownHandle,
}

fn house(connections: usize, config: PipelineConfig) -> House {
    let (near, far): (Vec<_>, Vec<_>) = (0..connections).map(|_| tokio::io::duplex(65_536)).unzip();
    let connector = Prepared::default();
    connector.streams.lock().unwrap().extend(near.into_iter().rev());
    let (handle, stop) = shutdown();
    let config = PipelineConfig { rng: Arc::new(NoChance), ..config };
    let pipeline = Pipeline::start(connector.clone(), "ris:2575", config, &TokioSpawn, stop);
    let peers = far.into_iter().map(Peer::new).collect();
    House { pipeline, peers, connector, shutdown: handle }
}

fn pipelined(in_flight_max: usize) -> PipelineConfig {
    PipelineConfig { in_flight_max, ..PipelineConfig::default() }
}

impl House {
    /// Calls `send` now, in a task of its own.
    async fn send(&self, control_id: &str) -> JoinHandle<Result<AckCode, SendError>> {
        let (pipeline, message) = (self.pipeline.clone(), message(control_id));
        let task = tokio::spawn(async move { pipeline.send(&message).await.map(|ack| ack.code) });
        pass(0).await;
        task
    }
}

/// Lets simulated time pass, and everybody do what there is to do.
async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds) + Duration::from_millis(1)).await;
}

/// The other end of a connection.
struct Peer {
    stream: DuplexStream,
    decoder: Decoder,
}

impl Peer {
    fn new(stream: DuplexStream) -> Self {
        Self { stream, decoder: Decoder::new(Limits::default()) }
    }

    /// The control ids of what has come and was not looked at.
    async fn came(&mut self) -> Vec<String> {
        let mut came = Vec::new();
        loop {
            while let Some(event) = self.decoder.poll() {
                let Event::Frame(frame) = event else { panic!("{event:?}") };
                came.push(Message::parse(frame).unwrap().control_id());
            }
            let mut bytes = bytes::BytesMut::new();
            let reading = self.stream.read_buf(&mut bytes);
            match tokio::time::timeout(Duration::from_millis(1), reading).await {
                Ok(Ok(count)) if count > 0 => self.decoder.feed(bytes.freeze()),
                _ => return came,
            }
        }
    }

    async fn answer(&mut self, code: &str, control_id: &str) {
        let ack = format!("MSH|^~\\&\rMSA|{code}|{control_id}\r");
        self.stream.write_all(&frame(ack.as_bytes())).await.unwrap();
        pass(0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_message_at_a_time_is_in_flight_unless_more_are_asked_for() {
    let mut house = house(1, PipelineConfig::default());
    let (first, second) = (house.send("M1").await, house.send("M2").await);
    assert_eq!(house.peers[0].came().await, ["M1"]);
    house.peers[0].answer("AA", "M1").await;
    assert_eq!(house.peers[0].came().await, ["M2"]);
    house.peers[0].answer("AR", "M2").await;
    assert_eq!(first.await.unwrap(), Ok(AckCode::AA));
    assert_eq!(second.await.unwrap(), Ok(AckCode::AR));
}

#[tokio::test(start_paused = true)]
async fn messages_leave_in_order_and_answers_come_in_any() {
    let mut house = house(1, pipelined(3));
    let mut sent = Vec::new();
    for control_id in ["M1", "M2", "M3", "M4"] {
        sent.push(house.send(control_id).await);
    }
    assert_eq!(house.peers[0].came().await, ["M1", "M2", "M3"]);
    house.peers[0].answer("AE", "M2").await;
    assert_eq!(house.peers[0].came().await, ["M4"]);
    for control_id in ["M4", "M3", "M1"] {
        house.peers[0].answer("AA", control_id).await;
    }
    let mut codes = Vec::new();
    for task in sent {
        codes.push(task.await.unwrap().unwrap());
    }
    assert_eq!(codes, [AckCode::AA, AckCode::AE, AckCode::AA, AckCode::AA]);
}

#[tokio::test(start_paused = true)]
async fn a_late_message_costs_the_connection_and_not_the_others() {
    let mut house = house(2, pipelined(2));
    let first = house.send("M1").await;
    pass(10).await;
    let second = house.send("M2").await;
    let third = house.send("M3").await;
    assert_eq!(first.await.unwrap(), Err(SendError::Timeout));
    // There is room now, but not here.
    assert_eq!(house.peers[0].came().await, ["M1", "M2"]);
    house.peers[0].answer("AA", "M1").await;
    house.peers[0].answer("AA", "M2").await;
    assert_eq!(second.await.unwrap(), Ok(AckCode::AA));
    pass(1).await;
    assert_eq!(house.peers[1].came().await, ["M3"]);
    house.peers[1].answer("AA", "M3").await;
    assert_eq!(third.await.unwrap(), Ok(AckCode::AA));
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_leaves_the_fate_of_what_was_in_flight_open() {
    let mut house = house(2, pipelined(2));
    let sent = [house.send("M1").await, house.send("M2").await, house.send("M3").await];
    let lost = house.peers.remove(0);
    drop(lost);
    let [first, second, third] = sent;
    for task in [first, second] {
        let error = task.await.unwrap().unwrap_err();
        assert!(error.is_outcome_unknown() && error.is_retryable(), "{error}");
    }
    pass(1).await;
    let again = house.send("M1").await;
    assert_eq!(house.peers[0].came().await, ["M3", "M1"]);
    house.peers[0].answer("AA", "M3").await;
    house.peers[0].answer("AA", "M1").await;
    assert_eq!(third.await.unwrap(), Ok(AckCode::AA));
    assert_eq!(again.await.unwrap(), Ok(AckCode::AA));
}

#[tokio::test(start_paused = true)]
async fn connections_are_tried_more_and_more_seldom_until_a_message_has_waited_enough() {
    let house = house(0, PipelineConfig::default());
    let start = Instant::now();
    let sent = house.send("M1").await.await.unwrap();
    assert_eq!(sent, Err(SendError::Connect(io::ErrorKind::ConnectionRefused)));
    assert_eq!(start.elapsed().as_secs(), 60);
    let asked = house.connector.asked.lock().unwrap().clone();
    let asked: Vec<_> = asked.iter().map(|at| (*at - start).as_secs()).collect();
    assert_eq!(asked, [0, 1, 3, 7, 15, 31]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waited_too_long_behind_others_was_not_sent() {
    let config = PipelineConfig {
        waiting_time_max: Duration::from_secs(5),
        waiting_max: 1,
        ..PipelineConfig::default()
    };
    let mut house = house(1, config);
    let _first = house.send("M1").await;
    // One waits, the other waits for its place.
    let (second, third) = (house.send("M2").await, house.send("M3").await);
    assert_eq!(second.await.unwrap(), Err(SendError::Queued));
    assert_eq!(third.await.unwrap(), Err(SendError::Queued));
    assert_eq!(house.peers[0].came().await, ["M1"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_what_is_in_flight_finish() {
    let mut house = house(1, PipelineConfig::default());
    let (first, second) = (house.send("M1").await, house.send("M2").await);
    house.shutdown.request();
    pass(10).await;
    assert_eq!(second.await.unwrap(), Err(SendError::Stopped));
    assert_eq!(house.send("M3").await.await.unwrap(), Err(SendError::Stopped));
    house.peers[0].answer("AA", "M1").await;
    assert_eq!(first.await.unwrap(), Ok(AckCode::AA));
    house.pipeline.ended().await;
    assert_eq!(house.peers[0].came().await, ["M1"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_ever() {
    let config = PipelineConfig { drain: Duration::from_secs(7), ..PipelineConfig::default() };
    let house = house(1, config);
    let start = Instant::now();
    let first = house.send("M1").await;
    house.shutdown.request();
    house.pipeline.ended().await;
    assert_eq!(start.elapsed().as_secs(), 7);
    assert!(first.await.unwrap().unwrap_err().is_outcome_unknown());
}

#[tokio::test(start_paused = true)]
async fn a_number_in_use_is_not_sent_again() {
    let mut house = house(1, pipelined(4));
    let first = house.send("M1").await;
    assert_eq!(house.send("M1").await.await.unwrap(), Err(SendError::ControlIdInUse));
    house.peers[0].answer("AA", "M1").await;
    assert_eq!(first.await.unwrap(), Ok(AckCode::AA));
    let _again = house.send("M1").await;
    assert_eq!(house.peers[0].came().await, ["M1", "M1"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_caller_has_gone_is_not_sent() {
    let mut house = house(1, PipelineConfig::default());
    let (first, second) = (house.send("M1").await, house.send("M2").await);
    let third = house.send("M3").await;
    second.abort();
    house.peers[0].answer("AA", "M1").await;
    assert_eq!(house.peers[0].came().await, ["M1", "M3"]);
    house.peers[0].answer("AA", "M3").await;
    assert_eq!((first.await.unwrap(), third.await.unwrap()), (Ok(AckCode::AA), Ok(AckCode::AA)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_the_peer_closes_between_messages_costs_nothing() {
    let mut house = house(2, PipelineConfig::default());
    let first = house.send("M1").await;
    house.peers[0].answer("AA", "M1").await;
    assert_eq!(first.await.unwrap(), Ok(AckCode::AA));
    house.peers.remove(0);
    pass(0).await;
    let _second = house.send("M2").await;
    assert_eq!(house.peers[0].came().await, ["M2"]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_answer_alone_is_not_the_end() {
    let mut house = house(1, PipelineConfig::default());
    let (pipeline, commits) = (house.pipeline.clone(), Arc::new(Mutex::new(Vec::new())));
    let seen = Arc::clone(&commits);
    let sent = tokio::spawn(async move {
        let both = Expectation::CommitAndApplication;
        let mut accepted = |ack: &ReceivedAck| seen.lock().unwrap().push(ack.code);
        pipeline.send_expecting(&message("M1"), both, &mut accepted).await
    });
    pass(0).await;
    house.peers[0].answer("CA", "M1").await;
    pass(200).await;
    assert!(!sent.is_finished());
    assert_eq!(*commits.lock().unwrap(), [AckCode::CA]);
    house.peers[0].answer("AE", "M1").await;
    assert_eq!(sent.await.unwrap().unwrap().map(|ack| ack.code), Some(AckCode::AE));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_wants_no_answer_is_done_with_once_it_is_sent() {
    let mut house = house(1, PipelineConfig::default());
    let mut nobody = |_: &ReceivedAck| {};
    let nothing = Expectation::Nothing;
    let sent = house.pipeline.send_expecting(&message("M1"), nothing, &mut nobody).await;
    assert_eq!(sent, Ok(None));
    assert_eq!(house.peers[0].came().await, ["M1"]);
}
