//! SOP classes that a destination is known not to take.

use std::collections::BTreeMap;
use std::time::Duration;

use telerad_core::Timestamp;

use crate::{DeliveryRecord, DeliveryState, NotWantedReason};

/// What one destination said of SOP classes, so that it is not asked again for each instance of a kind it never takes.
///
/// It is forgotten after a time that the site sets, and whenever the gateway is configured anew, so that a destination
/// that has learnt a class gets it without anybody's help.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RefusedClasses {
    kept_for: Duration,
    refused: BTreeMap<String, Timestamp>,
}

impl RefusedClasses {
    /// Nothing is known.
    pub fn new(kept_for: Duration) -> Self {
        Self { kept_for, refused: BTreeMap::new() }
    }

    /// Takes note that the class was refused, when the association was opened or by status 0122H.
    pub fn on_refused(&mut self, sop_class_uid: &str, now: Timestamp) {
        self.refused.retain(|_, at| is_fresh(*at, self.kept_for, now));
        if self.refused.len() < CLASSES_MAX {
            self.refused.insert(sop_class_uid.to_owned(), now);
        }
    }

    /// Takes note that the class was taken after all.
    pub fn on_taken(&mut self, sop_class_uid: &str) {
        self.refused.remove(sop_class_uid);
    }

    /// Forgets what was refused, all of it or one class, since somebody says that it is taken now; what was forgotten.
    pub fn forget(&mut self, sop_class_uid: Option<&str>, now: Timestamp) -> Vec<String> {
        let kept_for = self.kept_for;
        let mut forgotten = Vec::new();
        self.refused.retain(|class, at| {
            let stays = sop_class_uid.is_some_and(|wanted| wanted != class);
            if !stays && is_fresh(*at, kept_for, now) {
                forgotten.push(class.clone());
            }
            stays
        });
        forgotten
    }

    /// The classes that are known to be refused.
    pub fn known(&self, now: Timestamp) -> Vec<String> {
        let fresh = self.refused.iter().filter(|(_, at)| is_fresh(**at, self.kept_for, now));
        fresh.map(|(class, _)| class.clone()).collect()
    }

    /// Whether the class is known to be refused.
    pub fn is_refused(&self, sop_class_uid: &str, now: Timestamp) -> bool {
        self.refused.get(sop_class_uid).is_some_and(|at| is_fresh(*at, self.kept_for, now))
    }

    /// The end of a pending delivery whose class is known to be refused, without a try; `None` when it is to be tried.
    pub fn settle(&self, delivery: &DeliveryRecord, now: Timestamp) -> Option<DeliveryRecord> {
        let at = self.refused.get(&delivery.sop_class_uid)?;
        if delivery.state != DeliveryState::Pending || !is_fresh(*at, self.kept_for, now) {
            return None;
        }
        let class = &delivery.sop_class_uid;
        Some(DeliveryRecord {
            state: DeliveryState::NotWanted { reason: NotWantedReason::ClassNotTaken },
            last_fault: Some(format!("SOP class {class} was refused at {at}")),
            ..delivery.clone()
        })
    }
}

/// A time in the future was noted before the clock was set back.
fn is_fresh(at: Timestamp, kept_for: Duration, now: Timestamp) -> bool {
    at <= now && now.since(at) < kept_for
}

/// There are some hundreds of storage SOP classes.
const CLASSES_MAX: usize = 1024;
