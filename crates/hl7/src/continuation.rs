//! Messages that were cut into fragments (HL7 2.5.1 section 2.10.2).
//!
//! A fragment ends with DSC, whose DSC-1 points on; MSH-14 of the next fragment carries that pointer. A segment that was
//! cut continues in ADD: `ADD|rest` at the place where it goes on, and an empty ADD before DSC where it broke off.
//! ADD also occurs inside a single message, after the segment that it makes longer.
//!
//! [`Joiner`] collects fragments; [`join`] puts them together. Nothing is joined behind anybody's back: a message with
//! ADD or DSC has the warning [`Continuation`](crate::WarningKind::Continuation), and each fragment is acknowledged by
//! itself.
//!
//! ```
//! use telerad_hl7::Message;
//! use telerad_hl7::continuation::{Joined, Joiner, JoinerLimits};
//!
//! let mut joiner = Joiner::new(JoinerLimits::default());
//! let first = Message::parse("MSH|^~\\&|RIS||||||ORU^R01|1|P|2.5\rOBX|1|TX|||long \rADD\rDSC|next|F\r")?;
//! let second = Message::parse("MSH|^~\\&|RIS||||||ORU^R01|2|P|2.5||next\rADD|text||F\rNTE|1\r")?;
//! assert!(matches!(joiner.take(first)?, Joined::Waiting { .. }));
//! let Joined::Whole(message) = joiner.take(second)? else { return Err("not whole".into()) };
//! assert_eq!(
//!     &message.as_bytes()[..],
//!     b"MSH|^~\\&|RIS||||||ORU^R01|1|P|2.5\rOBX|1|TX|||long text||F\rNTE|1\r",
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;
use std::fmt;

use crate::{Limits, Message, ParseError, path};

/// Bounds of a [`Joiner`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct JoinerLimits {
    /// Messages whose next fragment is awaited. Default 16.
    pub waiting_max: usize,
    /// Fragments of one message. Default 1000.
    pub fragments_max: usize,
    /// Size of a joined message, and so of the fragments held for it.
    pub message: Limits,
}

impl Default for JoinerLimits {
    fn default() -> Self {
        Self { waiting_max: 16, fragments_max: 1000, message: Limits::default() }
    }
}

/// Why fragments were not joined. The fragment that was offered is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The fragments are written with different delimiters or character sets.
    #[error("fragments with different delimiters or character sets")]
    Mixed,
    /// There is nothing to join.
    #[error("no fragments")]
    Nothing,
    /// MSH-14 names a fragment that is not here: it came earlier, later, or not at all.
    #[error("fragment without the one before it")]
    Orphan,
    /// The joined message is beyond the limits.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// Another incomplete message of the sender goes on at the same pointer: what comes next could be of either.
    #[error("another incomplete message goes on at the same pointer")]
    PointerTaken,
    /// More fragments than [`JoinerLimits::fragments_max`].
    #[error("more than {fragments_max} fragments")]
    TooManyFragments {
        /// The limit.
        fragments_max: usize,
    },
    /// More messages are incomplete than [`JoinerLimits::waiting_max`].
    #[error("more than {waiting_max} incomplete messages")]
    TooManyWaiting {
        /// The limit.
        waiting_max: usize,
    },
}

/// What a [`Joiner`] made of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Joined {
    /// It is whole, or has become so with this fragment.
    Whole(Message),
    /// It goes on in a message whose MSH-14 is `pointer`.
    Waiting {
        /// DSC-1.
        pointer: String,
    },
}

/// Collects the fragments of messages, of any number of senders.
pub struct Joiner {
    limits: JoinerLimits,
    waiting: Vec<Waiting>,
}

struct Waiting {
    key: Key,
    bytes: usize,
    fragments: Vec<Message>,
}

/// MSH-3 and MSH-4 as they are, and the pointer: pointers are unique to their sender only.
#[derive(Eq, PartialEq)]
struct Key {
    application: Vec<u8>,
    facility: Vec<u8>,
    pointer: String,
}

impl Joiner {
    /// A joiner that holds nothing.
    pub fn new(limits: JoinerLimits) -> Self {
        Self { limits, waiting: Vec::new() }
    }

    /// Takes the next message, which may be no fragment at all.
    ///
    /// # Errors
    /// [`JoinError`]; fragments collected before stay.
    pub fn take(&mut self, message: Message) -> Result<Joined, JoinError> {
        let (before, after) = (message.continued_from(), message.continues_at());
        let known = match &before {
            Some(pointer) => {
                let key = key(&message, pointer.clone());
                let place = self.waiting.iter().position(|waiting| waiting.key == key);
                Some(place.ok_or(JoinError::Orphan)?)
            }
            None => None,
        };
        let earlier = known.and_then(|place| self.waiting.get(place));
        let bytes = earlier.map_or(0, |earlier| earlier.bytes) + message.as_bytes().len();
        let bytes_max = self.limits.message.bytes_max;
        if bytes > bytes_max {
            return Err(JoinError::Parse(ParseError::TooLarge { bytes, bytes_max }));
        }
        let fragments_max = self.limits.fragments_max;
        if earlier.is_some_and(|earlier| earlier.fragments.len() >= fragments_max) {
            return Err(JoinError::TooManyFragments { fragments_max });
        }
        if earlier
            .and_then(|earlier| earlier.fragments.first())
            .is_some_and(|first| !alike(first, &message))
        {
            return Err(JoinError::Mixed);
        }
        if after.as_ref().is_some_and(|pointer| self.is_taken(pointer, &message, known)) {
            return Err(JoinError::PointerTaken);
        }
        match (known, after) {
            (None, None) => Ok(Joined::Whole(message)),
            (None, Some(pointer)) => {
                let waiting_max = self.limits.waiting_max;
                if self.waiting.len() >= waiting_max {
                    return Err(JoinError::TooManyWaiting { waiting_max });
                }
                let key = key(&message, pointer.clone());
                // The same fragment again, since its acknowledgement was lost, takes the place of the first one.
                self.waiting.retain(|waiting| waiting.key != key);
                self.waiting.push(Waiting { key, bytes, fragments: vec![message] });
                Ok(Joined::Waiting { pointer })
            }
            (Some(place), Some(pointer)) => {
                let key = key(&message, pointer.clone());
                if let Some(waiting) = self.waiting.get_mut(place) {
                    waiting.key = key;
                    waiting.bytes = bytes;
                    waiting.fragments.push(message);
                }
                Ok(Joined::Waiting { pointer })
            }
            (Some(place), None) => {
                let mut fragments = self
                    .waiting
                    .get(place)
                    .map(|waiting| waiting.fragments.clone())
                    .unwrap_or_default();
                fragments.push(message);
                let whole = join_within(self.limits.message, &fragments)?;
                self.waiting.remove(place);
                Ok(Joined::Whole(whole))
            }
        }
    }

