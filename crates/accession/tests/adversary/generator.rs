//! A site made to mislead: two hospitals that give the same numbers, a third whose numbers do not fit into SH, twins, fathers
//! and sons, strangers of one name and birth date, merged patients, numbers used again, and reports with faults.
//!
//! What no matcher can know is not generated: a report that names another order *and* its patient in everything that can be
//! compared. A mistyped number may be another order's, even of the same patient; such a report also holds the filler's number.
//! A number may be that of a stranger of the same name, birth date and sex; such a report also holds every identifier of its
//! patient.

use telerad_accession::{
    AccessionPolicy, CandidateIndex, CandidateSource, CanonicalRule, Claim, Merges, Outcome,
};
use telerad_core::{
    AccessionNumber, Code, EntityIdentifier, Issuer, Order, PartialDate, Patient, PatientId,
    PersonName, Priority, Sex, SiteId, Uid,
};

/// What is wrong with a report.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Fault {
    Nothing,
    /// Its number names no issuer, though two hospitals have it.
    IssuerMissing,
    /// One character of the accession number is another one, or two changed places.
    NumberMistyped,
    /// The accession number of another order of the same patient.
    NumberOfAnotherOrder,
    /// The accession number of a relative, a double or somebody at large.
    NumberOfSomebodyElse,
    /// The right number under the other hospital's issuer.
    OtherIssuer,
    /// The patient is a relative, a double or somebody at large.
    PatientIsSomebodyElse,
    /// One digit of the patient's identifier is another one.
    PatientMistyped,
    /// Nothing about the patient.
    PatientMissing,
    /// A merge that nobody recorded.
    PatientMergedUnrecorded,
    /// `0`, `NONE`, `*` and the like.
    Placeholder,
    /// The study instance UID of another study.
    UidOfAnotherStudy,
}

const FAULTS: [Fault; 11] = [
    Fault::IssuerMissing,
    Fault::NumberMistyped,
    Fault::NumberOfAnotherOrder,
    Fault::NumberOfSomebodyElse,
    Fault::OtherIssuer,
    Fault::PatientIsSomebodyElse,
    Fault::PatientMistyped,
    Fault::PatientMissing,
    Fault::PatientMergedUnrecorded,
    Fault::Placeholder,
    Fault::UidOfAnotherStudy,
];

/// What came of many reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub reports: usize,
    pub filed: usize,
    /// Filed to another order than the report is of.
    pub wrong_order: usize,
    /// Of these, to another patient's.
    pub wrong_patient: usize,
    pub with_fault: usize,
    pub clean_filed: usize,
}

impl Tally {
    pub fn clean(&self) -> usize {
        self.reports - self.with_fault
    }

    /// In each 10,000 reports.
    pub fn parked(&self) -> usize {
        (self.reports - self.filed) * 10_000 / self.reports.max(1)
    }

    /// In each 10,000 reports without a fault.
    pub fn clean_parked(&self) -> usize {
        (self.clean() - self.clean_filed) * 10_000 / self.clean().max(1)
    }
}

pub struct World {
    random: Random,
    people: Vec<Person>,
    orders: Vec<Known>,
    by_person: Vec<Vec<usize>>,
    pub index: CandidateIndex,
    images_only: bool,
}

#[derive(Clone)]
struct Person {
    family: String,
    given: String,
    birth_date: String,
    sex: Sex,
    number: u32,
    /// An identifier that was merged into the present one.
    merged: Option<u32>,
    /// Somebody who is easily taken for this person.
    double: Option<usize>,
}

struct Known {
    person: usize,
    hospital: usize,
    order: Order,
}

impl World {
    /// As many orders as wanted, for half as many people; the same seed gives the same world.
    pub fn new(count: usize, seed: u64, images_only: bool) -> Self {
        let mut random = Random(seed);
        let people = people(count / 2 + 4, &mut random);
        let merges = merges(&people);
        let mut world = Self {
            index: CandidateIndex::with_capacity(policy(), count + count / 50 + 64),
            by_person: vec![Vec::new(); people.len()],
            orders: Vec::with_capacity(count),
            people,
            random,
            images_only,
        };
        for serial in 0..count {
            let known = world.order(serial);
            let authority = issuer(AUTHORITIES[known.hospital]);
            let aliases = merges.aliases(&known.order.patient, Some(&authority));
            let source =
                if images_only { CandidateSource::StudyHead } else { CandidateSource::Order };
            world.index.insert(serial as u64, &known.order, source, &aliases).unwrap();
            world.by_person[known.person].push(serial);
            world.orders.push(known);
        }
        world
    }

