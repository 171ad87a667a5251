//! A candidate in as few bytes as leave its values readable.

use telerad_core::{Issuer, Order, PartialDate, PatientId, Sex};

use super::IndexError;
use crate::CandidateSource;
use crate::view::{Issued, NameParts, Person, View};

/// Packed candidates, one after the other, each beginning at a multiple of [`UNIT`].
///
/// A record is its [`HEADER`], then three bytes for each patient identifier (issuer, length), four for each writing of the
/// name (two lengths), then all texts in this order: study instance UID, accession number, filler, placer, patient
/// identifiers, family and given name of each writing.
pub(super) struct Records {
    bytes: Vec<u8>,
}

/// Whoever issued a number, in the index's own numbering; 0 is nobody.
pub(super) type IssuerNumber = u16;

/// What is packed, with its issuers numbered.
pub(super) struct Entry<'a> {
    pub(super) handle: u64,
    pub(super) order: &'a Order,
    pub(super) source: CandidateSource,
    pub(super) also_known_as: &'a [PatientId],
    pub(super) accession_issuer: IssuerNumber,
    pub(super) filler_issuer: IssuerNumber,
    pub(super) placer_issuer: IssuerNumber,
    /// Of the patient's identifiers, then of the others known of him.
    pub(super) id_issuers: Vec<IssuerNumber>,
}

impl Records {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes) }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity()
    }

    /// Packs an entry and gives its place.
    pub(super) fn add(&mut self, entry: &Entry<'_>) -> Result<u32, IndexError> {
        let begin = self.bytes.len();
        let place = u32::try_from(begin / UNIT).ok().filter(|place| *place < u32::MAX);
        let place = place.ok_or(IndexError::Full)?;
        let packed = self.pack(entry);
        if packed.is_none() {
            self.bytes.truncate(begin);
        }
        packed.map(|()| place).ok_or(IndexError::TooLong)
    }

    fn pack(&mut self, entry: &Entry<'_>) -> Option<()> {
        let order = entry.order;
        let name = &order.patient.name;
        let groups = [&name.alphabetic, &name.ideographic, &name.phonetic]
            .map(|group| [group.family.as_str(), group.given.as_str()]);
        let last = groups.iter().rposition(|group| group.iter().any(|part| !part.is_empty()));
        let groups = groups.get(..last.map_or(0, |last| last + 1))?;
        let ids = || order.patient.ids.iter().chain(entry.also_known_as).map(PatientId::value);
        let filler = order.filler_order_number.as_ref().map_or("", |one| one.value());
        let placer = order.placer_order_number.as_ref().map_or("", |one| one.value());
        let texts = [order.study_instance_uid.as_str(), order.accession.value(), filler, placer];
        let short = |text: &str| u8::try_from(text.len()).ok();
        let long = |text: &str| u16::try_from(text.len()).ok();
        let sex = order.patient.sex.map_or(0, |sex| match sex {
            Sex::Female => 1,
            Sex::Male => 2,
            Sex::Other => 3,
        });
        let is_head = u8::from(entry.source == CandidateSource::StudyHead);
        let mut header = [0; HEADER];
        let mut fields = header.iter_mut();
        let mut put = |bytes: &[u8]| fields.by_ref().zip(bytes).for_each(|(to, from)| *to = *from);
        put(&[sex << 2 | is_head << 1]);
        put(&[u8::try_from(entry.id_issuers.len()).ok()?, groups.len() as u8]);
        for text in texts {
            put(&[short(text)?]);
        }
        put(&entry.handle.to_le_bytes());
        put(&date_bits(order.patient.birth_date).to_le_bytes());
        for issuer in [entry.accession_issuer, entry.filler_issuer, entry.placer_issuer] {
            put(&issuer.to_le_bytes());
        }
        let names = || groups.iter().flatten().copied();
        let length: usize = texts.into_iter().chain(ids()).chain(names()).map(str::len).sum();
        put(&u16::try_from(length).ok()?.to_le_bytes());
        let needed = HEADER + entry.id_issuers.len() * 3 + groups.len() * 4 + length + UNIT;
        if self.bytes.capacity() - self.bytes.len() < needed {
            // A vector doubles; this one may be most of the memory.
            self.bytes.reserve_exact(needed.max(self.bytes.capacity() / 32));
        }
        self.bytes.extend_from_slice(&header);
        for (issuer, id) in entry.id_issuers.iter().zip(ids()) {
            self.bytes.extend_from_slice(&issuer.to_le_bytes());
            self.bytes.push(short(id)?);
        }
        for part in names() {
            self.bytes.extend_from_slice(&long(part)?.to_le_bytes());
        }
        for text in texts.into_iter().chain(ids()).chain(names()) {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(UNIT), 0);
        Some(())
    }

    /// Takes a record out of every later answer.
    pub(super) fn kill(&mut self, place: u32) {
        if let Some(flags) = self.bytes.get_mut(place as usize * UNIT) {
            *flags |= 1;
        }
    }

    /// The record at a place; `None` when it was taken out.
    pub(super) fn view<'a>(
        &'a self,
        place: u32,
        issuers: &'a [Issuer],
    ) -> Option<View<'a, u64, Packed<'a>>> {
        let (header, rest) =
            self.bytes.get(place as usize * UNIT..)?.split_first_chunk::<HEADER>()?;
        let [flags, ids, groups, uid, accession, filler, placer, ..] = *header;
        if flags & 1 == 1 {
            return None;
        }
        let issuer = |at: usize| by_number(issuers, word(header, at)?);
        let (lengths, rest) =
            rest.split_at_checked(usize::from(ids) * 3 + usize::from(groups) * 4)?;
        let (ids, names) = lengths.split_at_checked(usize::from(ids) * 3)?;
        let text = rest.get(..usize::from(word(header, 25)?))?;
        let mut text = std::str::from_utf8(text).ok()?;
        let mut take = |length: u8| {
            let (taken, rest) = text.split_at_checked(usize::from(length))?;
            text = rest;
            Some(taken)
        };
        let [uid, accession] = [take(uid)?, take(accession)?];
        let [filler, placer] = [take(filler)?, take(placer)?];
        let number = |value: &'a str, at: usize| {
            (!value.is_empty()).then(|| Issued { value, issuer: issuer(at) })
        };
        Some(View {
            key: u64::from_le_bytes(*header.get(7..)?.first_chunk()?),
            source: match flags & 2 {
                0 => CandidateSource::Order,
                _ => CandidateSource::StudyHead,
            },
            study_instance_uid: uid,
            accession: Issued { value: accession, issuer: issuer(19) },
            filler: number(filler, 21),
            placer: number(placer, 23),
            patient: Packed {
                birth_date: u32::from_le_bytes(*header.get(15..)?.first_chunk()?),
                sex: flags >> 2,
                ids,
                names,
                text,
                issuers,
            },
        })
    }
}

