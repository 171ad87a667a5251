//! The head of an instance: the identifying elements, found while its bytes stream past.

use telerad_core::Uid;

use crate::inflate::Inflater;
use crate::text::Repertoire;
use crate::walk::{Action, Element, Visitor, Walker};
use crate::{Damage, DamageKind, Encoding, Tag, tags, vr};

/// Limits of a [`HeadScanner`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeadLimits {
    /// Most bytes of values kept for the head. Values that are passed over do not count: they are never held.
    pub bytes_max: usize,
    /// Most sequences within one another, where the scan has to look into them.
    pub nesting_max: usize,
    /// Most elements and items before the head is complete.
    pub elements_max: usize,
    /// Most bytes of the data set before the head is complete, inflated where it is deflated.
    pub scanned_bytes_max: u64,
    /// Most bytes that a deflated data set may inflate to before the head is complete.
    pub inflated_bytes_max: usize,
}

impl Default for HeadLimits {
    /// 256 KiB kept, 64 levels, 65,536 elements, 1 GiB passed over, 64 MiB inflated.
    fn default() -> Self {
        Self {
            bytes_max: 256 << 10,
            nesting_max: 64,
            elements_max: 1 << 16,
            scanned_bytes_max: 1 << 30,
            inflated_bytes_max: 64 << 20,
        }
    }
}

/// What a [`HeadScanner`] knows after the bytes it was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scan {
    /// Every element of the head has been read or passed. More bytes only serve to locate the pixel data.
    Complete,
    /// The data set is damaged before the head was complete; further bytes are ignored. What was read is kept.
    Failed,
    /// The head is not complete yet.
    NeedMore,
}

/// Reads the identifying elements of a data set while it streams past.
///
/// Give it every byte of the data set in order, in pieces of any size. It holds only the values of the head, allocates
/// nothing by a declared length and passes over everything else. After [`Scan::Complete`] further bytes cost next to
/// nothing and serve to find [`HeadScanner::pixel_data_offset`], and elements of the head that are out of order; a caller
/// that needs neither may stop. How the bytes were cut into pieces never changes the result.
#[derive(Debug)]
pub struct HeadScanner {
    walker: Walker,
    collector: Collector,
    inflater: Option<Inflater>,
}

impl HeadScanner {
    /// A scanner for a data set in this encoding.
    pub fn new(encoding: Encoding, limits: HeadLimits) -> Self {
        Self {
            walker: Walker::new(encoding, limits.nesting_max, limits.elements_max),
            collector: Collector {
                head: Head { encoding, kept: Vec::new(), bytes: Vec::new(), damage: None },
                bytes_max: limits.bytes_max,
                current: None,
                complete: false,
                failed: false,
                scanned_bytes_max: limits.scanned_bytes_max,
                pixel_data_offset: None,
            },
            inflater: encoding.is_deflated().then(|| Inflater::new(limits.inflated_bytes_max)),
        }
    }

    /// Takes the next bytes of the data set.
    pub fn push(&mut self, bytes: &[u8]) -> Scan {
        let result = match &mut self.inflater {
            Some(_) if self.walker.is_over() => Ok(()),
            Some(inflater) => {
                let (walker, collector) = (&mut self.walker, &mut self.collector);
                let mut damage = Ok(());
                inflater
                    .feed(bytes, |piece| {
                        damage = walker.feed(piece, collector);
                        !walker.is_over()
                    })
                    .and(damage)
            }
            None => self.walker.feed(bytes, &mut self.collector),
        };
        if let Err(damage) = result {
            // Damage behind the head does not concern the head: the instance is identified.
            if !self.collector.complete {
                self.collector.fail(damage);
            }
        }
        self.state()
    }

    /// What is known so far.
    pub fn state(&self) -> Scan {
        if self.collector.complete {
            Scan::Complete
        } else if self.collector.failed {
            Scan::Failed
        } else {
            Scan::NeedMore
        }
    }