    fn order(&mut self, serial: usize) -> Known {
        let random = &mut self.random;
        let hospital = serial % 3;
        // Two orders in turn for one person, so that neighbouring numbers are often one patient's.
        let person = match serial >= 6 && random.one_in(3) {
            true => self.orders[serial - 3].person,
            false => random.below(self.people.len()),
        };
        // Both hospitals count from the same number. One number in 4,000 is used again.
        let mut count = serial / 3 + 1000;
        if random.one_in(4000) {
            count = random.below(serial / 3 + 1) + 1000;
        }
        let number = match hospital {
            2 => format!("2024-XR-{count:09}"),
            _ => format!("{count:08}"),
        };
        // DICOM leaves 16 characters, so that images carry no more; those of a hospital are then told apart by their tail.
        let number = match (hospital, self.images_only) {
            (2, true) => number.replace("-000", "-0").chars().take(16).collect(),
            _ => number,
        };
        let who = &self.people[person];
        let order = Order {
            site: SiteId::new("site").unwrap(),
            patient: patient(who, hospital),
            accession: AccessionNumber::new(&number, Some(issuer(HOSPITALS[hospital]))).unwrap(),
            placer_order_number: EntityIdentifier::new(
                // One placer's order gives two of the filler's.
                &format!("P{}", serial / 6 * 2),
                Some(issuer("EHR")),
            )
            .ok(),
            filler_order_number: EntityIdentifier::new(
                &format!("F{}", serial / 3),
                Some(issuer(FILLERS[hospital])),
            )
            .ok(),
            requested_procedure_id: String::new(),
            study_instance_uid: Uid::from_u128(
                0x1234_5678_9abc_def0_0000_0000_0000 + serial as u128,
            ),
            procedure: Code::default(),
            priority: Priority::Routine,
            referring_physician: PersonName::default(),
            requesting_physician: PersonName::default(),
            reason: String::new(),
        };
        Known { person, hospital, order }
    }

    /// Reports, of which `faults` in 10,000 have one, decided and counted.
    pub fn run(&mut self, reports: usize, faults: usize, mut wrong: impl FnMut(Fault)) -> Tally {
        let mut tally = Tally::default();
        for _ in 0..reports {
            let serial = self.random.below(self.orders.len());
            let (claim, fault) = self.report(serial, faults);
            let decision = self.index.decide(&claim);
            tally.reports += 1;
            tally.with_fault += usize::from(fault != Fault::Nothing);
            if decision.outcome != Outcome::Match {
                continue;
            }
            tally.filed += 1;
            tally.clean_filed += usize::from(fault == Fault::Nothing);
            let to = decision.handles[0] as usize;
            if to != serial {
                tally.wrong_order += 1;
                let strangers = self.orders[to].person != self.orders[serial].person;
                tally.wrong_patient += usize::from(strangers);
                wrong(fault);
            }
        }
        tally
    }

    fn report(&mut self, serial: usize, faults: usize) -> (Claim, Fault) {
        let clean = self.clean(serial);
        if self.random.below(10_000) >= faults {
            return (clean, Fault::Nothing);
        }
        let fault = FAULTS[self.random.below(FAULTS.len())];
        let mut claim = clean.clone();
        match self.plant(fault, serial, &mut claim) {
            true => (claim, fault),
            false => (clean, Fault::Nothing),
        }
    }

    /// What a sender without a fault says, in one of the ways that the site has declared.
    fn clean(&mut self, serial: usize) -> Claim {
        let known = &self.orders[serial];
        let random = &mut self.random;
        let (order, hospital) = (&known.order, known.hospital);
        let value = order.accession.value();
        let (number, is_named) = match (hospital, random.below(3)) {
            (0, 0) => (value.trim_start_matches('0').to_owned(), true),
            (1, 0) => (format!("S-{value}"), true),
            (1, 1) => (format!("S-{}", value.trim_start_matches('0')), false),
            (2, 0) => (value.chars().take(16).collect(), true),
            _ => (value.to_owned(), true),
        };
        let named = is_named.then(|| issuer(HOSPITALS[hospital]));
        let mut patient = patient(&self.people[known.person], hospital);
        if let Some(old) = self.people[known.person].merged.filter(|_| random.one_in(2)) {
            patient.ids = vec![identifier(old, hospital)];
        } else if random.one_in(12) {
            patient.ids.clear();
        } else if random.one_in(3) {
            patient.name = PersonName::from_dicom(&patient.name.to_dicom().to_lowercase());
            patient.birth_date = patient.birth_date.filter(|_| random.one_in(2));
        }
        // A number that is cut, or that was used again, needs another one beside it; so senders of long numbers give one.
        let filler = (hospital == 2 || random.one_in(2)).then(|| order.filler_order_number.clone());
        Claim {
            study_instance_uid: random.one_in(2).then(|| order.study_instance_uid.clone()),
            accession: AccessionNumber::new(&number, named).ok(),
            filler: filler.flatten().filter(|_| !self.images_only),
            placer: order.placer_order_number.clone().filter(|_| random.one_in(4)),
            patient,
        }
    }

