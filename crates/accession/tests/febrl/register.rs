//! The FEBRL registers: invented people, some of them twice with errors. Who is who is in the identifier of each record.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use telerad_accession::rank::{Comparison, Field, Scorer};

/// Records of two sources, or of one compared with itself, without the social security number.
pub struct Register {
    /// Values in the order of [`COLUMNS`].
    pub ours: Vec<Vec<String>>,
    pub theirs: Vec<Vec<String>>,
    pub our_people: Vec<String>,
    pub their_people: Vec<String>,
    /// Social security numbers, which play the part of a patient identifier.
    pub our_numbers: Vec<String>,
    pub their_numbers: Vec<String>,
    /// Pairs that have at least one key in common.
    pub pairs: Vec<(usize, usize)>,
}

pub const COLUMNS: [&str; 9] = [
    "given_name",
    "surname",
    "date_of_birth",
    "street_number",
    "address_1",
    "address_2",
    "suburb",
    "postcode",
    "state",
];

impl Register {
    /// From files of this name in a folder; `None` when they are not there.
    pub fn read(folder: &Path, ours: &str, theirs: Option<&str>) -> Option<Self> {
        let (our_people, ours, our_numbers) = records(&folder.join(format!("{ours}.csv")))?;
        let is_two = theirs.is_some();
        let (their_people, theirs, their_numbers) = match theirs {
            Some(name) => records(&folder.join(format!("{name}.csv")))?,
            None => (our_people.clone(), ours.clone(), our_numbers.clone()),
        };
        let mut pairs = pairs(&ours, &theirs);
        // Nobody is compared with himself, nor twice with another.
        pairs.retain(|(one, other)| is_two || one < other);
        Some(Self { ours, theirs, our_people, their_people, our_numbers, their_numbers, pairs })
    }

    pub fn train(&self) -> Scorer {
        let field = |comparison, swapped_with| Field { comparison, swapped_with };
        let fields = [
            field(Comparison::Similar, Some(1)),
            field(Comparison::Similar, Some(0)),
            field(Comparison::Date, None),
            field(Comparison::Exact, None),
            field(Comparison::Similar, Some(5)),
            field(Comparison::Similar, Some(4)),
            field(Comparison::Similar, None),
            field(Comparison::Similar, None),
            field(Comparison::Exact, None),
        ];
        Scorer::train(&fields, &self.ours, &self.theirs, &self.pairs)
    }

    /// How many true pairs rank before the first false one, and how many true pairs there are, found or not.
    pub fn ranked_before_first_false(&self, scorer: &Scorer) -> (usize, usize) {
        let prepare = |records: &[Vec<String>]| -> Vec<_> {
            records.iter().map(|record| scorer.prepare(record)).collect()
        };
        let (ours, theirs) = (prepare(&self.ours), prepare(&self.theirs));
        let mut scored: Vec<(f64, bool)> = self
            .pairs
            .iter()
            .map(|(one, other)| {
                (scorer.score(&ours[*one], &theirs[*other]), self.is_true(*one, *other))
            })
            .collect();
        // Of equal scores the false one first.
        scored.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
        let people: BTreeSet<&String> = self.our_people.iter().collect();
        let all = self.their_people.iter().filter(|person| people.contains(person)).count();
        (scored.iter().take_while(|(_, is_true)| *is_true).count(), all)
    }

    pub fn is_true(&self, one: usize, other: usize) -> bool {
        self.our_people[one] == self.their_people[other]
    }
}

type Records = (Vec<String>, Vec<Vec<String>>, Vec<String>);

fn records(path: &Path) -> Option<Records> {
    let text = std::fs::read_to_string(path).ok()?;
    let mut lines = text.lines().map(|line| line.split(',').map(str::trim).collect::<Vec<_>>());
    let names = lines.next()?;
    let place = |name: &str| names.iter().position(|one| *one == name);
    let columns: Vec<usize> = COLUMNS.iter().map(|name| place(name)).collect::<Option<_>>()?;
    let (person, number) = (place("rec_id")?, place("soc_sec_id")?);
    let mut records = Records::default();
    for line in lines {
        let value = |place: usize| line.get(place).copied().unwrap_or_default().to_owned();
        // rec-17-org and rec-17-dup-0 are one person.
        records.0.push(value(person).split('-').nth(1)?.to_owned());
        records.1.push(columns.iter().map(|place| value(*place)).collect());
        records.2.push(value(number));
    }
    Some(records)
}

/// Pairs that agree exactly in one of a few columns, or have their names swapped.
fn pairs(ours: &[Vec<String>], theirs: &[Vec<String>]) -> Vec<(usize, usize)> {
    let mut pairs = BTreeSet::new();
    // Column of ours, column of theirs: each by itself, and given with family name.
    for (mine, other) in [(0, 0), (1, 1), (2, 2), (4, 4), (5, 5), (6, 6), (7, 7), (0, 1), (1, 0)] {
        let mut by_value: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, record) in theirs.iter().enumerate().filter(|one| !one.1[other].is_empty()) {
            by_value.entry(&record[other]).or_default().push(place);
        }
        for (place, record) in ours.iter().enumerate() {
            let found = by_value.get(record[mine].as_str()).into_iter().flatten();
            pairs.extend(found.map(|other| (place, *other)));
        }
    }
    pairs.into_iter().collect()
}
