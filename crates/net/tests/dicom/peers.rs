//! The other side of every test: services, sources and listeners in memory.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use telerad_core::AeTitle;
use telerad_dicom::dataset::DataSetLimits;
use telerad_dicom::{DataSet, Status, tags, uids};
use telerad_dimse::{
    AssociateRequest, Association, AsyncWindow, Command, Config, ContextResult, Event,
    ProposedContext, Rejection, UserItems,
};
use telerad_net::dicom::{
    AssociationContext, AssociationError, Body, BodyError, BodySource, ClientAssociation,
    FindAnswers, FindRequest, KeySupport, Peer, ServerConfig, Services, StoreReply, StoreRequest,
    answers, grant_receiving, serve_stream,
};
use telerad_net::{BoxFuture, Clock, Connector, Listener, Remote, SystemClock, shutdown};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

pub type Stored = Arc<Mutex<Vec<(StoreRequest, Vec<u8>)>>>;
pub type Storing = Arc<dyn Fn(StoreRequest, Body) -> BoxFuture<'static, Status> + Send + Sync>;
pub type Ends = Arc<Mutex<Vec<Result<(), BodyError>>>>;

/// Services that do as they are told.
#[derive(Clone)]
pub struct Desk {
    pub admit: Result<(), Rejection>,
    pub find: Result<usize, Status>,
    pub find_pause: Duration,
    /// How many answers have been asked for.
    pub asked: Arc<AtomicUsize>,
    pub storing: Option<Storing>,
    pub stored: Stored,
    /// How many operations a peer is granted that asks for several at once.
    pub window: Option<u16>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            admit: Ok(()),
            find: Ok(3),
            find_pause: Duration::ZERO,
            asked: Arc::default(),
            storing: None,
            stored: Stored::default(),
            window: None,
        }
    }
}

impl Desk {
    pub fn storing<F>(store: impl Fn(StoreRequest, Body) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Status> + Send + 'static,
    {
        let storing: Storing = Arc::new(move |request, body| Box::pin(store(request, body)));
        Self { storing: Some(storing), ..Self::default() }
    }

    /// Reads bodies, and notes how each of them ended.
    pub fn reporting_ends() -> (Self, Ends) {
        let ends = Ends::default();
        let noted = Arc::clone(&ends);
        let desk = Self::storing(move |_, body| {
            let noted = Arc::clone(&noted);
            async move {
                let end = read(body).await.map(|_| ());
                noted.lock().unwrap().push(end);
                Status::SUCCESS
            }
        });
        (desk, ends)
    }

    pub fn stored(&self) -> Vec<(StoreRequest, Vec<u8>)> {
        self.stored.lock().unwrap().clone()
    }
}

impl Services for Desk {
    fn admit(&self, _: &AssociateRequest, _: &Remote) -> Result<(), Rejection> {
        self.admit
    }

    fn answer_items(&self, request: &AssociateRequest) -> UserItems {
        let async_window = self.window.map(|invoked| AsyncWindow { invoked, performed: 1 });
        UserItems { async_window, ..grant_receiving(request) }
    }

    fn store(
        &self,
        _: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> BoxFuture<'static, StoreReply> {
        if let Some(storing) = &self.storing {
            let status = storing(request, body);
            return Box::pin(async { status.await.into() });
        }
        let stored = Arc::clone(&self.stored);
        Box::pin(async move {
            match read(body).await {
                Ok(bytes) => {
                    stored.lock().unwrap().push((request, bytes));
                    Status::SUCCESS.into()
                }
                Err(_) => Status::CANNOT_UNDERSTAND.into(),
            }
        })
    }

