//! A receiver that acknowledges whatever it gets and prints what it was, without patient data; and a sender for it.
//!
//! ```sh
//! cargo run --example mllp_echo -- listen 2575
//! cargo run --example mllp_echo -- send 127.0.0.1:2575 examples/messages/order.hl7
//! cargo run --example mllp_echo                        # both ends in one process, with a message of its own
//! ```
//!
//! A port alone listens on the loopback interface. This program speaks no TLS: where the network is not yours, wrap its
//! acceptor and its connector (`telerad::net::tls`) or put a tunnel before it.

#![expect(clippy::disallowed_methods, reason = "a program that reads a file and the clock")]

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use anyhow::{Context, ensure};
use bytes::Bytes;
use telerad::core::Timestamp;
use telerad::hl7::batch::{BatchLimits, File};
use telerad::hl7::{
    AckCondition, AckMode, ErrorSegment, Message, Outcome, Reply, Severity, header_fault,
};
use telerad::net::mllp::{
    Handled, MessageHandler, Reconnect, Sender, ServerConfig, Timeouts, serve,
};
use telerad::net::{
    BoxFuture, Listener, Remote, ShutdownHandle, SystemRng, TcpAcceptor, TcpConnector, TokioSpawn,
    shutdown,
};
use telerad_examples::{Shown, complain, finish, printable};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        [] => both().await,
        ["listen", address] => listen(address).await,
        ["send", address, path] => send_file(address, path).await,
        _ => {
            complain("usage: mllp_echo [listen <port or host:port> | send <host:port> <file>]");
            return ExitCode::from(2);
        }
    };
    finish("mllp_echo", result)
}

async fn both() -> anyhow::Result<()> {
    let listener = TcpAcceptor::bind("0").await?;
    let address = listener.local_address();
    let message = "MSH|^~\\&|RIS|NORTH|ECHO|HERE|20240301||ORM^O01|42|P|2.5.1\r\
                   PID|1||1001^^^NORTH||DOE^JANE\rORC|NW|P-1\rOBR|1|P-1||CTHEAD^CT head\r";
    tokio::select! {
        listened = echo(listener) => listened,
        sent = send(&address, message) => sent,
    }
}

async fn listen(address: &str) -> anyhow::Result<()> {
    let listener = TcpAcceptor::bind(address).await;
    echo(listener.with_context(|| format!("cannot listen on {address}"))?).await
}

async fn echo(listener: TcpAcceptor) -> anyhow::Result<()> {
    writeln!(io::stdout(), "listening on {}", listener.local_address())?;
    let (handle, stop) = shutdown();
    let echo = Arc::new(Echo { answers: AtomicU64::new(0), stop: handle });
    let handler = Arc::<Echo>::clone(&echo);
    let serving = serve(listener, handler, ServerConfig::default(), Arc::new(TokioSpawn), stop);
    tokio::pin!(serving);
    tokio::select! {
        () = &mut serving => Ok(()),
        interrupted = tokio::signal::ctrl_c() => {
            echo.stop.request();
            serving.await;
            interrupted.context("cannot wait for an interrupt")
        }
    }
}

async fn send_file(address: &str, path: &str) -> anyhow::Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
    send(address, bytes).await
}

/// Sends every message of a file, whatever stands around them.
async fn send(address: &str, bytes: impl Into<Bytes>) -> anyhow::Result<()> {
    let file = File::read(bytes, BatchLimits::default())?;
    let mut out = Shown::new();
    for finding in &file.findings {
        writeln!(out, "file: {finding}")?;
    }
    let sender = Sender::new(TcpConnector, address, Timeouts::default());
    let mut sender = sender.with_reconnect(Reconnect::default(), Arc::new(SystemRng));
    let mut refused = 0;
    for (message, number) in file.messages().zip(1..) {
        let message = message.as_ref();
        let message = message.map_err(|error| anyhow::anyhow!("message {number}: {error}"))?;
        let ack = sender.send(message).await;
        let ack = ack.with_context(|| format!("message {number} to {address}"))?;
        let ack = ack.stored().await;
        let (id, text) = (printable(message.control_id()), printable(&*ack.text));
        writeln!(out, "{}", format_args!("{id}: {} {text}", ack.code).to_string().trim_end())?;
        refused += u64::from(!ack.code.is_accepted());
    }
    ensure!(refused == 0, "{refused} message(s) were refused");
    Ok(())
}

struct Echo {
    answers: AtomicU64,
    stop: ShutdownHandle,
}

impl Echo {
    /// Tells what came; when nobody reads that any more, it is time to stop.
    fn say(&self, line: impl Display) {
        if writeln!(io::stdout(), "{line}").is_err() {
            self.stop.request();
        }
    }

    fn answer(&self, frame: Bytes) -> Handled {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap_or_default());
        let control_id = format!("ECHO{}", self.answers.fetch_add(1, Ordering::Relaxed));
        let bytes = frame.len();
        let message = match Message::parse(frame) {
            Ok(message) => message,
            Err(error) => {
                self.say(format_args!("{bytes} bytes: {error}"));
                let reply = Reply::from(&error.acknowledgement());
                return Handled::Answer(reply.write(None, &control_id, now));
            }
        };
        let kind = format!("{}^{}", message.message_code(), message.trigger_event());
        let (kind, id) = (printable(kind), printable(message.control_id()));
        self.say(format_args!("{bytes} bytes: {kind} {id}"));
        let write = |reply: Reply| reply.write(Some(&message), &control_id, now);
        if let Some(fault) = header_fault(&message) {
            return Handled::Answer(write(Reply::from(&fault)));
        }
        // A real receiver makes the message durable before it says so.
        let (mode, outcome) = (AckMode::of(&message), Outcome::Accepted);
        let warned =
            |code| self.warnings(&message).into_iter().fold(Reply::new(code), Reply::with_error);
        match (mode.commit_code(outcome), mode.application_code(outcome)) {
            (Some(commit), Some(application)) => Handled::AnswerTwice {
                commit: write(Reply::new(commit)),
                application: write(warned(application).asking(AckCondition::Never)),
            },
            (Some(code), None) | (None, Some(code)) => Handled::Answer(write(warned(code))),
            (None, None) => Handled::Nothing,
        }
    }

    /// What deviates, told to the sender in ERR. Not an error: the code stays that of acceptance.
    fn warnings(&self, message: &Message) -> Vec<ErrorSegment> {
        let found = message.warnings().iter().copied().chain(message.check());
        let segments = found.map(|warning| {
            self.say(format_args!("  {}: {warning}", warning.kind.code()));
            let location = warning.location.map(|location| location.error_location());
            let mut segment = ErrorSegment::from(telerad::hl7::AckError {
                condition: 0,
                location: location.unwrap_or_default(),
                text: warning.to_string(),
            });
            segment.severity = Severity::Warning;
            segment
        });
        segments.collect()
    }
}

impl MessageHandler for Echo {
    fn handle(&self, remote: Remote, frame: Bytes) -> BoxFuture<'static, Bytes> {
        let handled = self.handle_frame(remote, frame);
        Box::pin(async move {
            match handled.await {
                Handled::Answer(answer) => answer,
                _ => Bytes::new(),
            }
        })
    }

    fn handle_frame(&self, _: Remote, frame: Bytes) -> BoxFuture<'static, Handled> {
        let handled = self.answer(frame);
        Box::pin(async move { handled })
    }
}
