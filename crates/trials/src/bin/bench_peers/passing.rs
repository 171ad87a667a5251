//! Receiving and sending on at once, without a disk.

use std::path::{Path, PathBuf};

use anyhow::Result;
use telerad_trials::verdict::Verdict;

use crate::Effort;
use crate::process::Role;
use crate::storing::megabytes;
use crate::table::{self, Series, Target};
use crate::workload::files;

/// Measures a relay with and without the protocol, and prints it.
pub fn compare(verdict: &mut Verdict, effort: &Effort, folder: PathBuf) -> Result<()> {
    let (_drain, drain) = Role::serve("bare-drain", &[])?;
    let (_bare_relay, bare_relay) = Role::serve("bare-relay", &[&drain])?;
    let (_sink, sink) = Role::serve("sink", &["discard", "1"])?;
    let (_relay, relay) = Role::serve("relay", &[&sink])?;
    let megabytes = megabytes(&folder)?;
    let path = folder.to_string_lossy();
    let (mut bare, mut ours) = (Series(Vec::new()), Series(Vec::new()));
    for _ in 0..effort.runs {
        bare.0.push(megabytes / Role::time("bare-stream", &[&bare_relay, &path])?);
        ours.0.push(megabytes / Role::time("sender", &[&relay, &path, "memory"])?);
    }
    let count = files(Path::new(&folder))?.len();
    table::heading(&format!("{count} slices of 512 KB through a relay"), "MB/s");
    table::baseline("64 KiB relay without a protocol", bare.median());
    let (rate, ratio) = (ours.median(), ours.over(&bare).median());
    table::row(verdict, "telerad -> telerad -> telerad", rate, ratio, Target::AtLeast(RATIO_MIN));
    Ok(())
}

const RATIO_MIN: f64 = 0.75;
