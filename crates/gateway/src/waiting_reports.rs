//! Reports that wait for a person, by the message that brought them.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use telerad_core::SiteId;

/// Which messages brought reports that are parked, so that an order need not look through everything that is.
///
/// Some may have ended their wait since: the store has the last word.
#[derive(Default)]
pub(crate) struct WaitingReports(Mutex<BTreeSet<(SiteId, String)>>);

impl WaitingReports {
    /// Takes note of one.
    pub(crate) fn add(&self, site: &SiteId, message_id: &str) {
        self.messages().insert((site.clone(), message_id.to_owned()));
    }

    /// Forgets one that waits no longer.
    pub(crate) fn end(&self, site: &SiteId, message_id: &str) {
        self.messages().remove(&(site.clone(), message_id.to_owned()));
    }

    /// Those of a site.
    pub(crate) fn of(&self, site: &SiteId) -> Vec<String> {
        let first = (site.clone(), String::new());
        let messages = self.messages();
        let of_site = messages.range(first..).take_while(|(owner, _)| owner == site);
        of_site.map(|(_, message)| message.clone()).collect()
    }

    fn messages(&self) -> MutexGuard<'_, BTreeSet<(SiteId, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use telerad_core::SiteId;

    use super::WaitingReports;

    #[test]
    fn each_site_has_its_own() {
        let site = |id: &str| SiteId::new(id).unwrap();
        let waiting = WaitingReports::default();
        for (id, message) in [("south", "3"), ("north", "2"), ("north", "1"), ("west", "4")] {
            waiting.add(&site(id), message);
        }
        assert_eq!(waiting.of(&site("north")), ["1", "2"]);
        waiting.end(&site("north"), "1");
        waiting.end(&site("south"), "2");
        assert_eq!(waiting.of(&site("north")), ["2"]);
        assert_eq!(waiting.of(&site("south")), ["3"]);
        assert_eq!(waiting.of(&site("east")), [""; 0]);
    }
}
