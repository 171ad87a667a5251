//! What a gateway is given by whoever runs it.

use std::sync::Arc;

use telerad_net::{Clock, Rng, Spawn, SystemClock, SystemRng, TokioSpawn};
use telerad_store::Store;
use telerad_store::payload::Payloads;

/// Clock, randomness, tasks, state and payloads, handed in so that the whole runs in a simulation as in production.
#[derive(Clone)]
pub struct Environment {
    /// Where the time is read and waited for.
    pub clock: Arc<dyn Clock>,
    /// Payload bytes.
    pub payloads: Arc<dyn Payloads>,
    /// Random numbers.
    pub rng: Arc<dyn Rng>,
    /// Where tasks run.
    pub spawn: Arc<dyn Spawn>,
    /// Durable state.
    pub store: Arc<dyn Store>,
}

impl Environment {
    /// The system's clock and randomness, tasks on the tokio runtime of the caller, and this state.
    pub fn system(store: impl Store, payloads: impl Payloads) -> Self {
        Self {
            clock: SystemClock::shared(),
            payloads: Arc::new(payloads),
            rng: Arc::new(SystemRng),
            spawn: Arc::new(TokioSpawn),
            store: Arc::new(store),
        }
    }
}
