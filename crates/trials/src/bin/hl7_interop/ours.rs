//! Our side: the listener and the sender of `telerad-net`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use telerad::core::Timestamp;
use telerad::hl7::{AckCode, Acknowledgement, Message, acknowledge};
use telerad::net::mllp::{MessageHandler, Sender, ServerConfig, Timeouts, serve};
use telerad::net::{
    BoxFuture, Listener as _, Remote, ShutdownHandle, TcpAcceptor, TcpConnector, TokioSpawn,
    shutdown,
};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::messages::Sent;

/// A listener on loopback that keeps and accepts everything.
pub struct Listening {
    runtime: Runtime,
    port: u16,
    kept: Arc<Kept>,
    stop: ShutdownHandle,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl MessageHandler for Kept {
    fn handle(&self, _remote: Remote, frame: Bytes) -> BoxFuture<'static, Bytes> {
        let (answer, text) = match Message::parse(frame.clone()) {
            Ok(message) => {
                let id = format!("A-{}", message.control_id());
                let accept = Acknowledgement::accept();
                (acknowledge(Some(&message), &accept, &id, Timestamp::default()), frame)
            }
            Err(error) => {
                let refusal = error.acknowledgement();
                (acknowledge(None, &refusal, "A-0", Timestamp::default()), frame)
            }
        };
        let text = String::from_utf8_lossy(&text).into_owned();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text);
        Box::pin(async move { answer })
    }
}

impl Listening {
    /// Listens on a port of the system's choice.
    pub fn start() -> Result<Self> {
        let runtime = runtime()?;
        let kept = Arc::new(Kept::default());
        let acceptor = runtime.block_on(TcpAcceptor::bind("127.0.0.1:0"))?;
        let address = acceptor.local_address();
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.context("the listener has no port")?;
        let (stop, stopped) = shutdown();
        let (handler, config) = (Arc::clone(&kept), ServerConfig::default());
        let serving =
            runtime.spawn(serve(acceptor, handler, config, Arc::new(TokioSpawn), stopped));
        Ok(Self { runtime, port, kept, stop, serving })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops, and says what has come in.
    pub fn stop(self) -> Vec<String> {
        self.stop.request();
        // Whether it stops in time is the matter of other tests.
        let _ = self
            .runtime
            .block_on(async { tokio::time::timeout(Duration::from_secs(10), self.serving).await });
        std::mem::take(&mut *self.kept.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Sends every message until it is accepted, so many over one connection; how many had to be sent again because the connection broke.
pub fn send(port: u16, messages: &[Sent], connection_messages_max: usize) -> Result<usize> {
    let timeouts = Timeouts { response: Duration::from_secs(20), ..Timeouts::default() };
    runtime()?.block_on(async {
        let connection = || Sender::new(TcpConnector, format!("127.0.0.1:{port}"), timeouts);
        let mut sender = connection();
        let mut repeated = 0;
        for (place, sent) in messages.iter().enumerate() {
            if place % connection_messages_max == 0 {
                sender = connection();
            }
            let message = Message::parse(sent.text.clone())?;
            let mut tries = 0;
            let ack = loop {
                match sender.send(&message).await {
                    Ok(answer) => break answer.stored().await,
                    Err(error) if error.is_retryable() && tries < 2 => tries += 1,
                    Err(error) => bail!("{}: {error}", sent.control_id),
                }
            };
            repeated += tries;
            anyhow::ensure!(
                ack.code == AckCode::AA,
                "{} was answered {:?}",
                sent.control_id,
                ack.code
            );
        }
        Ok(repeated)
    })
}

fn runtime() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}
