//! Disks that begin empty, and the lives of the gateways on them.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Result;
use telerad_testkit::Rng;
use telerad_trials::configuration;
use telerad_trials::dicom_sink::{DicomSink, Records};
use telerad_trials::hl7_sink::Hl7Sink;
use telerad_trials::wait;

use crate::audit::{self, Arrived, Audit, Depth};
use crate::layer::{Layer, Plan};
use crate::life::Life;
use crate::load::{Load, Pace};
use crate::tally::Tally;
use crate::{PATIENCE, arrivals};

/// A series of crashes.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// As `--kind` names it.
    pub kind: &'a str,
    /// How many crashes.
    pub count: u32,
    /// With the number of an episode, all that its plan depends on.
    pub seed: u64,
    /// The number of the first episode.
    pub first: u32,
    /// How hard the senders work.
    pub pace: Pace,
}

/// Crashes gateways on one disk after the other.
///
/// # Errors
/// When the trial itself cannot go on, for example because nothing can be mounted.
pub fn crash(series: Series<'_>, live: &mut Live<'_>, tally: &mut Tally) -> Result<()> {
    let layer = Layer::mount()?;
    let mut left = series.count;
    for number in series.first.. {
        let crashes = left.min(CRASHES_PER_EPISODE);
        if crashes == 0 {
            break;
        }
        left -= crashes;
        layer.renew()?;
        let found = tally.findings.len();
        Episode::begin(&layer, series, number)?.run(crashes, live, tally)?;
        if tally.findings.len() > found {
            let Series { kind, seed, .. } = series;
            tally.findings.push(format!(
                "again: cargo xtask crash --kind {kind} --count {CRASHES_PER_EPISODE} --seed {seed} --first {number}"
            ));
            if tally.findings.len() > FINDINGS_MAX {
                break;
            }
        }
    }
    Ok(())
}

/// One disk, from its first gateway to its last, with its senders and peers.
pub struct Episode<'a> {
    pub layer: &'a Layer,
    name: String,
    pub rng: Rng,
    pub peers: configuration::Configuration,
    pub load: Load,
    records: Records,
    _reader: DicomSink,
    ris: Hl7Sink,
    _announcements: Hl7Sink,
    seen: BTreeSet<String>,
    /// What had arrived when the last life began, and what the state was then.
    before: (Arrived, Audit),
    plan: Plan,
    /// For a person: that of the present life and the one before, in which most findings have their cause.
    plans: String,
    /// The operations of the life before.
    trace_before: String,
}

/// One life of a gateway, up to and with its crash; what was found.
pub type Live<'l> = dyn FnMut(&mut Episode<'_>, &mut Tally) -> Result<Vec<String>> + 'l;

impl<'a> Episode<'a> {
    fn begin(layer: &'a Layer, series: Series<'_>, number: u32) -> Result<Self> {
        let seed = series.seed;
        let records = Records::default();
        let reader = DicomSink::start(0, &records)?;
        let (ris, announcements) = (Hl7Sink::start(0)?, Hl7Sink::start(0)?);
        let peers = configuration::Configuration {
            destinations: vec![("READER".to_owned(), reader.port())],
            ris_port: ris.port(),
            announcement_port: announcements.port(),
            certificates: None,
        };
        Ok(Self {
            layer,
            name: format!("seed {seed}, episode {number}"),
            rng: Rng::new(seed.wrapping_add(u64::from(number) << 32)),
            peers,
            load: Load::start(series.pace),
            records,
            _reader: reader,
            ris,
            _announcements: announcements,
            seen: BTreeSet::new(),
            before: Default::default(),
            plan: Plan::default(),
            plans: String::new(),
            trace_before: String::new(),
        })
    }

    /// Crashes so often, then lets a last gateway finish.
    fn run(mut self, crashes: u32, live: &mut Live<'_>, tally: &mut Tally) -> Result<()> {
        for number in 0..crashes {
            let findings = live(&mut self, tally)?;
            tally.crashes += 1;
            for finding in findings {
                let place = format!("{}, crash {number}, {}", self.name, self.plans);
                let (before, trace) = (&self.trace_before, self.layer.trace());
                let text = format!("{finding} ({place})\n{before}  --- cut ---\n{trace}");
                tally.findings.push(text);
            }
            self.trace_before = self.layer.trace();
            self.layer.revive(&mut self.rng)?;
        }
        self.live_to_the_end(tally)
    }

    /// Whether no gateway has been on this disk yet: the names of its directories are as new as what is in them.
    pub fn is_first(&self) -> bool {
        self.plans.is_empty()
    }

