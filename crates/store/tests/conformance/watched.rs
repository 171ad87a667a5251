//! What a watched store promises: it is the store, and nothing passes the watch by.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::fixture::*;
use telerad_store::memory::MemoryStore;
use telerad_store::{Batch, Receipt, Store, StoreError, StoreFuture, Watch, Watched};

#[derive(Default)]
struct Nobody;

impl Watch for Nobody {}

/// Refuses everything, and counts what it refused.
#[derive(Default)]
struct Closed(AtomicUsize);

impl Watch for Closed {
    fn read<'a, T: Send + 'a>(&'a self, _: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Err(StoreError::Closed) })
    }

    fn commit<'a>(&'a self, _: &'a dyn Store, _: Batch) -> StoreFuture<'a, Receipt> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async { Err(StoreError::Closed) })
    }
}

#[test]
fn a_watched_store_says_what_the_store_says() {
    let store = MemoryStore::new();
    let watched = Watched { store: store.clone(), watch: Nobody };
    block_on(async {
        for owner in ["north", "south"] {
            watched.commit(one_of_each(owner)).await.unwrap();
        }
        let said = everything(&watched).await;
        assert!(said.contains("o-south"), "{said}");
        assert_eq!(said, everything(&store).await);
    });
}

#[test]
fn a_watch_may_refuse_before_the_store_is_asked() {
    let store = MemoryStore::new();
    let watched = Watched { store: store.clone(), watch: Closed::default() };
    block_on(async {
        assert_eq!(watched.commit(one_of_each("north")).await, Err(StoreError::Closed));
        assert_eq!(watched.counts().await, Err(StoreError::Closed));
        assert_eq!(store.counts().await.unwrap(), Default::default());
    });
    assert_eq!(watched.watch.0.load(Ordering::Relaxed), 2);
}
