//! What a destination has said about SOP classes.

use std::collections::{BTreeMap, BTreeSet};

use telerad_core::Timestamp;

/// What one destination takes, as it said in negotiations since this process began.
#[derive(Debug, Default)]
pub(super) struct Classes {
    taken: BTreeSet<String>,
    /// Since when a class is known to be refused, and the destination's words.
    refused: BTreeMap<String, (Timestamp, String)>,
}

impl Classes {
    /// It accepted a presentation context for this class.
    pub(super) fn taken(&mut self, sop_class_uid: &str) {
        self.refused.remove(sop_class_uid);
        if !self.taken.contains(sop_class_uid) && self.taken.len() < CLASSES_MAX {
            self.taken.insert(sop_class_uid.to_owned());
        }
    }

    /// It said that it does not take this class.
    pub(super) fn refused(&mut self, sop_class_uid: &str, reason: &str, now: Timestamp) {
        self.taken.remove(sop_class_uid);
        if self.refused.len() < CLASSES_MAX {
            self.refused.insert(sop_class_uid.to_owned(), (now, reason.to_owned()));
        }
    }

    /// Whether it has taken this class, if only in another transfer syntax.
    pub(super) fn takes(&self, sop_class_uid: &str) -> bool {
        self.taken.contains(sop_class_uid)
    }

    /// Why it does not take this class. It is asked again after an hour: people add classes to a platform.
    pub(super) fn refusal(&self, sop_class_uid: &str, now: Timestamp) -> Option<&str> {
        let (since, reason) = self.refused.get(sop_class_uid)?;
        (now >= *since && now.since(*since).as_secs() < REMEMBERED_SECONDS).then_some(reason)
    }
}

/// More than DICOM has storage classes; private ones come from outside, and there is no end to them.
const CLASSES_MAX: usize = 1024;
/// How long a refusal is believed without asking again.
const REMEMBERED_SECONDS: u64 = 3600;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use telerad_core::Timestamp;

    use super::Classes;

    #[test]
    fn a_refusal_is_believed_for_an_hour() {
        let now = Timestamp::from_micros(1_000_000_000_000);
        let mut classes = Classes::default();
        classes.refused("1.2", "not supported", now);
        assert_eq!(classes.refusal("1.2", now), Some("not supported"));
        assert_eq!(classes.refusal("1.3", now), None);
        assert_eq!(classes.refusal("1.2", now.after(Duration::from_secs(3600))), None);
        // The clock was set back.
        assert_eq!(classes.refusal("1.2", Timestamp::from_micros(0)), None);
    }

    #[test]
    fn the_last_word_counts() {
        let now = Timestamp::from_micros(0);
        let mut classes = Classes::default();
        classes.refused("1.2", "not supported", now);
        classes.taken("1.2");
        assert_eq!((classes.refusal("1.2", now), classes.takes("1.2")), (None, true));
        classes.refused("1.2", "not supported", now);
        assert!(!classes.takes("1.2"));
    }
}
