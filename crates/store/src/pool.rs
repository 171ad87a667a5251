//! Named threads that work off one queue.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// One thread for each of the states it was started with. The queue needs no bound of its own: whoever asks waits for
/// the answer before asking again.
pub(crate) struct Pool<S> {
    queue: Option<Sender<Job<S>>>,
    threads: Vec<JoinHandle<()>>,
}

impl<S: Send + 'static> Pool<S> {
    /// Starts the threads, named after their work and numbered.
    pub(crate) fn start(name: &str, states: Vec<S>) -> io::Result<Self> {
        let (queue, jobs) = channel::<Job<S>>();
        let jobs = Arc::new(Mutex::new(jobs));
        let threads = states
            .into_iter()
            .enumerate()
            .map(|(number, state)| {
                let jobs = Arc::clone(&jobs);
                std::thread::Builder::new()
                    .name(format!("{name}-{number}"))
                    .spawn(move || work(&jobs, state))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { queue: Some(queue), threads })
    }

    /// Runs the job on some thread; its value arrives at the receiver, which is closed when the pool is.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut S) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (reply, answer) = oneshot::channel();
        let job: Job<S> = Box::new(move |state| {
            // A receiver that has gone lets the value drop here, off the caller's thread.
            let _ = reply.send(job(state));
        });
        // A job that finds no queue is dropped, which closes its receiver.
        let _ = self.queue.as_ref().map(|queue| queue.send(job));
        answer
    }
}

impl<S> Drop for Pool<S> {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn work<S>(jobs: &Mutex<Receiver<Job<S>>>, mut state: S) {
    loop {
        // The guard is released before the job runs, so that the next thread can wait for the next one.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(&mut state);
    }
}
