//! `kill -9` of the gateway on a real disk: what the operating system has, it keeps.

use std::time::Duration;

use anyhow::{Context, Result};
use telerad::gateway::Configuration;
use telerad_trials::arguments::Arguments;
use telerad_trials::dicom_client::DicomClient;
use telerad_trials::dicom_sink::{DicomSink, Records};
use telerad_trials::gateway::Addresses;
use telerad_trials::hl7_sink::Hl7Sink;
use telerad_trials::random::Random;
use telerad_trials::setting::Setting;
use telerad_trials::verdict::{self, Verdict};
use telerad_trials::wait;

use crate::load::{Ledger, Load, Pace};
use crate::{PATIENCE, arrivals};

/// Kills the gateway so often.
///
/// # Errors
/// When the trial itself cannot go on.
pub fn crash(count: u32, arguments: &Arguments, verdict: &mut Verdict) -> Result<()> {
    let records = Records::default();
    let sink = DicomSink::start(0, &records)?;
    let (ris, announcements) = (Hl7Sink::start(0)?, Hl7Sink::start(0)?);
    let setting = Setting::between(sink.port(), ris.port(), announcements.port())?;

    let load = Load::start(Pace::STEADY, None);
    let killed = kill_again_and_again(count, arguments, &setting, &load)?;
    let (gateway, addresses) = setting.start(arguments)?;
    load.serve(addresses);
    wait::pause(Duration::from_secs(1));
    let ledger = load.stop();
    verdict::note(format!(
        "{killed} kills (seed {}), acknowledged: {} instances, {} orders, {} reports; \
         {} sendings were cut off",
        arguments.seed,
        ledger.instances.len(),
        ledger.orders.len(),
        ledger.reports.len(),
        ledger.cut_off
    ));
    verdict.claim("nothing was refused", ledger.refused.is_empty(), ledger.refused.join("; "));
    let busy =
        !ledger.instances.is_empty() && !ledger.orders.is_empty() && !ledger.reports.is_empty();
    verdict.claim("there was something to lose", busy, "");

    let text = std::fs::read_to_string(&setting.configuration)?;
    let configuration = Configuration::from_toml(&text, "gateway.toml")?;
    let associations: usize = configuration.destinations.iter().map(|to| to.associations_max).sum();
    instances(verdict, &ledger, &records, killed * u32::try_from(associations)?);
    orders(verdict, &ledger, addresses)?;
    reports(verdict, &ledger, &ris, killed);
    if verdict.failed() > 0 {
        let kept = setting.folder.keep();
        verdict::note(format!("the gateway's data and log are in {}", kept.display()));
    }
    drop(sink);
    gateway.terminate(Duration::from_secs(20))
}

/// Starts the gateway and kills it, `count` times; one start in eight is killed before it serves.
fn kill_again_and_again(
    count: u32,
    arguments: &Arguments,
    setting: &Setting,
    load: &Load,
) -> Result<u32> {
    let mut random = Random::new(arguments.seed);
    for number in 0..count {
        let mut gateway = setting.spawn(arguments)?;
        if random.between(0, 8) == 0 {
            wait::pause(Duration::from_millis(random.between(0, 60)));
        } else {
            let addresses = gateway
                .ready(Duration::from_secs(30))
                .with_context(|| format!("start number {number}"))?;
            load.serve(addresses);
            wait::pause(Duration::from_millis(random.between(10, 450)));
        }
        load.pause();
        gateway.kill()?;
    }
    Ok(count)
}

/// `bound`: as many as there were associations to be killed.
fn instances(verdict: &mut Verdict, ledger: &Ledger, records: &Records, bound: u32) {
    let missing = || arrivals::missing_instances(ledger, records);
    wait::while_progressing(PATIENCE, || records.all().len(), || missing().is_empty());
    let missing = missing();
    let remark =
        format!("{} missing {}", missing.len(), missing.first().map_or("", String::as_str));
    verdict.claim("every acknowledged instance has arrived", missing.is_empty(), remark);

    let changed = arrivals::changed(ledger, &records.by_instance());
    verdict.claim("every byte that arrived was sent", changed.is_empty(), changed.join("; "));

    let arrived = records.by_instance();
    let repeated: u32 = arrived.values().flat_map(|digests| digests.values()).map(|n| n - 1).sum();
    let remark = format!("{repeated} repeated, at most {bound}");
    verdict.claim("a kill repeats only deliveries in flight", repeated <= bound, remark);
}

fn orders(verdict: &mut Verdict, ledger: &Ledger, addresses: Addresses) -> Result<()> {
    let mut modality = DicomClient::connect(addresses.dicom, "FINDSCU")?;
    let mut missing = Vec::new();
    for order in ledger.orders.iter().filter(|order| !ledger.reports.contains(*order)) {
        if modality.worklist(&order.accession)?.len() != 1 {
            missing.push(order.accession.clone());
        }
    }
    modality.release()?;
    let remark =
        format!("{} missing {}", missing.len(), missing.first().map_or("", String::as_str));
    verdict.claim("every acknowledged order is on the worklist", missing.is_empty(), remark);
    Ok(())
}

fn reports(verdict: &mut Verdict, ledger: &Ledger, ris: &Hl7Sink, killed: u32) {
    let missing = || arrivals::missing_reports(ledger, ris);
    wait::while_progressing(PATIENCE, || ris.received().len(), || missing().is_empty());
    let missing = missing();
    let remark =
        format!("{} missing {}", missing.len(), missing.first().map_or("", String::as_str));
    verdict.claim("every acknowledged report is at the RIS", missing.is_empty(), remark);

    let total = ris.received().len();
    let distinct = arrivals::filed(ris).len();
    let bound = distinct + killed as usize * 2;
    let remark = format!("{total} messages for {distinct} reports, at most {bound}");
    verdict.claim("a kill repeats only reports in flight", total <= bound, remark);
}
