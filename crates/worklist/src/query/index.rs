//! The open orders of a site in memory, so that a query costs what it answers.

use std::collections::BTreeMap;

use telerad_core::{Patient, PatientId};

use super::found::{Found, Hit, Packed, pack, unpack};
use super::key::{TextKey, day_and_moment};
use super::names::Names;
use super::postings::{Kind, Postings, Slab, Words, forget};
use super::{Query, fold};
use crate::{OrderKey, OrderRecord, PatientRecord, ScheduledStep, StepStatus};

/// The open orders of one site, found by what modalities ask for.
///
/// It gives the same answers as [`Query::answers`] over the same records. Whoever keeps it puts every record into it
/// that is written; of an order that is put twice the last one counts. Orders of which no step is to be done any more are
/// not kept, nor are patients without an order.
#[derive(Default)]
pub struct WorklistIndex {
    orders: Slab<Held>,
    people: Slab<Person>,
    lines: Slab<Line>,
    postings: Postings,
    names: Names,
    days: Days,
    /// Days by the number of a station's title; steps of any station stand under the empty title.
    stations: BTreeMap<u32, Days>,
    titles: Words,
    /// Lists of titles, joined, as steps have them.
    title_lists: Words,
    modalities: Words,
    room: Vec<u8>,
}

/// Lines by day (`YYYYMMDD`); without a day under 0.
#[derive(Default)]
struct Days(BTreeMap<i64, Vec<u32>>);

/// An order.
struct Held {
    key: OrderKey,
    packed: Packed,
    person: Option<u32>,
    lines: Box<[u32]>,
}

/// A patient of whom an order is held.
struct Person {
    id: PatientId,
    /// The current record; without one, each order's own word counts.
    packed: Option<Packed>,
    orders: Vec<u32>,
}

/// A step, as far as most queries look at it.
struct Line {
    order: u32,
    modality: u32,
    titles: u32,
    step: u16,
    status: StepStatus,
    is_held: bool,
    day: Option<i64>,
    moment: Option<i64>,
    sort: Option<i64>,
}

impl WorklistIndex {
    /// An index without orders.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what an order has become: it is found from now on as long as a step is to be done.
    pub fn put_order(&mut self, record: &OrderRecord) {
        self.remove_order(&record.key);
        if !record.is_open() {
            return;
        }
        let id = record.order.patient.primary_id();
        let person = id.map(|id| self.person(id));
        let packed = pack(record, &mut self.room);
        let held = Held { key: record.key.clone(), packed, person, lines: Box::default() };
        let number = self.orders.insert(held);
        let lines = (0..).zip(&record.steps).map(|(at, step)| self.put_line(number, at, step));
        let lines: Box<[u32]> = lines.collect();
        if let Some(held) = self.orders.get_mut(number) {
            held.lines = lines;
        }
        for (kind, text) in keys(record) {
            self.postings.add(kind, text, number);
        }
        if let Some(person) = person.and_then(|person| self.people.get_mut(person)) {
            person.orders.push(number);
        }
        self.rename(number, record);
    }

    /// Takes in what a patient has become. One without an open order is passed over, and one that was merged away is no
    /// current record any more.
    pub fn put_patient(&mut self, record: &PatientRecord) {
        let Some(id) = record.patient.primary_id() else { return };
        let Some(number) = self.known_person(id) else { return };
        let Some(person) = self.people.get_mut(number) else { return };
        let is_kept = record.is_current();
        person.packed = is_kept.then(|| pack(record, &mut self.room));
        let name = fold::name(&record.patient.name);
        for order in person.orders.clone() {
            if is_kept {
                self.names.set(order, &name);
            } else if let Some(held) = self.orders.get(order) {
                let record: OrderRecord = unpack(&held.packed);
                self.rename(order, &record);
            }
        }
    }