    /// Whether a message other than the one at `known` waits at a pointer. Senders that count their pointers from 1 in
    /// every message would have the parts of two patients joined.
    fn is_taken(&self, pointer: &str, message: &Message, known: Option<usize>) -> bool {
        let key = key(message, pointer.to_owned());
        let others = self.waiting.iter().enumerate().filter(|(place, _)| Some(*place) != known);
        let mut same = others.filter(|(_, waiting)| waiting.key == key);
        same.any(|(_, waiting)| match &waiting.fragments[..] {
            [only] if known.is_none() => only.control_id() != message.control_id(),
            _ => true,
        })
    }

    /// How many messages are incomplete.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Gives up on the incomplete messages and hands back their fragments, oldest message first: when the connection
    /// ends, or when too much time has passed.
    pub fn give_up(&mut self) -> Vec<Vec<Message>> {
        self.waiting.drain(..).map(|waiting| waiting.fragments).collect()
    }
}

impl fmt::Debug for Joiner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joiner")
            .field("limits", &self.limits)
            .field("waiting", &self.waiting.len())
            .finish_non_exhaustive()
    }
}

impl Message {
    /// MSH-14: which fragment this one continues. `None` when it is the first, or no fragment.
    pub fn continued_from(&self) -> Option<String> {
        self.value(&path!("MSH-14")).text().map(|pointer| pointer.into_owned())
    }

    /// DSC-1 of the last segment: where the message goes on. `None` when it ends here.
    pub fn continues_at(&self) -> Option<String> {
        let last = self.segments().last().filter(|last| last.id() == "DSC")?;
        Some(last.field(1).text().into_owned()).filter(|pointer| !pointer.is_empty())
    }
}

impl Message {
    /// Whether this is a part of a message that was cut: it continues another one, or goes on in another one.
    pub fn is_fragment(&self) -> bool {
        self.continued_from().is_some() || self.continues_at().is_some()
    }

    /// The message with each ADD joined to the segment that it makes longer; itself when it has none.
    ///
    /// # Errors
    /// [`JoinError::Parse`] when the result is too large.
    pub fn with_additions(&self) -> Result<Cow<'_, Self>, JoinError> {
        if self.segments_with_id("ADD").next().is_none() {
            return Ok(Cow::Borrowed(self));
        }
        join(std::slice::from_ref(self)).map(Cow::Owned)
    }
}

/// Puts fragments together, in the order given: the header of the first, all segments but DSC and the other headers,
/// and each ADD joined to the segment before it. One message with ADD segments may be given alone.
///
/// # Errors
/// [`JoinError`] when there is none, when they are not written alike, or when the result is too large.
pub fn join(fragments: &[Message]) -> Result<Message, JoinError> {
    join_within(Limits::default(), fragments)
}

fn join_within(limits: Limits, fragments: &[Message]) -> Result<Message, JoinError> {
    let first = fragments.first().ok_or(JoinError::Nothing)?;
    if fragments.iter().any(|fragment| !alike(first, fragment)) {
        return Err(JoinError::Mixed);
    }
    let terminator = first.terminator();
    let mut joined: Vec<u8> = Vec::with_capacity(
        fragments.iter().map(|fragment| fragment.as_bytes().len() + terminator.len()).sum(),
    );
    for (number, fragment) in fragments.iter().enumerate() {
        for segment in fragment.segments() {
            let is_header = segment.index() == 0;
            match segment.id() {
                "DSC" => continue,
                _ if is_header && number > 0 => continue,
                // Right behind the only header there is nothing that it could continue.
                "ADD" if number > 0 || segment.index() > 1 => {
                    joined.truncate(joined.len().saturating_sub(terminator.len()));
                    joined.extend_from_slice(segment.raw().get(4..).unwrap_or_default());
                }
                _ => joined.extend_from_slice(segment.raw()),
            }
            joined.extend_from_slice(terminator);
        }
    }
    Ok(Message::parse_within(limits, joined)?)
}

fn alike(first: &Message, other: &Message) -> bool {
    first.delimiters() == other.delimiters()
        && first.value(&path!("MSH-18")) == other.value(&path!("MSH-18"))
}

fn key(message: &Message, pointer: String) -> Key {
    let header = message.segments().next();
    let [application, facility] =
        [3, 4].map(|n| header.map(|header| header.field(n).raw().to_vec()).unwrap_or_default());
    Key { application, facility, pointer }
}

#[cfg(test)]
mod tests;
