//! The script of the day.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use telerad::core::SiteId;
use telerad::dicom::dataset::DataSet;
use telerad::dicom::tags;
use telerad::net::{Clock, ShutdownHandle, SystemClock, shutdown};
use telerad::routing::{DeliveryState, StudyMark};
use telerad::store::sqlite::SqliteStore;
use telerad::store::{Deliveries, Instances, Parking};

use crate::cast::{Case, UNORDERED_STUDY, cases};
use crate::images::{self, Instance};
use crate::process::{Folder, GatewayProcess};
use crate::reader::{Platform, Received, Report, oru_r01};
use crate::ris::{self, Listening};
use crate::table::Results;

/// Everything that happens must happen within this.
const PATIENCE: Duration = Duration::from_secs(30);

/// Plays the day and compares it with what should have happened.
///
/// # Errors
/// When a step of the script itself cannot be done; what turns out differently is a row of the table instead.
pub(crate) async fn play() -> anyhow::Result<Results> {
    let scratch = tempfile::tempdir()?;
    let mut day = Day::dawn(Folder::at(scratch.path())).await?;
    day.orders().await?;
    day.first_studies().await?;
    day.reports().await?;
    day.platform_down().await?;
    day.kill_mid_delivery().await?;
    day.wrong_patient().await?;
    day.cancelled().await?;
    day.merged().await?;
    day.late_order().await?;
    day.onward().await?;
    day.dusk().await
}

pub(crate) struct Day {
    folder: Folder,
    gateway: Option<GatewayProcess>,
    pub(crate) cases: Vec<Case>,
    ris: Listening,
    news: Listening,
    /// Where the platform hears of orders.
    pub(crate) platform_hl7: Listening,
    reader_address: String,
    received: Received,
    platform: Option<Platform>,
    sent: BTreeMap<String, String>,
    next_uid: u32,
    pub(crate) results: Results,
    began: Instant,
    /// Keeps the listeners of the cast up until the day is over.
    _listening: ShutdownHandle,
}

impl Day {
    async fn dawn(folder: Folder) -> anyhow::Result<Self> {
        let (listening, stopped) = shutdown();
        let (ris, news) = (Listening::start(&stopped).await?, Listening::start(&stopped).await?);
        let platform_hl7 = Listening::start(&stopped).await?;
        // Binding and letting go tells a port that is free; the platform comes and goes on it all day.
        let reader_address =
            tokio::net::TcpListener::bind("127.0.0.1:0").await?.local_addr()?.to_string();
        let configuration = include_str!("day.toml")
            .replace("READER_ADDRESS", &reader_address)
            .replace("RIS_ADDRESS", &ris.address)
            .replace("NEWS_ADDRESS", &news.address)
            .replace("ORDERS_ADDRESS", &platform_hl7.address);
        std::fs::write(&folder.configuration, configuration)?;
        let gateway = GatewayProcess::start(&folder).await?;
        let day = Self {
            folder,
            gateway: Some(gateway),
            cases: cases(),
            ris,
            news,
            platform_hl7,
            reader_address,
            received: Received::default(),
            platform: None,
            sent: BTreeMap::new(),
            next_uid: 1,
            results: Results::default(),
            began: Instant::now(),
            _listening: listening,
        };
        day.say("gateway", "started, with an empty store");
        Ok(day)
    }

    pub(crate) fn say(&self, who: &str, what: impl std::fmt::Display) {
        let seconds = self.began.elapsed().as_secs_f64();
        // The day goes on when nobody reads its timeline: the exit code still tells how it went.
        let _ = writeln!(io::stdout(), "{seconds:7.2} s  {who:<10} {what}");
    }

    pub(crate) fn gateway(&self) -> anyhow::Result<&GatewayProcess> {
        self.gateway.as_ref().context("the gateway is down")
    }

    /// 1. The RIS tells of patients and orders.
    async fn orders(&mut self) -> anyhow::Result<()> {
        let mut accepted = 0;
        for case in &self.cases {
            let now = SystemClock.timestamp();
            let hl7 = &self.gateway()?.hl7;
            ris::send(hl7, &ris::adt_a04(case, now)).await.context("ADT^A04")?;
            ris::send(hl7, &ris::orm_o01(case, now)).await.context("ORM^O01")?;
            accepted += 1;
            self.say("RIS", format!("ADT^A04, ORM^O01 for {}: AA, AA", case.accession));
        }
        self.results.row("orders accepted", self.cases.len(), accepted);
        Ok(())
    }

    /// 2 and 3. Echo, worklist, images, and their way to the platform.
    async fn first_studies(&mut self) -> anyhow::Result<()> {
        let peer = images::gateway(&self.gateway()?.dicom, "MODALITY")?;
        images::echo(&peer).await?;
        self.say("modality", "C-ECHO: 0000H");
        self.platform_up(Duration::ZERO).await?;
        for index in 0..2 {
            self.acquire_and_send(index).await?;
        }
        self.all_delivered().await
    }

