//! Whether orders have changed since they were read.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the commits that change orders. All of them are this process's own: it has the data directory locked.
#[derive(Debug, Default)]
pub(crate) struct OrderChanges {
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A moment at which no order was being changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct OrdersAt(u64);

/// Orders are being changed until this is dropped.
#[derive(Debug)]
pub(crate) struct OrderChange<'a>(&'a OrderChanges);

impl OrderChanges {
    /// To be called before the commit.
    pub(crate) fn begin(&self) -> OrderChange<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        OrderChange(self)
    }

    /// `None` while an order is being changed: whether a reader sees it already cannot be told.
    pub(crate) fn now(&self) -> Option<OrdersAt> {
        // In this order: a change that begins in between makes the two differ.
        let ended = self.ended.load(Ordering::SeqCst);
        (self.begun.load(Ordering::SeqCst) == ended).then_some(OrdersAt(ended))
    }
}

impl Drop for OrderChange<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::OrderChanges;

    #[test]
    fn what_was_read_before_or_during_a_change_is_told_from_what_was_read_after_it() {
        let changes = OrderChanges::default();
        let before = changes.now();
        assert!(before.is_some());
        assert_eq!(changes.now(), before);
        let one = changes.begin();
        assert_eq!(changes.now(), None);
        let other = changes.begin();
        drop(one);
        assert_eq!(changes.now(), None);
        drop(other);
        assert!(changes.now().is_some());
        assert_ne!(changes.now(), before);
    }
}
