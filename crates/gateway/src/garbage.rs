//! Payloads that nobody needs any more are removed: a few at a time, with pauses, so that what comes in goes first.

use std::time::Duration;

use telerad_net::Shutdown;
use telerad_store::{CollectError, Collected, Retention, collect};

use crate::event::Event;
use crate::state::State;
use crate::watermarks::Room;

/// Goes through the spool now and then, until the end; more often while room is short.
pub(crate) async fn watch(state: &State, shutdown: &Shutdown) {
    let mut rested = Duration::ZERO;
    loop {
        wait(state, shutdown, REST).await;
        if shutdown.is_requested() {
            return;
        }
        rested += REST;
        if rested < INTERVAL && state.watermarks.room() == Room::Enough {
            continue;
        }
        rested = Duration::ZERO;
        match pass(state, shutdown).await {
            Ok(Collected { removed: 0, .. }) => {}
            Ok(Collected { seen, removed, bytes, .. }) => {
                tracing::info!(seen, removed, bytes, "payloads that nobody needs removed");
                state.tell(Event::PayloadsRemoved { count: removed, bytes });
            }
            Err(error) => tracing::error!("payloads that nobody needs stay: {error}"),
        }
    }
}

/// Once through the whole spool; what that came to.
async fn pass(state: &State, shutdown: &Shutdown) -> Result<Collected, CollectError> {
    let environment = &state.environment;
    let delivered = state.configuration.sites.iter().filter_map(|site| {
        let hours = site.keep_hours?;
        Some((site.id.get_ref().clone(), Duration::from_secs(hours.saturating_mul(3600))))
    });
    let retention = Retention { unnamed: UNNAMED, delivered: delivered.collect() };
    let (store, payloads) = (&*environment.store, &*environment.payloads);
    let mut total = Collected::default();
    let mut after = None;
    loop {
        let page = collect(store, payloads, &retention, state.now(), after, AT_ONCE).await?;
        total.seen += page.seen;
        total.removed += page.removed;
        total.bytes += page.bytes;
        after = page.next;
        if after.is_none() || shutdown.is_requested() {
            return Ok(total);
        }
        wait(state, shutdown, PAUSE).await;
    }
}

async fn wait(state: &State, shutdown: &Shutdown, pause: Duration) {
    let clock = &state.environment.clock;
    let wake = clock.sleep_until(clock.now() + pause);
    tokio::select! {
        biased;
        () = shutdown.requested() => {}
        () = wake => {}
    }
}

/// Between two passes.
const INTERVAL: Duration = Duration::from_secs(3600);
/// How often the room is looked at; while it is short, also between two passes.
const REST: Duration = Duration::from_secs(60);
/// Payloads looked at between two pauses: a few reads each, and a commit for one that is to go.
const AT_ONCE: usize = 32;
const PAUSE: Duration = Duration::from_millis(50);
/// What no row names comes from a crash or a failed commit. It is left alone for as long as somebody may look for it.
const UNNAMED: Duration = Duration::from_secs(24 * 3600);
