//! Whether two versions of an instance hold the same pixels, by reading both from the spool.
//!
//! Nothing is read or decoded for the first version of an instance, nor for one that comes again byte by byte. A sender
//! waits for the answer: what takes longer than it should is unknown. Parsing, inflating and decoding never run on a thread
//! that serves peers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use telerad_dicom::frames::{FrameError, FrameLimits, FrameReader, NextFrame, PixelAttributes};
use telerad_net::Spawn;
use telerad_routing::{Digest, InstanceRecord, Relation};
use telerad_store::payload::PayloadReader;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::state::State;

mod decode;

use decode::{Coded, Unknown};

/// What is known of the pixels of earlier versions.
#[derive(Debug, Default)]
pub(crate) struct Comparison {
    found: Vec<(Digest, Option<bool>)>,
    unknown: Option<String>,
}

impl Comparison {
    /// `None` when it cannot be told.
    pub(crate) fn same_as(&self, other: &InstanceRecord) -> Option<bool> {
        self.found.iter().find(|(digest, _)| *digest == other.digest).and_then(|(_, same)| *same)
    }

    /// Why something could not be told, in plain words.
    pub(crate) fn unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    fn keep(&mut self, new: &InstanceRecord, unknown: &Unknown) {
        tracing::info!(
            site = %new.site, sop_instance_uid = %new.sop_instance_uid,
            "pixels of two versions could not be compared: {unknown}"
        );
        self.unknown.get_or_insert_with(|| unknown.to_string());
    }
}

/// Compares a new version with those known under its UID that are not in conflict themselves.
///
/// Versions in one transfer syntax are compared byte by byte first; others, and those whose bytes differ, by their
/// samples. Whatever is not certain, also because [`COMPARISON_MAX`] is over, stays unknown, and is to be treated as
/// different.
pub(crate) async fn compare(
    state: &State,
    new: &InstanceRecord,
    known: &[InstanceRecord],
) -> Comparison {
    let is_repeated = known.iter().any(|other| other.digest == new.digest);
    let mut comparison = Comparison::default();
    if is_repeated || known.iter().all(is_in_conflict) {
        return comparison;
    }
    let clock = &state.environment.clock;
    let time_is_up = clock.sleep_until(clock.now() + COMPARISON_MAX);
    let in_time = tokio::select! {
        biased;
        () = compare_each(state, new, known, &mut comparison) => true,
        () = time_is_up => false,
    };
    if !in_time {
        comparison.keep(new, &Unknown::TooSlow);
    }
    comparison
}

async fn compare_each(
    state: &State,
    new: &InstanceRecord,
    known: &[InstanceRecord],
    comparison: &mut Comparison,
) {
    // Nobody closes it. What a worker still does for a comparison whose time was up keeps its place.
    let Ok(permit) = Arc::clone(&state.comparisons).acquire_owned().await else { return };
    let spawn = Arc::clone(&state.environment.spawn);
    let permit = Arc::new(Place { _permit: permit, spawn });
    for other in known.iter().filter(|other| !is_in_conflict(other)).take(VERSIONS_MAX) {
        let same = match same_pixels(state, &permit, new, other).await {
            Ok(same) => Some(same),
            Err(unknown) => {
                comparison.keep(new, &unknown);
                None
            }
        };
        comparison.found.push((other.digest, same));
        // Versions that are kept beside the first one are the same image as it.
        if same == Some(true) {
            break;
        }
    }
}

fn is_in_conflict(version: &InstanceRecord) -> bool {
    matches!(version.relation, Relation::UidConflict { .. })
}

/// A place among the comparisons that go on at once.
type Permit = Arc<Place>;

/// A place among the comparisons, and where its work is done.
struct Place {
    _permit: OwnedSemaphorePermit,
    spawn: Arc<dyn Spawn>,
}

async fn same_pixels(
    state: &State,
    permit: &Permit,
    new: &InstanceRecord,
    old: &InstanceRecord,
) -> Result<bool, Unknown> {
    let mut one = Frames::open(state, permit, new).await?;
    let mut two = Frames::open(state, permit, old).await?;
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
        let same =
            on_a_worker(permit, move || codings.0.same_frame(&mine, &codings.1, &theirs)).await?;
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

/// Runs what computes away from the tasks that serve peers. What panics leaves the answer unknown and nothing else.
///
/// The place among the comparisons is given back only when the work is done, also when nobody waits for it any more.
async fn on_a_worker<T: Send + 'static>(
    permit: &Permit,
    work: impl FnOnce() -> Result<T, Unknown> + Send + 'static,
) -> Result<T, Unknown> {
    let (told, found) = oneshot::channel();
    let (spawn, permit) = (Arc::clone(&permit.spawn), Arc::clone(permit));
    let work = move || {
        let found = work();
        drop(permit);
        // Nobody waits for it any more when its time was up.
        drop(told.send(found));
    };
    spawn.compute("compare pixels", Box::new(work));
    found.await.unwrap_or(Err(Unknown::Panicked))
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
    permit: Permit,
    payload: Box<dyn PayloadReader>,
    /// Away while a worker has it.
    reader: Option<FrameReader>,
    /// What was met on the way to the attributes.
    first: Option<Result<Option<Vec<u8>>, Unknown>>,
}

impl Frames {
    async fn open(
        state: &State,
        permit: &Permit,
        record: &InstanceRecord,
    ) -> Result<Self, Unknown> {
        let payload = state.environment.payloads.open(&record.digest).await;
        let payload = payload.map_err(Unknown::unreadable)?;
        let reader = Some(FrameReader::new(&record.transfer_syntax_uid, LIMITS));
        Ok(Self { permit: Arc::clone(permit), payload, reader, first: None })
    }

    /// How the pixels are to be read, even where the frames cannot be told apart.
    async fn attributes(&mut self) -> Result<PixelAttributes, Unknown> {
        let met = self.next().await;
        let attributes = self.reader.as_ref().and_then(FrameReader::attributes).cloned();
        match (attributes, met) {
            (Some(attributes), met) => {
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
            match self.step().await? {
                // Only the last block vouches for those before it.
                NextFrame::End => match self.payload.next().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Ok(None),
                    Err(error) => return Err(Unknown::unreadable(error)),
                },
                NextFrame::Frame(frame) => return Ok(Some(frame)),
                NextFrame::NeedMore => {
                    let block = self.payload.next().await.map_err(Unknown::unreadable)?;
                    match (block, &mut self.reader) {
                        (Some(block), Some(reader)) => reader.push(block),
                        (None, Some(reader)) => reader.end(),
                        (_, None) => return Err(Unknown::Panicked),
                    }
                }
            }
        }
    }

    /// Lets the reader look at what it was given: up to a block, which may have to be inflated.
    async fn step(&mut self) -> Result<NextFrame, Unknown> {
        let mut reader = self.reader.take().ok_or(Unknown::Panicked)?;
        let work = move || {
            let met = reader.next_frame();
            Ok((reader, met))
        };
        let (reader, met) = on_a_worker(&self.permit, work).await?;
        self.reader = Some(reader);
        Ok(met?)
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
/// How long a sender's answer may wait for a comparison, its turn included; senders give up after half a minute or more.
const COMPARISON_MAX: Duration = Duration::from_secs(15);
/// How many versions a new one is compared with.
const VERSIONS_MAX: usize = 4;

#[cfg(test)]
mod tests;
