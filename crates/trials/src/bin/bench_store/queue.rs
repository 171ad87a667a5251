//! A gateway that starts with a million deliveries in its queue, and what taking and settling one of them costs.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use telerad::core::{AeTitle, Priority, SiteId, Timestamp, Uid};
use telerad::dicom::{PeerAnswer, Status};
use telerad::routing::{
    DeliveryKey, DeliveryRecord, DeliveryState, DestinationId, InstanceRecord, Relation,
    SentEvidence, StudyMark,
};
use telerad::store::payload::{DirectorySpool, Payloads, StoredPayload};
use telerad::store::sqlite::SqliteStore;
use telerad::store::{Batch, Deliveries, Effect, Expectation, Store};
use telerad_trials::arguments::Arguments;
use telerad_trials::dicom_client::DicomClient;
use telerad_trials::dicom_sink::{DicomSink, Records};
use telerad_trials::footprint::Footprint;
use telerad_trials::messages::Order;
use telerad_trials::setting::Setting;
use telerad_trials::synthetic::{CT_IMAGE_STORAGE, EXPLICIT_LITTLE, Instance};
use telerad_trials::tool::free_port;
use telerad_trials::verdict::{self, Verdict};
use telerad_trials::wait;
use tokio::runtime::Runtime;

use crate::Effort;
use crate::series::Series;

/// Fills queues, measures and prints it.
pub fn measure(verdict: &mut Verdict, arguments: &Arguments, effort: &Effort) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let records = Records::default();
    let (reader, ris) = (free_port()?, free_port()?);
    let setting = Setting::between(reader, ris, ris)?;
    let data = setting.folder.path().join("data");
    std::fs::create_dir(&data)?;
    let many = effort.part(MANY);
    let filling = Instant::now();
    let payload = runtime.block_on(keep_payload(&data))?;
    fill(&runtime, &data, &payload, many)?;
    verdict::note(format!("{many} deliveries queued in {:.0} s", filling.elapsed().as_secs_f64()));

    let few = tempfile::tempdir()?;
    fill(&runtime, few.path(), &payload, FEW)?;
    compare_costs(verdict, &runtime, few.path(), &data)?;

    let sink = DicomSink::start(reader, &records)?;
    let started = Instant::now();
    let (gateway, addresses) = setting.start(arguments)?;
    let mut client = DicomClient::connect(addresses.dicom, "CT1")?;
    let echoed = client.echo()?;
    let serving = started.elapsed();
    let first = wait::until(FIRST_SEND_MAX * 5, || !records.all().is_empty());
    let first_sent = started.elapsed();
    let order = Order::new("BSQ", 1);
    let status = client.store(&Instance::ct(&order, "2.25.1", 1024, 1))?;
    ensure!(echoed == Status::SUCCESS && status == Status::SUCCESS, "not served");
    let remark = format!("{} ms (< {} ms)", serving.as_millis(), SERVING_MAX.as_millis());
    verdict.claim("a million queued: start to serving", serving < SERVING_MAX, remark);
    let remark = format!("{} ms (< {} ms)", first_sent.as_millis(), FIRST_SEND_MAX.as_millis());
    let in_time = first && first_sent < FIRST_SEND_MAX;
    verdict.claim("a million queued: start to first delivery", in_time, remark);
    wait::pause(WATCHED);
    let peak = Footprint::of(gateway.id())?.peak_kb as f64 * 1024.0 / 1e6;
    let remark = format!("{peak:.0} MB (< {RESIDENT_MB_MAX} MB), {} sent", records.all().len());
    verdict.claim("a million queued: resident memory", peak < RESIDENT_MB_MAX, remark);
    client.release()?;
    drop(sink);
    gateway.kill()
}

/// Taking a batch and settling each of it, in the two queues by turns.
fn compare_costs(verdict: &mut Verdict, runtime: &Runtime, few: &Path, many: &Path) -> Result<()> {
    let (few, many) = (open(few)?, open(many)?);
    let mut costs = [(Series::default(), Series::default()), Default::default()];
    for _ in 0..ROUNDS {
        for (store, (leases, settlements)) in [&few, &many].into_iter().zip(&mut costs) {
            let started = Instant::now();
            let due = runtime.block_on(store.due(
                &destination()?,
                Timestamp::from_micros(i64::MAX / 2),
                TAKEN,
            ))?;
            leases.0.push(started.elapsed().as_secs_f64() * 1e6);
            ensure!(due.len() == TAKEN, "{} due", due.len());
            for delivery in due {
                let started = Instant::now();
                runtime.block_on(store.commit(settled(delivery)))?;
                settlements.0.push(started.elapsed().as_secs_f64() * 1e6);
            }
        }
    }
    let [(few_lease, few_settle), (many_lease, many_settle)] = costs;
    let mut claim = |what: &str, few: &Series, many: &Series| {
        let ratio = many.median() / few.median();
        let remark = format!(
            "{ratio:.2} (<= {COST_RATIO_MAX}): {:.0} µs, with {FEW} rows {:.0} µs",
            many.median(),
            few.median()
        );
        verdict.claim(&format!("a million queued: {what}"), ratio <= COST_RATIO_MAX, remark);
    };
    claim(&format!("taking {TAKEN}"), &few_lease, &many_lease);
    claim("settling one", &few_settle, &many_settle);
    Ok(())
}