    /// Offset in the data set of the first header byte of (7FE0,0010), or of the float and double float pixel data in
    /// its place; `None` before it was seen, and always in a deflated data set.
    pub fn pixel_data_offset(&self) -> Option<u64> {
        if self.inflater.is_some() { None } else { self.collector.pixel_data_offset }
    }

    /// The head, at the end of the data set or at any time after [`Scan::Complete`].
    ///
    /// Damage does not take away what was read before it: see [`Head::damage`].
    ///
    /// # Errors
    /// When the data set is damaged before a single element of the head could be read.
    pub fn finish(mut self) -> Result<Head, HeadError> {
        if !self.collector.complete && !self.collector.failed {
            let ended = self.inflater.as_ref().is_none_or(Inflater::is_ended);
            let early = Damage { kind: DamageKind::EndsEarly, offset: self.walker.position() };
            let end = if ended { self.walker.end() } else { Err(early) };
            if let Err(damage) = end {
                self.collector.head.note(damage);
            }
        }
        let mut head = self.collector.head;
        // It has done no harm, so anything else is told first.
        if self.inflater.is_some_and(|inflater| inflater.is_wrapped()) {
            head.note(Damage { kind: DamageKind::ZlibWrapper, offset: 0 });
        }
        match head.damage {
            Some(damage) if head.kept.is_empty() => Err(HeadError::Damaged(damage)),
            _ => Ok(head),
        }
    }
}

/// The identifying elements of an instance, as they were encoded.
#[derive(Clone)]
pub struct Head {
    encoding: Encoding,
    kept: Vec<Kept>,
    bytes: Vec<u8>,
    damage: Option<Damage>,
}

impl Head {
    /// The value of a top-level element, decoded and without padding: every value, separated by `\`. `None` when the
    /// element is absent or not part of the head, empty when it has no value.
    pub fn text(&self, tag: Tag) -> Option<String> {
        self.raw(tag).map(|bytes| self.decode(tag, bytes))
    }

    /// The value of an element in the first item of a sequence of the head.
    pub fn text_in(&self, sequence: Tag, tag: Tag) -> Option<String> {
        self.find(Some(sequence), tag).map(|bytes| self.decode(tag, bytes))
    }

    /// The value of a top-level element as a unique identifier, if it is one.
    pub fn uid(&self, tag: Tag) -> Option<Uid> {
        Uid::new(std::str::from_utf8(self.raw(tag)?).ok()?).ok()
    }

    /// The bytes of the value of a top-level element, padding included.
    pub fn raw(&self, tag: Tag) -> Option<&[u8]> {
        self.find(None, tag)
    }

    /// The first damage met before the head was complete. Everything read before it is in the head; what comes after
    /// it may be missing.
    pub fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// The encoding that the data set was read in: the declared one, unless the elements are plainly in the other VR
    /// form, which some devices send; [`Head::damage`] says so then.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Whether some text of the head could not be read with certainty: (0008,0005) is missing or unknown, or a value has
    /// bytes outside it.
    pub fn has_doubtful_text(&self) -> bool {
        let repertoire = self.repertoire();
        self.kept.iter().any(|kept| {
            let bytes = self.bytes.get(kept.start..kept.end).unwrap_or_default();
            repertoire.decode(bytes, vr::of(kept.tag).to_bytes()).is_doubtful
        })
    }

    fn decode(&self, tag: Tag, bytes: &[u8]) -> String {
        let decoded = self.repertoire().decode(bytes, vr::of(tag).to_bytes());
        decoded.text.trim_matches([' ', '\0']).to_owned()
    }

    fn repertoire(&self) -> Repertoire {
        Repertoire::of(self.raw(tags::SPECIFIC_CHARACTER_SET).unwrap_or(b""))
    }

    fn find(&self, parent: Option<Tag>, tag: Tag) -> Option<&[u8]> {
        let kept = self.kept.iter().find(|kept| kept.tag == tag && kept.parent == parent)?;
        self.bytes.get(kept.start..kept.end)
    }

    fn note(&mut self, damage: Damage) {
        self.damage.get_or_insert(damage);
    }
}

impl std::fmt::Debug for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tags: Vec<Tag> = self.kept.iter().map(|kept| kept.tag).collect();
        write!(f, "Head(<redacted>, elements: {tags:?}, damage: {:?})", self.damage)
    }
}

