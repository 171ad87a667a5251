//! Runs every fuzz body over its corpus and then over mutations of it, on stable Rust.
//!
//! `quick [--seconds N] [body …]` spends N seconds (default 10), shared between the bodies. The mutations come
//! from a fixed seed per body, so that a failure is found again. An input that makes a body panic is saved in
//! `artifacts/`, and the program ends with exit code 1.

#![expect(clippy::print_stdout, reason = "a program that reports to a person")]
#![expect(clippy::disallowed_methods, reason = "reads the corpus and the clock")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bodies::{BODIES, Body};

fn main() -> ExitCode {
    let mut seconds = 10.0;
    let mut names = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument != "--seconds" {
            names.push(argument);
            continue;
        }
        match arguments.next().and_then(|number| number.parse::<f64>().ok()) {
            Some(number) if (0.0..1e6).contains(&number) => seconds = number,
            _ => return usage(),
        }
    }
    if names.iter().any(|name| BODIES.iter().all(|(body, _)| body != name)) {
        return usage();
    }
    let chosen: Vec<_> = BODIES
        .iter()
        .filter(|(name, _)| names.is_empty() || names.iter().any(|chosen| chosen == name))
        .collect();
    let share = Duration::from_secs_f64(seconds / chosen.len() as f64);
    let mut failed = false;
    for (name, body) in chosen {
        match run(name, *body, share) {
            Ok(report) => println!("{name:<16} {report}"),
            Err(report) => {
                println!("{name:<16} FAILED {report}");
                failed = true;
            }
        }
    }
    ExitCode::from(u8::from(failed))
}

fn usage() -> ExitCode {
    let names: Vec<_> = BODIES.iter().map(|(name, _)| *name).collect();
    eprintln!("usage: quick [--seconds N] [body …]\nbodies: {}", names.join(" "));
    ExitCode::from(2)
}

fn run(name: &str, body: Body, share: Duration) -> Result<String, String> {
    let corpus = corpus(name);
    let mut slowest = Duration::ZERO;
    let mut try_one = |input: &[u8]| {
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| body(input)));
        let took = start.elapsed();
        slowest = slowest.max(took);
        if outcome.is_ok() && took <= ONE_INPUT_MAX {
            return Ok(());
        }
        Err(format!("after {:.1} s on {}", took.as_secs_f64(), save(name, input).display()))
    };
    for input in &corpus {
        try_one(input)?;
    }
    let mut mutator = Mutator::new(name);
    let mut mutated: u64 = 0;
    let end = Instant::now() + share;
    while Instant::now() < end {
        try_one(&mutator.next(&corpus))?;
        mutated += 1;
    }
    let slowest = slowest.as_secs_f64() * 1e3;
    Ok(format!("{} corpus inputs, {mutated} mutated, slowest {slowest:.1} ms", corpus.len()))
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read(path).ok()).collect()
}

fn save(name: &str, input: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts").join(name);
    let path = folder.join(format!("crash-{:016x}", fnv(input)));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, input));
    if let Err(error) = written {
        eprintln!("cannot save the input: {error}");
    }
    path
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Changes corpus inputs with a generator that always gives the same sequence.
struct Mutator {
    state: u64,
}

/// Bytes that mean something to the parsers under test.
const TELLING: &[u8] = b"|^~\\&\r\n\x0b\x1c\x00\x01\x02\x04\x7f\x80\xff\"0AFXSEMC.\xfe\xdd\xe0";

/// Inputs are small and take milliseconds; a machine that is busy with other work may need some more.
const ONE_INPUT_MAX: Duration = Duration::from_secs(20);

/// Grown inputs are cut here, so that the time goes into many of them.
const INPUT_BYTES_MAX: usize = 16 << 10;

impl Mutator {
    fn new(name: &str) -> Self {
        Self { state: fnv(name.as_bytes()) | 1 }
    }

    /// xorshift64*
    fn number(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.number() >> 33) as usize % limit.max(1)
    }

    fn next(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let pick = self.below(corpus.len());
        let mut input = corpus.get(pick).cloned().unwrap_or_default();
        for _ in 0..=self.below(6) {
            self.change(&mut input, corpus);
        }
        input.truncate(INPUT_BYTES_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let end = (at + self.below(32)).min(input.len());
        let telling = TELLING[self.below(TELLING.len())];
        let any = self.number() as u8;
        match self.below(8) {
            0 => input.insert(at, telling),
            1 => input.insert(at, any),
            2 if at < input.len() => input[at] = telling,
            3 if at < input.len() => input[at] ^= 1 << (any % 8),
            4 => drop(input.drain(at..end)),
            5 => {
                let copy = input[at..end].repeat(1 + self.below(40));
                input.splice(at..at, copy);
            }
            6 => input.truncate(at),
            _ => {
                let pick = self.below(corpus.len());
                let other = corpus.get(pick).map_or(&[][..], Vec::as_slice);
                let from = self.below(other.len() + 1);
                let to = (from + self.below(256)).min(other.len());
                input.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
}
