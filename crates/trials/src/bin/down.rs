//! A destination and a RIS that are away for the whole run, and come back.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use telerad::dicom::Status;
use telerad_trials::arguments::Arguments;
use telerad_trials::dicom_client::DicomClient;
use telerad_trials::dicom_sink::{DicomSink, Records};
use telerad_trials::gateway::Addresses;
use telerad_trials::hl7_client::Hl7Client;
use telerad_trials::hl7_sink::{Hl7Sink, field};
use telerad_trials::messages::Order;
use telerad_trials::setting::Setting;
use telerad_trials::synthetic::Instance;
use telerad_trials::tool::free_port;
use telerad_trials::verdict::{self, Verdict};
use telerad_trials::wait;

const STUDIES: u64 = 4;
const INSTANCES_PER_STUDY: u64 = 12;
/// The first so many studies are reported during the outage.
const REPORTED: u64 = 2;
/// Long enough for a dozen attempts with pauses of one to two seconds.
const OUTAGE: Duration = Duration::from_secs(15);

/// Standing still this long, with something missing, is a loss.
const PATIENCE: Duration = Duration::from_secs(60);

/// SOP instance UIDs and digests.
type Sent = HashMap<String, blake3::Hash>;

fn main() -> ExitCode {
    verdict::finish("down", trial)
}

fn trial(verdict: &mut Verdict) -> Result<()> {
    let arguments = Arguments::read()?;
    let (reader_port, ris_port) = (free_port()?, free_port()?);
    let setting = Setting::between(reader_port, ris_port, ris_port)?;
    let (gateway, addresses) = setting.start(&arguments)?;

    let orders: Vec<Order> = (0..STUDIES).map(|number| Order::new("DWN", number)).collect();
    let sent = send(verdict, addresses, &orders)?;

    wait::pause(OUTAGE / 2);
    gateway.kill()?;
    let (gateway, _) = setting.start(&arguments)?;
    wait::pause(OUTAGE / 2);

    let records = Records::default();
    let sink = DicomSink::start(reader_port, &records)?;
    let ris = Hl7Sink::start(ris_port)?;
    instances_arrive(verdict, &sent, &records);
    reports_arrive(verdict, &orders[..REPORTED as usize], &ris);
    drop(sink);
    gateway.terminate(Duration::from_secs(20))
}

/// Orders, images and reports, while nobody takes them; what was acknowledged is returned.
fn send(verdict: &mut Verdict, addresses: Addresses, orders: &[Order]) -> Result<Sent> {
    let mut hl7 = Hl7Client::connect(addresses.hl7)?;
    let mut modality = DicomClient::connect(addresses.dicom, "CT1")?;
    let mut sent = Sent::new();
    let mut acknowledged = 0;
    for (order, number) in orders.iter().zip(0..) {
        acknowledged += u64::from(hl7.send(&order.orm(&format!("O{number}")))?.code == "AA");
        for slice in 0..INSTANCES_PER_STUDY {
            let uid = format!("{}{slice:04}", study_of(number));
            let instance = Instance::ct(order, &uid, 32 * 1024, number * 1000 + slice);
            if modality.store(&instance)? == Status::SUCCESS {
                sent.insert(uid, instance.digest());
            }
        }
        if number < REPORTED {
            acknowledged += u64::from(hl7.send(&order.oru(&format!("R{number}")))?.code == "AA");
        }
    }
    modality.release()?;
    let (count, all) = (sent.len() as u64, STUDIES * INSTANCES_PER_STUDY);
    verdict.claim("instances are taken", count == all, format!("{count} of {all}"));
    let all = STUDIES + REPORTED;
    verdict.claim("messages are taken", acknowledged == all, format!("{acknowledged} of {all}"));
    Ok(sent)
}

/// What nobody has read yet goes out. What was reported meanwhile waits for a person: whoever reads it again would write a
/// second report.
fn instances_arrive(verdict: &mut Verdict, sent: &Sent, records: &Records) {
    let (read, unread): (Sent, Sent) =
        sent.iter().map(|(uid, digest)| (uid.clone(), *digest)).partition(|(uid, _)| is_read(uid));
    let right = || {
        let arrived = records.by_instance();
        let once = |uid: &String, digest: &blake3::Hash| {
            arrived.get(uid).is_some_and(|found| found.len() == 1 && found.contains_key(digest))
        };
        unread.iter().filter(|(uid, digest)| once(uid, digest)).count()
    };
    wait::while_progressing(PATIENCE, right, || right() == unread.len());
    verdict.claim(
        "every unread instance goes out when the destination returns",
        right() == unread.len() && !unread.is_empty(),
        format!("{} of {} after {} s of outage", right(), unread.len(), OUTAGE.as_secs()),
    );
    let arrived = records.by_instance();
    let early = read.keys().filter(|uid| arrived.contains_key(*uid)).count();
    verdict.claim(
        "what was reported during the outage waits for a person",
        early == 0 && !read.is_empty(),
        format!("{early} of {} went out", read.len()),
    );
}

/// Whether an instance is of a study that is reported during the outage.
fn is_read(uid: &str) -> bool {
    (0..REPORTED).any(|number| uid.starts_with(&study_of(number)))
}

/// What the UIDs of a study's instances begin with.
fn study_of(number: u64) -> String {
    format!("2.25.77{number:04}")
}

fn reports_arrive(verdict: &mut Verdict, orders: &[Order], ris: &Hl7Sink) {
    let filed = || {
        let messages = ris.received();
        let is_filed = |order: &&Order| {
            messages.iter().any(|message| {
                field(message, "MSH", 9).starts_with("ORU")
                    && message.contains(&format!("N-{}", order.accession))
            })
        };
        orders.iter().filter(is_filed).count()
    };
    wait::while_progressing(PATIENCE, filed, || filed() == orders.len());
    verdict.claim(
        "every report goes out when the RIS returns",
        filed() == orders.len(),
        format!("{} of {}", filed(), orders.len()),
    );
}
