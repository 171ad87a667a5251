//! Whether there is room for more.
//!
//! The room is measured when a C-STORE begins and the last measurement is older than a second, whenever so many bytes
//! have come since, and now and then while nothing comes. So an instance of any size notices that the disk fills.

use std::time::Duration;

use telerad_net::Shutdown;

use crate::event::Event;
use crate::state::State;
use crate::watermarks::Room;

/// The room for an instance that begins.
pub(crate) async fn at_begin(state: &State) -> Room {
    let now = state.environment.clock.now();
    let measured = state.watermarks.measured();
    if measured.is_none_or(|at| now.saturating_duration_since(at) >= FRESH) {
        measure(state).await
    } else {
        state.watermarks.room()
    }
}

/// The room after so many more bytes of an instance.
pub(crate) async fn after(state: &State, bytes: usize) -> Room {
    if state.watermarks.count(bytes) > MEASURE_BYTES {
        measure(state).await
    } else {
        state.watermarks.room()
    }
}

/// Measures now and then until the end, so that associations are not rejected for longer than need be.
pub(crate) async fn watch(state: &State, shutdown: Shutdown) {
    while !shutdown.is_requested() {
        let pause = if measure(state).await == Room::Enough { REST } else { FRESH };
        let clock = &state.environment.clock;
        let wake = clock.sleep_until(clock.now() + pause);
        tokio::select! {
            biased;
            () = shutdown.requested() => {}
            () = wake => {}
        }
    }
}

async fn measure(state: &State) -> Room {
    let watermarks = &state.watermarks;
    watermarks.begin();
    let now = state.environment.clock.now();
    match state.environment.payloads.space().await {
        Ok(space) => {
            let (room, is_news) = watermarks.note(space, &state.configuration.spool, now);
            if is_news {
                tell(state);
            }
            room
        }
        Err(error) => {
            // No reason to send anybody away: a disk that is full refuses each instance by itself.
            if watermarks.note_unknown(now) {
                tracing::error!("no watermarks: the room of the spool cannot be told: {error}");
            }
            watermarks.room()
        }
    }
}

fn tell(state: &State) {
    let cause = state.watermarks.cause();
    state.tell(match state.watermarks.room() {
        Room::Enough => {
            tracing::info!("room for every source again: {cause}");
            Event::SpoolRecovered { cause }
        }
        Room::Low => {
            tracing::warn!("spool low, sources of low priority wait: {cause}");
            Event::SpoolLow { cause }
        }
        Room::None => {
            tracing::error!("spool full, nothing is taken: {cause}");
            Event::SpoolFull { cause }
        }
    });
}

/// A measurement is good for so long.
const FRESH: Duration = Duration::from_secs(1);
/// While there is room, it is looked at this often.
const REST: Duration = Duration::from_secs(10);
/// And after so many bytes, which all sources together may write beyond a watermark before it is noticed.
const MEASURE_BYTES: u64 = 16 << 20;
