//! A disk that fills: what is still taken, what is refused and how, and that nothing acknowledged suffers.
//!
//! The disk is a small tmpfs of its own, so root is needed to mount it; without it the trial fails.

#![expect(clippy::disallowed_methods, reason = "a program with threads and files")]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use telerad::dicom::part10::{self, FileMeta};
use telerad::store::payload::{DirectorySpool, SpoolOptions};
use telerad::store::{Payloads, Space};
use telerad_trials::arguments::Arguments;
use telerad_trials::dicom_sink::{DicomSink, Records};
use telerad_trials::gateway::{Addresses, Log};
use telerad_trials::hl7_sink::Hl7Sink;
use telerad_trials::messages::Order;
use telerad_trials::setting::Setting;
use telerad_trials::synthetic::{
    EXPLICIT_LITTLE, Instance, US_MULTIFRAME_STORAGE, multiframe_head,
};
use telerad_trials::tool::{self, Ended, free_port};
use telerad_trials::verdict::{self, Verdict};
use telerad_trials::{GATEWAY_TITLE, debian, wait};

const STORESCU: &str = "/usr/bin/storescu";
const ECHOSCU: &str = "/usr/bin/echoscu";

const MB: u64 = 1 << 20;
/// The size of the disk, and the free bytes of its watermarks.
const DISK: u64 = 2048 * MB;
const SOFT: u64 = 1700 * MB;
const HARD: u64 = 1400 * MB;
/// Files that the disk has room for, and the hard watermark of inodes.
const INODES: u64 = 4096;
const INODES_HARD: u64 = 1000;
/// 1 GB: more than fits above the hard watermark.
const PIXELS: usize = 1 << 30;

fn main() -> ExitCode {
    verdict::finish("watermarks", trial)
}

fn trial(verdict: &mut Verdict) -> Result<()> {
    let arguments = Arguments::read()?;
    debian::install(&[(STORESCU, "dcmtk"), (ECHOSCU, "dcmtk")])?;
    let disk = Disk::mount()?;
    let files = Files::write()?;
    let reader = free_port()?;
    let ris = Hl7Sink::start(0)?;
    let setting = Setting::between(reader, ris.port(), ris.port())?;

    configure(&setting, &disk, 2 * DISK)?;
    let (gateway, at) = setting.start(&arguments)?;
    let mut log = Log::new(&setting.log);
    let mut kept = 0;
    let mut taken = |verdict: &mut Verdict, claim: &str, ended: &Ended| {
        kept += u64::from(ended.success);
        verdict.claim(claim, ended.success, tool::last_line(&ended.output));
    };
    taken(verdict, "a slice is stored on the empty disk", &files.send(at, "CT1", 1)?);
    large_is_refused(verdict, &files, &disk, at, &mut log)?;
    associations_are_rejected(verdict, &files, &disk, at)?;
    let ended = files.send_until_taken(at, "CT1", 2)?;
    taken(verdict, "with room again a slice is stored", &ended);
    inodes_count(verdict, &files, &disk, at)?;
    let ended = files.send_until_taken(at, "CT1", 3)?;
    taken(verdict, "with inodes again a slice is stored", &ended);

    let filler = disk.fill("soft", DISK - SOFT + 50 * MB)?;
    wait::until(NOTICED, || log.news().contains("spool low"));
    let refused = files.send(at, "CT2", 4)?;
    verdict.claim(
        "below the soft watermark low priority waits",
        is_refused(&refused),
        cause(&refused),
    );
    taken(verdict, "and others are served", &files.send(at, "CT1", 5)?);
    drop(filler);
    gateway.terminate(Duration::from_secs(20))?;

    configure(&setting, &disk, 64 * MB)?;
    let (gateway, at) = setting.start(&arguments)?;
    log.news();
    let ended = files.send_large(at)?;
    let says_why = log.news().contains("answered early and the rest of the data set exceeds");
    let aborted = !ended.success && !is_refused(&ended) && says_why;
    verdict.claim("1 GB is cut off beyond 64 MB of draining", aborted, cause(&ended));
    taken(verdict, "the next association is served", &files.send_until_taken(at, "CT1", 6)?);
    everything_acknowledged_arrives(verdict, reader, kept)?;
    gateway.terminate(Duration::from_secs(20))
}

fn large_is_refused(
    verdict: &mut Verdict,
    files: &Files,
    disk: &Disk,
    at: Addresses,
    log: &mut Log,
) -> Result<()> {
    let watch = Watch::start(disk)?;
    let ended = files.send_large(at)?;
    let least = watch.stop();
    verdict.claim(
        "1 GB during which the disk fills is answered A700H",
        is_refused(&ended),
        cause(&ended),
    );
    verdict.claim(
        "and the hard watermark holds, but for what comes until it is noticed",
        (HARD - 64 * MB..HARD).contains(&least),
        format!("{} MB free at the least, {} MB wanted", least / MB, HARD / MB),
    );
    let words = log.news();
    let said = words.contains("(hard watermark)") && words.contains("no room");
    verdict.claim("the log says why", said, "");
    let back =
        wait::until(NOTICED, || disk.space().is_ok_and(|it| it.bytes_free > DISK - 100 * MB));
    verdict.claim("what was written of it is gone", back, "");
    Ok(())
}

