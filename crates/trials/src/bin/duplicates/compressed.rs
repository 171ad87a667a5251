//! The same image from a modality and from the archive it stores to, which codes it otherwise and coerces its head.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use telerad::dicom::Status;
use telerad_trials::dicom_client::DicomClient;
use telerad_trials::dicom_sink::Records;
use telerad_trials::gateway::Log;
use telerad_trials::messages::Order;
use telerad_trials::setting::Setting;
use telerad_trials::synthetic::{EXPLICIT_LITTLE, Instance};
use telerad_trials::twins::{self, CODINGS, JPEG_2000, LOSSY_JPEG, Twin};
use telerad_trials::verdict::Verdict;
use telerad_trials::wait;

use crate::{copies, is_kept};

/// What the rows have in common.
pub struct Twins<'a> {
    pub gateway: SocketAddr,
    pub log: &'a mut Log,
    pub order: &'a Order,
    pub records: &'a Records,
    pub setting: &'a Setting,
}

impl Twins<'_> {
    pub fn trial(mut self, verdict: &mut Verdict) -> Result<()> {
        twins::install()?;
        let mut archive = DicomClient::connect(self.gateway, ARCHIVE)?;
        for (at, coding) in CODINGS.into_iter().enumerate() {
            let first = self.deliver(&mut archive, &format!("2.25.60{at}"), 10 + at as u64)?;
            let twin = self.make(&first, coding)?;
            let status = self.send(&mut archive, &twin)?;
            let name = format!("the same in {}", coding.name);
            self.claim_variant(verdict, &mut archive, &name, status, &twin)?;
        }
        // The other way round: what is delivered is what came first.
        let native = self.slice(self.order, "2.25.620", 30);
        let twin = self.make(&native, JPEG_2000)?;
        let status = self.send(&mut archive, &twin)?;
        let arrived = wait::until(LIMIT, || copies(self.records, &twin.instance) == 1);
        verdict.claim("JPEG 2000 first: delivered", status == Status::SUCCESS && arrived, "");
        let native = Twin { transfer_syntax_uid: EXPLICIT_LITTLE.to_owned(), instance: native };
        let status = self.send(&mut archive, &native)?;
        self.claim_variant(verdict, &mut archive, "and then native", status, &native)?;

        self.deliver(&mut archive, "2.25.621", 31)?;
        let coerced = self.slice(&coerced(self.order), "2.25.621", 31);
        let twin = self.make(&coerced, JPEG_2000)?;
        let plain = Twin { transfer_syntax_uid: EXPLICIT_LITTLE.to_owned(), instance: coerced };
        for (name, twin) in [("a coerced head", plain), ("a coerced head in JPEG 2000", twin)] {
            let status = self.send(&mut archive, &twin)?;
            self.claim_variant(verdict, &mut archive, name, status, &twin)?;
        }

        let first = self.deliver(&mut archive, "2.25.622", 32)?;
        let other = self.make(&self.slice(self.order, "2.25.622", 33), JPEG_2000)?;
        self.claim_conflict(verdict, &mut archive, "other pixels in JPEG 2000", &other)?;
        let lossy = self.make(&first, LOSSY_JPEG)?;
        self.claim_conflict(verdict, &mut archive, "the same with loss", &lossy)?;
        self.at_once(verdict)?;
        archive.release()
    }

    fn slice(&self, order: &Order, uid: &str, seed: u64) -> Instance {
        Instance::ct(order, uid, PIXELS, seed)
    }

    fn make(&self, instance: &Instance, coding: twins::Coding) -> Result<Twin> {
        twins::make(self.setting.folder.path(), instance, coding)
    }

    fn send(&mut self, client: &mut DicomClient, twin: &Twin) -> Result<Status> {
        self.log.news();
        client.store_as(&twin.instance, &twin.transfer_syntax_uid)
    }

    /// Sends an instance and waits until it was delivered.
    fn deliver(&self, client: &mut DicomClient, uid: &str, seed: u64) -> Result<Instance> {
        let instance = self.slice(self.order, uid, seed);
        client.store(&instance)?;
        if !wait::until(LIMIT, || copies(self.records, &instance) == 1) {
            return Err(anyhow!("{uid} was not delivered"));
        }
        Ok(instance)
    }

    /// An instance that comes later and arrives marks the time by which a wrong second delivery would have happened.
    fn mark(&self, client: &mut DicomClient) -> Result<()> {
        let markers = self.records.all().len();
        self.deliver(client, &format!("2.25.7{markers:05}"), 70).map(drop)
    }

    fn claim_variant(
        &mut self,
        verdict: &mut Verdict,
        client: &mut DicomClient,
        name: &str,
        status: Status,
        twin: &Twin,
    ) -> Result<()> {
        self.mark(client)?;
        let news = self.log.news().to_lowercase();
        let count = copies(self.records, &twin.instance);
        let kept = is_kept(&self.setting.folder.path().join("data"), &twin.instance.data_set)?;
        let holds = status == Status::SUCCESS && count == 0 && kept && !news.contains(CONFLICT);
        let remark = format!(
            "{:04X}, {count} times, kept: {kept}, conflict: {}",
            status.code(),
            news.contains(CONFLICT)
        );
        verdict.claim(&format!("{name}: kept, not delivered again"), holds, remark);
        Ok(())
    }

    fn claim_conflict(
        &mut self,
        verdict: &mut Verdict,
        client: &mut DicomClient,
        name: &str,
        twin: &Twin,
    ) -> Result<()> {
        let status = self.send(client, twin)?;
        let mut news = String::new();
        let said = wait::until(Duration::from_secs(5), || {
            news.push_str(&self.log.news().to_lowercase());
            news.contains(CONFLICT)
        });
        self.mark(client)?;
        let count = copies(self.records, &twin.instance);
        let kept = is_kept(&self.setting.folder.path().join("data"), &twin.instance.data_set)?;
        let holds = status == Status::SUCCESS && said && count == 0 && kept;
        verdict.claim(&format!("{name}: a conflict"), holds, format!("{count} times"));
        Ok(())
    }

    /// A modality and an archive send one study at the same time.
    fn at_once(&mut self, verdict: &mut Verdict) -> Result<()> {
        let uid = |number: usize| format!("2.25.8{number:03}");
        let order = Order::new("TWIN", 9);
        let mut natives = Vec::new();
        let mut twins = Vec::new();
        for number in 0..SLICES {
            let seed = 100 + number as u64;
            let archived = self.slice(&coerced(&order), &uid(number), seed);
            natives.push(self.slice(&order, &uid(number), seed));
            twins.push(self.make(&archived, JPEG_2000)?);
        }
        self.log.news();
        let gateway = self.gateway;
        let (modality, archive) = thread::scope(|scope| {
            let modality = scope.spawn(|| {
                let mut client = DicomClient::connect(gateway, "CT1")?;
                let all = natives.iter().map(|native| client.store(native));
                let stored = all.collect::<Result<Vec<_>>>()?;
                client.release().map(|()| stored)
            });
            let archive = scope.spawn(|| {
                let mut client = DicomClient::connect(gateway, ARCHIVE)?;
                let all = twins.iter();
                let all = all.map(|it| client.store_as(&it.instance, &it.transfer_syntax_uid));
                let stored = all.collect::<Result<Vec<_>>>()?;
                client.release().map(|()| stored)
            });
            (modality.join(), archive.join())
        });
        let failed = || anyhow!("a sender panicked");
        let statuses = [modality.map_err(|_| failed())??, archive.map_err(|_| failed())??].concat();
        let taken = statuses.iter().filter(|status| **status == Status::SUCCESS).count();
        let arrived = |number: usize| {
            let all = self.records.all();
            all.iter().filter(|received| received.sop_instance_uid == uid(number)).count()
        };
        wait::until(LIMIT, || (0..SLICES).all(|number| arrived(number) > 0));
        let mut marker = DicomClient::connect(gateway, "CT1")?;
        self.mark(&mut marker)?;
        marker.release()?;
        let once = (0..SLICES).filter(|number| arrived(*number) == 1).count();
        verdict.claim(
            &format!("{SLICES} slices from two at once: one delivery each"),
            taken == 2 * SLICES && once == SLICES,
            format!("{taken} taken, {once} delivered once"),
        );
        let news = self.log.news();
        let conflicts = news.to_lowercase().matches(CONFLICT).count();
        verdict.claim("and no conflict", conflicts == 0, format!("{conflicts} lines"));
        let findings: Vec<&str> = news
            .lines()
            .filter(|line| line.contains("sent twice") && line.contains(&order.study_instance_uid))
            .collect();
        let named = findings.iter().all(|line| line.contains("CT1") && line.contains(ARCHIVE));
        verdict.claim(
            "and one finding that names both",
            findings.len() == 1 && named,
            format!("{} findings", findings.len()),
        );
        Ok(())
    }
}

/// What an archive makes of an order it was not told of: the name in another spelling, no accession number.
fn coerced(order: &Order) -> Order {
    let family_name = order.family_name.to_lowercase();
    Order { accession: String::new(), family_name, ..order.clone() }
}

const ARCHIVE: &str = "CT2";
const CONFLICT: &str = "uid conflict";
const LIMIT: Duration = Duration::from_secs(20);
/// 512 by 512 pixels of 8 bits.
const PIXELS: usize = 512 * 512;
const SLICES: usize = 30;
