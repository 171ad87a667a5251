//! What goes wrong in one life of a disk, and when.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Result, bail};

/// Counted are the operations that change something: writes, lengths, names, syncs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// The power goes with this operation.
    pub cut_at: Option<u64>,
    /// What else happens.
    pub fault: Option<Fault>,
}

/// Trouble for some operations.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The first one.
    pub from: u64,
    /// How many, those that it can happen to.
    pub count: u64,
    /// What happens.
    pub trouble: Trouble,
}

/// What a disk may answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// EIO to whatever changes something, except a sync.
    Change,
    /// Nothing fails, but the file system says that it has no room left.
    Low,
    /// EIO to a read.
    Read,
    /// ENOSPC to whatever needs space.
    Space,
    /// EIO to a sync that had something to do; what it should have written is partly lost.
    Sync,
}

/// A kind of operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Makes a file or directory, or a name.
    Create,
    /// Removes a name.
    Remove,
    /// Moves a name.
    Rename,
    /// Sets a length.
    Resize,
    /// Makes content or names durable.
    Sync,
    /// Writes content.
    Write,
}

/// What becomes of an operation.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// It is carried out.
    Done,
    /// It is the last one, and whether it was carried out nobody is told.
    Cut,
    /// EIO.
    Broken,
    /// EIO, and what was to be synced is partly lost.
    SyncLost,
    /// ENOSPC.
    Full,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cut_at.unwrap_or(0))?;
        let Some(Fault { from, count, trouble }) = self.fault else { return Ok(()) };
        write!(f, "/{from}/{count}/{}", trouble.as_str())
    }
}

impl FromStr for Plan {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let words: Vec<&str> = text.split('/').collect();
        let (cut_at, fault) = match *words.as_slice() {
            [cut_at] => (cut_at, None),
            [cut_at, from, count, trouble] => {
                let trouble = Trouble::ALL.into_iter().find(|it| it.as_str() == trouble);
                let trouble = trouble.context("no such trouble")?;
                (cut_at, Some(Fault { from: from.parse()?, count: count.parse()?, trouble }))
            }
            _ => bail!("not a plan: {text}"),
        };
        Ok(Self { cut_at: Some(cut_at.parse()?).filter(|at| *at > 0), fault })
    }
}

impl Trouble {
    const ALL: [Self; 5] = [Self::Change, Self::Low, Self::Read, Self::Space, Self::Sync];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Low => "low",
            Self::Read => "read",
            Self::Space => "space",
            Self::Sync => "sync",
        }
    }
}

impl Plan {
    /// Whether this happens.
    pub fn fails(&self, trouble: Trouble) -> bool {
        self.fault.is_some_and(|fault| fault.trouble == trouble)
    }

    /// Decides about the operation with this number; `is_dirty` when a sync has something to do.
    pub(super) fn fate(&mut self, number: u64, kind: Kind, is_dirty: bool) -> Fate {
        if self.cut_at.is_some_and(|at| number >= at) {
            return Fate::Cut;
        }
        let Some(fault) = &mut self.fault else { return Fate::Done };
        if number < fault.from || fault.count == 0 {
            return Fate::Done;
        }
        let fate = match (fault.trouble, kind) {
            (Trouble::Change, Kind::Sync) => Fate::Done,
            (Trouble::Change, _) => Fate::Broken,
            (Trouble::Space, Kind::Create | Kind::Resize | Kind::Write) => Fate::Full,
            (Trouble::Sync, Kind::Sync) if is_dirty => Fate::SyncLost,
            (Trouble::Low | Trouble::Read | Trouble::Space | Trouble::Sync, _) => Fate::Done,
        };
        if fate != Fate::Done {
            fault.count -= 1;
        }
        fate
    }

    /// Whether there is no room just now.
    pub(super) fn is_full(&self, number: u64) -> bool {
        self.fault.is_some_and(|fault| {
            let takes_room = matches!(fault.trouble, Trouble::Low | Trouble::Space);
            takes_room && number >= fault.from && fault.count > 0
        })
    }

    /// Whether a read after so many operations fails.
    pub(super) fn fails_to_read(&mut self, number: u64) -> bool {
        let Some(fault) = &mut self.fault else { return false };
        let fails = fault.trouble == Trouble::Read && number >= fault.from && fault.count > 0;
        fault.count -= u64::from(fails);
        fails
    }
}