fn associations_are_rejected(
    verdict: &mut Verdict,
    files: &Files,
    disk: &Disk,
    at: Addresses,
) -> Result<()> {
    let _filler = disk.fill("hard", DISK - HARD + 50 * MB)?;
    wait::pause(NOTICED);
    let ended = files.send(at, "CT1", 2)?;
    let rejected = ["Rejected Transient", "Temporary Congestion"];
    let rejected = !ended.success && rejected.iter().all(|words| ended.output.contains(words));
    verdict.claim("below the hard watermark associations are rejected", rejected, cause(&ended));
    let echo = tool::run(ECHOSCU, &peer(at, "CT1"), PATIENCE)?;
    verdict.claim("verification is served", echo.success, tool::last_line(&echo.output));
    Ok(())
}

fn inodes_count(verdict: &mut Verdict, files: &Files, disk: &Disk, at: Addresses) -> Result<()> {
    let folder = disk.folder.path().join("many");
    fs::create_dir(&folder)?;
    let free = disk.space()?.inodes_free;
    for number in 0..free.saturating_sub(INODES_HARD - 50) {
        File::create(folder.join(number.to_string()))?;
    }
    wait::pause(NOTICED);
    let ended = files.send(at, "CT1", 3)?;
    let rejected = !ended.success && ended.output.contains("Temporary Congestion");
    verdict.claim("inodes have a watermark too", rejected, cause(&ended));
    fs::remove_dir_all(folder)?;
    Ok(())
}

fn everything_acknowledged_arrives(verdict: &mut Verdict, reader: u16, kept: u64) -> Result<()> {
    let records = Records::default();
    let _sink = DicomSink::start(reader, &records)?;
    let whole = || {
        let arrived = records.by_instance();
        let slices = (1..=6).filter(|number| {
            let slice = slice(*number);
            arrived.get(&slice.sop_instance_uid).is_some_and(|it| it.contains_key(&slice.digest()))
        });
        slices.count() as u64
    };
    let all = wait::until(Duration::from_secs(60), || whole() == kept);
    let remark = format!("{} of {kept}, {} instances in all", whole(), records.by_instance().len());
    let only = records.by_instance().len() as u64 == kept;
    verdict.claim("what was acknowledged goes out, and nothing else", all && only, remark);
    Ok(())
}

/// What is at most between a change of the disk and the gateway's notice of it, with some patience.
const NOTICED: Duration = Duration::from_secs(12);
const PATIENCE: Duration = Duration::from_secs(120);

fn is_refused(ended: &Ended) -> bool {
    ended.output.contains("OutOfResources")
}

/// What a tool says of its failure.
fn cause(ended: &Ended) -> &str {
    let telling =
        |line: &&str| ["Response", "Reason", "Abort", "abort"].iter().any(|it| line.contains(it));
    ended
        .output
        .lines()
        .rev()
        .find(telling)
        .unwrap_or_else(|| tool::last_line(&ended.output))
        .trim()
}

fn peer(at: Addresses, calling: &str) -> Vec<String> {
    let (host, port) = (at.dicom.ip().to_string(), at.dicom.port().to_string());
    ["-v", "-aet", calling, "-aec", GATEWAY_TITLE, &host, &port].map(str::to_owned).into()
}

fn slice(number: u64) -> Instance {
    let order = Order::new("WTR", number);
    Instance::ct(&order, &format!("2.25.8800{number}"), 256 * 1024, number)
}

