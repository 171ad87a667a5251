//! The fifty cases, one after the other and over and over.

use std::time::Duration;

use anyhow::Result;
use telerad_trials::footprint::Footprint;
use telerad_trials::verdict::Verdict;
use telerad_trials::wait;
use tokio::runtime::Runtime;

use crate::cases::{self, Case};
use crate::wire::Target;

/// Judges every case in the first round; in the others, that nothing has changed and nothing was kept.
pub fn check(
    verdict: &mut Verdict,
    who: &str,
    runtime: &Runtime,
    target: &Target,
    process: u32,
) -> Result<()> {
    let cases = cases::all();
    let at_first = Footprint::of(process)?;
    for case in &cases {
        let outcome = runtime.block_on(judged(target, case));
        verdict.row(&format!("{who}: {}", case.name), outcome);
    }
    let before = Footprint::of(process)?;
    let mut again = Ok(format!("{} rounds", ROUNDS));
    for _ in 0..ROUNDS {
        for case in &cases {
            if let Err(error) = runtime.block_on(judged(target, case)) {
                again = Err(format!("{}: {error}", case.name));
            }
        }
    }
    verdict.row(&format!("{who}: all of it again"), again);
    at_rest(verdict, who, process, before)?;
    let after = Footprint::of(process)?;
    verdict.claim(
        &format!("{who}: memory is flat"),
        after.resident_kb <= before.resident_kb + GROWTH_KB_MAX
            && after.peak_kb <= at_first.peak_kb + PEAK_KB_MAX,
        format!(
            "{} kB at first, {} after a round, {} after all, peak {}",
            at_first.resident_kb, before.resident_kb, after.resident_kb, after.peak_kb
        ),
    );
    Ok(())
}

/// No descriptor and no thread more than before, and nothing to do.
pub fn at_rest(verdict: &mut Verdict, who: &str, process: u32, before: Footprint) -> Result<()> {
    let settled = wait::until(Duration::from_secs(15), || {
        Footprint::of(process)
            .is_ok_and(|now| now.descriptors <= before.descriptors && now.threads <= before.threads)
    });
    let now = Footprint::of(process)?;
    wait::pause(REST);
    let idle = Footprint::of(process)?.ticks - now.ticks;
    verdict.claim(
        &format!("{who}: at rest afterwards"),
        settled && idle <= IDLE_TICKS_MAX,
        format!(
            "{} descriptors, {} threads, {idle} ticks in {} s",
            now.descriptors,
            now.threads,
            REST.as_secs()
        ),
    );
    Ok(())
}

async fn judged(target: &Target, case: &Case) -> Result<String, String> {
    let heard = target.provoke(case).await.map_err(|error| format!("{error:#}"))?;
    target.is_alive().await?;
    if case.wanted.contains(&heard.as_str()) {
        return Ok(heard);
    }
    Err(format!("{heard}, instead of {}", case.wanted.join(" or ")))
}

const ROUNDS: u32 = 5;
/// 500 connections are opened in five rounds: 8 kB kept of each would be seen.
const GROWTH_KB_MAX: u64 = 4096;
/// Above what the process needs before the first case: buffers of the lengths that are announced would be seen.
const PEAK_KB_MAX: u64 = 32 * 1024;
/// How long to look at a process that should do nothing.
pub const REST: Duration = Duration::from_secs(2);
const IDLE_TICKS_MAX: u64 = 2;