    /// Forgets an order.
    pub fn remove_order(&mut self, key: &OrderKey) {
        let is_it = |number: &u32| self.orders.get(*number).is_some_and(|held| held.key == *key);
        let posted = self.postings.get(Kind::OrderKey, key.as_str());
        let Some(number) = posted.iter().copied().find(is_it) else { return };
        let Some(held) = self.orders.remove(number) else { return };
        let record: OrderRecord = unpack(&held.packed);
        for (kind, text) in keys(&record) {
            self.postings.remove(kind, text, number);
        }
        for (line, step) in held.lines.iter().zip(&record.steps) {
            self.remove_line(*line, step);
        }
        self.names.remove(number);
        let Some(at) = held.person else { return };
        let Some(person) = self.people.get_mut(at) else { return };
        forget(&mut person.orders, number);
        if person.orders.is_empty()
            && let Some(person) = self.people.remove(at)
        {
            self.postings.remove(Kind::Person, person.id.value(), at);
        }
    }

    /// Steps of the orders that are held.
    pub fn steps(&self) -> usize {
        self.lines.len()
    }

    /// Every matching step, by start, then by order; no more than the first so many of them.
    pub fn find(&self, query: Query, answers_max: usize) -> Found {
        let matching = self.matching(&query);
        let matches = matching.len();
        let start = |line: u32| self.lines.get(line).and_then(|line| line.sort);
        let mut lines: Vec<_> = matching.into_iter().map(|line| (start(line), line)).collect();
        // Most are told apart by their start, without a look at the order.
        let rank = |a: &(Option<i64>, u32), b: &(Option<i64>, u32)| {
            a.0.cmp(&b.0).then_with(|| self.place(a.1).cmp(&self.place(b.1)))
        };
        if matches > answers_max {
            lines.select_nth_unstable_by(answers_max, rank);
            lines.truncate(answers_max);
        }
        lines.sort_unstable_by(rank);
        let hits: Vec<Hit> = lines.iter().filter_map(|(_, line)| self.hit(*line)).collect();
        Found { hits: hits.into_iter(), query, matches }
    }

    /// Where a line comes among those of the same start.
    fn place(&self, line: u32) -> Option<(&OrderKey, u16)> {
        let line = self.lines.get(line)?;
        Some((&self.orders.get(line.order)?.key, line.step))
    }

    fn hit(&self, line: u32) -> Option<Hit> {
        let line = self.lines.get(line)?;
        let held = self.orders.get(line.order)?;
        let patient = self.packed_patient(held);
        Some(Hit { order: held.packed.clone(), patient, step: usize::from(line.step) })
    }

    fn packed_patient(&self, held: &Held) -> Option<Packed> {
        held.person.and_then(|person| self.people.get(person))?.packed.clone()
    }

    /// The lines that match, in no particular order.
    fn matching(&self, query: &Query) -> Vec<u32> {
        let modality = query.step.modality.as_ref();
        let modalities: Vec<bool> = self
            .modalities
            .iter()
            .map(|word| modality.is_none_or(|key| key.matches(word)))
            .collect();
        let stations: Vec<bool> = self
            .title_lists
            .iter()
            .map(|list| {
                let titles: Vec<&str> = list.split('\\').filter(|it| !it.is_empty()).collect();
                query.station_matches(&titles)
            })
            .collect();
        let holds = |answers: &[bool], word: u32| answers.get(word as usize) == Some(&true);
        let (mut found, by_name) = self.candidates(query);
        let name = query.patient.name.as_ref().filter(|_| !by_name);
        found.retain(|number| {
            self.lines.get(*number).is_some_and(|line| {
                query.status_matches(line.status, line.is_held)
                    && holds(&modalities, line.modality)
                    && holds(&stations, line.titles)
                    && query.step.start.matches_at(line.day, line.moment)
                    && name.is_none_or(|key| {
                        self.names.get(line.order).is_some_and(|name| key.matches_folded(name))
                    })
            })
        });
        if query.reads_records() {
            found.retain(|number| self.record_matches(*number, query));
        }
        found
    }