    fn find(
        &self,
        _: AssociationContext,
        request: FindRequest,
    ) -> BoxFuture<'static, Result<Box<dyn FindAnswers>, Status>> {
        let (count, pause, asked) = (self.find, self.find_pause, Arc::clone(&self.asked));
        Box::pin(async move {
            tokio::time::sleep(pause).await;
            let question = request.keys(DataSetLimits::default())?;
            let id = question.text(tags::PATIENT_ID).unwrap_or_default();
            Ok(answers((0..count?).map(move |number| {
                asked.fetch_add(1, Ordering::Relaxed);
                let mut answer = DataSet::new();
                answer.set_text(tags::PATIENT_ID, &format!("{id}-{number}"));
                let odd = number % 2 == 1;
                request.answer(&answer, if odd { KeySupport::Some } else { KeySupport::All })
            })))
        })
    }
}

/// Everything that a body holds, if it arrives whole.
pub async fn read(mut body: Body) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        bytes.extend_from_slice(&piece?);
    }
    Ok(bytes)
}

pub fn title(text: &str) -> AeTitle {
    AeTitle::new(text).unwrap()
}

pub fn peer(address: &str) -> Peer {
    Peer::new(address, title("TELERAD"), title("CT1"))
}

pub fn every_context() -> Vec<ProposedContext> {
    let contexts = [
        (uids::VERIFICATION, uids::IMPLICIT_VR_LITTLE_ENDIAN),
        (uids::CT_IMAGE_STORAGE, uids::JPEG_2000_LOSSLESS),
        (uids::MODALITY_WORKLIST_FIND, uids::EXPLICIT_VR_LITTLE_ENDIAN),
    ];
    let ids = (1..).step_by(2);
    ids.zip(contexts)
        .map(|(id, (class, syntax))| ProposedContext {
            id,
            abstract_syntax: class.to_owned(),
            transfer_syntaxes: vec![syntax.to_owned()],
        })
        .collect()
}

pub async fn open(stream: DuplexStream) -> Result<ClientAssociation, AssociationError> {
    ClientAssociation::open(stream, SystemClock::shared(), &peer("there:104"), every_context())
        .await
}

/// An association with a server of these services, and the server's task.
pub async fn pair(desk: Desk, config: ServerConfig) -> (ClientAssociation, JoinHandle<()>) {
    let (near, far) = tokio::io::duplex(65_536);
    let server = tokio::task::spawn(async move {
        let (_handle, stop) = shutdown();
        serve_stream(far, "192.0.2.9:40000", Arc::new(desk), config, stop).await;
    });
    (open(near).await.unwrap(), server)
}

pub fn ct_request(seed: u8) -> StoreRequest {
    StoreRequest {
        message_id: 0,
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        sop_instance_uid: format!("1.2.3.{seed}"),
        transfer_syntax_uid: uids::JPEG_2000_LOSSLESS.to_owned(),
        move_originator: None,
    }
}

/// Pieces of uneven length that make up a data set.
pub fn pieces(seed: u8, length: usize) -> VecDeque<Bytes> {
    let block: Bytes = (0..40_009u32).map(|n| (n % 251) as u8 ^ seed).collect();
    let mut pieces = VecDeque::new();
    let mut left = length;
    while left > 0 {
        let take = left.min(block.len());
        pieces.push_back(block.slice(..take));
        left -= take;
    }
    pieces
}

/// Counts what is taken from a source.
pub struct Counted<S>(S, Arc<AtomicUsize>);

pub fn counted<S: BodySource>(source: S) -> (Counted<S>, Arc<AtomicUsize>) {
    let taken = Arc::new(AtomicUsize::new(0));
    (Counted(source, Arc::clone(&taken)), taken)
}

impl<S: BodySource> BodySource for Counted<S> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let piece = self.0.next().await?;
        self.1.fetch_add(piece.as_ref().map_or(0, Bytes::len), Ordering::Relaxed);
        Ok(piece)
    }
}

/// Yields so many large pieces, then fails.
pub struct Breaking(pub usize);

