//! Whether two versions of an instance hold the same pixels, by reading both from the spool.

use bytes::Bytes;
use telerad_routing::{Digest, InstanceRecord};
use telerad_store::payload::PayloadReader;

use crate::state::State;

/// What is known of the pixels of earlier versions.
pub(crate) struct Comparison(Vec<(Digest, Option<bool>)>);

impl Comparison {
    /// `None` when it cannot be told without decoding.
    pub(crate) fn same_as(&self, other: &InstanceRecord) -> Option<bool> {
        self.0.iter().find(|(digest, _)| *digest == other.digest).and_then(|(_, same)| *same)
    }
}

/// Compares a new version with the known ones. Only two native or equally compressed data sets can be compared byte
/// by byte; everything else stays unknown and is treated as different.
pub(crate) async fn compare(
    state: &State,
    new: &InstanceRecord,
    known: &[InstanceRecord],
) -> Comparison {
    let mut results = Vec::new();
    for other in known.iter().filter(|other| other.digest != new.digest) {
        let same = match (new.pixel_data_offset, other.pixel_data_offset) {
            (Some(mine), Some(theirs)) if new.transfer_syntax_uid == other.transfer_syntax_uid => {
                same_tail(state, (&new.digest, mine), (&other.digest, theirs)).await
            }
            _ => None,
        };
        results.push((other.digest, same));
    }
    Comparison(results)
}

async fn same_tail(state: &State, one: (&Digest, u64), two: (&Digest, u64)) -> Option<bool> {
    let mut one = Tail::open(state, one.0, one.1).await?;
    let mut two = Tail::open(state, two.0, two.1).await?;
    loop {
        let (left, right) = (one.fill().await?, two.fill().await?);
        if left.is_empty() || right.is_empty() {
            return Some(left.is_empty() && right.is_empty());
        }
        let common = left.len().min(right.len());
        if left.get(..common) != right.get(..common) {
            return Some(false);
        }
        one.consume(common);
        two.consume(common);
    }
}

/// The bytes of a payload from an offset on.
struct Tail {
    reader: Box<dyn PayloadReader>,
    held: Bytes,
    skip: u64,
}

impl Tail {
    async fn open(state: &State, digest: &Digest, offset: u64) -> Option<Self> {
        let reader = state.environment.payloads.open(digest).await.ok()?;
        Some(Self { reader, held: Bytes::new(), skip: offset })
    }

    /// The next bytes; empty at the end, `None` when they cannot be read.
    async fn fill(&mut self) -> Option<&Bytes> {
        while self.held.is_empty() {
            let Some(mut block) = self.reader.next().await.ok()? else { break };
            let skipped =
                usize::try_from(self.skip).map_or(block.len(), |skip| skip.min(block.len()));
            self.skip = self.skip.saturating_sub(skipped as u64);
            self.held = block.split_off(skipped);
        }
        Some(&self.held)
    }

    fn consume(&mut self, count: usize) {
        self.held = self.held.split_off(count);
    }
}
