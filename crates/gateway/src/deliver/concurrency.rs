//! How many associations a destination bears at once.

/// Workers of one destination that may work at the same time.
///
/// Peers that take fewer associations than the configuration says reject the next one as transient (PS3.8 table 9-21).
/// While others of ours are open that is no outage: fewer are asked for then, and one more after a while of answers.
#[derive(Debug)]
pub(super) struct Concurrency {
    /// What the configuration says.
    most: usize,
    /// What the peer bears, as far as is known.
    borne: usize,
    /// Workers at work.
    busy: usize,
    /// Those of them that take everything, and not just the most urgent lane.
    busy_with_all: usize,
    /// Answers since the limit was changed.
    answers: u32,
}

/// What a worker takes from the queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Takes {
    /// Everything, most urgent first.
    All,
    /// Only the most urgent lane: it is kept free for that.
    Stat,
}

impl Takes {
    /// The first of at least two workers is kept free for the most urgent lane.
    pub(super) fn of(number: usize, associations_max: usize) -> Self {
        if number == 0 && associations_max >= 2 { Self::Stat } else { Self::All }
    }
}

impl Concurrency {
    pub(super) fn new(associations_max: usize) -> Self {
        Self {
            most: associations_max,
            borne: associations_max,
            busy: 0,
            busy_with_all: 0,
            answers: 0,
        }
    }

    /// Whether one more worker may begin; it has begun then.
    pub(super) fn begin(&mut self, takes: Takes) -> bool {
        let for_all = if self.most >= 2 { self.borne.saturating_sub(1).max(1) } else { self.borne };
        if self.busy >= self.borne || (takes == Takes::All && self.busy_with_all >= for_all) {
            return false;
        }
        self.busy += 1;
        self.busy_with_all += usize::from(takes == Takes::All);
        true
    }

    /// A worker that began has ended.
    pub(super) fn end(&mut self, takes: Takes) {
        self.busy = self.busy.saturating_sub(1);
        self.busy_with_all = self.busy_with_all.saturating_sub(usize::from(takes == Takes::All));
    }

    /// The peer rejected an association for the moment. Whether that can be because others of ours are open, of which
    /// `idle` are not in use: then fewer are asked for.
    pub(super) fn is_limit(&mut self, idle: usize) -> bool {
        let others = self.busy.saturating_sub(1);
        if others + idle == 0 {
            return false;
        }
        self.borne = others.max(1);
        self.answers = 0;
        true
    }

    /// The peer answered: after many answers one association more is tried again.
    pub(super) fn answered(&mut self) {
        self.answers = self.answers.saturating_add(1);
        if self.borne < self.most && self.answers >= ANSWERS_UNTIL_MORE {
            self.borne += 1;
            self.answers = 0;
        }
    }
}

/// Trying one association too many costs a round trip; so often it may be tried whether there is room again.
const ANSWERS_UNTIL_MORE: u32 = 256;

#[cfg(test)]
mod tests {
    use super::{ANSWERS_UNTIL_MORE, Concurrency, Takes};

    /// How many workers of each kind begin.
    fn begin(concurrency: &mut Concurrency) -> (usize, usize) {
        let count = |concurrency: &mut Concurrency, takes| {
            (0..9).filter(|_| concurrency.begin(takes)).count()
        };
        let all = count(concurrency, Takes::All);
        (all, count(concurrency, Takes::Stat))
    }

    #[test]
    fn one_place_is_kept_for_what_is_most_urgent() {
        assert_eq!(begin(&mut Concurrency::new(4)), (3, 1));
        assert_eq!(begin(&mut Concurrency::new(2)), (1, 1));
        assert_eq!(begin(&mut Concurrency::new(1)), (1, 0));
    }

    #[test]
    fn a_peer_that_bears_fewer_is_asked_for_fewer_and_later_for_more() {
        let mut concurrency = Concurrency::new(4);
        assert_eq!(begin(&mut concurrency), (3, 1));
        assert!(concurrency.is_limit(0));
        for takes in [Takes::All, Takes::All, Takes::All, Takes::Stat] {
            concurrency.end(takes);
        }
        assert_eq!(begin(&mut concurrency), (2, 1));
        for _ in 0..ANSWERS_UNTIL_MORE {
            concurrency.answered();
        }
        assert_eq!(begin(&mut concurrency), (1, 0));
    }

    #[test]
    fn a_peer_that_rejects_the_only_association_is_down() {
        let mut concurrency = Concurrency::new(4);
        assert!(concurrency.begin(Takes::All));
        assert!(!concurrency.is_limit(0));
        assert!(concurrency.is_limit(1), "one of ours was idle");
    }
}
