//! DCMTK's receiver, which writes exactly what it reads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use telerad_trials::part10;
use telerad_trials::tool::{self, Running, free_port};
use telerad_trials::wait;

use crate::Held;

/// The title of the receiver.
pub const TITLE: &str = "STORESCP";

/// `storescp +B`, with a folder of its own; killed when dropped.
pub struct Storescp {
    port: u16,
    folder: PathBuf,
    _process: Running,
}

impl Storescp {
    /// Starts it with every transfer syntax and every SOP class, private ones too.
    pub fn start(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let port = free_port()?;
        let (directory, number) = (folder.to_string_lossy(), port.to_string());
        // `--fork`: the gateway may hold several associations at a time.
        let words = [
            "--fork", "+B", "+xa", "-pm", "-aet", TITLE, "-fe", ".dcm", "-od", &directory, &number,
        ];
        let process = tool::start("/usr/bin/storescp", &words, &folder.with_extension("log"))?;
        tool::wait_for_port(port, Duration::from_secs(10))?;
        Ok(Self { port, folder: folder.to_owned(), _process: process })
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// How many files there are, unfinished ones included.
    pub fn count(&self) -> usize {
        std::fs::read_dir(&self.folder).map_or(0, Iterator::count)
    }

    /// Waits until the files stop growing, then reads them: the last may still be being written
    /// when it appears in the folder.
    pub fn settled(&self) -> Result<Held> {
        let size = || -> u64 {
            let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
            entries.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
        };
        wait::while_progressing(Duration::from_millis(500), size, || false);
        self.held()
    }

    /// The data sets that it holds.
    pub fn held(&self) -> Result<Held> {
        let mut held = Held::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let mut file = std::fs::read(entry?.path())?;
            let head = part10::read(&file)?;
            held.insert(head.sop_instance_uid, file.split_off(head.data_set));
        }
        Ok(held)
    }
}