    fn record_matches(&self, line: u32, query: &Query) -> bool {
        let Some(line) = self.lines.get(line) else { return false };
        let Some(held) = self.orders.get(line.order) else { return false };
        let order: OrderRecord = unpack(&held.packed);
        let patient: Option<PatientRecord> =
            self.packed_patient(held).map(|packed| unpack(&packed));
        let step = order.steps.get(usize::from(line.step));
        step.is_some_and(|step| query.matches(&order, step, patient.as_ref()))
    }

    /// Lines among which every match is, from the shortest list that a key leads to; and whether it was the name.
    fn candidates(&self, query: &Query) -> (Vec<u32>, bool) {
        if let Some(orders) = self.by_identifier(query) {
            return (self.lines_of(&orders), false);
        }
        let days = query.step.start.days();
        let by_station = query.stations_asked().map(|titles| self.at_stations(&titles, days));
        let by_day = || match days {
            None => self.lines.numbers().collect(),
            Some(days) => self.days.range(days),
        };
        let few = by_station
            .as_ref()
            .map_or_else(|| days.map_or(self.lines.len(), |days| self.days.count(days)), Vec::len);
        if let Some(name) = &query.patient.name
            && few > self.names.len() / NAMES_PER_LINE
        {
            return (self.lines_of(&self.names.find(name)), true);
        }
        (by_station.unwrap_or_else(by_day), false)
    }

    fn lines_of(&self, orders: &[u32]) -> Vec<u32> {
        let orders = orders.iter().filter_map(|order| self.orders.get(*order));
        orders.flat_map(|held| held.lines.iter().copied()).collect()
    }

    /// The orders under the rarest identifier that is asked for.
    fn by_identifier(&self, query: &Query) -> Option<Vec<u32>> {
        let (patient, order) = (&query.patient, &query.order);
        let keys = [
            (Kind::Accession, &order.accession),
            (Kind::PatientId, &patient.id),
            (Kind::RequestedProcedureId, &order.requested_procedure_id),
            (Kind::Study, &order.study),
        ];
        let found = keys.into_iter().filter_map(|(kind, key)| self.posted(kind, key.as_ref()?));
        found.min_by_key(Vec::len)
    }

    fn posted(&self, kind: Kind, key: &TextKey) -> Option<Vec<u32>> {
        let lists = key.literals()?.map(|value| self.postings.get(kind, value));
        let mut orders: Vec<u32> = lists.flatten().copied().collect();
        orders.sort_unstable();
        orders.dedup();
        Some(orders)
    }

    fn at_stations(&self, titles: &[&str], days: Option<(i64, i64)>) -> Vec<u32> {
        let known = titles.iter().filter_map(|title| self.titles.known(title));
        let of_title = known.filter_map(|title| self.stations.get(&title));
        let mut lines: Vec<u32> = of_title.flat_map(|of| of.range(days.unwrap_or(ALL))).collect();
        if titles.len() > 1 {
            // A step may be for several of the stations that are asked for.
            lines.sort_unstable();
            lines.dedup();
        }
        lines
    }

    fn put_line(&mut self, order: u32, step: u16, scheduled: &ScheduledStep) -> u32 {
        let (day, moment) = day_and_moment(scheduled.start);
        let line = Line {
            order,
            modality: self.modalities.number(&scheduled.modality),
            titles: self.title_lists.number(&scheduled.station_ae_titles.join("\\")),
            step,
            status: scheduled.status,
            is_held: scheduled.is_held,
            day,
            moment,
            sort: scheduled.start.map(|start| start.sort_key()),
        };
        let number = self.lines.insert(line);
        self.days.add(day, number);
        for title in titles(scheduled) {
            let title = self.titles.number(title);
            self.stations.entry(title).or_default().add(day, number);
        }
        number
    }

