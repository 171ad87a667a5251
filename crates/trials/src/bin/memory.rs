//! One gigabyte passes through a gateway that may use 64 MB.

#![expect(clippy::disallowed_methods, reason = "a program with threads and files")]

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use telerad::dicom::Status;
use telerad::net::dicom::BodySource;
use telerad_trials::arguments::Arguments;
use telerad_trials::dicom_client::DicomClient;
use telerad_trials::dicom_sink::{DicomSink, Records};
use telerad_trials::hl7_sink::Hl7Sink;
use telerad_trials::messages::Order;
use telerad_trials::random::Random;
use telerad_trials::setting::Setting;
use telerad_trials::synthetic::{US_MULTIFRAME_STORAGE, multiframe_head};
use telerad_trials::verdict::{self, Verdict};
use telerad_trials::wait;

/// 4096 frames of 512 × 512 bytes.
const PIXELS: usize = 1 << 30;
/// 64 MB, in the kB of `/proc`.
const RESIDENT_KB_MAX: u64 = 64 * 1000 * 1000 / 1024;

fn main() -> ExitCode {
    verdict::finish("memory", trial)
}

fn trial(verdict: &mut Verdict) -> Result<()> {
    let arguments = Arguments::read()?;
    let records = Records::default();
    let sink = DicomSink::start(0, &records)?;
    let ris = Hl7Sink::start(0)?;
    let setting = Setting::between(sink.port(), ris.port(), ris.port())?;
    let (gateway, addresses) = setting.start(&arguments)?;
    let watch = Watch::start(gateway.id());

    let order = Order::new("MEM", 1);
    let mut source = Generator::new(multiframe_head(&order, "2.25.1073741824", PIXELS));
    let started = Instant::now();
    let mut modality = DicomClient::connect(addresses.dicom, "CT1")?;
    let status = modality.store_from(US_MULTIFRAME_STORAGE, "2.25.1073741824", &mut source)?;
    let taken = started.elapsed().as_secs_f64();
    verdict.claim("1 GB is stored", status == Status::SUCCESS, format!("{taken:.1} s"));
    modality.release()?;

    let arrived = wait::until(Duration::from_secs(120), || !records.all().is_empty());
    let total = started.elapsed().as_secs_f64();
    verdict.claim("1 GB is delivered", arrived, format!("{total:.1} s"));
    let same = records.all().first().is_some_and(|first| first.digest == source.digest());
    verdict.claim("the delivered bytes are the sent bytes", same, format!("{} bytes", source.sent));

    let (peak, anonymous) = watch.stop().context("no memory use was seen")?;
    let megabytes = |kilobytes: u64| kilobytes as f64 * 1024.0 / 1e6;
    verdict.claim(
        "resident memory stays below 64 MB",
        peak < RESIDENT_KB_MAX,
        format!("peak {:.1} MB, anonymous {:.1} MB", megabytes(peak), megabytes(anonymous)),
    );
    gateway.terminate(Duration::from_secs(20))
}

/// Makes the instance while it is sent, and hashes it: one block is all that is in memory.
struct Generator {
    head: Option<Vec<u8>>,
    left: usize,
    block: Vec<u8>,
    random: Random,
    hasher: blake3::Hasher,
    sent: usize,
}

impl Generator {
    fn new(head: Vec<u8>) -> Self {
        let mut random = Random::new(1);
        let block = (0..8192).flat_map(|_| random.next().to_le_bytes()).collect();
        Self {
            head: Some(head),
            left: PIXELS,
            block,
            random,
            hasher: blake3::Hasher::new(),
            sent: 0,
        }
    }

    fn digest(&self) -> blake3::Hash {
        self.hasher.finalize()
    }

    fn piece(&mut self) -> Option<Bytes> {
        if let Some(head) = self.head.take() {
            return Some(head.into());
        }
        let length = self.left.min(self.block.len());
        self.left -= length;
        // No two blocks are alike, so that a lost or repeated one changes the digest.
        self.block[..8].copy_from_slice(&self.random.next().to_le_bytes());
        (length > 0).then(|| Bytes::copy_from_slice(&self.block[..length]))
    }
}

impl BodySource for Generator {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let piece = self.piece();
        if let Some(piece) = &piece {
            self.hasher.update(piece);
            self.sent += piece.len();
        }
        Ok(piece)
    }
}

/// Reads the memory use of a process every 50 ms.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Option<(u64, u64)>>,
}

impl Watch {
    fn start(id: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut peaks = None;
            while !stopped.load(Ordering::Relaxed) {
                if let Some((resident, anonymous)) = sample(id) {
                    let (a, b) = peaks.unwrap_or((0, 0));
                    peaks = Some((resident.max(a), anonymous.max(b)));
                }
                wait::pause(Duration::from_millis(50));
            }
            peaks
        });
        Self { stop, thread }
    }

    /// The highest resident and anonymous memory, in kB.
    fn stop(self) -> Option<(u64, u64)> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().ok().flatten()
    }
}

/// The high-water mark and the anonymous part, in kB, as Linux tells them.
fn sample(id: u32) -> Option<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let value = |name: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some((value("VmHWM:")?, value("RssAnon:")?))
}