impl BodySource for Breaking {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                Ok(Some(Bytes::from(vec![7; 300_000])))
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Never comes to an end.
pub struct Endless;

impl BodySource for Endless {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(Some(Bytes::from_static(&[9; 5000])))
    }
}

/// Never comes to an end, and takes its time.
pub struct SlowlyEndless;

impl BodySource for SlowlyEndless {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok(Some(Bytes::from_static(&[9; 5000])))
    }
}

/// Never yields anything.
pub struct Stuck;

impl BodySource for Stuck {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        std::future::pending().await
    }
}

/// Connects to nobody, for ever.
pub struct Nowhere;

impl Connector for Nowhere {
    type Stream = DuplexStream;

    async fn connect(&self, _: &str) -> io::Result<DuplexStream> {
        std::future::pending().await
    }
}

/// A listener whose callers come from the connector beside it, with the address that they connect to as their own.
pub struct Queue(mpsc::UnboundedReceiver<(DuplexStream, String)>);

pub struct QueueConnector(mpsc::UnboundedSender<(DuplexStream, String)>);

impl Queue {
    pub fn new() -> (Self, QueueConnector) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(receiver), QueueConnector(sender))
    }
}

impl Listener for Queue {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, String)> {
        self.0.recv().await.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn local_address(&self) -> String {
        "in memory".to_owned()
    }
}

impl Connector for QueueConnector {
    type Stream = DuplexStream;

    async fn connect(&self, address: &str) -> io::Result<DuplexStream> {
        let (near, far) = tokio::io::duplex(65_536);
        let sent = self.0.send((far, address.to_owned()));
        sent.map_err(|_| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(near)
    }
}

/// A listener that fails so many times before it accepts.
pub struct Failing(pub Queue, pub usize);

impl Listener for Failing {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, String)> {
        if let Some(left) = self.1.checked_sub(1) {
            self.1 = left;
            return Err(io::ErrorKind::Other.into());
        }
        self.0.accept().await
    }

    fn local_address(&self) -> String {
        self.0.local_address()
    }
}

/// Identifiers of [`every_context`].
pub const VERIFICATION: u8 = 1;
pub const CT: u8 = 3;
pub const WORKLIST: u8 = 5;

/// A command in a PDU of its own.
pub fn by_hand(context_id: u8, command: &Command) -> Vec<u8> {
    let command_set = command.encode();
    let length = u32::try_from(command_set.len()).unwrap() + 2;
    let [pdu, pdv] = [length + 4, length].map(u32::to_be_bytes);
    [&[4, 0], pdu.as_slice(), &pdv, &[context_id, 3], &command_set].concat()
}

fn calling(contexts: Vec<ProposedContext>, user: UserItems) -> Association {
    // Some peers send requests ahead; this one can.
    let config = Config { operations_ahead_max: 64, ..Config::default() };
    let request = AssociateRequest {
        calling: title("CT1"),
        called: title("TELERAD"),
        contexts,
        pdu_bytes_max: config.pdu_bytes_max,
        implementation_class_uid: config.implementation_class_uid.clone(),
        implementation_version_name: config.implementation_version_name.clone(),
        user,
    };
    Association::requestor(config, request, SystemClock.now())
}

fn carry(from: &mut Association, to: &mut Association) {
    let mut pieces = Vec::new();
    from.poll_transmit(&mut pieces);
    to.handle_input(SystemClock.now(), pieces.concat().into());
}

/// A peer that says what it likes, when it likes.
pub struct Raw {
    machine: Association,
    pub stream: DuplexStream,
    pub server: JoinHandle<()>,
}

impl Raw {
    pub async fn associate(desk: Desk, config: ServerConfig) -> Self {
        Self::calling(Arc::new(desk), config).await
    }

    pub async fn calling(services: Arc<dyn Services>, config: ServerConfig) -> Self {
        Self::asking(services, config, every_context(), UserItems::default()).await
    }

