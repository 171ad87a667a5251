//! Disks that begin empty, and the lives of the gateways on them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use telerad::gateway::Desk;
use telerad_testkit::Rng;
use telerad_trials::wait;

use crate::audit::{self, Audit, Before, Delivery, Depth, Known};
use crate::house::{Away, House};
use crate::layer::{FailedSync, Layer, Plan, Trouble};
use crate::life::Life;
use crate::load::{Acknowledged, Load, Sent};
use crate::series::Series;
use crate::tally::Tally;
use crate::{PATIENCE, arrivals, person};

/// One disk, from its first gateway to its last, with its senders and peers.
pub struct Episode<'a> {
    pub layer: &'a Layer,
    name: String,
    pub rng: Rng,
    pub house: House,
    pub load: Load,
    /// Whether payloads are removed once they were delivered.
    pub removes: bool,
    associations_max: BTreeMap<String, usize>,
    seen: BTreeSet<String>,
    before: Before,
    plan: Plan,
    /// For a person: that of the present life and the one before, in which most findings have their cause.
    plans: String,
    /// The operations of the life before.
    trace_before: String,
}

/// One life of a gateway, up to and with its crash; what was found.
pub type Live<'l> = dyn FnMut(&mut Episode<'_>, &mut Tally) -> Result<Vec<String>> + 'l;

impl<'a> Episode<'a> {
    /// An episode of a series, by its number.
    ///
    /// # Errors
    /// When there is no port left.
    pub fn begin(layer: &'a Layer, series: Series<'_>, number: u32) -> Result<Self> {
        let seed = series.seed;
        let removes = series.kind == "process" && number % 2 == 1;
        let house = House::open([Away::Always, Away::Later, Away::Never][number as usize % 3])?;
        Ok(Self {
            layer,
            name: format!("seed {seed}, episode {number}"),
            rng: Rng::new(seed.wrapping_add(u64::from(number) << 32)),
            load: Load::start(series.pace, Some(house.records())),
            associations_max: house.associations_max()?,
            house,
            removes,
            seen: BTreeSet::new(),
            before: Before::default(),
            plan: Plan::default(),
            plans: String::new(),
            trace_before: String::new(),
        })
    }

