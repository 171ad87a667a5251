//! Randomness, handed in.

/// Random numbers, for the jitter of pauses and for identifiers, so that a test or a simulation can own them as it owns the
/// [`Clock`](crate::Clock).
pub trait Rng: Send + Sync + 'static {
    /// The next number; every value equally likely.
    fn next_u64(&self) -> u64;
}

/// Randomness of the process, seeded by the system. Not for secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn next_u64(&self) -> u64 {
        use std::hash::{BuildHasher, Hasher};
        // The standard library seeds each state from the system and never repeats one within a process.
        std::hash::RandomState::new().build_hasher().finish()
    }
}
