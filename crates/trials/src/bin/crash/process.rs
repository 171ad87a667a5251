//! Crashes of a gateway in this process, on the simulated disk.
//!
//! What runs is what runs in production: the gateway, SQLite, the payload directory, TCP. Only the disk is ours, and it
//! is reached by system calls as any other. It would be faster without them, with a file layer of our own under
//! SQLite, but that takes `unsafe` code, and a store made for the purpose would prove something about that store.
//!
//! A crash is: the disk stops in the middle of an operation, and with it every connection; the gateway is dropped and
//! whatever it still wants to write fails; the disk forgets as much as it may of what was not synced; a new gateway
//! opens what is left. No process is started and nothing mounted in between, so that it takes tens of milliseconds.
//!
//! Crashes come in *episodes*, each on a disk that begins empty. The plan of an episode depends on seed and number of
//! the episode alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use telerad_testkit::Rng;

use crate::audit::Depth;
use crate::episode::Episode;
use crate::layer::{Fault, Plan, Trouble};
use crate::life::Life;
use crate::person;
use crate::tally::Tally;

/// One life, from the start of a gateway to the cut.
///
/// # Errors
/// When the layer's process has ended, or a gateway with its state open cannot listen.
pub fn live_and_crash(episode: &mut Episode<'_>, tally: &mut Tally) -> Result<Vec<String>> {
    let plan = any_plan(episode);
    episode.arm(plan)?;
    let layer = episode.layer;
    let mut findings = Vec::new();
    match Life::open(&layer.directory()) {
        Ok(mut life) => {
            // Before it runs: nothing moves while it is looked at.
            findings.extend(episode.look(&life, Depth::New, tally));
            let addresses = life.start(&episode.house, layer)?;
            let began = Instant::now();
            bustle(&life, episode)?;
            episode.load.serve(addresses);
            if !layer.wait_for_cut(if episode.removes { LIFE_MAX * 2 } else { LIFE_MAX })? {
                tally.late_cuts += 1;
            }
            layer.cut()?;
            episode.load.pause();
            findings.extend(episode.acknowledged_after_a_failed_sync(tally)?);
            if plan.fails(Trouble::Low) {
                tally.low_lives += 1;
                findings.extend(episode.acknowledged_without_room(began));
            }
            life.end();
        }
        Err(error) => {
            tally.never_opened += 1;
            let power_is_on = !layer.wait_for_cut(Duration::ZERO)?;
            if power_is_on && plan.fault.is_none() {
                findings.push(format!("what a cut left cannot be opened: {error:#}"));
            }
            layer.cut()?;
        }
    }
    Ok(findings)
}

/// What goes on beside the senders.
fn bustle(life: &Life, episode: &mut Episode<'_>) -> Result<()> {
    let notebook = episode.load.notebook();
    let desk = life.desk().context("a gateway that runs has a desk")?;
    let rng = Rng::new(episode.rng.next_u64());
    life.runtime.spawn(person::decide(desk, Arc::clone(&notebook), rng, !episode.removes));
    if episode.removes {
        life.runtime.spawn(person::remove_payloads(life.environment.clone(), notebook));
    }
    Ok(())
}

/// Most lives end by the cut alone; some meet a failing disk before.
pub fn any_plan(episode: &mut Episode<'_>) -> Plan {
    let opening = if episode.is_first() { OPERATIONS_TO_CREATE } else { 0 };
    let removes = episode.removes;
    let rng: &mut Rng = &mut episode.rng;
    // Opening an existing directory takes some dozen operations, an instance about ten.
    let cut_at = match rng.below(6) {
        0 => 1 + rng.below(30 + opening),
        // What was sent is removed when the senders have had their share.
        _ => 1 + opening + rng.below(if removes { 900 } else { 400 }),
    };
    let cut_at = Some(cut_at);
    let trouble = match rng.below(20) {
        0 | 1 => Trouble::Change,
        2 => Trouble::Low,
        3 | 4 => Trouble::Read,
        5 | 6 => Trouble::Space,
        7..=10 => Trouble::Sync,
        _ => return Plan { cut_at, fault: None },
    };
    let (from, count) = match trouble {
        // Room is measured now and then only: this is for a whole life.
        Trouble::Low => (0, 1),
        Trouble::Space => (1 + opening + rng.below(250), 1 + rng.below(40)),
        _ => (1 + opening + rng.below(250), 1 + rng.below(2)),
    };
    Plan { cut_at, fault: Some(Fault { from, count, trouble }) }
}

/// About as many as it takes to make database and spool.
const OPERATIONS_TO_CREATE: u64 = 320;
/// A gateway that a failing disk has stopped changes nothing any more, and no operation is the last.
const LIFE_MAX: Duration = Duration::from_millis(300);
