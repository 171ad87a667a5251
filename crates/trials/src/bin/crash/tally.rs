//! What a kind of crash came to.

use std::collections::BTreeMap;

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
    /// Acknowledged after a failed sync, and durable before it.
    pub repeated_late: usize,
    /// Lives without room.
    pub low_lives: u32,
    /// Operations that failed with EIO or ENOSPC.
    pub faults: u64,
    /// Files that cuts left half written.
    pub torn_files: u64,
    /// Names that cuts left otherwise than they were.
    pub lost_names: u64,
    /// Acknowledged.
    pub instances: usize,
    /// Acknowledged, under a UID that was there with other bytes.
    pub variants: usize,
    /// Acknowledged after delivery.
    pub after_delivery: usize,
    /// Acknowledged.
    pub messages: usize,
    /// Sendings that got no answer.
    pub cut_off: u32,
    /// Sendings that were refused: by a gateway that could not store.
    pub refused: usize,
    /// Of these, with A700H.
    pub out_of_resources: usize,
    /// Instances that arrived again.
    pub repeated: usize,
    /// The most that arrived at a destination at a crash without the ledger knowing.
    pub in_flight_max: usize,
    /// Deliveries that went to another destination with their study.
    pub moved: usize,
    /// Payloads removed.
    pub removed: usize,
    /// Of the deliveries that moved, those whose payload had been removed by then.
    pub removed_before: usize,
    /// What a person was granted.
    pub decisions: BTreeMap<&'static str, usize>,
    /// What is not as it must be.
    pub findings: Vec<String>,
}

impl Tally {
    /// One more crash.
    pub fn crash(&mut self) {
        self.crashes += 1;
    }

    /// Takes in what senders know at the end.
    pub fn add(&mut self, ledger: &Ledger) {
        self.instances += ledger.instances.len();
        self.variants += ledger.variants.len();
        self.after_delivery += ledger.after_delivery;
        self.messages += ledger.messages.len();
        self.cut_off += ledger.cut_off;
        self.refused += ledger.refused.len();
        self.out_of_resources += ledger.refused.iter().filter(|it| it.ends_with(": A700")).count();
        self.removed += ledger.removed;
        for (decision, count) in &ledger.decisions {
            *self.decisions.entry(decision).or_default() += count;
        }
    }

    /// Takes in what another episode came to.
    pub fn merge(&mut self, other: Self) {
        self.crashes += other.crashes;
        self.never_opened += other.never_opened;
        self.late_cuts += other.late_cuts;
        self.failed_syncs += other.failed_syncs;
        self.repeated_late += other.repeated_late;
        self.low_lives += other.low_lives;
        self.faults += other.faults;
        self.torn_files += other.torn_files;
        self.lost_names += other.lost_names;
        self.instances += other.instances;
        self.variants += other.variants;
        self.after_delivery += other.after_delivery;
        self.messages += other.messages;
        self.cut_off += other.cut_off;
        self.refused += other.refused;
        self.out_of_resources += other.out_of_resources;
        self.repeated += other.repeated;
        self.in_flight_max = self.in_flight_max.max(other.in_flight_max);
        self.moved += other.moved;
        self.removed += other.removed;
        self.removed_before += other.removed_before;
        for (decision, count) in other.decisions {
            *self.decisions.entry(decision).or_default() += count;
        }
        self.findings.extend(other.findings);
    }

    /// Prints it.
    pub fn report(&self, kind: &str, seed: u64, verdict: &mut Verdict) {
        verdict::note(format!(
            "{} {kind} (seed {seed}): {} while opening, {} at a standstill, {} after a failed sync, {} without room; {} \
             operations failed, cuts tore {} files and took {} names",
            self.crashes,
            self.never_opened,
            self.late_cuts,
            self.failed_syncs,
            self.low_lives,
            self.faults,
            self.torn_files,
            self.lost_names,
        ));
        let decisions: Vec<String> =
            self.decisions.iter().map(|(what, count)| format!("{count} {what}")).collect();
        let granted = if decisions.is_empty() { "none".to_owned() } else { decisions.join(", ") };
        verdict::note(format!(
            "acknowledged: {} instances ({} after delivery), {} second versions, {} messages; {} of them after a failed \
             sync and durable before; {} sendings were cut off, {} refused ({} A700H)",
            self.instances,
            self.after_delivery,
            self.variants,
            self.messages,
            self.repeated_late,
            self.cut_off,
            self.refused,
            self.out_of_resources,
        ));
        verdict::note(format!(
            "{} deliveries repeated, at most {} in flight to a destination at a crash; {} moved with their study, {} of \
             them without their payload; {} payloads removed; studies by a person: {granted}",
            self.repeated, self.in_flight_max, self.moved, self.removed_before, self.removed
        ));
        let busy = self.instances > 0 && self.messages > 0;
        verdict.claim(&format!("{kind}: there was something to lose"), busy, "");
        let name = format!("{kind}: nothing acknowledged is lost, nothing else is sent again");
        let lost = if self.findings.is_empty() { "0 lost, 0 differ" } else { "" };
        let found = self.findings.join("\n    ");
        verdict.claim(&name, self.findings.is_empty(), format!("{lost}{found}"));
    }
}
