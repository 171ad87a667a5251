//! What a kind of crash came to.

use telerad_trials::verdict::{self, Verdict};

use crate::load::Ledger;

/// Counts and findings.
#[derive(Debug, Default)]
pub struct Tally {
    /// Crashes.
    pub crashes: u32,
    /// Of these, in a gateway that was still opening its state, or that a failing disk kept from it.
    pub never_opened: u32,
    /// Of these, in a gateway that had come to a stop by itself.
    pub late_cuts: u32,
    /// Lives in which a sync failed.
    pub failed_syncs: u32,
    /// Acknowledged.
    pub instances: usize,
    /// Acknowledged.
    pub messages: usize,
    /// Sendings that got no answer.
    pub cut_off: u32,
    /// Sendings that were refused: by a gateway that could not store.
    pub refused: usize,
    /// Instances that arrived again.
    pub repeated: usize,
    /// The most that arrived at a crash without the ledger knowing.
    pub in_flight_max: usize,
    /// What is not as it must be.
    pub findings: Vec<String>,
}

impl Tally {
    /// Takes in what senders know at the end.
    pub fn add(&mut self, ledger: &Ledger) {
        self.instances += ledger.instances.len();
        self.messages += ledger.messages.len();
        self.cut_off += ledger.cut_off;
        self.refused += ledger.refused.len();
    }

    /// Prints it.
    pub fn report(&self, kind: &str, seed: u64, verdict: &mut Verdict) {
        verdict::note(format!(
            "{} {kind} (seed {seed}): {} while opening, {} at a standstill, {} after a failed sync; acknowledged: \
             {} instances, {} messages; {} sendings were cut off, {} refused; {} deliveries repeated, at most {} in \
             flight at a crash",
            self.crashes,
            self.never_opened,
            self.late_cuts,
            self.failed_syncs,
            self.instances,
            self.messages,
            self.cut_off,
            self.refused,
            self.repeated,
            self.in_flight_max
        ));
        let busy = self.instances > 0 && self.messages > 0;
        verdict.claim(&format!("{kind}: there was something to lose"), busy, "");
        let name = format!("{kind}: nothing acknowledged is lost, nothing else is sent again");
        verdict.claim(&name, self.findings.is_empty(), self.findings.join("\n    "));
    }
}
