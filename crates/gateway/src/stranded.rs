//! Queues that nobody works off: what was acknowledged waits there, and only the configuration can set it free.

use std::collections::BTreeSet;

use telerad_store::StoreError;

use crate::configuration::MppsDestination;
use crate::event::Event;
use crate::receivers::receivers;
use crate::state::State;

/// Tells of every queue that an earlier configuration filled and this one has no destination or receiver for.
pub(crate) async fn tell(state: &State) {
    match queues(state).await {
        Ok(queues) => {
            for queue in queues {
                tracing::error!(
                    queue,
                    "nothing is sent from this queue: the configuration no longer names it"
                );
                state.tell(Event::QueueStranded { queue });
            }
        }
        Err(error) => tracing::error!("cannot look for stranded queues: {error}"),
    }
}

async fn queues(state: &State) -> Result<Vec<String>, StoreError> {
    let store = &state.environment.store;
    let destinations = &state.configuration.destinations;
    let pending = store.pending_destinations().await?.into_iter();
    let stranded = pending
        .filter(|queue| destinations.iter().all(|known| known.id.get_ref() != queue))
        .map(|queue| queue.as_str().to_owned());
    let receivers = receivers(&state.configuration);
    let relays = state.configuration.mpps_destinations.iter();
    let relays: Vec<String> = relays.map(MppsDestination::queue).collect();
    let known: BTreeSet<&str> = (receivers.iter().map(|receiver| receiver.name.as_str()))
        .chain(relays.iter().map(String::as_str))
        .collect();
    let messages = store.outbound_destinations().await?;
    let messages = messages.into_iter().filter(|name| !known.contains(name.as_str()));
    Ok(stranded.chain(messages).collect())
}

#[cfg(test)]
mod tests;