    /// Plants a fault; `false` where this report has no place for it.
    fn plant(&mut self, fault: Fault, serial: usize, claim: &mut Claim) -> bool {
        let (person, hospital) = (self.orders[serial].person, self.orders[serial].hospital);
        let number = self.orders[serial].order.accession.value().to_owned();
        let own = issuer(HOSPITALS[hospital]);
        let with = |value: &str| AccessionNumber::new(value, Some(own.clone())).ok();
        match fault {
            Fault::Nothing => return false,
            Fault::IssuerMissing => claim.accession = AccessionNumber::new(&number, None).ok(),
            Fault::NumberMistyped => {
                claim.accession = with(&self.random.mistype(&number));
                claim.filler.clone_from(&self.orders[serial].order.filler_order_number);
            }
            Fault::NumberOfAnotherOrder => {
                let all = &self.by_person[person];
                let other = all[self.random.below(all.len())];
                claim.accession = Some(self.orders[other].order.accession.clone());
                claim.filler.clone_from(&self.orders[serial].order.filler_order_number);
                return other != serial;
            }
            Fault::NumberOfSomebodyElse => {
                let somebody = self.somebody_else(person);
                let Some(other) = self.by_person[somebody].first() else { return false };
                claim.accession = Some(self.orders[*other].order.accession.clone());
                let [one, other] = [&self.people[person], &self.people[somebody]];
                if one.birth_date == other.birth_date && one.given == other.given {
                    // Only an identifier of the hospital that has the order tells a person from a double.
                    claim.patient.ids = (0..3).map(|at| identifier(one.number, at)).collect();
                }
            }
            Fault::OtherIssuer => {
                let other = issuer(HOSPITALS[(hospital + 1) % 2]);
                claim.accession = AccessionNumber::new(&number, Some(other)).ok();
                // Else it is the number of an order of the same person at the other hospital, and nothing says otherwise.
                claim.filler.clone_from(&self.orders[serial].order.filler_order_number);
            }
            Fault::PatientIsSomebodyElse => {
                let somebody = self.somebody_else(person);
                claim.patient = patient(&self.people[somebody], hospital);
                if self.random.one_in(2) {
                    claim.patient.ids.clear();
                }
                let [one, other] = [&self.people[person], &self.people[somebody]];
                // Without an identifier nobody can tell a double; then nothing was planted.
                let is_double = one.birth_date == other.birth_date && one.given == other.given;
                return !(is_double && claim.patient.ids.is_empty());
            }
            Fault::PatientMistyped => {
                let digits = self.people[person].number.to_string();
                let digits = self.random.mistype(&digits);
                claim.patient.ids =
                    vec![PatientId::new(&digits, Some(issuer(AUTHORITIES[hospital]))).unwrap()];
            }
            Fault::PatientMissing => claim.patient = Patient::default(),
            Fault::PatientMergedUnrecorded => {
                claim.patient.ids = vec![identifier(50_000_000 + serial as u32, hospital)];
            }
            Fault::Placeholder => {
                let values = ["0", "NONE", "unknown", "*", "0001*", "99999999", "%", "1\\2"];
                claim.accession = with(values[self.random.below(values.len())]);
                claim.study_instance_uid = None;
            }
            Fault::UidOfAnotherStudy => {
                let other = self.random.below(self.orders.len());
                claim.study_instance_uid =
                    Some(self.orders[other].order.study_instance_uid.clone());
                return other != serial;
            }
        }
        true
    }

    fn somebody_else(&mut self, person: usize) -> usize {
        let at_large = (person + 1 + self.random.below(self.people.len() - 1)) % self.people.len();
        match self.people[person].double.filter(|_| !self.random.one_in(4)) {
            Some(double) => double,
            None => at_large,
        }
    }
}