    /// Takes the step of a case from the worklist, makes its images and sends them.
    async fn acquire_and_send(&mut self, index: usize) -> anyhow::Result<()> {
        let peer = images::gateway(&self.gateway()?.dicom, "MODALITY")?;
        let today = SystemClock.timestamp().to_compact_utc();
        let case = &self.cases[index];
        let steps = images::worklist(&peer, case.modality, &today[..8]).await?;
        self.results.row(format!("worklist steps for {}", case.modality), 1, steps.len());
        let step = steps.first().context("the worklist is empty")?;
        let number = step.text(tags::ACCESSION_NUMBER).unwrap_or_default();
        self.say("modality", format!("worklist for {}: step of {number}", case.modality));
        let study = self.acquire(index, step)?;
        images::send(&peer, &study).await?;
        self.say("modality", format!("{} instances of {number} acknowledged", study.len()));
        Ok(())
    }

    fn acquire(&mut self, index: usize, step: &DataSet) -> anyhow::Result<Vec<Arc<Instance>>> {
        let samples = self.cases[index].images;
        samples
            .iter()
            .map(|sample| {
                let uid = self.uid();
                let instance = images::acquire(sample, step, &uid)?;
                self.sent.insert(uid, instance.digest());
                Ok(Arc::new(instance))
            })
            .collect()
    }

    fn uid(&mut self) -> String {
        self.next_uid += 1;
        format!("1.2.826.0.1.3680043.10.1561.5.{}", self.next_uid)
    }

    async fn platform_up(&mut self, pause: Duration) -> anyhow::Result<()> {
        let platform = Platform::up(&self.reader_address, &self.received, pause).await?;
        self.platform = Some(platform);
        self.say("platform", format!("up, {} ms for each instance", pause.as_millis()));
        Ok(())
    }

    async fn all_delivered(&self) -> anyhow::Result<()> {
        let expected = self.sent.len();
        self.until("every instance to be delivered", || self.received.count() >= expected).await?;
        self.say("platform", format!("has all {expected} instances sent so far"));
        Ok(())
    }

