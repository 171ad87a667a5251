//! Tasks, started by whoever owns the runtime.

use crate::BoxFuture;

/// Starts tasks, so that the embedder (or a simulation) decides where they run.
pub trait Spawn: Send + Sync + 'static {
    /// Starts `task`; `name` says what it serves, without patient data.
    fn spawn(&self, name: &str, task: BoxFuture<'static, ()>);

    /// Runs work that computes for long and never waits, where it keeps no task from going on. By default it is a task like
    /// any other, which is right where there is one thread anyway.
    fn compute(&self, name: &str, work: Box<dyn FnOnce() + Send + 'static>) {
        self.spawn(name, Box::pin(async move { work() }));
    }
}

/// Starts tasks on the tokio runtime of the caller.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokioSpawn;

impl Spawn for TokioSpawn {
    #[expect(clippy::disallowed_methods, reason = "this is the Spawn that everybody else uses")]
    fn spawn(&self, name: &str, task: BoxFuture<'static, ()>) {
        tracing::trace!(name, "task started");
        drop(tokio::spawn(task));
    }

    fn compute(&self, name: &str, work: Box<dyn FnOnce() + Send + 'static>) {
        tracing::trace!(name, "computation started");
        drop(tokio::task::spawn_blocking(work));
    }
}
