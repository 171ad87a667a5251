//! One association, beside a receiver that syncs nothing and the syncs that it leaves out.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use telerad_trials::arguments::Arguments;
use telerad_trials::setting::Setting;
use telerad_trials::synthetic::Instance;
use telerad_trials::tool::{self, free_port};
use telerad_trials::verdict::Verdict;
use telerad_trials::{debian, wait};

use crate::folders::Folders;
use crate::reference::RECORD_BYTES;
use crate::series::Series;
use crate::{Effort, intake, reference, sender};

/// Measures the gateway, `storescp +B` and the syncs, and prints it.
pub fn compare(
    verdict: &mut Verdict,
    arguments: &Arguments,
    effort: &Effort,
    folders: &mut Folders,
) -> Result<()> {
    debian::install(&[(STORESCU, "dcmtk"), (STORESCP, "dcmtk")])?;
    let instances = intake::slices(100, effort.part(COUNT), intake::PIXEL_BYTES);
    let folder = folders.make()?;
    sender::write_folder(&folder, &instances)?;
    let (mut ours, mut theirs, mut syncs) =
        (Series::default(), Series::default(), Series::default());
    for _ in 0..effort.runs {
        ours.0.push(gateway(arguments, &folder, folders)?);
        theirs.0.push(dcmtk(&folder, instances.len(), folders)?);
        syncs.0.push(time_syncs(&instances, &folders.make()?)?);
    }
    let both = theirs.0.iter().zip(&syncs.0).map(|(scp, syncs)| scp + syncs).collect();
    let ratio = ours.over(&Series(both)).median();
    let each = |series: &Series| series.median() * 1e3 / instances.len() as f64;
    let remark = format!(
        "{ratio:.2} (<= {RATIO_MAX}): {:.1} ms each, storescp +B {:.1} ms, the syncs {:.1} ms",
        each(&ours),
        each(&theirs),
        each(&syncs)
    );
    verdict.claim("durable intake, one association, time", ratio <= RATIO_MAX, remark);
    Ok(())
}

fn gateway(arguments: &Arguments, folder: &Path, folders: &mut Folders) -> Result<f64> {
    let setting = Setting::between(free_port()?, free_port()?, free_port()?)?;
    let (gateway, addresses) = setting.start(arguments)?;
    let took = sender::time(addresses.dicom.port(), folder)?;
    gateway.kill()?;
    folders.keep(setting.folder);
    Ok(took)
}

fn dcmtk(folder: &Path, count: usize, folders: &mut Folders) -> Result<f64> {
    let (kept, port) = (folders.make()?, free_port()?.to_string());
    let log = kept.with_extension("log");
    let kept_name = kept.to_string_lossy();
    let _scp = tool::start(STORESCP, &["+B", "-od", &*kept_name, &*port], &log)?;
    tool::wait_for_port(port.parse()?, Duration::from_secs(10))?;
    let mut storescu = Command::new(STORESCU);
    storescu.args(["+sd", "127.0.0.1", &port]).arg(folder).env("TCP_NODELAY", "1");
    let took = sender::time_command(&mut storescu)?;
    let arrived = || std::fs::read_dir(&kept).map_or(0, Iterator::count);
    let all = wait::until(Duration::from_secs(5), || arrived() == count);
    std::fs::remove_file(&log)?;
    ensure!(all, "storescp kept {} of {count}", arrived());
    Ok(took)
}

/// File, folder and log of each instance; only the syncs count.
fn time_syncs(instances: &[Instance], folder: &Path) -> Result<f64> {
    let directory = File::open(folder)?;
    let mut log = reference::create_log(&folder.join("log"))?;
    let mut took = Duration::ZERO;
    let mut timed = |sync: &dyn Fn() -> std::io::Result<()>| {
        let started = Instant::now();
        sync()?;
        took += started.elapsed();
        std::io::Result::Ok(())
    };
    for (number, instance) in instances.iter().enumerate() {
        let unfinished = folder.join("tmp");
        let mut file = File::create(&unfinished)?;
        file.write_all(&instance.data_set)?;
        timed(&|| file.sync_data())?;
        std::fs::rename(&unfinished, folder.join(number.to_string()))?;
        timed(&|| directory.sync_all())?;
        log.write_all(&[0; RECORD_BYTES])?;
        timed(&|| log.sync_data())?;
    }
    Ok(took.as_secs_f64())
}

const STORESCU: &str = "/usr/bin/storescu";
const STORESCP: &str = "/usr/bin/storescp";
const COUNT: usize = 200;
const RATIO_MAX: f64 = 1.3;
