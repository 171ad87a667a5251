//! Eight associations that store at once, each answer a promise.

use std::net::SocketAddr;
use std::sync::Barrier;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use telerad::dicom::Status;
use telerad_trials::arguments::Arguments;
use telerad_trials::dicom_client::DicomClient;
use telerad_trials::messages::Order;
use telerad_trials::setting::Setting;
use telerad_trials::synthetic::Instance;
use telerad_trials::tool::free_port;
use telerad_trials::verdict::Verdict;

use crate::Effort;
use crate::folders::Folders;
use crate::reference::{Client, Reference};
use crate::series::Series;

/// Measures the gateway and the reference program, and prints it.
pub fn compare(
    verdict: &mut Verdict,
    arguments: &Arguments,
    effort: &Effort,
    folders: &mut Folders,
) -> Result<()> {
    let lists: Vec<Vec<Instance>> =
        (0..ASSOCIATIONS).map(|number| slices(number, effort.part(EACH), PIXEL_BYTES)).collect();
    let bytes: usize = lists.iter().flatten().map(|it| it.data_set.len()).sum();
    let rate = |seconds: f64| bytes as f64 / 1e6 / seconds;
    let (mut ours, mut reference) = (Series::default(), Series::default());
    for run in 0..effort.runs {
        // Whoever comes second finds a disk that is still busy with the first.
        for turn in [run % 2, (run + 1) % 2] {
            match turn {
                0 => ours.0.push(rate(gateway(arguments, &lists, folders)?)),
                _ => reference.0.push(rate(bare(&lists, folders)?)),
            }
        }
    }
    let ratio = ours.over(&reference).median();
    let remark = format!(
        "{ratio:.2} (>= {RATIO_MIN}): {:.0} MB/s, reference {:.0} MB/s",
        ours.median(),
        reference.median()
    );
    verdict.claim("durable intake, 8 associations, 512 KB", ratio >= RATIO_MIN, remark);
    Ok(())
}

/// Slices of one study with so many bytes of pixels each.
pub fn slices(number: u64, count: usize, pixel_bytes: usize) -> Vec<Instance> {
    let order = Order::new("BST", number);
    let slice = |at: u64| {
        let uid = format!("{}.1.{}", order.study_instance_uid, at + 1);
        Instance::ct(&order, &uid, pixel_bytes, number * 10_000 + at + 1)
    };
    (0..count as u64).map(slice).collect()
}

fn gateway(arguments: &Arguments, lists: &[Vec<Instance>], folders: &mut Folders) -> Result<f64> {
    // Nobody is there to deliver to: what is measured is intake.
    let setting = Setting::between(free_port()?, free_port()?, free_port()?)?;
    let (gateway, addresses) = setting.start(arguments)?;
    let took = at_once(lists, |list, start| {
        let mut client = DicomClient::connect(addresses.dicom, "CT1")?;
        start.wait();
        for instance in list {
            let status = client.store(instance)?;
            ensure!(status == Status::SUCCESS, "answered {:04X}H", status.code());
        }
        client.release()
    })?;
    gateway.kill()?;
    folders.keep(setting.folder);
    Ok(took)
}

fn bare(lists: &[Vec<Instance>], folders: &mut Folders) -> Result<f64> {
    let reference = Reference::start(&folders.make()?, None)?;
    let address: SocketAddr = reference.address;
    at_once(lists, |list, start| {
        let mut client = Client::connect(address)?;
        start.wait();
        list.iter().try_for_each(|instance| client.send(&instance.data_set))
    })
}

/// The seconds from when everybody is connected to when everybody has finished.
fn at_once(
    lists: &[Vec<Instance>],
    send: impl Fn(&[Instance], &Barrier) -> Result<()> + Sync,
) -> Result<f64> {
    // One that cannot connect would keep the others waiting: the process is killed then.
    let start = Barrier::new(lists.len() + 1);
    std::thread::scope(|scope| {
        let senders: Vec<_> = lists.iter().map(|it| scope.spawn(|| send(it, &start))).collect();
        start.wait();
        let started = Instant::now();
        for sender in senders {
            sender.join().ok().context("a thread panicked")??;
        }
        Ok(started.elapsed().as_secs_f64())
    })
}

const ASSOCIATIONS: u64 = 8;
const EACH: usize = 40;
/// A CT slice.
pub const PIXEL_BYTES: usize = 512 * 1024;
const RATIO_MIN: f64 = 0.8;
