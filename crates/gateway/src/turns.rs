//! Whose turn it is to change a study as a whole.
//!
//! The store alone keeps such a change whole: it is written only if nothing came between. While images of a study come in
//! and go out all the time, something would always come between; so intake waits, and workers let the study be, for the
//! moment that the change takes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use telerad_core::SiteId;
use tokio::sync::Notify;

use crate::bell::Bell;

/// The studies that are being changed as a whole.
pub(crate) struct Turns {
    taken: Mutex<BTreeSet<Study>>,
    freed: Notify,
    bells: Vec<Arc<Bell>>,
}

type Study = (SiteId, String);

/// A study is being changed until this is dropped.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    study: Study,
}

impl Turns {
    /// With the bells of those who have to let a study be, and to look at it again.
    pub(crate) fn new(bells: Vec<Arc<Bell>>) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), freed: Notify::new(), bells })
    }

    /// Waits for the turn to change a study. Whoever takes several takes them in their order.
    pub(crate) async fn take(self: &Arc<Self>, site: &SiteId, study: &str) -> Turn {
        let study = (site.clone(), study.to_owned());
        loop {
            // Before the look, so that no end of a turn falls between the two.
            let freed = self.freed.notified();
            if self.taken().insert(study.clone()) {
                // Workers give back what they had taken of it.
                self.bells.iter().for_each(|bell| bell.change());
                return Turn { turns: Arc::clone(self), study };
            }
            freed.await;
        }
    }

    /// Waits until nobody changes this study.
    pub(crate) async fn pass(&self, site: &SiteId, study: &str) {
        loop {
            let freed = self.freed.notified();
            if !self.is_taken(site, study) {
                return;
            }
            freed.await;
        }
    }

    /// Whether somebody is changing this study.
    pub(crate) fn is_taken(&self, site: &SiteId, study: &str) -> bool {
        let taken = self.taken();
        !taken.is_empty() && taken.contains(&(site.clone(), study.to_owned()))
    }

    fn taken(&self) -> MutexGuard<'_, BTreeSet<Study>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.taken().remove(&self.study);
        self.turns.freed.notify_waiters();
        self.turns.bells.iter().for_each(|bell| bell.wake());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use telerad_core::{Priority, SiteId};

    use super::Turns;
    use crate::bell::Bell;
    use crate::house::run;

    #[test]
    fn one_at_a_time_changes_a_study() {
        run(async {
            let (bell, site) = (Arc::<Bell>::default(), SiteId::new("north").unwrap());
            let turns = Turns::new(vec![Arc::clone(&bell)]);
            let mark = bell.mark();
            let turn = turns.take(&site, "1.2").await;
            assert!(turns.is_taken(&site, "1.2") && !turns.is_taken(&site, "1.3"));
            assert!(bell.overtakes(&mark, Priority::Stat));
            turns.pass(&site, "1.3").await;
            let waiting = async {
                drop(turns.take(&site, "1.2").await);
                turns.pass(&site, "1.2").await;
            };
            let ending = async {
                tokio::task::yield_now().await;
                drop(turn);
            };
            tokio::join!(waiting, ending);
            assert!(!turns.is_taken(&site, "1.2"));
        });
    }
}
