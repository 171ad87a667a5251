//! Which candidate a person should look at first.

mod similarity;
mod train;

use std::collections::HashMap;

use telerad_core::{Patient, Sex};

pub use self::similarity::jaro_winkler;
use crate::patient::letters;
use crate::{Candidate, Claim};

/// Weighs how far two descriptions of a person agree, after Fellegi and Sunter: for each field the logarithm, to base 2, of how
/// much more often its agreement is seen in true pairs than by chance; agreement on a rare value weighs more.
///
/// **It ranks what waits for a person, and files nothing.** Nothing here gives a [`Decision`](crate::Decision) or is read by
/// one, and a score has no threshold: alike is not the same.
///
/// `Debug` prints no values.
#[derive(Clone)]
pub struct Scorer {
    fields: Vec<Trained>,
}

/// One field of a description.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Field {
    /// How its values are compared.
    pub comparison: Comparison,
    /// Another field, by its place, with which it may be swapped, as given and family name are.
    pub swapped_with: Option<usize>,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Comparison {
    /// Eight digits; one slip apart is near.
    Date,
    /// Equal or not.
    Exact,
    /// By letters and digits; near from 0.92 of [`jaro_winkler`], similar from 0.8.
    Similar,
}

/// How far two values agree.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Level {
    Missing,
    Equal,
    Near,
    Similar,
    Swapped,
    Differs,
}

impl Level {
    const COUNT: usize = 6;
}

/// A field and what is known of it.
#[derive(Clone)]
struct Trained {
    field: Field,
    /// Of each level, in true pairs.
    truth: [f64; Level::COUNT],
    /// Of each level, by chance.
    chance: [f64; Level::COUNT],
    frequencies: HashMap<String, u32>,
    values: u32,
}

/// A description, ready to be compared often.
///
/// `Debug` prints no values.
#[derive(Clone)]
pub struct Prepared {
    values: Vec<Value>,
}

#[derive(Clone)]
struct Value {
    characters: Box<[char]>,
    /// Which letters and digits occur, so that most different values are told apart at once.
    letters: u64,
    /// How much agreement on it weighs by its rarity; none where it has never been seen.
    rarity: Option<f64>,
}

/// A candidate with its score, for the review page.
///
/// `Debug` prints no key.
#[derive(Clone, PartialEq)]
pub struct Ranked {
    /// Key of the candidate.
    pub key: String,
    /// Bits of evidence that it is the same person, below 0 against it.
    pub score: f64,
}

impl std::fmt::Debug for Ranked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ranked(<redacted>, {:.1})", self.score)
    }
}

impl std::fmt::Debug for Scorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scorer({} fields)", self.fields.len())
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prepared(<redacted>)")
    }
}

impl Scorer {
    /// With probabilities that suit registers of people in general; [`train`](Self::train) learns those of a site.
    pub fn untrained(fields: &[Field]) -> Self {
        let one = |field: &Field| Trained {
            field: *field,
            truth: [0.0, 0.85, 0.08, 0.03, 0.01, 0.03],
            chance: [0.0, 0.01, 0.01, 0.04, 0.001, 0.939],
            frequencies: HashMap::new(),
            values: 0,
        };
        Self { fields: fields.iter().map(one).collect() }
    }

    /// Normalises a description; values in the order of the fields, missing ones empty.
    pub fn prepare<T: AsRef<str>>(&self, values: &[T]) -> Prepared {
        let one = |(trained, value): (&Trained, &T)| {
            let text = normalised(value.as_ref(), trained.field.comparison);
            let count = trained.frequencies.get(&text).copied();
            let rarity = count.map(|count| {
                // Seen once says that it is rare, not how rare.
                let count = f64::from(count.max(2));
                (f64::from(trained.values) / count).log2()
            });
            Value {
                letters: text.chars().fold(0, |set, one| set | 1 << (u32::from(one) % 64)),
                characters: text.chars().collect(),
                rarity,
            }
        };
        Prepared { values: self.fields.iter().zip(values).map(one).collect() }
    }

