//! The wish to stop, told to every task.

use tokio::sync::watch;

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
    let (sender, receiver) = watch::channel(false);
    (ShutdownHandle(sender), Shutdown(receiver))
}

/// Asks for the end. Dropping it asks as well: servers do not outlive their owner.
#[derive(Debug)]
pub struct ShutdownHandle(watch::Sender<bool>);

impl ShutdownHandle {
    /// Asks every holder of a [`Shutdown`] to finish what is in flight and stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

/// Hears the wish to stop. Clones are cheap.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Whether the end has been asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Waits until the end is asked for.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn requested(&self) {
        let mut receiver = self.0.clone();
        // An error means that the handle is gone, which is the same wish.
        let _ = receiver.wait_for(|requested| *requested).await;
    }
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
