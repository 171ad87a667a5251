//! HL7 messages to and from programs that others wrote: python-hl7, hl7apy, node-hl7-client, node-hl7-server, simple-hl7.
//!
//! Their packages are installed into a folder of the trial's own; a trial without its peers would prove nothing, so it
//! fails when they cannot be had. Our side is the listener and the sender of `telerad-net`, in this process. What a
//! receiver holds afterwards must be what was sent, and the sender must have understood the answer.

#![expect(clippy::disallowed_methods, reason = "a program with files, sockets and other programs")]

mod messages;
mod ours;
mod packages;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use telerad_trials::tool::{self, free_port, last_line};
use telerad_trials::verdict::{self, Verdict};
use telerad_trials::wait;

use messages::Sent;
use packages::{Peer, Peers};

fn main() -> ExitCode {
    verdict::finish("hl7_interop", trial)
}

fn trial(verdict: &mut Verdict) -> Result<()> {
    let peers = Peers::install()?;
    let messages = messages::all();
    for peer in [Peer::MllpSend, Peer::NodeClient, Peer::SimpleClient] {
        let outcome = from(&peers, peer, &messages);
        report(verdict, &format!("{} → telerad", peer.name()), outcome);
    }
    for peer in [Peer::PythonServer, Peer::Hl7apyServer, Peer::NodeServer, Peer::SimpleServer] {
        let outcome = to(&peers, peer, &messages);
        report(verdict, &format!("telerad → {}", peer.name()), outcome);
    }
    Ok(())
}

fn report(verdict: &mut Verdict, name: &str, outcome: Result<String>) {
    verdict.row(name, outcome.map_err(|error| format!("{error:#}")));
}

/// A client of others sends to our listener.
fn from(peers: &Peers, peer: Peer, messages: &[Sent]) -> Result<String> {
    let listener = ours::Listening::start()?;
    let mut answers = String::new();
    for words in peers.client(peer, listener.port(), messages)? {
        let ended = tool::run("/usr/bin/env", &words, LIMIT)?;
        anyhow::ensure!(ended.success, "{} failed: {}", peer.name(), reason(&ended.output));
        answers.push_str(&ended.output);
    }
    let received = listener.stop();
    for message in messages {
        let id = &message.control_id;
        anyhow::ensure!(answers.contains(&format!("MSA|AA|{id}")), "no answer to {id} was printed");
    }
    same(messages, &received)
}

/// Our sender sends to a server of others.
fn to(peers: &Peers, peer: Peer, messages: &[Sent]) -> Result<String> {
    let port = free_port()?;
    let kept = peers.folder().join(format!("{}.received", peer.name()));
    let log = kept.with_extension("log");
    let server = tool::start("/usr/bin/env", &peers.server(peer, port, &kept), &log)?;
    let complaint = || {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        format!("{}: {}", peer.name(), reason(&log))
    };
    tool::wait_for_port(port, LIMIT).with_context(complaint)?;
    let repeated =
        ours::send(port, messages, peer.connection_messages_max()).with_context(complaint)?;
    let received = || received(&kept).unwrap_or_default();
    wait::until(Duration::from_secs(5), || received().len() >= messages.len());
    drop(server);
    let mut received = received();
    if repeated > 0 {
        // What was sent again, because a connection closed under it, may have arrived twice.
        received.dedup();
    }
    let remark = same(messages, &received)?;
    Ok(if repeated > 0 { format!("{remark}, {repeated} sent again") } else { remark })
}

/// What a server wrote down: one JSON string a line.
fn received(kept: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(kept)?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// Whether everything arrived; peers that take a message apart leave out its last terminator.
fn same(messages: &[Sent], received: &[String]) -> Result<String> {
    anyhow::ensure!(
        messages.len() == received.len(),
        "{} messages sent and {} received",
        messages.len(),
        received.len()
    );
    let mut exact = 0;
    for (sent, received) in messages.iter().zip(received) {
        let (sent, id) = (sent.text.as_str(), &sent.control_id);
        exact += usize::from(sent == received);
        let (sent, received) = (sent.trim_end_matches('\r'), received.trim_end_matches('\r'));
        let at = sent.bytes().zip(received.bytes()).take_while(|(sent, got)| sent == got).count();
        anyhow::ensure!(sent == received, "{id} differs at byte {at}");
    }
    Ok(format!("{} messages, {exact} to the last byte", messages.len()))
}

/// Where Node.js and Python say what went wrong.
fn reason(output: &str) -> &str {
    let says_why = |line: &&str| line.contains("Error");
    output.lines().rfind(says_why).map_or_else(|| last_line(output), str::trim)
}

/// How long a peer may take for anything.
const LIMIT: Duration = Duration::from_secs(60);