    /// Bits of evidence that both are one person.
    pub fn score(&self, one: &Prepared, other: &Prepared) -> f64 {
        let mut score = 0.0;
        for (place, trained) in self.fields.iter().enumerate() {
            let level = level(&trained.field, place, one, other);
            let by_chance = match (level, one.values.get(place).and_then(|value| value.rarity)) {
                (Level::Missing, _) => continue,
                (Level::Equal, Some(rarity)) => -rarity,
                _ => trained.chance[level as usize].log2(),
            };
            score += trained.truth[level as usize].log2() - by_chance;
        }
        score
    }

    /// Candidates by how well their patients agree with that of a claim, best first, then by key. The fields are those of
    /// [`patient_fields`].
    pub fn rank(&self, claim: &Claim, candidates: &[Candidate]) -> Vec<Ranked> {
        let claimed = self.prepare(&patient_values(&claim.patient));
        let one = |candidate: &Candidate| Ranked {
            key: candidate.key.clone(),
            score: self.score(&claimed, &self.prepare(&patient_values(&candidate.order.patient))),
        };
        let mut ranked: Vec<Ranked> = candidates.iter().map(one).collect();
        ranked.sort_by(|one, other| {
            other.score.total_cmp(&one.score).then_with(|| one.key.cmp(&other.key))
        });
        ranked
    }

    fn levels(&self, one: &Prepared, other: &Prepared) -> Vec<Level> {
        let fields = self.fields.iter().enumerate();
        fields.map(|(place, trained)| level(&trained.field, place, one, other)).collect()
    }
}

/// Family name, given name, birth date and sex, as [`Scorer::rank`] compares them.
pub fn patient_fields() -> [Field; 4] {
    let field = |comparison, swapped_with| Field { comparison, swapped_with };
    [
        field(Comparison::Similar, Some(1)),
        field(Comparison::Similar, Some(0)),
        field(Comparison::Date, None),
        field(Comparison::Exact, None),
    ]
}

/// The values of [`patient_fields`].
pub fn patient_values(patient: &Patient) -> [String; 4] {
    let name = &patient.name.alphabetic;
    [
        name.family.clone(),
        name.given.clone(),
        patient.birth_date.map(|date| date.to_string()).unwrap_or_default(),
        patient.sex.map(Sex::as_dicom).unwrap_or_default().to_owned(),
    ]
}

fn normalised(value: &str, comparison: Comparison) -> String {
    match comparison {
        Comparison::Date | Comparison::Exact => value.trim().to_owned(),
        Comparison::Similar => letters(value).collect(),
    }
}

fn level(field: &Field, place: usize, one: &Prepared, other: &Prepared) -> Level {
    let (Some(mine), Some(theirs)) = (one.values.get(place), other.values.get(place)) else {
        return Level::Missing;
    };
    let crossed = field.swapped_with.and_then(|partner| {
        let is_equal = mine.is_equal(other.values.get(partner)?);
        is_equal.then_some(Level::Swapped)
    });
    if mine.characters.is_empty() || theirs.characters.is_empty() {
        return crossed.filter(|_| !mine.characters.is_empty()).unwrap_or(Level::Missing);
    }
    if mine.is_equal(theirs) {
        return Level::Equal;
    }
    let plain = match field.comparison {
        Comparison::Exact => Level::Differs,
        Comparison::Date if similarity::is_near_date(&mine.characters, &theirs.characters) => {
            Level::Near
        }
        Comparison::Date => Level::Differs,
        // Without a letter in common there is nothing to measure.
        Comparison::Similar if mine.letters & theirs.letters == 0 => Level::Differs,
        Comparison::Similar => match similarity::similarity(&mine.characters, &theirs.characters) {
            value if value >= 0.92 => Level::Near,
            value if value >= 0.8 => Level::Similar,
            _ => Level::Differs,
        },
    };
    match plain {
        Level::Differs => crossed.unwrap_or(Level::Differs),
        other => other,
    }
}

impl Value {
    fn is_equal(&self, other: &Self) -> bool {
        self.letters == other.letters && self.characters == other.characters
    }
}

#[cfg(test)]
mod tests;
