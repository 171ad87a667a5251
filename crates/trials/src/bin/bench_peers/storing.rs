//! One association, one instance after the other, into a sink.

use std::path::Path;

use anyhow::Result;
use telerad_trials::verdict::Verdict;

use crate::Effort;
use crate::peers::{Nagle, Peers, Receiver};
use crate::process::Role;
use crate::table::{self, Series, Target};
use crate::workload::{Kind, Sets, Unit, files};

/// Measures bare TCP, ours and the programs of others with one kind of instance, and prints it.
pub fn compare(
    verdict: &mut Verdict,
    effort: &Effort,
    peers: &Peers,
    sets: Sets,
    kind: &Kind,
) -> Result<()> {
    let whole = Load::of(&sets.whole, kind)?;
    let few = Load::of(&sets.few, kind)?;
    let (_bare, bare_port) = Role::serve("bare-server", &[])?;
    let (_sink, sink_port) = Role::serve("sink", &["discard", "1"])?;
    let swift = peers.storescp(Nagle::Off)?;
    let plain = peers.storescp(Nagle::AsItComes)?;
    let rust = peers.dicom_rs_storescp(None)?;
    // Its own 16 KB cut an instance into PDUs that wait for each other: Nagle's algorithm cannot be switched off there.
    let tuned = peers.dicom_rs_storescp(Some(131_072))?;

    let mut found = Found::default();
    for _ in 0..effort.runs {
        found.bare.0.push(whole.rate(Role::time("bare-sender", &[&bare_port, &whole.path])?));
        let from_memory = Role::time("sender", &[&sink_port, &whole.path, "memory"])?;
        found.from_memory.0.push(whole.rate(from_memory));
        found.from_files.0.push(whole.rate(peers.time_ours(&sink_port, &sets.whole)?));
        found.swift.0.push(whole.rate(swift.time_storescu(&sets.whole)?));
        found.plain.0.push(few.rate(plain.time_storescu(&sets.few)?));
        if let (Receiver::Running(rust), Receiver::Running(tuned)) = (&rust, &tuned) {
            found.rust.0.push(few.rate(rust.time_storescu(&sets.few)?));
            found.tuned.0.push(whole.rate(tuned.time_storescu(&sets.whole)?));
        }
    }
    found.print(verdict, kind, &whole, &rust);
    Ok(())
}

/// What a folder holds.
struct Load {
    path: String,
    count: usize,
    amount: f64,
}

impl Load {
    fn of(folder: &Path, kind: &Kind) -> Result<Self> {
        let count = files(folder)?.len();
        let amount = match kind.unit {
            Unit::Instances => count as f64,
            Unit::Megabytes => megabytes(folder)?,
        };
        Ok(Self { path: folder.to_string_lossy().into_owned(), count, amount })
    }

    fn rate(&self, seconds: f64) -> f64 {
        self.amount / seconds
    }
}

/// The size of a folder's files.
pub fn megabytes(folder: &Path) -> Result<f64> {
    let mut bytes = 0;
    for file in files(folder)? {
        bytes += file.metadata()?.len();
    }
    Ok(bytes as f64 / 1e6)
}

/// The rates of each run.
#[derive(Default)]
struct Found {
    bare: Series,
    from_memory: Series,
    from_files: Series,
    swift: Series,
    plain: Series,
    rust: Series,
    tuned: Series,
}

impl Found {
    fn print(&self, verdict: &mut Verdict, kind: &Kind, load: &Load, rust: &Receiver) {
        table::heading(&format!("{} {}", load.count, kind.name), kind.unit.symbol());
        table::baseline("bare request and response", self.bare.median());
        let ours = &self.from_memory;
        let target = Target::AtLeast(kind.bare_ratio_min);
        let ratio = ours.over(&self.bare).median();
        table::row(verdict, "telerad -> telerad", ours.median(), ratio, target);
        table::baseline("telerad -> telerad, files, whole process", self.from_files.median());
        let target = Target::AtLeast(kind.peer_ratio_min);
        let mut beside = |name: &str, theirs: &Series| {
            let ratio = self.from_files.over(theirs).median();
            table::row(verdict, &format!("  over {name}"), theirs.median(), ratio, target);
        };
        beside("DCMTK, TCP_NODELAY=1", &self.swift);
        beside("DCMTK as it comes", &self.plain);
        match rust {
            Receiver::Running(_) => {
                beside("dicom-rs, PDUs of 128 KiB", &self.tuned);
                beside("dicom-rs as it comes", &self.rust);
            }
            Receiver::Missing(reason) => table::skipped("  over dicom-rs", reason),
        }
    }
}
