//! Changing single elements of a data set, every other byte untouched.

use crate::text::Repertoire;
use crate::walk::{Action, Element, Visitor, Walker};
use crate::{Damage, DamageKind, Encoding, HeadError, Tag, inflate, tags, vr};

/// Replaces or inserts top-level elements of text, and copies all other bytes as they are.
///
/// Each change is a tag, a value representation and the text, which is written in the Specific Character Set of the
/// data set, or in the one that a change of (0008,0005) declares: texts that are not changed keep their bytes, so a
/// caller that changes the set must know that they are ASCII or replace them. Elements behind the greatest changed tag are not even looked at. A retired group length (gggg,0000) that
/// would become wrong is corrected. A deflated data set is inflated, changed and deflated again, so that there the
/// compressed bytes do change.
///
/// # Errors
/// When the data set is in another encoding than this one, is damaged or repeats an element before the greatest changed tag, when a text does not fit its
/// value representation, or when the character set of the data set cannot write it.
pub fn set_elements(
    data_set: &[u8],
    encoding: Encoding,
    changes: &[(Tag, &str, &str)],
) -> Result<Vec<u8>, HeadError> {
    if !encoding.is_deflated() {
        return splice(data_set, encoding, changes);
    }
    let inflated = inflate::all(data_set, INFLATED_BYTES_MAX)?;
    let changed = splice(&inflated, encoding, changes)?;
    inflate::deflate(&changed).map_err(|_| HeadError::Deflate)
}

/// Most bytes that a deflated data set may inflate to: larger ones are refused, never cut.
const INFLATED_BYTES_MAX: usize = 1 << 30;

fn splice(
    data_set: &[u8],
    encoding: Encoding,
    changes: &[(Tag, &str, &str)],
) -> Result<Vec<u8>, HeadError> {
    // A later change of the same element wins, as it would if they were applied one by one.
    let mut last_changes: Vec<(Tag, &str, &str)> = Vec::new();
    for change in changes {
        last_changes.retain(|kept| kept.0 != change.0);
        last_changes.push(*change);
    }
    last_changes.sort_by_key(|change| change.0);
    let Some(greatest) = last_changes.last().map(|change| change.0) else {
        return Ok(data_set.to_vec());
    };
    let outline = Outline::of(data_set, encoding, greatest)?;
    let mut edits = Vec::new();
    let declared = last_changes.iter().find(|change| change.0 == tags::SPECIFIC_CHARACTER_SET);
    let repertoire = match declared {
        Some((_, _, terms)) => Repertoire::of(terms.as_bytes()),
        None => outline.repertoire(data_set),
    };
    for (tag, vr, text) in last_changes.iter().copied() {
        let value = repertoire.encode_value(tag, vr, text)?;
        let bytes = encode_element(tag, vr, &value, encoding)?;
        let (start, end) = outline.place_of(tag)?;
        edits.push(Edit { tag, start, end, bytes });
    }
    for edit in outline.group_lengths(data_set, encoding, &edits) {
        edits.push(edit);
    }
    edits.sort_by_key(|edit| (edit.start, edit.tag));
    let mut changed = Vec::with_capacity(data_set.len().saturating_add(256));
    let mut at = 0;
    for edit in &edits {
        changed.extend_from_slice(data_set.get(at..edit.start).unwrap_or(&[]));
        changed.extend_from_slice(&edit.bytes);
        at = edit.end;
    }
    changed.extend_from_slice(data_set.get(at..).unwrap_or(&[]));
    Ok(changed)
}

/// Bytes that take the place of `start..end`.
struct Edit {
    tag: Tag,
    start: usize,
    end: usize,
    bytes: Vec<u8>,
}

/// Where the top-level elements lie, up to the greatest changed tag.
struct Outline {
    elements: Vec<Place>,
    stopped: Option<u64>,
    refused: Option<Damage>,
    greatest: Tag,
}

struct Place {
    tag: Tag,
    start: usize,
    value: usize,
    end: usize,
}

impl Outline {
    fn of(data_set: &[u8], encoding: Encoding, greatest: Tag) -> Result<Self, HeadError> {
        let mut outline = Self { elements: Vec::new(), stopped: None, refused: None, greatest };
        let mut walker = Walker::new(encoding, 64, usize::MAX);
        let walked = walker.feed(data_set, &mut outline);
        // Places in another encoding than the declared one would be wrong ones.
        if let Some(damage) = outline.refused {
            return Err(damage.into());
        }
        walked?;
        if outline.stopped.is_none() {
            walker.end()?;
        }
        // The end of each element is where the next one begins.
        let mut next = usize::try_from(walker.position()).unwrap_or(data_set.len());
        for place in outline.elements.iter_mut().rev() {
            place.end = next;
            next = place.start;
        }
        Ok(outline)
    }

    fn place_of(&self, tag: Tag) -> Result<(usize, usize), HeadError> {
        let mut found = self.elements.iter().filter(|place| place.tag == tag);
        if let Some(place) = found.next() {
            if let Some(again) = found.next() {
                let offset = again.start as u64;
                return Err(Damage { kind: DamageKind::Repeated(tag), offset }.into());
            }
            return Ok((place.start, place.end));
        }
        let before = self.elements.iter().filter(|place| place.tag < tag);
        let at = before.map(|place| place.end).max().unwrap_or(0);
        Ok((at, at))
    }

