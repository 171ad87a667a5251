//! One schedule from its seed to its audit.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use telerad::gateway::{Configuration, Environment, Event, Gateway, Operation};
use telerad::store::Store;
use telerad::store::memory::MemoryStore;
use telerad::store::payload::MemoryPayloads;
use tokio::sync::broadcast::error::RecvError;

use crate::audit;
use crate::destination;
use crate::disk::{Slow, SlowPayloads, SlowStore};
use crate::executor::Life;
use crate::plan::{Plan, Restart, Wish, WishKind};
use crate::source;
use crate::world::World;

/// What a schedule came to.
pub struct Report {
    /// What is not as it has to be, a line each.
    pub findings: Vec<String>,
    /// How often each kind of fault, event and outcome was met.
    pub reached: BTreeMap<&'static str, u64>,
    pub trace: Vec<String>,
    /// Steps of tasks.
    pub steps: u64,
}

/// Runs a plan.
pub fn run(plan: Plan) -> Report {
    let world = World::new(plan);
    let state = (MemoryStore::new(), MemoryPayloads::new());
    let ran = catch_unwind(AssertUnwindSafe(|| {
        start(&world, &state);
        world.executor.run(STEPS_MAX, || world.log().is_over)
    }));
    let mut findings = std::mem::take(&mut world.log().faults);
    let steps = match ran {
        Ok(Ok(steps)) => steps,
        Ok(Err(fault)) => {
            findings.push(fault);
            STEPS_MAX
        }
        Err(_) => {
            findings.push("something panicked".to_owned());
            0
        }
    };
    if findings.is_empty() && !world.log().is_over {
        findings.push("everything stands still before the end".to_owned());
    }
    // The tasks hold the world, and the world the tasks.
    world.log().open = None;
    world.executor.clear();
    if findings.is_empty() {
        findings = audit::audit(&world, &state.0, &state.1);
    }
    let mut log = world.log();
    let (reached, trace) = (std::mem::take(&mut log.reached), std::mem::take(&mut log.trace));
    Report { findings, reached, trace, steps }
}

fn start(world: &Arc<World>, state: &(MemoryStore, MemoryPayloads)) {
    let plan = &world.plan;
    for (number, destination) in plan.destinations.iter().enumerate() {
        let port = world.network.bind(&format!("{}:104", destination.name));
        world.executor.spawn(destination::serve(Arc::clone(world), number, port));
    }
    for number in 0..plan.sendings.len() {
        world.executor.spawn(source::send(Arc::clone(world), number));
    }
    for number in 0..plan.orders.len() {
        world.executor.spawn(source::order(Arc::clone(world), number));
    }
    for number in 0..plan.wishes.len() {
        world.executor.spawn(source::wish(Arc::clone(world), number));
    }
    world.log().busy = (plan.sendings.len() + plan.orders.len() + plan.wishes.len()) as u64;
    world.executor.spawn(direct(Arc::clone(world), state.clone()));
}

/// Opens and ends gateways as the plan says, and waits until nothing moves any more.
async fn direct(world: Arc<World>, state: (MemoryStore, MemoryPayloads)) {
    let (mut life, mut rules): (Life, usize) = (1, 0);
    let mut gateway = open(&world, &state, life, rules);
    for restart in &world.plan.restarts {
        until(&world, restart).await;
        world.log().open = None;
        if restart.crash {
            world.reach("crash");
            drop(gateway);
        } else {
            world.reach("stop");
            gateway.stop().await;
        }
        let now = world.micros();
        world.log().ends.push((now, restart.crash));
        world.executor.kill(life);
        world.log().poison = None;
        world.executor.pause(Duration::from_millis(world.executor.dice().below(20_000))).await;
        life += 1;
        if restart.other_rules {
            rules = 1 - rules;
            world.reach("rules changed");
        }
        gateway = open(&world, &state, life, rules);
    }
    let horizon = world.plan.horizon * 1_000_000;
    world.executor.pause(Duration::from_micros(horizon.saturating_sub(world.micros()))).await;
    world.tell("everybody is well");
    for _ in 0..WAITS_MAX {
        if world.log().busy == 0 {
            break;
        }
        world.executor.pause(Duration::from_secs(20)).await;
    }
    let releasing = world.executor.dice().once_in(2);
    for study in (0..world.plan.studies).filter(|_| releasing) {
        let (at, destination, other, kind) = (0, None, 0, WishKind::Release);
        source::ask(&world, &gateway.desk(), Wish { at, study, kind, destination, other }).await;
    }
    for _ in 0..WAITS_MAX {
        // Answers that are still under way, what is decided again at start, and a look at the queue that finds nothing.
        world.executor.pause(Duration::from_secs(40)).await;
        let counts = state.0.counts().await;
        if counts.is_ok_and(|counts| counts.deliveries_pending == 0) {
            break;
        }
    }
    if world.plan.keep_hours.is_some() {
        // What is no longer needed goes an hour after it came, by a look that is taken every hour.
        world.executor.pause(Duration::from_secs(3 * 3600)).await;
    }
    world.log().open = None;
    gateway.stop().await;
    let now = world.micros();
    world.log().ends.push((now, false));
    world.executor.kill(life);
    world.log().is_over = true;
}