/// Why a head cannot be read or changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HeadError {
    /// The data set is damaged where it had to be read.
    #[error("data set is damaged: {0}")]
    Damaged(#[from] Damage),
    /// A changed value does not fit the length field of its value representation.
    #[error("the value for {0} is too long")]
    ValueTooLong(Tag),
    /// A changed value has characters that the data set's character set cannot write.
    #[error("the value for {0} cannot be written in the character set of the data set")]
    Unmappable(Tag),
    /// The value representation is not two capital letters, or not one of text.
    #[error("the value representation for {0} is not one of text")]
    NotText(Tag),
    /// Deflating the changed data set failed.
    #[error("the changed data set cannot be deflated")]
    Deflate,
}

#[derive(Clone, Debug)]
struct Kept {
    parent: Option<Tag>,
    tag: Tag,
    /// Offset of the element in the data set.
    offset: u64,
    start: usize,
    end: usize,
}

/// Decides what belongs to the head.
#[derive(Debug)]
struct Collector {
    head: Head,
    bytes_max: usize,
    /// The element whose value is arriving.
    current: Option<Kept>,
    complete: bool,
    failed: bool,
    scanned_bytes_max: u64,
    pixel_data_offset: Option<u64>,
}

impl Visitor for Collector {
    fn element(&mut self, element: &Element) -> Action {
        let tag = element.tag;
        let parent = match element.parent {
            None => {
                if let Some(action) = self.pass(element) {
                    return action;
                }
                let sequence = WANTED_SEQUENCES.iter().any(|(sequence, _)| *sequence == tag);
                if self.complete && (sequence || WANTED.contains(&tag)) {
                    let kind = DamageKind::OutOfOrder(tag);
                    self.head.note(Damage { kind, offset: element.offset });
                }
                if sequence {
                    let again = self.head.kept.iter().any(|kept| kept.parent == Some(tag));
                    return if again || !element.is_sequence {
                        Action::Skip
                    } else {
                        Action::Enter
                    };
                }
                if !WANTED.contains(&tag) {
                    return Action::Skip;
                }
                None
            }
            Some((sequence, 0)) if element.depth == 1 => {
                let wanted = WANTED_SEQUENCES.iter().find(|(tag, _)| *tag == sequence);
                if !wanted.is_some_and(|(_, tags)| tags.contains(&tag)) {
                    return Action::Skip;
                }
                Some(sequence)
            }
            Some(_) => return Action::Skip,
        };
        self.keep(parent, element)
    }

    fn value(&mut self, piece: &[u8]) {
        self.head.bytes.extend_from_slice(piece);
    }

    fn value_end(&mut self) {
        let Some(mut kept) = self.current.take() else { return };
        kept.end = self.head.bytes.len();
        let value = self.head.bytes.get(kept.start..kept.end);
        let Some(first) = self.head.find(kept.parent, kept.tag) else {
            self.head.kept.push(kept);
            return;
        };
        // The first one counts, as it does for DCMTK; another value is worth a person's look.
        if value != Some(first) {
            let kind = DamageKind::Repeated(kept.tag);
            self.head.note(Damage { kind, offset: kept.offset });
        }
        self.head.bytes.truncate(kept.start);
    }

    fn counts_elements(&self) -> bool {
        !self.complete
    }

    fn read_as(&mut self, found: Encoding, damage: Damage) -> bool {
        self.head.encoding = found;
        self.head.note(damage);
        true
    }

    fn found_explicit_items(&mut self, damage: Damage) {
        self.head.note(damage);
    }

    fn pass_over(&mut self, damage: Damage) -> bool {
        self.head.note(damage);
        self.current = None;
        true
    }
}