    /// With these contexts and items proposed.
    pub async fn asking(
        services: Arc<dyn Services>,
        config: ServerConfig,
        contexts: Vec<ProposedContext>,
        user: UserItems,
    ) -> Self {
        let (stream, far) = tokio::io::duplex(65_536);
        let server = tokio::task::spawn(async move {
            let (_handle, stop) = shutdown();
            serve_stream(far, "raw:1", services, config, stop).await;
        });
        let mut raw = Self { machine: calling(contexts, user), stream, server };
        let Event::Established(_) = raw.event().await else { panic!("no association") };
        raw
    }

    /// Takes no notice any more of the window that was agreed.
    pub fn forget_window(&mut self) {
        let now = SystemClock.now();
        let mut machine = calling(every_context(), UserItems::default());
        let mut acceptor = Association::acceptor(Config::default(), now);
        carry(&mut machine, &mut acceptor);
        let Some(Event::Requested(request)) = acceptor.poll_event() else { panic!("no request") };
        let accepted = request.contexts.into_iter().map(|mut context| {
            let transfer_syntax = context.transfer_syntaxes.remove(0);
            (context.id, ContextResult::Accepted { transfer_syntax })
        });
        acceptor.accept(now, accepted.collect());
        carry(&mut acceptor, &mut machine);
        assert!(matches!(machine.poll_event(), Some(Event::Established(_))));
        self.machine = machine;
    }

    /// Sends a command that the machine would not send, and will not remember.
    pub async fn smuggle(&mut self, context_id: u8, command: &Command) {
        self.stream.write_all(&by_hand(context_id, command)).await.unwrap();
    }

    /// Waits for an answer to a request that was not sent, or not by the machine.
    pub fn expect(&mut self, message_id: u16) {
        let echo = Command::EchoRq { message_id };
        self.machine.send_command(SystemClock.now(), VERIFICATION, &echo).unwrap();
        self.machine.poll_transmit(&mut Vec::new());
    }

    pub async fn event(&mut self) -> Event {
        loop {
            if let Some(event) = self.machine.poll_event() {
                return event;
            }
            self.transmit().await;
            let mut input = bytes::BytesMut::new();
            match self.stream.read_buf(&mut input).await.unwrap() {
                0 => self.machine.handle_closed(SystemClock.now()),
                _ => self.machine.handle_input(SystemClock.now(), input.freeze()),
            }
        }
    }

    async fn transmit(&mut self) {
        let mut pieces = Vec::new();
        self.machine.poll_transmit(&mut pieces);
        self.stream.write_all(&pieces.concat()).await.unwrap();
    }

    pub async fn send(&mut self, context_id: u8, command: &Command) {
        self.machine.send_command(SystemClock.now(), context_id, command).unwrap();
        self.transmit().await;
    }

    pub async fn find(&mut self, message_id: u16) {
        let sop_class_uid = uids::MODALITY_WORKLIST_FIND.to_owned();
        let find = Command::FindRq { message_id, sop_class_uid, priority: 0 };
        self.send(WORKLIST, &find).await;
        self.finish(&DataSet::new().encode(uids::EXPLICIT_VR_LITTLE_ENDIAN).unwrap()).await;
    }

    /// Sends the data set of the last command.
    pub async fn finish(&mut self, data_set: &[u8]) {
        if !data_set.is_empty() {
            let data_set = Bytes::copy_from_slice(data_set);
            self.machine.send_body(SystemClock.now(), data_set).unwrap();
        }
        self.machine.finish_body(SystemClock.now()).unwrap();
        self.transmit().await;
    }

    /// The next response; its data set is passed over.
    pub async fn response(&mut self) -> Command {
        loop {
            match self.event().await {
                Event::Command { command, .. } => return command,
                Event::Body { .. } | Event::BodyEnd { .. } => {}
                event => panic!("{event:?}"),
            }
        }
    }

    pub async fn status(&mut self) -> Status {
        self.response().await.status().unwrap()
    }
}