    fn repertoire(&self, data_set: &[u8]) -> Repertoire {
        let place = self.elements.iter().find(|e| e.tag == tags::SPECIFIC_CHARACTER_SET);
        Repertoire::of(place.and_then(|place| data_set.get(place.value..place.end)).unwrap_or(b""))
    }

    /// Corrects the group lengths (PS3.5 section 7.2) of the groups whose size changes.
    fn group_lengths(&self, data_set: &[u8], encoding: Encoding, edits: &[Edit]) -> Vec<Edit> {
        let lengths = self.elements.iter().filter(|place| place.tag.1 == 0);
        let corrected = lengths.filter_map(|place| {
            // One value of four bytes (PS3.5 section 7.2); anything else under this tag is no group length.
            let field = <[u8; 4]>::try_from(data_set.get(place.value..place.end)?).ok()?;
            let big = encoding.is_big_endian();
            let old = if big { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) };
            let in_group = edits.iter().filter(|edit| edit.tag.0 == place.tag.0);
            let (added, removed) = in_group.fold((0_usize, 0_usize), |(added, removed), edit| {
                let gone = edit.end.saturating_sub(edit.start);
                (added.saturating_add(edit.bytes.len()), removed.saturating_add(gone))
            });
            let new = usize::try_from(old).ok()?.checked_add(added)?.checked_sub(removed)?;
            let new = u32::try_from(new).ok()?;
            let bytes = if big { new.to_be_bytes() } else { new.to_le_bytes() };
            let end = place.value.checked_add(4)?;
            Some(Edit { tag: place.tag, start: place.value, end, bytes: bytes.to_vec() })
        });
        corrected.collect()
    }
}

impl Visitor for Outline {
    fn element(&mut self, element: &Element) -> Action {
        if element.depth > 0 {
            return Action::Skip;
        }
        if matches!(element.tag.0, 0x0000 | 0x0002) {
            let kind = DamageKind::NotOfADataSet(element.tag);
            self.refused = Some(Damage { kind, offset: element.offset });
            return Action::Stop;
        }
        if element.tag > self.greatest {
            self.stopped = Some(element.offset);
            return Action::Stop;
        }
        let start = usize::try_from(element.offset).unwrap_or(usize::MAX);
        let header = usize::try_from(element.header_bytes).unwrap_or(usize::MAX);
        let value = start.saturating_add(header);
        self.elements.push(Place { tag: element.tag, start, value, end: value });
        Action::Skip
    }

    fn read_as(&mut self, _found: Encoding, damage: Damage) -> bool {
        self.refused = Some(damage);
        false
    }
}

impl Repertoire {
    /// The text as a value of this representation, padded to even length (PS3.5 section 6.2).
    fn encode_value(self, tag: Tag, vr: &str, text: &str) -> Result<Vec<u8>, HeadError> {
        let vr = vr_bytes(tag, vr)?;
        let mut value = if vr::has_character_set(vr) {
            self.encode(text, vr).ok_or(HeadError::Unmappable(tag))?
        } else if text.is_ascii() {
            text.as_bytes().to_vec()
        } else {
            return Err(HeadError::Unmappable(tag));
        };
        if value.len() % 2 == 1 {
            value.push(if vr == *b"UI" { 0 } else { b' ' });
        }
        Ok(value)
    }
}

fn vr_bytes(tag: Tag, vr: &str) -> Result<[u8; 2], HeadError> {
    const TEXT: [&[u8; 2]; 17] = [
        b"AE", b"AS", b"CS", b"DA", b"DS", b"DT", b"IS", b"LO", b"LT", b"PN", b"SH", b"ST", b"TM",
        b"UC", b"UI", b"UR", b"UT",
    ];
    let found = TEXT.into_iter().find(|known| known.as_slice() == vr.as_bytes());
    found.copied().ok_or(HeadError::NotText(tag))
}

fn encode_element(
    tag: Tag,
    vr: &str,
    value: &[u8],
    encoding: Encoding,
) -> Result<Vec<u8>, HeadError> {
    let vr = vr_bytes(tag, vr)?;
    let long = u32::try_from(value.len()).map_err(|_| HeadError::ValueTooLong(tag))?;
    let big = encoding.is_big_endian();
    let two = |number: u16| if big { number.to_be_bytes() } else { number.to_le_bytes() };
    let four = |number: u32| if big { number.to_be_bytes() } else { number.to_le_bytes() };
    let mut bytes = Vec::with_capacity(value.len().saturating_add(12));
    bytes.extend_from_slice(&two(tag.0));
    bytes.extend_from_slice(&two(tag.1));
    if !encoding.is_explicit() {
        bytes.extend_from_slice(&four(long));
    } else if vr::has_long_length(vr) {
        bytes.extend_from_slice(&vr);
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&four(long));
    } else {
        let short = u16::try_from(long).map_err(|_| HeadError::ValueTooLong(tag))?;
        bytes.extend_from_slice(&vr);
        bytes.extend_from_slice(&two(short));
    }
    bytes.extend_from_slice(value);
    Ok(bytes)
}

#[cfg(test)]
mod tests;