    /// The next life is to go by this plan.
    ///
    /// # Errors
    /// When the layer's process has ended.
    pub fn arm(&mut self, plan: Plan) -> Result<()> {
        let before = std::mem::replace(&mut self.plan, plan);
        self.plans = format!("the plan was {plan}, before that {before}");
        self.layer.arm(plan)
    }

    /// The last gateway of a disk finishes everything.
    fn live_to_the_end(mut self, tally: &mut Tally) -> Result<()> {
        self.arm(Plan::default())?;
        let mut life = match Life::open(&self.layer.directory()) {
            Ok(life) => life,
            Err(error) => {
                tally.findings.push(format!("{}: cannot be opened: {error:#}", self.name));
                return Ok(());
            }
        };
        let mut findings = self.look(&life, Depth::All, tally);
        life.start(&self.peers, self.layer)?;
        let ledger = self.load.ledger();
        let missing = || arrivals::missing(&ledger, &self.records, &self.ris);
        let moved = || (self.records.all().len(), self.ris.received().len());
        wait::while_progressing(PATIENCE, moved, || missing().is_empty());
        findings.extend(missing().into_iter().map(|what| format!("{what} never arrived")));
        // The last answers are being committed.
        let mut last = Audit::default();
        wait::until(PATIENCE, || {
            last = self.audit(&life, Depth::All).unwrap_or_default();
            last.in_flight.is_empty()
        });
        findings.extend(last.in_flight.iter().map(|uid| format!("{uid} arrived and is pending")));
        findings.extend(last.findings);
        findings.extend(self.repeated(tally).0);
        findings.extend(arrivals::changed(&ledger, &self.records));
        tally.add(&ledger);
        let explain =
            |it| format!("{it} ({}, at the end, {})\n{}", self.name, self.plans, self.trace_before);
        tally.findings.extend(findings.into_iter().map(explain));
        life.end();
        drop(self.load.stop());
        Ok(())
    }

    /// Everything that can be told of the state when a gateway has opened it.
    pub fn look(&mut self, life: &Life, depth: Depth, tally: &mut Tally) -> Vec<String> {
        let (mut findings, late) = self.repeated(tally);
        let audit = match self.audit(life, depth) {
            Ok(audit) => audit,
            Err(error) => {
                findings.push(format!("the state cannot be read: {error:#}"));
                return findings;
            }
        };
        // Those of earlier lives wait until a life is long enough to repeat them.
        let in_flight = audit.in_flight.difference(&self.before.1.in_flight).count() + late;
        tally.in_flight_max = tally.in_flight_max.max(in_flight);
        if in_flight > IN_FLIGHT_MAX {
            findings.push(format!("{in_flight} deliveries were in flight"));
        }
        findings.extend(audit.findings.iter().cloned());
        self.before = (self.records.by_instance(), audit);
        findings
    }

    fn audit(&mut self, life: &Life, depth: Depth) -> Result<Audit> {
        let ledger = self.load.ledger();
        let arrived = self.records.by_instance();
        let environment = &life.environment;
        let (store, payloads) = (environment.store.as_ref(), environment.payloads.as_ref());
        let look = audit::audit(store, payloads, &ledger, &arrived, (&mut self.seen, depth));
        life.runtime.block_on(look)
    }

    /// What arrived again, and should not have; and how much arrived late.
    fn repeated(&self, tally: &mut Tally) -> (Vec<String>, usize) {
        let now = self.records.by_instance();
        let total = |arrived: &Arrived| -> u32 {
            arrived.values().flat_map(|digests| digests.values()).sum()
        };
        let before = &self.before.0;
        let new = now.len().saturating_sub(before.len());
        tally.repeated += (total(&now) - total(before)) as usize - new;
        audit::repetitions(&self.before, &now)
    }

    /// Whoever learns that a sync failed may not acknowledge what comes afterwards.
    pub fn acknowledged_after_a_failed_sync(&self, tally: &mut Tally) -> Result<Option<String>> {
        let Some(failed) = self.layer.failed_sync()? else { return Ok(None) };
        tally.failed_syncs += 1;
        let ledger = self.load.ledger();
        let is_log = failed.name.ends_with("-wal");
        let after = |began: Option<Instant>| began.is_some_and(|began| began > failed.at);
        // The database itself is synced when the log is folded into it; what was not is folded in again.
        if failed.name.ends_with(".sqlite") {
            return Ok(None);
        }
        let broken = after(ledger.last_instance) || is_log && after(ledger.last_message);
        Ok(broken.then(|| format!("acknowledged after the sync of {} failed", failed.name)))
    }
}

const CRASHES_PER_EPISODE: u32 = 25;
const FINDINGS_MAX: usize = 20;
/// Two associations, on each of which one instance is on its way while the outcome of another is committed.
const IN_FLIGHT_MAX: usize = 4;
