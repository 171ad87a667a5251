//! A whole gateway between scripted peers, on simulated time: streams are in memory, and a pause costs nothing.
#![expect(clippy::disallowed_methods, reason = "tests own their runtime")]

mod after_delivery;
mod damaged;
mod delivery;
mod desk;
mod garbage;
mod house;
mod intake;
mod lifecycle;
mod merges;
mod onward;
mod orders;
mod outbox;
mod performed;
mod reconcile;
mod reports;
mod sites;
mod steps;
mod twice;
mod undecided;
mod watermarks;
mod worklist;
