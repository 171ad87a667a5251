//! How full the disk may become, and what waits first when it fills.

use serde::Deserialize;
use telerad_store::payload::Space;
use toml::Spanned;

use super::read::{Fault, fault};

/// How the gateway guards the room of the file system that holds its spool.
///
/// Between the two watermarks the room that is left is kept for what cannot wait: sources of low priority are sent away,
/// but for their STAT studies. Below the hard one nothing is taken at all, so that the database can still record what
/// becomes of the studies that are there.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spool {
    /// Below this, sources of low priority have to wait. Default: a tenth of the file system, 10 GiB at most, and a
    /// twentieth of its inodes, 50,000 at most.
    pub soft: Option<Spanned<Watermark>>,
    /// Below this, every source has to wait: associations for storage are rejected as transient, and a C-STORE under way
    /// is answered A700H. Default: half the default of `soft`, 2 GiB and 10,000 inodes at most.
    pub hard: Option<Spanned<Watermark>>,
    /// Bytes of a data set that are read and thrown away before the sender, who listens only at its end, is told that
    /// there is no room. An association that still sends beyond is aborted.
    #[serde(default = "drain_bytes_max")]
    pub drain_bytes_max: u64,
}

/// So much has to be free.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Watermark {
    /// Free bytes.
    pub bytes_free: u64,
    /// Free inodes: files that can be created.
    #[serde(default)]
    pub inodes_free: u64,
}

impl Default for Spool {
    fn default() -> Self {
        Self { soft: None, hard: None, drain_bytes_max: drain_bytes_max() }
    }
}

impl Spool {
    /// The soft and the hard watermark for a file system of this size.
    pub fn watermarks(&self, space: Space) -> (Watermark, Watermark) {
        let hard = self.hard.as_ref().map_or_else(
            || Watermark {
                bytes_free: (space.bytes_total / 20).min(HARD.bytes_free),
                inodes_free: (space.inodes_total / 40).min(HARD.inodes_free),
            },
            |hard| *hard.get_ref(),
        );
        let soft = self.soft.as_ref().map_or_else(
            || Watermark {
                bytes_free: (space.bytes_total / 10).min(SOFT.bytes_free),
                inodes_free: (space.inodes_total / 20).min(SOFT.inodes_free),
            },
            |soft| *soft.get_ref(),
        );
        let soft = Watermark {
            bytes_free: soft.bytes_free.max(hard.bytes_free),
            inodes_free: soft.inodes_free.max(hard.inodes_free),
        };
        (soft, hard)
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        let (Some(soft), Some(hard)) = (&self.soft, &self.hard) else { return Ok(()) };
        let (below, above) = (hard.get_ref(), soft.get_ref());
        if above.bytes_free < below.bytes_free || above.inodes_free < below.inodes_free {
            let message = "spool.soft leaves less room than spool.hard; expected at least as much";
            return fault(soft, message.to_owned());
        }
        Ok(())
    }
}

const SOFT: Watermark = Watermark { bytes_free: 10 << 30, inodes_free: 50_000 };
const HARD: Watermark = Watermark { bytes_free: 2 << 30, inodes_free: 10_000 };

fn drain_bytes_max() -> u64 {
    256 << 20
}

#[cfg(test)]
mod tests {
    use telerad_store::payload::Space;

    use super::{Spool, Watermark};

    #[track_caller]
    fn check(text: &str, bytes_total: u64, soft: (u64, u64), hard: (u64, u64)) {
        let space = Space { bytes_free: 0, bytes_total, inodes_free: 0, inodes_total: 4000 };
        let spool: Spool = toml::from_str(text).unwrap();
        let mark = |(bytes_free, inodes_free)| Watermark { bytes_free, inodes_free };
        assert_eq!(spool.watermarks(space), (mark(soft), mark(hard)));
    }

    #[test]
    fn without_a_word_a_small_disk_keeps_a_part_and_a_large_one_no_more_than_is_of_use() {
        check("", 1000, (100, 200), (50, 100));
        check("", 1 << 50, (10 << 30, 200), (2 << 30, 100));
    }

    #[test]
    fn what_is_configured_holds_and_the_soft_watermark_is_never_below_the_hard_one() {
        check("hard = { bytes_free = 300 }", 1000, (300, 200), (300, 0));
        check("soft = { bytes_free = 70, inodes_free = 1 }", 1000, (70, 100), (50, 100));
    }
}