/// What is sent, as files for DCMTK.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn write() -> Result<Self> {
        let files = Self { folder: tempfile::tempdir()? };
        for number in 1..=6 {
            let slice = slice(number);
            let mut file =
                files.create(&number.to_string(), slice.sop_class_uid, &slice.sop_instance_uid)?;
            file.write_all(&slice.data_set)?;
        }
        let uid = "2.25.1073741825";
        let mut file = files.create("large", US_MULTIFRAME_STORAGE, uid)?;
        file.write_all(&multiframe_head(&Order::new("WTR", 9), uid, PIXELS))?;
        let block = vec![7; 1 << 20];
        for _ in 0..PIXELS / block.len() {
            file.write_all(&block)?;
        }
        Ok(files)
    }

    fn create(&self, name: &str, class: &str, instance: &str) -> Result<File> {
        let mut file = File::create(self.folder.path().join(name))?;
        let meta = FileMeta {
            sop_class_uid: class.to_owned(),
            sop_instance_uid: instance.to_owned(),
            transfer_syntax_uid: EXPLICIT_LITTLE.to_owned(),
        };
        file.write_all(&part10::write(&meta))?;
        Ok(file)
    }

    fn send(&self, at: Addresses, calling: &str, number: u64) -> Result<Ended> {
        self.send_file(at, calling, &number.to_string())
    }

    fn send_large(&self, at: Addresses) -> Result<Ended> {
        self.send_file(at, "CT1", "large")
    }

    fn send_file(&self, at: Addresses, calling: &str, name: &str) -> Result<Ended> {
        let mut words = peer(at, calling);
        words.push(self.folder.path().join(name).display().to_string());
        let mut ended = tool::run(STORESCU, &words, PATIENCE)?;
        // It counts a refused instance as sent.
        ended.success &= ended.output.contains("(Success)");
        Ok(ended)
    }

    /// Sends as often as the gateway needs to notice that there is room again.
    fn send_until_taken(&self, at: Addresses, calling: &str, number: u64) -> Result<Ended> {
        let mut ended = self.send(at, calling, number)?;
        for _ in 0..NOTICED.as_secs() {
            if ended.success {
                break;
            }
            wait::pause(Duration::from_secs(1));
            ended = self.send(at, calling, number)?;
        }
        Ok(ended)
    }
}

/// A file system that is small enough to be filled.
struct Disk {
    folder: tempfile::TempDir,
    probe: DirectorySpool,
}

impl Disk {
    fn mount() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let options = format!("size={DISK},nr_inodes={INODES},mode=0777");
        let at = folder.path().display().to_string();
        let words = ["-t", "tmpfs", "-o", &options, "tmpfs", &at];
        let output = Command::new("mount").args(words).output().context("mount")?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr).into_owned();
            bail!("cannot mount a small disk (it needs root): {}", tool::last_line(&words));
        }
        let mut options = SpoolOptions::default();
        (options.writer_threads, options.reader_threads) = (1, 1);
        let probe = DirectorySpool::open(&folder.path().join("probe"), options);
        Ok(Self { probe: probe?, folder })
    }

    fn space(&self) -> Result<Space> {
        space(&self.probe)
    }

    /// So many bytes in a file, which is gone when it is dropped.
    fn fill(&self, name: &str, bytes: u64) -> Result<Filler> {
        let path = self.folder.path().join(name);
        let mut file = File::create(&path)?;
        let block = vec![0; 1 << 20];
        for _ in 0..bytes / block.len() as u64 {
            file.write_all(&block)?;
        }
        Ok(Filler(path))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: what is still open there goes with its process.
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

fn space(probe: &DirectorySpool) -> Result<Space> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    Ok(runtime.block_on(probe.space())?)
}

struct Filler(PathBuf);

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Notes the least room that the disk has.
struct Watch {
    stop: Arc<AtomicBool>,
    least: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Watch {
    fn start(disk: &Disk) -> Result<Self> {
        let (stop, least) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(u64::MAX)));
        let folder = disk.folder.path().join("watch");
        let mut options = SpoolOptions::default();
        (options.writer_threads, options.reader_threads) = (1, 1);
        let probe = DirectorySpool::open(&folder, options)?;
        let (stopped, noted) = (Arc::clone(&stop), Arc::clone(&least));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                if let Ok(space) = space(&probe) {
                    noted.fetch_min(space.bytes_free, Ordering::Relaxed);
                }
                wait::pause(Duration::from_millis(2));
            }
        });
        Ok(Self { stop, least, thread })
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        // A thread that panicked has noted nothing, which fails the claim.
        let _ = self.thread.join();
        self.least.load(Ordering::Relaxed)
    }
}

/// The gateway's state on the disk, its watermarks, and CT2 as a source of low priority.
fn configure(setting: &Setting, disk: &Disk, drain_bytes_max: u64) -> Result<()> {
    let text = fs::read_to_string(&setting.configuration)?;
    let from = text.find("[dicom]").context("no [dicom] in the configuration")?;
    let data = disk.folder.path().join("data");
    let title = "ae_title = \"CT2\"\n";
    let rest = text[from..].replace(&format!("{title}priority = \"low\"\n"), title);
    let rest = rest.replace(title, &format!("{title}priority = \"low\"\n"));
    let head = format!(
        "data_directory = \"{}\"\n[spool]\nsoft = {{ bytes_free = {SOFT}, inodes_free = {INODES_HARD} }}\n\
         hard = {{ bytes_free = {HARD}, inodes_free = {INODES_HARD} }}\ndrain_bytes_max = {drain_bytes_max}\n",
        Path::new(&data).display()
    );
    Ok(fs::write(&setting.configuration, head + &rest)?)
}