/// Waits for the moment of a restart.
async fn until(world: &World, restart: &Restart) {
    let left = (restart.at * 1000).saturating_sub(world.micros());
    let left = Duration::from_micros(left);
    let Some(commit) = restart.commit else { return world.executor.pause(left).await };
    {
        let mut log = world.log();
        log.crash_at_commit = Some(log.commits + commit);
    }
    let rung = world.executor.within(left, world.crash_bell.notified()).await;
    world.log().crash_at_commit = None;
    if rung.is_some() {
        let micros = world.executor.dice().below(6_000);
        world.executor.pause(Duration::from_micros(micros)).await;
    }
}

fn open(
    world: &Arc<World>,
    (store, payloads): &(MemoryStore, MemoryPayloads),
    life: Life,
    rules: usize,
) -> Gateway {
    let text = world.plan.toml(rules);
    let configuration = Configuration::from_toml(&text, "schedule.toml")
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    let environment = Environment {
        clock: Arc::new(world.executor.clone()),
        payloads: Arc::new(SlowPayloads { payloads: payloads.clone(), world: Arc::clone(world) }),
        rng: Arc::new(world.executor.dice()),
        spawn: world.executor.spawner(life),
        store: Arc::new(SlowStore { store: store.clone(), watch: Slow(Arc::clone(world)) }),
    };
    let network = world.network.clone();
    let (dicom, hl7) = (network.bind("telerad:104"), network.bind("telerad:2575"));
    let gateway = Gateway::start(configuration, environment, dicom, hl7, network)
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    world.tell(format!("gateway {life} runs by rules {rules}"));
    let now = world.micros();
    let mut log = world.log();
    log.rules.push((now, rules));
    log.open = Some((life, gateway.desk()));
    drop(log);
    let (mut events, listener) = (gateway.events(), Arc::clone(world));
    world.executor.spawn(async move {
        loop {
            match events.recv().await {
                Ok(event) => note(&listener, event),
                Err(RecvError::Lagged(_)) => {
                    listener.log().faults.push("events were missed".to_owned());
                }
                Err(RecvError::Closed) => return,
            }
        }
    });
    gateway
}

fn note(world: &World, event: Event) {
    match &event {
        Event::InstanceReceived { .. } => {}
        Event::Decided { operation: Operation::Raise, by, .. } if by == "order" => {
            world.reach("raised by its order");
        }
        Event::DestinationDown { .. } => world.reach("destination down"),
        Event::DestinationUp { .. } => world.reach("destination up"),
        Event::DecidedAgain { .. } => world.reach("decided again"),
        Event::InstanceShed { .. } => world.reach("instance shed"),
        Event::SpoolFull { .. } => world.reach("spool full"),
        Event::SpoolLow { .. } => world.reach("spool low"),
        Event::StudyMoved { .. } => world.reach("study moved"),
        Event::StillParked { .. } => world.reach("still parked, told again"),
        Event::StudySentTwice { .. } => world.reach("study sent twice"),
        Event::StudyWaits { .. } => world.reach("study waits after an outage"),
        other => world.tell(format!("event: {other:?}")),
    }
    let now = world.micros();
    world.log().events.push((now, event));
}

/// Of all tasks together.
const STEPS_MAX: u64 = 20_000_000;
/// Of twenty seconds and more: half a day at least.
const WAITS_MAX: u64 = 2160;
