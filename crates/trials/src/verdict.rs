//! What a trial prints: rows, and one last word.

use std::process::ExitCode;

use anyhow::Result;

/// The rows of a trial, printed as they come.
#[derive(Debug, Default)]
pub struct Verdict {
    passed: u32,
    failed: u32,
}

impl Verdict {
    /// One thing that was looked at: `Err` holds why it is not as it should be.
    #[expect(clippy::print_stdout, reason = "the report of a program")]
    pub fn row(&mut self, name: &str, outcome: Result<impl AsRef<str>, impl AsRef<str>>) {
        match outcome {
            Ok(remark) => {
                self.passed += 1;
                println!("  ok      {name:<56} {}", remark.as_ref());
            }
            Err(reason) => {
                self.failed += 1;
                println!("  FAILED  {name:<56} {}", reason.as_ref());
            }
        }
    }

    /// A row that holds when `holds`; `remark` is printed in both cases.
    pub fn claim(&mut self, name: &str, holds: bool, remark: impl AsRef<str>) {
        self.row(name, if holds { Ok(remark) } else { Err(remark) });
    }

    /// A row that the trial prints itself.
    pub const fn count(&mut self, holds: bool) {
        if holds {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    /// How many rows failed so far.
    pub const fn failed(&self) -> u32 {
        self.failed
    }
}

/// A line of the report that is neither good nor bad.
#[expect(clippy::print_stdout, reason = "the report of a program")]
pub fn note(text: impl AsRef<str>) {
    println!("  {}", text.as_ref());
}

/// Runs a trial and turns what it found into the exit code: 0 all rows hold, 1 some do not or the
/// trial could not be carried out.
#[expect(clippy::print_stdout, reason = "the report of a program")]
pub fn finish(name: &str, trial: impl FnOnce(&mut Verdict) -> Result<()>) -> ExitCode {
    let started = std::time::Instant::now();
    let mut verdict = Verdict::default();
    let outcome = trial(&mut verdict);
    let seconds = started.elapsed().as_secs_f64();
    let Verdict { passed, failed } = verdict;
    match outcome {
        Err(error) => {
            println!("{name}: could not be carried out: {error:#}");
            ExitCode::FAILURE
        }
        Ok(()) if failed > 0 || passed == 0 => {
            println!("{name}: FAILED, {failed} of {} rows, {seconds:.1} s", passed + failed);
            ExitCode::FAILURE
        }
        Ok(()) => {
            println!("{name}: all {passed} rows hold, {seconds:.1} s");
            ExitCode::SUCCESS
        }
    }
}
