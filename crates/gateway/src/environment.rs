//! What a gateway is given by whoever runs it.

use std::sync::Arc;

use telerad_net::{Clock, Spawn, SystemClock, TokioSpawn};
use telerad_store::Store;
use telerad_store::payload::Payloads;

/// Random numbers: for control identifiers and for the jitter of pauses.
pub trait Rng: Send + Sync + 'static {
    /// The next number; every value equally likely.
    fn next_u64(&self) -> u64;
}

/// Randomness of the process, seeded by the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn next_u64(&self) -> u64 {
        use std::hash::{BuildHasher, Hasher};
        // The standard library seeds each state from the system and never repeats one within a process.
        std::hash::RandomState::new().build_hasher().finish()
    }
}

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
