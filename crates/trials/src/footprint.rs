//! What a process costs, as Linux tells it from outside.

use anyhow::{Context, Result};

/// What a process holds, and what it has done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Footprint {
    /// Open descriptors.
    pub descriptors: usize,
    /// The highest resident memory so far, in kB.
    pub peak_kb: u64,
    /// Resident memory, in kB.
    pub resident_kb: u64,
    /// Threads.
    pub threads: u64,
    /// Processor time since its start, in clock ticks, of which Linux has 100 in a second.
    pub ticks: u64,
}

impl Footprint {
    /// Looks at the process with this id.
    ///
    /// # Errors
    /// When there is no such process, or `/proc` is not as it is on Linux.
    pub fn of(id: u32) -> Result<Self> {
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let value = |name: &str| -> Result<u64> {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).context("no line")?;
            Ok(line.split_whitespace().next().context("no value")?.parse()?)
        };
        // The name of the program, in parentheses, may hold blanks. The times are fields 14 and 15, of which 3 is the
        // first behind the name.
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let times = fields.split_whitespace().skip(11).take(2);
        let ticks = times.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Self {
            descriptors: std::fs::read_dir(format!("/proc/{id}/fd"))?.count(),
            peak_kb: value("VmHWM:")?,
            resident_kb: value("VmRSS:")?,
            threads: value("Threads:")?,
            ticks,
        })
    }
}
