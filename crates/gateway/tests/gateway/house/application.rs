use std::sync::{Arc, Mutex};

use bytes::Bytes;
use telerad_core::Timestamp;
use telerad_hl7::{self as hl7, AckCode, AckError, Acknowledgement, Message};
use telerad_net::mllp::{Handled, MessageHandler, ServerConfig, serve_stream};
use telerad_net::{BoxFuture, Listener, Remote, shutdown};
use tokio::task::{JoinHandle, JoinSet};

use super::network::Network;

/// What an HL7 application does with a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reply {
    /// AA
    Accept,
    /// AE
    Error,
    /// AR
    Reject,
    /// Nothing at all.
    Silence,
    /// Closes the connection without a word.
    Close,
    /// CA, and nothing more.
    Commit,
    /// CA, then AA.
    CommitAndAccept,
}

type Script = Arc<dyn Fn(&Message, usize) -> Reply + Send + Sync>;

/// An HL7 application, on its address until it is dropped.
pub struct Application {
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    script: Mutex<Option<Script>>,
    came: Mutex<Vec<Message>>,
    taken: Mutex<Vec<Message>>,
}

impl Application {
    pub fn open(network: &Network, address: &str) -> Self {
        let shared = Arc::<Shared>::default();
        let mut port = network.bind(address);
        let desk = Arc::clone(&shared);
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, caller)) = port.accept().await {
                let desk = Arc::new(Desk(Arc::clone(&desk)));
                connections.spawn(async move {
                    let (_handle, stop) = shutdown();
                    let config =
                        ServerConfig { handler_seconds_max: 1 << 30, ..Default::default() };
                    serve_stream(stream, caller.as_str(), desk, config, stop).await;
                });
            }
        });
        Self { shared, serving }
    }

    /// Answers by message and by how often its MSH-10 came, counted from 1.
    pub fn script(self, script: impl Fn(&Message, usize) -> Reply + Send + Sync + 'static) -> Self {
        *self.shared.script.lock().unwrap() = Some(Arc::new(script));
        self
    }

    /// What was answered AA, in order: the text at a path.
    pub fn taken(&self, path: &str) -> Vec<String> {
        let taken = self.shared.taken.lock().unwrap();
        taken.iter().map(|message| message.text(path).unwrap_or_default()).collect()
    }

    /// How many messages came, repetitions included.
    pub fn came(&self) -> usize {
        self.shared.came.lock().unwrap().len()
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct Desk(Arc<Shared>);

impl MessageHandler for Desk {
    fn handle(&self, _: Remote, _: Bytes) -> BoxFuture<'static, Bytes> {
        unreachable!("servers ask for more than one answer")
    }

    fn handle_frame(&self, _: Remote, frame: Bytes) -> BoxFuture<'static, Handled> {
        let shared = Arc::clone(&self.0);
        Box::pin(async move {
            let message = Message::parse(frame).unwrap();
            let times = {
                let mut came = shared.came.lock().unwrap();
                came.push(message.clone());
                let same = |other: &&Message| other.control_id() == message.control_id();
                came.iter().filter(same).count()
            };
            let script = shared.script.lock().unwrap().clone();
            let complaint = || AckError {
                condition: 207,
                location: String::new(),
                text: "DOE^JOHN cannot be filed".to_owned(),
            };
            let write = |answer: &Acknowledgement| {
                hl7::acknowledge(Some(&message), answer, "ACK1", Timestamp::from_micros(0))
            };
            let (accept, commit) =
                (Acknowledgement::accept(), Acknowledgement { code: AckCode::CA, error: None });
            let reply = script.map_or(Reply::Accept, |script| script(&message, times));
            if matches!(reply, Reply::Accept | Reply::CommitAndAccept) {
                shared.taken.lock().unwrap().push(message.clone());
            }
            match reply {
                Reply::Accept => Handled::Answer(write(&accept)),
                Reply::Error => Handled::Answer(write(&Acknowledgement::error(complaint()))),
                Reply::Reject => Handled::Answer(write(&Acknowledgement::reject(complaint()))),
                Reply::Silence => std::future::pending().await,
                Reply::Close => Handled::Close,
                Reply::Commit => Handled::Answer(write(&commit)),
                Reply::CommitAndAccept => {
                    Handled::AnswerTwice { commit: write(&commit), application: write(&accept) }
                }
            }
        })
    }
}