const HOSPITALS: [&str; 3] = ["NORTH", "SOUTH", "EAST"];
const AUTHORITIES: [&str; 3] = ["MRN-N", "MRN-S", "MRN-E"];
const FILLERS: [&str; 3] = ["RIS-N", "RIS-S", "RIS-E"];

/// Each hospital's own rules, and no default issuer, since a number without one may be any hospital's.
pub fn policy() -> AccessionPolicy {
    let of = |hospital: usize, rules: Vec<CanonicalRule>| CanonicalRule::ForIssuer {
        issuer: issuer(HOSPITALS[hospital]),
        rules,
    };
    let pad = CanonicalRule::ZeroPad { width: 8 };
    AccessionPolicy {
        default_issuer: None,
        patient_authority: None,
        rules: vec![
            CanonicalRule::PrefixOfIssuer { prefix: "S-".to_owned(), issuer: issuer(HOSPITALS[1]) },
            of(0, vec![pad.clone()]),
            of(1, vec![pad]),
            of(2, vec![CanonicalRule::Cut { characters: 16 }]),
        ],
    }
}

fn people(count: usize, random: &mut Random) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::with_capacity(count);
    while people.len() < count {
        let place = people.len();
        let one = Person {
            family: random.name(),
            given: random.name(),
            birth_date: random.date(),
            sex: if random.one_in(2) { Sex::Female } else { Sex::Male },
            number: 1_000_000 + place as u32,
            merged: random.one_in(20).then(|| 90_000_000 + place as u32),
            double: None,
        };
        people.push(one.clone());
        let number = one.number + 1;
        let other = match random.below(20) {
            // A twin, with a name much alike.
            0 => Person { given: format!("{}A", one.given), number, merged: None, ..one },
            // Father and son.
            1 => Person { birth_date: random.date(), number, merged: None, ..one },
            // A stranger of the same name, birth date and sex.
            2 => Person { number, merged: None, ..one },
            _ => continue,
        };
        people.push(Person { double: Some(place), ..other });
        people[place].double = Some(place + 1);
    }
    people
}

fn merges(people: &[Person]) -> Merges {
    let mut merges = Merges::default();
    let merged = people.iter().filter_map(|one| one.merged.map(|old| (old, one.number)));
    let all = merged.flat_map(|(old, number)| (0..3).map(move |hospital| (old, number, hospital)));
    for (record, (old, number, hospital)) in (0..).zip(all) {
        let [old, number] = [old, number].map(|number| identifier(number, hospital));
        assert!(merges.record(record, &old, &number, None));
    }
    merges
}

fn patient(person: &Person, hospital: usize) -> Patient {
    Patient {
        ids: vec![identifier(person.number, hospital)],
        name: PersonName::from_dicom(&format!("{}^{}", person.family, person.given)),
        birth_date: PartialDate::parse(&person.birth_date).ok(),
        sex: Some(person.sex),
    }
}

/// The same numbers stand for the same people at every hospital only by chance: they are shifted against each other.
fn identifier(number: u32, hospital: usize) -> PatientId {
    let number = number + 7 * hospital as u32;
    PatientId::new(&number.to_string(), Some(issuer(AUTHORITIES[hospital]))).unwrap()
}

fn issuer(name: &str) -> Issuer {
    Issuer::local(name).unwrap()
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn name(&mut self) -> String {
        let syllables =
            ["BER", "DO", "FA", "GUI", "KEL", "LIN", "MO", "NAR", "RO", "SA", "TIN", "VE"];
        let count = 2 + self.below(2);
        (0..count).map(|_| syllables[self.below(syllables.len())]).collect()
    }

    fn date(&mut self) -> String {
        format!("{}{:02}{:02}", 1930 + self.below(90), 1 + self.below(12), 1 + self.below(28))
    }

    /// One digit becomes another, two neighbours change places, one is left out or written twice, or a letter that looks
    /// alike is taken for it.
    fn mistype(&mut self, text: &str) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        loop {
            let place = self.below(characters.len());
            match self.below(5) {
                0 if place > 0 => characters.swap(place, place - 1),
                1 if characters.len() > 1 => drop(characters.remove(place)),
                2 => characters.insert(place, characters[place]),
                3 if characters[place] == '0' => characters[place] = 'O',
                _ => characters[place] = char::from(b'0' + self.below(10) as u8),
            }
            let typed: String = characters.iter().collect();
            if typed != text {
                return typed;
            }
        }
    }
}
