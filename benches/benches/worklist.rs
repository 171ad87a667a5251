//! What a worklist query costs, with ten thousand steps in memory and with a million; how fast they are loaded and how much
//! memory they take.
//!
//! ```sh
//! cargo bench -p telerad-benches --bench worklist
//! ```
//!
//! `TELERAD_WORKLIST_STEPS` sets another number for the million.
#![expect(clippy::print_stdout, reason = "the table is what a benchmark is for")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and its environment")]

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use telerad::core::{
    AccessionNumber, AeTitle, Issuer, PartialDateTime, PatientId, PersonName, SiteId, Timestamp,
    Uid,
};
use telerad::dicom::{DataSet, tags, uids};
use telerad::hl7::Message;
use telerad::worklist::{
    Effect, Known, Mapping, OrderKey, OrderRecord, PatientRecord, Query, WorklistIndex, apply,
    encode_answer, read,
};

const FEW: usize = 10_000;
const MANY: usize = 1_000_000;
const DAYS: usize = 50;
const ANSWERS: usize = 20;
const ROUNDS: usize = 2000;
const CHUNK: usize = 1000;

fn main() -> anyhow::Result<()> {
    let many = std::env::var("TELERAD_WORKLIST_STEPS").ok().and_then(|steps| steps.parse().ok());
    let many = many.unwrap_or(MANY);
    println!("date, modality and AE title, {ANSWERS} answers made and encoded, {ROUNDS} queries");
    println!("wildcards on the name: the slowest of five; the answers are found, not made\n");
    for (steps, p99_max) in [(FEW, 1.0), (many, 5.0)] {
        let before = resident_bytes()?;
        let (index, loading) = loaded(steps)?;
        #[expect(clippy::cast_precision_loss, reason = "a few significant digits are printed")]
        let (count, bytes) = (steps as f64, (resident_bytes()? - before) as f64);
        println!("{steps} steps:");
        println!(
            "  loaded at {:.0} rows/s, an order and a patient each (>= 300,000)",
            2.0 * count / loading.as_secs_f64()
        );
        println!("  {:.0} bytes a step (<= 1,536)", bytes / count);
        let times = typical(&index, steps)?;
        let at = |part: usize| millis(times[(times.len() - 1) * part / 100]);
        println!("  typical query: median {:.3} ms, p99 {:.3} ms (< {p99_max})", at(50), at(99));
        for name in ["FAMILY12*", "*GIVEN7", "*Y99*7*", "FAMILY?2^GIVEN*", "*A*N*7*"] {
            let (time, matches) = by_name(&index, name)?;
            println!("  name {name}: {:.1} ms (< 50), {matches} matches", millis(time));
        }
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// An index of so many steps, and how long putting the records into it took.
fn loaded(steps: usize) -> anyhow::Result<(WorklistIndex, Duration)> {
    let (order, patient) = template()?;
    let mut index = WorklistIndex::new();
    let mut taken = Duration::ZERO;
    for first in (0..steps).step_by(CHUNK) {
        let records: anyhow::Result<Vec<_>> =
            (first..(first + CHUNK).min(steps)).map(|at| numbered(&order, &patient, at)).collect();
        let records = records?;
        let started = on_processor()?;
        for (order, patient) in &records {
            index.put_order(order);
            index.put_patient(patient);
        }
        taken += on_processor()? - started;
    }
    ensure!(index.steps() == steps, "{} steps instead of {steps}", index.steps());
    Ok((index, taken))
}

/// An order as a site sends it.
fn template() -> anyhow::Result<(OrderRecord, PatientRecord)> {
    let message = Message::parse(
        "MSH|^~\\&|RIS|NORTH|TELERAD|GATEWAY|20260105080000||OMI^O23|M1|P|2.5.1||||||UNICODE UTF-8\r\
         PID|||P1^^^NORTH-MRN||FAMILY^GIVEN||19700101|F\r\
         PV1||O|WARD7^12^3|||||REF^Referring^Rita\r\
         ORC|NW|PL1^RIS|FL1^RIS|||||||||REQ^Requesting^Rob\r\
         TQ1|||||||202601051030||R\r\
         OBR||PL1^RIS|FL1^RIS|CTTHX^CT thorax^L||||||||||||REQ^Requesting^Rob\r\
         IPC|A1|RP1|1.2.3|S1|CT|CTTHX1^CT thorax native^L|ROOM1|FLOOR2|CT1\r",
    )?;
    let mut mapping = Mapping::new(SiteId::new("north")?);
    mapping.accession_issuer = Some(Issuer::local("NORTH")?);
    let outcome = apply(read(&message, &mapping)?, &Known::default(), Timestamp::from_micros(0));
    let (mut order, mut patient) = (None, None);
    for effect in outcome.effects {
        match effect {
            Effect::PutOrder(record) => order = Some(record),
            Effect::PutPatient(record) => patient = Some(record),
        }
    }
    Ok((order.context("no order")?, patient.context("no patient")?))
}

/// The same order for another patient, day and station: twenty for each of these.
fn numbered(
    order: &OrderRecord,
    patient: &PatientRecord,
    at: usize,
) -> anyhow::Result<(OrderRecord, PatientRecord)> {
    let (mut order, mut patient) = (order.clone(), patient.clone());
    let (day, station) = (at % DAYS, at / DAYS / ANSWERS);
    let id = PatientId::new(&format!("P{at:07}"), Some(Issuer::local("NORTH-MRN")?))?;
    let name = PersonName::from_dicom(&format!("FAMILY{}^GIVEN{}", at % 99_991, at % 997));
    for person in [&mut order.order.patient, &mut patient.patient] {
        person.ids = vec![id.clone()];
        person.name = name.clone();
    }
    let issuer = Issuer::local("NORTH")?;
    order.order.accession = AccessionNumber::new(&format!("A{at:09}"), Some(issuer))?;
    order.order.study_instance_uid = Uid::new(&format!("1.2.276.0.7230010.3.2.{}", at + 1))?;
    order.order.requested_procedure_id = format!("RP{at:09}");
    order.key = OrderKey::new(&order.order.site, &order.order.accession);
    let step = order.steps.first_mut().context("no step")?;
    step.step_id = format!("SPS{at:09}");
    step.modality = MODALITIES[station % MODALITIES.len()].to_owned();
    step.station_ae_titles = vec![format!("AE{station}")];
    step.start =
        Some(PartialDateTime::parse(&format!("{}{:02}{:02}", date(day), 7 + at % 11, at % 60))?);
    Ok((order, patient))
}

fn date(day: usize) -> String {
    format!("2026{:02}{:02}", 1 + day / 28, 1 + day % 28)
}

fn identifier(
    root: &[(telerad::dicom::Tag, &str)],
    step: &[(telerad::dicom::Tag, &str)],
) -> DataSet {
    let mut set = DataSet::new();
    for tag in [
        tags::PATIENT_NAME,
        tags::PATIENT_ID,
        tags::PATIENT_BIRTH_DATE,
        tags::PATIENT_SEX,
        tags::ACCESSION_NUMBER,
        tags::STUDY_INSTANCE_UID,
        tags::REQUESTED_PROCEDURE_ID,
        tags::REQUESTED_PROCEDURE_DESCRIPTION,
        tags::REFERRING_PHYSICIAN_NAME,
    ] {
        set.set_empty(tag);
    }
    root.iter().for_each(|(tag, text)| set.set_text(*tag, text));
    let mut item = DataSet::new();
    for tag in [
        tags::SCHEDULED_PROCEDURE_STEP_ID,
        tags::SCHEDULED_PROCEDURE_STEP_START_TIME,
        tags::SCHEDULED_PROCEDURE_STEP_DESCRIPTION,
        tags::SCHEDULED_STATION_NAME,
    ] {
        item.set_empty(tag);
    }
    step.iter().for_each(|(tag, text)| item.set_text(*tag, text));
    set.set_items(tags::SCHEDULED_PROCEDURE_STEP_SEQUENCE, vec![item]);
    set
}

/// How long each typical query took, from its identifier to its last encoded answer, in order.
fn typical(index: &WorklistIndex, steps: usize) -> anyhow::Result<Vec<Duration>> {
    let stations = steps.div_ceil(DAYS * ANSWERS);
    let mut times = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let (day, station) = (round * 7 % DAYS, round * 7919 % stations);
        let (date, title) = (date(day), format!("AE{station}"));
        let modality = MODALITIES[station % MODALITIES.len()];
        let asked = identifier(
            &[],
            &[
                (tags::SCHEDULED_PROCEDURE_STEP_START_DATE, date.as_str()),
                (tags::MODALITY, modality),
                (tags::SCHEDULED_STATION_AE_TITLE, title.as_str()),
            ],
        );
        let started = Instant::now();
        let query = Query::read(&asked)?.asked_by(AeTitle::new(&title)?);
        let sets = query.character_sets();
        let found = index.find(query, 10_000);
        let mut answers = 0;
        for answer in found {
            answers += 1;
            std::hint::black_box(encode_answer(&answer, sets, uids::IMPLICIT_VR_LITTLE_ENDIAN)?);
        }
        times.push(started.elapsed());
        ensure!(answers == ANSWERS || !steps.is_multiple_of(DAYS * ANSWERS), "{answers} answers");
    }
    times.sort_unstable();
    Ok(times)
}

/// The slowest of five searches by name, and how many steps match.
fn by_name(index: &WorklistIndex, name: &str) -> anyhow::Result<(Duration, usize)> {
    let (mut slowest, mut matches) = (Duration::ZERO, 0);
    for _ in 0..5 {
        let asked = identifier(&[(tags::PATIENT_NAME, name)], &[]);
        let started = Instant::now();
        matches = index.find(Query::read(&asked)?, ANSWERS).matches();
        slowest = slowest.max(started.elapsed());
    }
    Ok((slowest, matches))
}

/// How long this thread has been on a processor: what others do on the machine is not in it. Without `/proc`, since its
/// first call.
fn on_processor() -> anyhow::Result<Duration> {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    let Ok(status) = std::fs::read_to_string("/proc/thread-self/schedstat") else {
        return Ok(START.elapsed());
    };
    let nanos = status.split(' ').next().context("no time on the processor")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

fn resident_bytes() -> anyhow::Result<u64> {
    let Ok(status) = std::fs::read_to_string("/proc/self/statm") else { return Ok(0) };
    let pages: u64 = status.split(' ').nth(1).context("no resident pages")?.parse()?;
    Ok(pages * 4096)
}

const MODALITIES: [&str; 5] = ["CT", "CR", "MR", "US", "XA"];
