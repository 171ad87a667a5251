//! Two hundred at once that connect and say nothing sensible, or nothing at all.

use std::time::{Duration, Instant};

use anyhow::Result;
use telerad::net::AnyStream;
use telerad_trials::footprint::Footprint;
use telerad_trials::verdict::Verdict;
use telerad_trials::wait;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use crate::bytes::{echo, usual_request};
use crate::subject::{SILENCE_SECONDS, Subject};
use crate::wire::Target;

struct Probe {
    name: &'static str,
    said: Vec<u8>,
    leaves: bool,
}

fn probes() -> Vec<Probe> {
    let probe = |name, said: &[u8]| Probe { name, said: said.to_vec(), leaves: false };
    let associated = [usual_request(), echo()].concat();
    let half_a_command = [usual_request(), echo()[..20].to_vec()].concat();
    vec![
        Probe { leaves: true, ..probe("connect and close", b"") },
        Probe { leaves: true, ..probe("half a request, then close", &usual_request()[..100]) },
        probe("HTTP", b"GET / HTTP/1.1\r\nHost: pacs\r\n\r\n"),
        probe("a TLS hello", b"\x16\x03\x01\x00\xC4\x01\x00\x00\xC0\x03\x03"),
        probe("half a TLS hello", b"\x16\x03\x01"),
        probe("a DICOM request", &usual_request()),
        probe("silence", b""),
        probe("half a request, then silence", &usual_request()[..100]),
        probe("an association, then silence", &associated),
        probe("half a command, then silence", &half_a_command),
    ]
}

/// Tries every probe on bare TCP and, where `secure` is another target, behind its handshake as well.
pub fn check(
    verdict: &mut Verdict,
    who: &str,
    runtime: &Runtime,
    subject: &mut Subject,
    secure: Option<&Target>,
) -> Result<()> {
    let bare = Target::plain(subject.address.clone());
    let alive = secure.unwrap_or(&bare);
    for probe in probes() {
        let name = format!("{who}: {COUNT} × {}", probe.name);
        let outcome = judged(runtime, subject, &bare, alive, &probe);
        verdict.row(&name, outcome.map_err(|error| format!("{error:#}")));
        if let Some(secure) = secure {
            let name = format!("{who}: {COUNT} × a handshake, {}", probe.name);
            let outcome = judged(runtime, subject, secure, alive, &probe);
            verdict.row(&name, outcome.map_err(|error| format!("{error:#}")));
        }
    }
    Ok(())
}

fn judged(
    runtime: &Runtime,
    subject: &mut Subject,
    target: &Target,
    alive: &Target,
    probe: &Probe,
) -> Result<String> {
    let before = Footprint::of(subject.id())?;
    let started = Instant::now();
    let stayed = runtime.block_on(provoke(target, probe));
    anyhow::ensure!(stayed? == 0, "connections are still open after the deadline");
    let took = started.elapsed();
    let mut tasks = subject.tasks()?;
    let settled = wait::until(Duration::from_secs(5), || {
        tasks = subject.tasks().unwrap_or(usize::MAX);
        tasks == 0
            && Footprint::of(subject.id()).is_ok_and(|now| {
                now.descriptors <= before.descriptors && now.threads <= before.threads
            })
    });
    let now = Footprint::of(subject.id())?;
    let left = format!("{tasks} tasks, {} descriptors", now.descriptors);
    anyhow::ensure!(settled, "left behind: {left}, there were {}", before.descriptors);
    wait::pause(Duration::from_secs(1));
    let idle = Footprint::of(subject.id())?.ticks - now.ticks;
    anyhow::ensure!(idle <= 1, "{idle} clock ticks in a second without a peer");
    runtime.block_on(alive.is_alive()).map_err(anyhow::Error::msg)?;
    Ok(format!("gone after {:.1} s; {left}, {idle} ticks", took.as_secs_f64()))
}

/// How many of the connections the server has not closed in time.
async fn provoke(target: &Target, probe: &Probe) -> Result<usize> {
    let mut held = Vec::new();
    for _ in 0..COUNT {
        let mut stream = target.open().await?;
        // The server may have closed already: that is an answer too.
        let _ = stream.write_all(&probe.said).await;
        let _ = stream.flush().await;
        if !probe.leaves {
            held.push(stream);
        }
    }
    let deadline = tokio::time::Instant::now() + DEADLINE;
    let mut stayed = 0;
    for stream in &mut held {
        let closing = tokio::time::timeout_at(deadline, until_closed(stream));
        stayed += usize::from(closing.await.is_err());
    }
    Ok(stayed)
}

/// An error is an end as well.
async fn until_closed(stream: &mut AnyStream) {
    let mut buffer = [0; 4096];
    while let Ok(1..) = stream.read(&mut buffer).await {}
}

const COUNT: usize = 200;
/// The server's own deadline, the second for which it waits after an A-ABORT, and more for a slow machine; still less than
/// a deadline that runs twice.
const DEADLINE: Duration = Duration::from_secs(2 * SILENCE_SECONDS);