    fn remove_line(&mut self, number: u32, scheduled: &ScheduledStep) {
        let Some(line) = self.lines.remove(number) else { return };
        self.days.remove(line.day, number);
        for title in titles(scheduled) {
            let title = self.titles.number(title);
            if let Some(days) = self.stations.get_mut(&title) {
                days.remove(line.day, number);
            }
        }
    }

    /// Gives the order the name by which it is found: of the patient's current record, where there is one.
    fn rename(&mut self, number: u32, record: &OrderRecord) {
        let current = self.orders.get(number).and_then(|held| self.packed_patient(held));
        let current: Option<PatientRecord> = current.map(|packed| unpack(&packed));
        let own: &Patient = &record.order.patient;
        let name = current.as_ref().map_or(&own.name, |record| &record.patient.name);
        self.names.set(number, &fold::name(name));
    }

    fn person(&mut self, id: &PatientId) -> u32 {
        if let Some(number) = self.known_person(id) {
            return number;
        }
        let person = Person { id: id.clone(), packed: None, orders: Vec::new() };
        let number = self.people.insert(person);
        self.postings.add(Kind::Person, id.value(), number);
        number
    }

    fn known_person(&self, id: &PatientId) -> Option<u32> {
        let mut numbers = self.postings.get(Kind::Person, id.value()).iter().copied();
        numbers.find(|number| self.people.get(*number).is_some_and(|person| person.id == *id))
    }
}

impl std::fmt::Debug for WorklistIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "WorklistIndex(orders: {}, steps: {})", self.orders.len(), self.lines.len())
    }
}

impl Days {
    fn add(&mut self, day: Option<i64>, line: u32) {
        self.0.entry(day.unwrap_or(0)).or_default().push(line);
    }

    fn remove(&mut self, day: Option<i64>, line: u32) {
        let day = day.unwrap_or(0);
        let Some(lines) = self.0.get_mut(&day) else { return };
        forget(lines, line);
        if lines.is_empty() {
            self.0.remove(&day);
        }
    }

    fn lists(&self, (first, last): (i64, i64)) -> impl Iterator<Item = &Vec<u32>> {
        let some = first <= last;
        some.then(|| self.0.range(first..=last)).into_iter().flatten().map(|(_, lines)| lines)
    }

    fn count(&self, days: (i64, i64)) -> usize {
        self.lists(days).map(Vec::len).sum()
    }

    fn range(&self, days: (i64, i64)) -> Vec<u32> {
        self.lists(days).flatten().copied().collect()
    }
}

/// What an order is found by.
fn keys(record: &OrderRecord) -> impl Iterator<Item = (Kind, &str)> {
    let order = &record.order;
    let patient = order.patient.primary_id().map(|id| (Kind::PatientId, id.value()));
    let keys = [
        (Kind::Accession, order.accession.value()),
        (Kind::OrderKey, record.key.as_str()),
        (Kind::RequestedProcedureId, order.requested_procedure_id.as_str()),
        (Kind::Study, order.study_instance_uid.as_str()),
    ];
    let short = (!record.short_accession.is_empty()).then_some(record.short_accession.as_str());
    let short = short.map(|number| (Kind::Accession, number));
    keys.into_iter().chain(patient).chain(short)
}

/// The titles of a step; the empty one when it has none, since any station may ask for it.
fn titles(step: &ScheduledStep) -> impl Iterator<Item = &str> {
    let none = step.station_ae_titles.is_empty().then_some("");
    // A title twice in a list would be forgotten once only.
    let mut given: Vec<&str> = step.station_ae_titles.iter().map(String::as_str).collect();
    given.sort_unstable();
    given.dedup();
    given.into_iter().chain(none)
}

const ALL: (i64, i64) = (0, i64::MAX);
/// Searching one name costs a small part of what looking at one line does.
const NAMES_PER_LINE: usize = 8;