/// The patient of a packed record.
#[derive(Clone, Copy)]
pub(super) struct Packed<'a> {
    birth_date: u32,
    sex: u8,
    ids: &'a [u8],
    names: &'a [u8],
    text: &'a str,
    issuers: &'a [Issuer],
}

impl Packed<'_> {
    fn ids_length(&self) -> usize {
        self.ids.iter().skip(2).step_by(3).copied().map(usize::from).sum()
    }
}

impl Person for Packed<'_> {
    fn ids(&self) -> impl Iterator<Item = Issued<'_>> {
        let mut rest = self.text;
        self.ids.as_chunks::<3>().0.iter().filter_map(move |[low, high, length]| {
            let (value, after) = rest.split_at_checked(usize::from(*length))?;
            rest = after;
            let issuer = by_number(self.issuers, u16::from_le_bytes([*low, *high]));
            Some(Issued { value, issuer })
        })
    }

    fn birth_date(&self) -> Option<PartialDate> {
        date(self.birth_date)
    }

    fn sex(&self) -> Option<Sex> {
        match self.sex {
            1 => Some(Sex::Female),
            2 => Some(Sex::Male),
            3 => Some(Sex::Other),
            _ => None,
        }
    }

    fn names(&self) -> [NameParts<'_>; 3] {
        let mut rest = self.text.get(self.ids_length()..).unwrap_or_default();
        let mut groups = self.names.as_chunks::<4>().0.iter().map(|[a, b, c, d]| {
            let lengths = [u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d])];
            let [family, given] = lengths.map(|length| {
                let (part, after) = rest.split_at_checked(usize::from(length)).unwrap_or_default();
                rest = after;
                part
            });
            (family, given)
        });
        std::array::from_fn(|_| groups.next().unwrap_or_default())
    }

    fn name_text(&self) -> String {
        let groups = self
            .names()
            .map(|(family, given)| format!("{family}^{given}").trim_end_matches('^').to_owned());
        groups.join("=").trim_end_matches('=').to_owned()
    }
}

fn word(header: &[u8], at: usize) -> Option<u16> {
    header.get(at..)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
}

fn by_number(issuers: &[Issuer], number: IssuerNumber) -> Option<&Issuer> {
    usize::from(number).checked_sub(1).and_then(|index| issuers.get(index))
}

/// Year, month and day; 0 for what is not known.
fn date_bits(date: Option<PartialDate>) -> u32 {
    date.map_or(0, |date| {
        u32::from(date.year()) << 16
            | u32::from(date.month().unwrap_or(0)) << 8
            | u32::from(date.day().unwrap_or(0))
    })
}

fn date(bits: u32) -> Option<PartialDate> {
    let [day, month, low, high] = bits.to_le_bytes();
    let year = u16::from_le_bytes([low, high]);
    let digit = |number: u16| b'0' + (number % 10) as u8;
    let pair = |number: u8| [digit(u16::from(number) / 10), digit(u16::from(number))];
    let ([m, n], [d, e]) = (pair(month), pair(day));
    let digits = [year / 1000, year / 100, year / 10, year].map(digit);
    let text = [digits[0], digits[1], digits[2], digits[3], m, n, d, e];
    let length = match (year, month, day) {
        (0, ..) => return None,
        (_, 0, _) => 4,
        (_, _, 0) => 6,
        _ => 8,
    };
    text.get(..length).and_then(|text| PartialDate::parse(std::str::from_utf8(text).ok()?).ok())
}

/// Flags (taken out, head, sex), counts of identifiers and writings, four lengths, handle, birth date, three issuers, length
/// of all texts.
const HEADER: usize = 27;
const UNIT: usize = 4;

#[cfg(test)]
mod tests {
    use telerad_core::PartialDate;

    use super::{date, date_bits};

    #[test]
    fn dates_keep_their_precision() {
        for text in ["1980", "198001", "19800102", "20240229"] {
            let known = PartialDate::parse(text).ok();
            assert_eq!(date(date_bits(known)), known, "{text}");
        }
        assert_eq!(date(date_bits(None)), None);
    }
}
