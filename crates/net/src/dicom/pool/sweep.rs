//! The one task of a pool.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use super::places::Shared;
use crate::BoxFuture;
use crate::clock::Alarm;
use crate::spawn::Spawn;

impl Shared {
    /// Starts the task that watches what is idle, if it does not run.
    pub(super) fn start_sweep(self: &Arc<Self>, spawn: &Arc<dyn Spawn>) {
        if self.claim_sweep() {
            let alarm = Alarm::new(Arc::clone(&self.config.clock));
            let mut sweep = Sweep { shared: Arc::downgrade(self), alarm, releasing: Vec::new() };
            let task = async move { poll_fn(|context| sweep.poll(context)).await };
            spawn.spawn("DICOM association pool", Box::pin(task));
        }
    }
}

/// Watches what is idle for as long as the pool is there, and finishes what it has begun.
struct Sweep {
    shared: Weak<Shared>,
    alarm: Alarm,
    releasing: Vec<BoxFuture<'static, ()>>,
}

impl Sweep {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            // Places that become free here are taken, or the waker is called, before the next look.
            self.releasing.retain_mut(|release| release.as_mut().poll(context).is_pending());
            let Some(shared) = self.shared.upgrade() else {
                return if self.releasing.is_empty() { Poll::Ready(()) } else { Poll::Pending };
            };
            let swept = shared.sweep(context);
            drop(swept.ended);
            if !swept.expired.is_empty() {
                let releases = swept
                    .expired
                    .into_iter()
                    .map(|pooled| -> BoxFuture<'static, ()> { Box::pin(pooled.release_quietly()) });
                self.releasing.extend(releases);
                continue;
            }
            if self.alarm.poll(context, swept.next).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        // The runtime has ended; another may come.
        if let Some(shared) = self.shared.upgrade() {
            shared.sweep_ended();
        }
    }
}
