//! What is sent: folders of Part 10 files, the same for every program.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use bytes::Bytes;
use telerad::dicom::part10;
use telerad_testkit::dicom::Instance;
use tempfile::TempDir;

use crate::Effort;

/// A kind of instance, and how many.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// As the table names it.
    pub name: &'static str,
    /// In a whole run.
    pub count: usize,
    rows: u16,
    columns: u16,
    /// What is counted.
    pub unit: Unit,
    /// What ours must reach of bare request and response.
    pub bare_ratio_min: f64,
    /// How many times the programs of others ours must be.
    pub peer_ratio_min: f64,
}

/// What a rate counts.
#[derive(Clone, Copy, Debug)]
pub enum Unit {
    /// Instances.
    Instances,
    /// 1,000,000 bytes.
    Megabytes,
}

impl Unit {
    /// As the table writes the rate.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Instances => "1/s",
            Self::Megabytes => "MB/s",
        }
    }
}

/// 512 × 512 × 16 bits.
pub const SLICE: Kind = Kind {
    name: "slices of 512 KB, one association",
    count: 400,
    rows: 512,
    columns: 512,
    unit: Unit::Megabytes,
    bare_ratio_min: 0.75,
    peer_ratio_min: 5.0,
};

/// 64 × 128 × 16 bits: where the conversation costs more than the bytes.
pub const SMALL: Kind = Kind {
    name: "instances of 16 KB, one association",
    count: 2000,
    rows: 64,
    columns: 128,
    unit: Unit::Instances,
    bare_ratio_min: 0.35,
    peer_ratio_min: 10.0,
};

/// The files of a run; deleted when dropped.
#[derive(Debug)]
pub struct Folders {
    root: TempDir,
}

impl Folders {
    /// Writes them.
    pub fn make(effort: &Effort) -> Result<Self> {
        let root = tempfile::tempdir()?;
        for (name, kind) in [("slices", &SLICE), ("small", &SMALL)] {
            let (whole, few) = (root.path().join(name), root.path().join(format!("{name}-few")));
            std::fs::create_dir(&whole)?;
            std::fs::create_dir(&few)?;
            for number in 0..effort.part(kind.count) {
                let mut instance = Instance::new(number as u64 + 1);
                (instance.rows, instance.columns) = (kind.rows, kind.columns);
                let file = format!("{number:04}.dcm");
                std::fs::write(whole.join(&file), instance.file())?;
                if number < FEW {
                    std::fs::copy(whole.join(&file), few.join(&file))?;
                }
            }
        }
        Ok(Self { root })
    }

    /// Those of [`SLICE`].
    pub fn slices(&self) -> Sets {
        self.sets("slices")
    }

    /// Those of [`SMALL`].
    pub fn small(&self) -> Sets {
        self.sets("small")
    }

    fn sets(&self, name: &str) -> Sets {
        let root = self.root.path();
        Sets { whole: root.join(name), few: root.join(format!("{name}-few")) }
    }
}

/// The folders of one kind.
#[derive(Debug)]
pub struct Sets {
    /// All of them.
    pub whole: PathBuf,
    /// The first ones, for who takes 40 ms and more for each.
    pub few: PathBuf,
}

/// The files of a folder, in the order of their names.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files = Vec::new();
    for entry in entries {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

/// One instance, read from its file.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// SOP Class UID.
    pub sop_class_uid: String,
    /// SOP Instance UID.
    pub sop_instance_uid: String,
    /// Transfer Syntax UID.
    pub transfer_syntax_uid: String,
    /// What C-STORE carries.
    pub data_set: Bytes,
}

impl Loaded {
    /// Reads a file whole.
    pub fn read(file: &Path) -> Result<Self> {
        Self::of(&Bytes::from(std::fs::read(file)?))
    }

    /// The instance in a file's bytes.
    pub fn of(bytes: &Bytes) -> Result<Self> {
        let (meta, start) = part10::read(bytes)?;
        Ok(Self {
            sop_class_uid: meta.sop_class_uid,
            sop_instance_uid: meta.sop_instance_uid,
            transfer_syntax_uid: meta.transfer_syntax_uid,
            data_set: bytes.slice(start..),
        })
    }
}

/// Enough that the start of a process does not count.
const FEW: usize = 50;
