//! The wish to stop, told to every task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Makes a connected pair: the handle asks for the end, clones of the other hear it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let (handle, shutdown) = telerad_net::shutdown();
/// assert!(!shutdown.is_requested());
/// handle.request();
/// shutdown.requested().await;
/// assert!(shutdown.is_requested());
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn shutdown() -> (ShutdownHandle, Shutdown) {
    let wish = Arc::<Wish>::default();
    (ShutdownHandle(Arc::clone(&wish)), Shutdown(wish))
}

/// Asks for the end. Dropping it asks as well: servers do not outlive their owner.
#[derive(Debug)]
pub struct ShutdownHandle(Arc<Wish>);

impl ShutdownHandle {
    /// Asks every holder of a [`Shutdown`] to finish what is in flight and stop.
    pub fn request(&self) {
        self.0.requested.store(true, Ordering::Release);
        self.0.bell.notify_waiters();
    }
}

impl Drop for ShutdownHandle {
    fn drop(&mut self) {
        self.request();
    }
}

/// Hears the wish to stop. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Shutdown(Arc<Wish>);

impl Shutdown {
    /// Whether the end has been asked for.
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::Acquire)
    }

    /// Waits until the end is asked for.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn requested(&self) {
        // Before the look, so that no ring falls between the two.
        let rung = self.0.bell.notified();
        if !self.is_requested() {
            rung.await;
        }
    }
}

/// Not a `watch`, which wakes those who wait in an order of chance: a simulation has to go the same way twice.
#[derive(Debug, Default)]
struct Wish {
    bell: Notify,
    requested: AtomicBool,
}

#[cfg(test)]
mod tests {
    use super::shutdown;

    #[tokio::test]
    async fn a_dropped_handle_is_a_request() {
        let (handle, shutdown) = shutdown();
        assert!(!shutdown.is_requested());
        drop(handle);
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }
}
