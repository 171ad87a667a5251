//! Whether two versions of an instance hold the same pixels, by reading both from the spool.
//!
//! Nothing is read or decoded for the first version of an instance, nor for one that comes again byte by byte.

use std::sync::Arc;

use bytes::Bytes;
use telerad_dicom::frames::{FrameError, FrameLimits, FrameReader, NextFrame, PixelAttributes};
use telerad_routing::{Digest, InstanceRecord, Relation};
use telerad_store::payload::PayloadReader;

use crate::event::Event;
use crate::state::State;

mod decode;

use decode::{Coded, Unknown};

/// What is known of the pixels of earlier versions.
pub(crate) struct Comparison(Vec<(Digest, Option<bool>)>);

impl Comparison {
    /// `None` when it cannot be told.
    pub(crate) fn same_as(&self, other: &InstanceRecord) -> Option<bool> {
        self.0.iter().find(|(digest, _)| *digest == other.digest).and_then(|(_, same)| *same)
    }
}

/// Compares a new version with those known under its UID that are not in conflict themselves.
///
/// Versions in one transfer syntax are compared byte by byte first; others, and those whose bytes differ, by their
/// samples. Whatever is not certain stays unknown: an event says why, and it is treated as different.
pub(crate) async fn compare(
    state: &State,
    new: &InstanceRecord,
    known: &[InstanceRecord],
) -> Comparison {
    let is_repeated = known.iter().any(|other| other.digest == new.digest);
    let in_conflict =
        |other: &&InstanceRecord| matches!(other.relation, Relation::UidConflict { .. });
    let mut results = Vec::new();
    if is_repeated || known.iter().all(|other| in_conflict(&other)) {
        return Comparison(results);
    }
    let _permit = state.comparisons.acquire().await;
    for other in known.iter().filter(|other| !in_conflict(other)).take(VERSIONS_MAX) {
        let same = match same_pixels(state, new, other).await {
            Ok(same) => Some(same),
            Err(unknown) => {
                tell(state, new, &unknown);
                None
            }
        };
        results.push((other.digest, same));
        // Versions that are kept beside the first one are the same image as it.
        if same == Some(true) {
            break;
        }
    }
    Comparison(results)
}

fn tell(state: &State, new: &InstanceRecord, unknown: &Unknown) {
    tracing::warn!(
        site = %new.site, sop_instance_uid = %new.sop_instance_uid,
        "pixels of two versions could not be compared: {unknown}"
    );
    state.tell(Event::PixelsNotCompared {
        site: new.site.clone(),
        sop_instance_uid: new.sop_instance_uid.clone(),
        cause: unknown.to_string(),
    });
}

async fn same_pixels(
    state: &State,
    new: &InstanceRecord,
    old: &InstanceRecord,
) -> Result<bool, Unknown> {
    let mut one = Frames::open(state, new).await?;
    let mut two = Frames::open(state, old).await?;
    let same_syntax = new.transfer_syntax_uid == old.transfer_syntax_uid;
    let (mine, theirs) = (one.attributes().await, two.attributes().await);
    if let (true, Some(mine_at), Some(theirs_at)) =
        (same_syntax, new.pixel_data_offset, old.pixel_data_offset)
    {
        let alike = matches!((&mine, &theirs), (Ok(mine), Ok(theirs)) if coded_alike(mine, theirs));
        if alike && same_tail(state, (&new.digest, mine_at), (&old.digest, theirs_at)).await? {
            return Ok(true);
        }
    }
    let (mine, theirs) = (mine?, theirs?);
    if !mine.differences_in_meaning(&theirs).is_empty() {
        return Ok(false);
    }
    let (mine, theirs) = (mine.describe(&LIMITS)?, theirs.describe(&LIMITS)?);
    if !decode::same_shape(&mine, &theirs) {
        return Ok(false);
    }
    let samples = (mine.samples() as u64).saturating_mul(u64::from(mine.frames));
    let one_coding = Arc::new(Coded::new(&new.transfer_syntax_uid, mine));
    let two_coding = Arc::new(Coded::new(&old.transfer_syntax_uid, theirs));
    let mut decoded = 0_u64;
    loop {
        let (mine, theirs) = match (one.next().await?, two.next().await?) {
            (Some(mine), Some(theirs)) => (mine, theirs),
            (None, None) => return Ok(true),
            // Both were to have as many frames.
            _ => return Err(FrameError::Encapsulation.into()),
        };
        if one_coding.is_coded_like(&two_coding) && mine == theirs {
            continue;
        }
        if samples > SAMPLES_DECODED_MAX || decoded > SAMPLES_DECODED_MAX {
            return Err(Unknown::TooLarge);
        }
        decoded = decoded.saturating_add(one_coding.samples());
        let codings = (Arc::clone(&one_coding), Arc::clone(&two_coding));
        let same = on_a_worker(move || codings.0.same_frame(&mine, &codings.1, &theirs)).await?;
        if !same {
            return Ok(false);
        }
    }
}