impl Collector {
    /// Handles what lies behind the head or has no place in it.
    fn pass(&mut self, element: &Element) -> Option<Action> {
        let (tag, offset) = (element.tag, element.offset);
        if tag > LAST_WANTED {
            self.complete = true;
        } else if matches!(tag.0, 0x0000 | 0x0002) {
            self.head.note(Damage { kind: DamageKind::NotOfADataSet(tag), offset });
            return Some(Action::Skip);
        }
        if !self.complete && offset > self.scanned_bytes_max {
            let kind = DamageKind::HeadTooLong { limit: self.scanned_bytes_max };
            self.fail(Damage { kind, offset });
            return Some(Action::Stop);
        }
        if PIXEL_DATA.contains(&tag) {
            self.pixel_data_offset = Some(offset);
            return Some(Action::Stop);
        }
        None
    }

    fn fail(&mut self, damage: Damage) {
        self.failed = true;
        self.head.note(damage);
    }

    fn keep(&mut self, parent: Option<Tag>, element: &Element) -> Action {
        let Some(length) = element.length.filter(|_| !element.is_sequence) else {
            let kind = DamageKind::NotAValue(element.tag);
            self.head.note(Damage { kind, offset: element.offset });
            return Action::Skip;
        };
        let start = self.head.bytes.len();
        let left = self.bytes_max.saturating_sub(start);
        if usize::try_from(length).map_or(true, |length| length > left) {
            let kind = DamageKind::ValueTooLong(element.tag);
            self.head.note(Damage { kind, offset: element.offset });
            return Action::Skip;
        }
        let (tag, offset) = (element.tag, element.offset);
        self.current = Some(Kept { parent, tag, offset, start, end: start });
        Action::Keep
    }
}

/// The head's elements at the top level, in the order of their tags.
const WANTED: [Tag; 30] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::IMAGE_TYPE,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::STUDY_DATE,
    tags::STUDY_TIME,
    tags::ACCESSION_NUMBER,
    tags::MODALITY,
    tags::MANUFACTURER,
    tags::INSTITUTION_NAME,
    tags::REFERRING_PHYSICIAN_NAME,
    tags::TIMEZONE_OFFSET_FROM_UTC,
    tags::STATION_NAME,
    tags::STUDY_DESCRIPTION,
    tags::SERIES_DESCRIPTION,
    tags::INSTITUTIONAL_DEPARTMENT_NAME,
    tags::PATIENT_NAME,
    tags::PATIENT_ID,
    tags::ISSUER_OF_PATIENT_ID,
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_SEX,
    tags::BODY_PART_EXAMINED,
    tags::PROTOCOL_NAME,
    tags::STUDY_INSTANCE_UID,
    tags::SERIES_INSTANCE_UID,
    tags::STUDY_ID,
    tags::SERIES_NUMBER,
    tags::INSTANCE_NUMBER,
    tags::NUMBER_OF_FRAMES,
    tags::REQUESTED_PROCEDURE_ID,
];

/// The sequences of the head, and what is wanted of their first item.
const WANTED_SEQUENCES: [(Tag, &[Tag]); 3] = [
    (
        tags::ISSUER_OF_ACCESSION_NUMBER_SEQUENCE,
        &[
            tags::LOCAL_NAMESPACE_ENTITY_ID,
            tags::UNIVERSAL_ENTITY_ID,
            tags::UNIVERSAL_ENTITY_ID_TYPE,
        ],
    ),
    (
        tags::ISSUER_OF_PATIENT_ID_QUALIFIERS_SEQUENCE,
        &[tags::UNIVERSAL_ENTITY_ID, tags::UNIVERSAL_ENTITY_ID_TYPE],
    ),
    (
        tags::REQUEST_ATTRIBUTES_SEQUENCE,
        &[tags::REQUESTED_PROCEDURE_ID, tags::SCHEDULED_PROCEDURE_STEP_ID],
    ),
];

/// No element of the head has a greater tag.
const LAST_WANTED: Tag = tags::REQUESTED_PROCEDURE_ID;

/// Float, double float and integer pixel data; an image has one of them (PS3.3 section C.7.6.3, C.7.6.24, C.7.6.25).
const PIXEL_DATA: [Tag; 3] = [Tag(0x7FE0, 0x0008), Tag(0x7FE0, 0x0009), tags::PIXEL_DATA];

#[cfg(test)]
mod tests;