fn open(directory: &Path) -> Result<SqliteStore> {
    Ok(SqliteStore::open(directory, Default::default())?)
}

/// All of them share it: what is measured is the queue.
async fn keep_payload(data: &Path) -> Result<StoredPayload> {
    let spool = DirectorySpool::open(&data.join("spool"), Default::default())?;
    let mut writer = spool.create();
    let instance = Instance::ct(&Order::new("BSQ", 2), "2.25.2", 16 * 1024, 2);
    writer.write(Bytes::clone(&instance.data_set)).await?;
    Ok(writer.finish().await?.stored)
}

fn fill(runtime: &Runtime, data: &Path, payload: &StoredPayload, count: usize) -> Result<()> {
    let store = open(data)?;
    for first in (0..count).step_by(BATCH) {
        let mut effects = Vec::new();
        for number in first..count.min(first + BATCH) {
            let instance = instance(number, payload)?;
            effects.push(Effect::Delivery(delivery(number, &instance)?));
            effects.push(Effect::Instance { record: instance, keys: Vec::new() });
        }
        runtime.block_on(store.commit(effects.into()))?;
    }
    Ok(())
}

fn instance(number: usize, payload: &StoredPayload) -> Result<InstanceRecord> {
    Ok(InstanceRecord {
        site: SiteId::new("north")?,
        sop_instance_uid: Uid::new(&format!("2.25.9{number:07}"))?,
        digest: payload.digest,
        bytes: payload.bytes,
        transfer_syntax_uid: EXPLICIT_LITTLE.to_owned(),
        sop_class_uid: CT_IMAGE_STORAGE.to_owned(),
        source: AeTitle::new("CT1")?,
        received_at: queued_at(number)?,
        head: Default::default(),
        pixel_data_offset: None,
        mark: StudyMark::Unmatched,
        relation: Relation::First,
    })
}

fn delivery(number: usize, instance: &InstanceRecord) -> Result<DeliveryRecord> {
    Ok(DeliveryRecord {
        key: DeliveryKey {
            site: instance.site.clone(),
            sop_instance_uid: instance.sop_instance_uid.clone(),
            destination: destination()?,
        },
        digest: instance.digest,
        study_instance_uid: format!("2.25.8{:05}", number / STUDY),
        sop_class_uid: instance.sop_class_uid.clone(),
        transfer_syntax_uid: instance.transfer_syntax_uid.clone(),
        bytes: instance.bytes,
        source: instance.source.clone(),
        mark: StudyMark::Unmatched,
        priority: Priority::Routine,
        queued_at: queued_at(number)?,
        not_before: queued_at(number)?,
        attempts: 0,
        state: DeliveryState::Pending,
        last_fault: None,
        group: None,
        round: 0,
        unknown_since: None,
    })
}

/// Its end, as the gateway writes it.
fn settled(delivery: DeliveryRecord) -> Batch {
    let answer = PeerAnswer::from_response(Status::SUCCESS, 1);
    let (at, evidence) = (delivery.queued_at, SentEvidence::StoreResponse);
    Batch::new().with(Effect::Expect(Expectation::DeliveryPending(delivery.key.clone()))).with(
        Effect::Delivery(DeliveryRecord {
            state: DeliveryState::Sent { answer, at, evidence },
            ..delivery
        }),
    )
}

/// One each millisecond of a day gone by.
fn queued_at(number: usize) -> Result<Timestamp> {
    let micros = i64::try_from(number).context("too many")? * 1000;
    Ok(Timestamp::from_micros(FIRST_QUEUED_AT + micros))
}

fn destination() -> Result<DestinationId> {
    Ok(DestinationId::new("reader")?)
}

const MANY: usize = 1_000_000;
const FEW: usize = 1000;
const BATCH: usize = 1000;
const STUDY: usize = 300;
/// As many as a worker of the gateway takes at a time.
const TAKEN: usize = 16;
const ROUNDS: usize = 20;
/// 2026-01-01.
const FIRST_QUEUED_AT: i64 = 1_767_225_600_000_000;
const SERVING_MAX: Duration = Duration::from_millis(300);
const FIRST_SEND_MAX: Duration = Duration::from_secs(2);
const RESIDENT_MB_MAX: f64 = 256.0;
const COST_RATIO_MAX: f64 = 1.5;
/// How long it goes on sending before its memory is looked at.
const WATCHED: Duration = Duration::from_secs(10);
