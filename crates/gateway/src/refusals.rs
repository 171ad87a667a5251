//! SOP classes that destinations do not take, as they said a while ago.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use telerad_routing::{DestinationId, RefusedClasses};

use crate::configuration::Destination;

/// What is known of every destination. It is forgotten at a stop, after the time that the configuration says, when the class
/// is taken after all, and when a person says so.
pub(crate) struct Refusals {
    known: Mutex<BTreeMap<DestinationId, RefusedClasses>>,
}

impl Refusals {
    pub(crate) fn new(destinations: &[Destination]) -> Self {
        let nothing = |to: &Destination| {
            let kept_for = Duration::from_secs(to.refused_class_minutes.saturating_mul(60));
            (to.id.get_ref().clone(), RefusedClasses::new(kept_for))
        };
        Self { known: Mutex::new(destinations.iter().map(nothing).collect()) }
    }

    /// Reads or changes what is known of one destination.
    pub(crate) fn of<T>(
        &self,
        destination: &DestinationId,
        work: impl FnOnce(&mut RefusedClasses) -> T,
    ) -> T {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = || RefusedClasses::new(Duration::ZERO);
        work(known.entry(destination.clone()).or_insert_with(nothing))
    }
}