/// Whether the same bytes mean the same pixels in both.
fn coded_alike(one: &PixelAttributes, two: &PixelAttributes) -> bool {
    let described = |attributes: &PixelAttributes| attributes.describe(&FrameLimits::default());
    one == two
        || (one.differences_in_meaning(two).is_empty()
            && matches!((described(one), described(two)), (Ok(one), Ok(two)) if one == two))
}

/// Runs a decoder away from the tasks that serve peers. One that panics leaves the answer unknown and nothing else.
async fn on_a_worker(
    work: impl FnOnce() -> Result<bool, Unknown> + Send + 'static,
) -> Result<bool, Unknown> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Unknown::Panicked))
}

async fn same_tail(
    state: &State,
    one: (&Digest, u64),
    two: (&Digest, u64),
) -> Result<bool, Unknown> {
    let mut one = Tail::open(state, one.0, one.1).await?;
    let mut two = Tail::open(state, two.0, two.1).await?;
    loop {
        let (left, right) = (one.fill().await?, two.fill().await?);
        if left.is_empty() || right.is_empty() {
            return Ok(left.is_empty() && right.is_empty());
        }
        let common = left.len().min(right.len());
        if left.get(..common) != right.get(..common) {
            return Ok(false);
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
    async fn open(state: &State, digest: &Digest, offset: u64) -> Result<Self, Unknown> {
        let reader = state.environment.payloads.open(digest).await.map_err(Unknown::unreadable)?;
        Ok(Self { reader, held: Bytes::new(), skip: offset })
    }

    /// The next bytes; empty at the end.
    async fn fill(&mut self) -> Result<&Bytes, Unknown> {
        while self.held.is_empty() {
            let Some(mut block) = self.reader.next().await.map_err(Unknown::unreadable)? else {
                break;
            };
            let skipped =
                usize::try_from(self.skip).map_or(block.len(), |skip| skip.min(block.len()));
            self.skip = self.skip.saturating_sub(skipped as u64);
            self.held = block.split_off(skipped);
        }
        Ok(&self.held)
    }

    fn consume(&mut self, count: usize) {
        self.held = self.held.split_off(count);
    }
}

/// The frames of a payload.
struct Frames {
    payload: Box<dyn PayloadReader>,
    reader: FrameReader,
    /// What was met on the way to the attributes.
    first: Option<Result<Option<Vec<u8>>, Unknown>>,
}

impl Frames {
    async fn open(state: &State, record: &InstanceRecord) -> Result<Self, Unknown> {
        let payload = state.environment.payloads.open(&record.digest).await;
        let payload = payload.map_err(Unknown::unreadable)?;
        let reader = FrameReader::new(&record.transfer_syntax_uid, LIMITS);
        Ok(Self { payload, reader, first: None })
    }

    /// How the pixels are to be read, even where the frames cannot be told apart.
    async fn attributes(&mut self) -> Result<PixelAttributes, Unknown> {
        let met = self.next().await;
        match (self.reader.attributes(), met) {
            (Some(attributes), met) => {
                let attributes = attributes.clone();
                self.first = Some(met);
                Ok(attributes)
            }
            (None, Err(unknown)) => Err(unknown),
            (None, Ok(_)) => Err(FrameError::EndsEarly.into()),
        }
    }

    /// The next frame; `None` behind the last.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Unknown> {
        if let Some(first) = self.first.take() {
            return first;
        }
        loop {
            match self.reader.next_frame()? {
                // Only the last block vouches for those before it.
                NextFrame::End => match self.payload.next().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Ok(None),
                    Err(error) => return Err(Unknown::unreadable(error)),
                },
                NextFrame::Frame(frame) => return Ok(Some(frame)),
                NextFrame::NeedMore => match self.payload.next().await {
                    Ok(Some(block)) => self.reader.push(block),
                    Ok(None) => self.reader.end(),
                    Err(error) => return Err(Unknown::unreadable(error)),
                },
            }
        }
    }
}

/// A comparison holds two coded and two decoded frames, and what a decoder needs for one.
const LIMITS: FrameLimits = FrameLimits {
    coded_bytes_max: 64 << 20,
    frames_max: 20_000,
    inflated_bytes_max: 1 << 30,
    samples_max: 20 << 20,
};
/// Beyond as many samples, decoding would keep a sender waiting too long for its answer.
const SAMPLES_DECODED_MAX: u64 = 64 << 20;
/// How many versions a new one is compared with.
const VERSIONS_MAX: usize = 4;

#[cfg(test)]
mod tests;
