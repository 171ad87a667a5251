//! Waiting for futures.

use std::future::Future;
use std::{io, panic, thread};

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime for one user.
pub(super) struct Engine(Option<Runtime>);

impl Engine {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Some(Builder::new_current_thread().enable_all().build()?)))
    }

    /// Waits for `future`.
    ///
    /// # Errors
    /// When there is no thread to be had; only a call from inside a runtime needs one.
    pub(super) fn run<F>(&self, future: F) -> io::Result<F::Output>
    where
        F: Future + Send,
        F::Output: Send,
    {
        let Some(runtime) = &self.0 else { return Err(io::ErrorKind::NotConnected.into()) };
        if Handle::try_current().is_err() {
            return Ok(runtime.block_on(future));
        }
        // Waiting on a thread that drives another runtime is what tokio panics at.
        thread::scope(|scope| {
            let waiting = thread::Builder::new()
                .name("telerad blocking".to_owned())
                .spawn_scoped(scope, || runtime.block_on(future))?;
            match waiting.join() {
                Ok(output) => Ok(output),
                Err(cause) => panic::resume_unwind(cause),
            }
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // An ordinary drop waits for name look-ups under way, which panics inside another runtime.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Engine;

    #[test]
    fn a_panic_comes_through() {
        let engine = Engine::new().unwrap();
        let outer = Engine::new().unwrap();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            outer.run(async { engine.run(async { panic!("on purpose") }) })
        }));
        let cause = *caught.unwrap_err().downcast::<&str>().unwrap();
        assert_eq!(cause, "on purpose");
    }

    #[test]
    fn engines_may_be_nested_and_dropped_within_each_other() {
        let outer = Engine::new().unwrap();
        let inner = outer.run(async { Engine::new().unwrap().run(async { 7 }).unwrap() });
        assert_eq!(inner.unwrap(), 7);
    }
}
