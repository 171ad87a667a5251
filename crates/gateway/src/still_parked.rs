//! What waits for a person is told again at start: a crash may have come between the record and the word.

use std::time::Duration;

use telerad_net::Shutdown;
use telerad_store::{ParkedItem, StoreError};

use crate::event::Event;
use crate::state::State;

/// Tells of everything that is parked, with pauses so that a listener keeps up.
pub(crate) async fn tell(state: &State, shutdown: &Shutdown) {
    if let Err(error) = tell_pages(state, shutdown).await {
        tracing::error!("cannot tell all that is parked: {error}");
    }
}

async fn tell_pages(state: &State, shutdown: &Shutdown) -> Result<(), StoreError> {
    let mut last: Option<ParkedItem> = None;
    while !shutdown.is_requested() {
        let after = last.as_ref().map(|item| (item.parked_at, item.id.as_str()));
        let items = state.environment.store.parked(None, after, PAGE).await?;
        let is_end = items.len() < PAGE;
        for item in items {
            let (site, kind) = (item.site.clone(), item.kind);
            let (subject, reason) = (item.subject.clone(), item.reason.clone());
            tracing::warn!(%site, subject, "still parked: {reason}");
            state.tell(Event::StillParked { site, kind, subject, reason });
            last = Some(item);
        }
        if is_end {
            break;
        }
        let clock = &state.environment.clock;
        clock.sleep_until(clock.now() + PAUSE).await;
    }
    Ok(())
}

/// Told between two pauses.
const PAGE: usize = 128;
const PAUSE: Duration = Duration::from_millis(20);