    /// Crashes so often, then lets a last gateway finish.
    ///
    /// # Errors
    /// When the trial itself cannot go on.
    pub fn run(mut self, crashes: u32, live: &mut Live<'_>, tally: &mut Tally) -> Result<()> {
        for number in 0..crashes {
            if self.house.away == Away::Later && number == crashes / 3 {
                self.house.close_night()?;
            }
            let mut findings = live(&mut self, tally)?;
            if !self.house.is_quiet() {
                findings.push("a destination goes on reading from a dead gateway".to_owned());
            }
            tally.crash();
            for finding in findings {
                let place = format!("{}, crash {number}, {}", self.name, self.plans);
                let (before, trace) = (&self.trace_before, self.layer.trace());
                let text = format!("{finding} ({place})\n{before}  --- cut ---\n{trace}");
                tally.findings.push(text);
            }
            self.trace_before = self.layer.trace();
            tally.faults += self.layer.losses()?.faults;
            self.layer.revive(&mut self.rng)?;
            let losses = self.layer.losses()?;
            tally.torn_files += losses.torn_files;
            tally.lost_names += losses.lost_names;
            if !tally.findings.is_empty() {
                // What is lost never arrives: nobody need wait for it.
                tally.add(&self.load.stop());
                return Ok(());
            }
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
        life.start(&self.house, self.layer)?;
        let desk = life.desk().context("a gateway that runs has a desk")?;
        let last = self.finish(&life, &desk);
        let ledger = self.load.ledger();
        let missing = arrivals::missing(&ledger, &self.house);
        findings.extend(missing.into_iter().map(|what| format!("{what} never arrived")));
        for (there, uid) in last.in_flight.iter().chain(&last.waiting) {
            findings.push(format!("{uid} is still to be sent to {there}"));
        }
        findings.extend(last.findings);
        findings.extend(self.repeated(tally));
        for arrived in self.house.arrived().values() {
            findings.extend(arrivals::changed(&ledger, arrived));
        }
        findings.extend(ledger.broken.iter().cloned());
        tally.moved += last.moved;
        tally.removed_before += last.removed_before;
        tally.add(&ledger);
        let explain =
            |it| format!("{it} ({}, at the end, {})\n{}", self.name, self.plans, self.trace_before);
        tally.findings.extend(findings.into_iter().map(explain));
        drop(desk);
        life.end();
        drop(self.load.stop());
        Ok(())
    }

    /// Waits until nothing is left to be done, or nothing moves any more.
    fn finish(&mut self, life: &Life, desk: &Desk) -> Audit {
        let notebook = self.load.notebook();
        let mut parked = Vec::from_iter(self.before.audit.parked.clone());
        let (mut last, mut moved, mut since) = (Audit::default(), 0, Instant::now());
        // First everything that is held; then what a destination's return parks.
        life.runtime.block_on(person::release(desk, &notebook));
        while since.elapsed() < PATIENCE {
            life.runtime.block_on(person::requeue(desk, &notebook, &parked));
            if arrivals::missing(&self.load.ledger(), &self.house).is_empty() {
                last = self.audit(life, Depth::New).unwrap_or_default();
                let left = last.in_flight.len() + last.waiting.len() + last.parked.len();
                if left == 0 {
                    break;
                }
                parked = last.parked.iter().cloned().collect();
            }
            let now = self.house.arrivals() + self.house.ris.received().len();
            if std::mem::replace(&mut moved, now) != now {
                since = Instant::now();
            }
            wait::pause(Duration::from_millis(20));
        }
        self.audit(life, Depth::All).unwrap_or(last)
    }

    /// Everything that can be told of the state when a gateway has opened it.
    pub fn look(&mut self, life: &Life, depth: Depth, tally: &mut Tally) -> Vec<String> {
        let mut findings = self.repeated(tally);
        for finding in &mut findings {
            let uid = finding.split([' ', ':']).nth(1).unwrap_or_default().to_owned();
            finding.push_str(&life.told_of(&uid));
        }
        let mut audit = self.audit(life, depth);
        for _ in 0..READS_FAIL_MAX {
            // Its own reads fail as the gateway's do.
            if audit.is_err() && self.plan.fails(Trouble::Read) {
                audit = self.audit(life, depth);
            }
        }
        let audit = match audit {
            Ok(audit) => audit,
            Err(error) => {
                findings.push(format!("the state cannot be read: {error:#}"));
                return findings;
            }
        };
        let ledger = self.load.ledger();
        // Those of earlier lives wait until a life is long enough to repeat them; what a person wanted to be sent again
        // waits as well, and has arrived before.
        let is_new = |key: &&Delivery| {
            let study = ledger.attempted.get(&key.1).map(|attempt| &attempt.study);
            let wishes = study.and_then(|study| ledger.wishes.get(study));
            !self.before.audit.in_flight.contains(*key) && wishes.is_none_or(|it| it.resent == 0)
        };
        let mut in_flight: BTreeMap<&str, usize> = BTreeMap::new();
        for (there, _) in audit.in_flight.iter().filter(is_new) {
            *in_flight.entry(there).or_default() += 1;
        }
        for (there, count) in in_flight {
            tally.in_flight_max = tally.in_flight_max.max(count);
            // One on its way over each association, while the outcome of the one before is being committed.
            let limit = self.associations_max.get(there).map_or(0, |associations| 2 * associations);
            if count > limit {
                findings.push(format!("{count} deliveries to {there} were in flight, not {limit}"));
            }
        }
        findings.extend(audit.findings.iter().cloned());
        let wishes = ledger.wishes;
        self.before = Before { arrived: self.house.arrived(), audit, wishes };
        findings
    }

    fn audit(&mut self, life: &Life, depth: Depth) -> Result<Audit> {
        let environment = &life.environment;
        let (store, payloads) = (environment.store.as_ref(), environment.payloads.as_ref());
        let mut known = Known {
            ledger: &self.load.ledger(),
            arrived: &self.house.arrived(),
            filed: &arrivals::filed(&self.house.ris),
            seen: &mut self.seen,
            depth,
            removes: self.removes,
        };
        life.runtime.block_on(audit::audit(store, payloads, &mut known))
    }

    /// What arrived again, and should not have.
    fn repeated(&self, tally: &mut Tally) -> Vec<String> {
        let now = self.house.arrived();
        let (instances, times) = arrivals::totals(&now);
        let (instances_before, times_before) = arrivals::totals(&self.before.arrived);
        tally.repeated += (times - times_before) - (instances - instances_before);
        audit::repetitions(&self.before, &now, &self.load.ledger())
    }

    /// A gateway that began without room takes no instance that was not there before.
    pub fn acknowledged_without_room(&self, began: Instant) -> Vec<String> {
        let ledger = self.load.ledger();
        let is_new = |it: &&Acknowledged| matches!(it.what, Sent::Instance(..)) && it.began > began;
        let new = ledger.acknowledged.iter().filter(is_new);
        new.map(|it| format!("{:?}: acknowledged without room", it.what)).collect()
    }

    /// Whoever learns that a sync failed may not acknowledge what comes afterwards: when it was that of the database's
    /// log, nothing but what was durable by then; when it was the spool's, no instance but such, and those that were on
    /// their way.
    ///
    /// # Errors
    /// When the layer's process has ended.
    pub fn acknowledged_after_a_failed_sync(&self, tally: &mut Tally) -> Result<Vec<String>> {
        let failed = self.layer.failed_syncs()?;
        tally.failed_syncs += u32::from(!failed.is_empty());
        let ledger = self.load.ledger();
        let mut findings = Vec::new();
        for FailedSync { at, name, durable } in failed {
            // The database itself is synced when the log is folded into it; what was not is folded in again.
            if name.ends_with(".sqlite") {
                continue;
            }
            let is_late = |it: &&Acknowledged| match it.what {
                _ if name.ends_with("-wal") => it.at > at,
                Sent::Instance(..) => it.began > at,
                Sent::Message(..) => false,
            };
            let late: Vec<&Acknowledged> = ledger.acknowledged.iter().filter(is_late).collect();
            if late.is_empty() {
                continue;
            }
            tally.repeated_late += late.len();
            let life = match Life::open(&durable) {
                Ok(life) => life,
                Err(error) => {
                    findings.push(format!("what was durable cannot be opened: {error:#}"));
                    continue;
                }
            };
            let environment = &life.environment;
            let (store, payloads) = (environment.store.as_ref(), environment.payloads.as_ref());
            for Acknowledged { what, .. } in late {
                let durable = audit::is_durable(store, payloads, what);
                if let Err(error) = life.runtime.block_on(durable) {
                    let text = format!("{what:?}: acknowledged after the sync of {name} failed");
                    findings.push(format!("{text}, and was not durable by then: {error:#}"));
                }
            }
            life.end();
        }
        Ok(findings)
    }
}

/// How many reads a plan lets fail.
const READS_FAIL_MAX: u32 = 2;