    pub(crate) async fn until(
        &self,
        what: &str,
        mut done: impl FnMut() -> bool,
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        while !done() {
            if start.elapsed() >= PATIENCE {
                let log = std::fs::read_to_string(&self.folder.log).unwrap_or_default();
                anyhow::bail!(
                    "waited {} s for {what}; the gateway's log:\n{log}",
                    PATIENCE.as_secs()
                );
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// 4. Preliminary, then final; the second report spells the number in the platform's own way.
    async fn reports(&mut self) -> anyhow::Result<()> {
        const TEXT: &[&str] = &["FINDINGS: none of note.", "IMPRESSION: normal examination."];
        for (case, accession, status, control_id) in
            [(0, "A1001", "P", "R1"), (0, "A1001", "F", "R2"), (1, "N-A1002", "F", "R3")]
        {
            let report =
                Report { case: &self.cases[case], accession, status, control_id, text: TEXT };
            let message = oru_r01(&report, SystemClock.timestamp());
            ris::send(&self.gateway()?.hl7, &message).await?;
            self.say("platform", format!("ORU^R01 for {accession}, status {status}: AA"));
        }
        let inbox = Arc::clone(&self.ris.inbox);
        self.until("the RIS to get three reports", || count(&inbox) >= 3).await?;
        let news = Arc::clone(&self.news.inbox);
        self.until("three announcements", || count(&news) >= 3).await?;
        for message in inbox.lock().unwrap_or_else(|it| it.into_inner()).iter() {
            let number = message.text("OBR-18").unwrap_or_default();
            let status = message.text("OBR-25").unwrap_or_default();
            self.say("RIS", format!("got ORU^R01 for {number}, status {status}"));
        }
        Ok(())
    }

    /// 5a. The platform goes down; images still come in, some of them without an order.
    async fn platform_down(&mut self) -> anyhow::Result<()> {
        self.platform = None;
        self.say("platform", "DOWN");
        let before = self.received.count();
        self.acquire_and_send(2).await?;
        let peer = images::gateway(&self.gateway()?.dicom, "PACS")?;
        let mut study = Vec::new();
        for sample in ["ct_explicit.dcm", "mr_explicit.dcm"] {
            let uid = self.uid();
            let instance = images::unordered(sample, UNORDERED_STUDY, &uid)?;
            self.sent.insert(uid, instance.digest());
            study.push(Arc::new(instance));
        }
        images::send(&peer, &study).await?;
        self.say("PACS", "2 instances that nobody ordered acknowledged");
        self.acquire_and_send(3).await?;
        self.results.row("delivered while the platform is down", before, self.received.count());
        Ok(())
    }

    /// 5b. The platform is back, slowly; the gateway is killed in the middle of its deliveries.
    async fn kill_mid_delivery(&mut self) -> anyhow::Result<()> {
        let before = self.received.count();
        self.platform_up(Duration::from_millis(150)).await?;
        self.until("deliveries to go on", || self.received.count() >= before + 2).await?;
        let gateway = self.gateway.take().context("the gateway is down")?;
        gateway.kill().await?;
        let left = self.sent.len() - self.received.count();
        self.say("gateway", format!("KILLED with {left} instances still to deliver"));
        ensure!(left > 0, "the kill came too late to mean anything");
        self.gateway = Some(GatewayProcess::start(&self.folder).await?);
        self.say("gateway", "started again on what it had");
        self.all_delivered().await
    }

    /// 5c. A report whose number belongs to another patient.
    async fn wrong_patient(&mut self) -> anyhow::Result<()> {
        let report = Report {
            case: &self.cases[3],
            accession: "A1003",
            status: "F",
            control_id: "R4",
            text: &["IMPRESSION: of somebody else."],
        };
        ris::send(&self.gateway()?.hl7, &oru_r01(&report, SystemClock.timestamp())).await?;
        self.say("platform", "ORU^R01 for A1003, but of the patient of A1004: AA");
        Ok(())
    }

    /// Stops the gateway and looks into its store.
    async fn dusk(mut self) -> anyhow::Result<Results> {
        self.gateway.take().context("the gateway is down")?.stop().await?;
        self.say("gateway", "asked to stop, finished, gone");
        let store = SqliteStore::open(&self.folder.data, Default::default())?;
        self.delivered_rows();
        self.store_rows(&store).await?;
        self.linked_rows(&store).await?;
        let ris = self.ris.inbox.lock().unwrap_or_else(|it| it.into_inner()).clone();
        self.results.row("reports delivered to the RIS", 3, ris.len());
        for (message, expected) in ris.iter().zip(["N-A1001 P", "N-A1001 F", "N-A1002 F"]) {
            let text = |path| message.text(path).unwrap_or_default();
            let found = format!("{} {}", text("OBR-18"), text("OBR-25"));
            self.results.row("  number in the RIS's format, status", expected, found);
        }
        let announced = count(&self.news.inbox);
        self.results.row("reports announced as available", 3, announced);
        let seconds = self.began.elapsed().as_secs();
        self.results.row("under 60 s", true, seconds < 60);
        Ok(self.results)
    }

    fn delivered_rows(&mut self) {
        let copies = self.received.copies();
        let identical = self
            .sent
            .iter()
            .filter(|(uid, digest)| {
                copies.get(*uid).is_some_and(|all| all.iter().all(|one| one == *digest))
            })
            .count();
        let sent = self.sent.len();
        self.results.row("instances in, and delivered", sent, copies.len());
        self.results.row("delivered bit for bit", sent, identical);
        let repeated: usize = copies.values().map(|all| all.len() - 1).sum();
        // At most what was in flight on the two associations when the gateway was killed.
        self.results.row("repeated by the kill, at most 2", true, repeated <= 2);
    }

    async fn store_rows(&mut self, store: &SqliteStore) -> anyhow::Result<()> {
        let site = SiteId::new("north")?;
        let counts = store.delivery_counts().await?;
        let left: u64 = counts.iter().filter(|it| it.state != "sent").map(|it| it.count).sum();
        self.results.row("deliveries failed, parked or left", 0, left);
        let parked = store.parked(Some(&site), None, usize::MAX).await?;
        self.results.row("reports parked", 1, parked.len());
        for item in &parked {
            let expected = "identifiers contradict each other";
            self.results.row("  parked because", expected, &item.reason);
        }
        let mut marks = Vec::new();
        for uid in self.sent.keys() {
            let uid = telerad::core::Uid::new(uid)?;
            marks.extend(store.versions(&site, &uid).await?.into_iter().map(|it| it.mark));
        }
        let matched = marks.iter().filter(|it| matches!(it, StudyMark::Matched { .. })).count();
        let unmatched = marks.iter().filter(|it| matches!(it, StudyMark::Unmatched)).count();
        self.results.row("images linked to their order", self.sent.len() - 2, matched);
        self.results.row("images marked unmatched", 2, unmatched);
        let deliveries = store.deliveries_of_study(&site, UNORDERED_STUDY).await?;
        let sent = deliveries.iter().filter(|it| matches!(it.state, DeliveryState::Sent { .. }));
        self.results.row("unmatched images delivered all the same", 2, sent.count());
        Ok(())
    }
}

pub(crate) fn count(inbox: &ris::Inbox) -> usize {
    inbox.lock().unwrap_or_else(|it| it.into_inner()).len()
}
