//! Waiting for the outside, with an end.

use std::time::{Duration, Instant};

/// Looks every few milliseconds until `done` says yes; `false` when the time is up.
pub fn until(limit: Duration, mut done: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        if done() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        pause(Duration::from_millis(20));
    }
}

/// As [`until`], but the time starts anew whenever `progress` changes: a slow machine is no failure,
/// standing still is.
pub fn while_progressing<P: PartialEq>(
    limit: Duration,
    mut progress: impl FnMut() -> P,
    mut done: impl FnMut() -> bool,
) -> bool {
    let mut last = progress();
    loop {
        let moved = until(limit, || done() || progress() != last);
        if done() {
            return true;
        }
        if !moved {
            return false;
        }
        last = progress();
    }
}

/// Does nothing for a while.
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}
