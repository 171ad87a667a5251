//! The reading platform: receives studies, is down at times, and sends reports.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use telerad::core::Timestamp;
use telerad::dicom::Status;
use telerad::dimse::{AssociateRequest, Rejection};
use telerad::net::dicom::{
    AssociationContext, Body, ServerConfig, Services, StoreReply, StoreRequest, serve,
};
use telerad::net::{BoxFuture, Remote, ShutdownHandle, TcpAcceptor, TokioSpawn, shutdown};

use crate::cast::Case;
use crate::ris::{lines, msh, pid, segment};

/// What arrived: for each SOP Instance UID the digest of every copy.
#[derive(Clone, Default)]
pub(crate) struct Received {
    copies: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
    pause_ms: Arc<AtomicU64>,
}

impl Received {
    pub(crate) fn copies(&self) -> BTreeMap<String, Vec<String>> {
        self.copies.lock().unwrap_or_else(|it| it.into_inner()).clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.copies().len()
    }
}

/// The platform while it is up. Dropping it takes it down.
pub(crate) struct Platform {
    _up: ShutdownHandle,
}

impl Platform {
    /// Listens; every instance takes `pause` to be stored, as on a slow link.
    pub(crate) async fn up(
        address: &str,
        received: &Received,
        pause: Duration,
    ) -> anyhow::Result<Self> {
        let listener = TcpAcceptor::bind(address).await?;
        received.pause_ms.store(pause.as_millis() as u64, Ordering::Relaxed);
        let (up, stopped) = shutdown();
        let services = Arc::new(received.clone());
        let config = ServerConfig::default();
        tokio::spawn(serve(listener, services, config, Arc::new(TokioSpawn), stopped));
        Ok(Self { _up: up })
    }
}

impl Services for Received {
    fn admit(&self, request: &AssociateRequest, _remote: &Remote) -> Result<(), Rejection> {
        match request.called.as_str() {
            "READER" => Ok(()),
            _ => Err(Rejection::CALLED_AE_NOT_RECOGNIZED),
        }
    }

    fn store(
        &self,
        _context: AssociationContext,
        request: StoreRequest,
        mut body: Body,
    ) -> BoxFuture<'static, StoreReply> {
        let received = self.clone();
        Box::pin(async move {
            let mut hasher = blake3::Hasher::new();
            while let Some(piece) = body.next().await {
                match piece {
                    Ok(piece) => hasher.update(&piece),
                    Err(_) => return Status::CANNOT_UNDERSTAND.into(),
                };
            }
            let pause = received.pause_ms.load(Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let digest = hasher.finalize().to_hex().to_string();
            let mut copies = received.copies.lock().unwrap_or_else(|it| it.into_inner());
            copies.entry(request.sop_instance_uid).or_default().push(digest);
            Status::SUCCESS.into()
        })
    }
}

/// What a report is about, as the platform writes it.
pub(crate) struct Report<'a> {
    pub(crate) case: &'a Case,
    /// As the platform spells the number.
    pub(crate) accession: &'a str,
    /// OBR-25.
    pub(crate) status: &'a str,
    pub(crate) control_id: &'a str,
    pub(crate) text: &'a [&'a str],
}

/// ORU^R01.
pub(crate) fn oru_r01(report: &Report<'_>, now: Timestamp) -> String {
    let (time, case) = (now.to_compact_utc(), report.case);
    let procedure = format!("{}^{}^LOCAL", case.code, case.procedure);
    let mut segments = vec![
        msh("READER", "ORU^R01", report.control_id, &time),
        pid(case),
        segment(
            "OBR",
            &[
                (1, "1"),
                (4, &procedure),
                (7, &time),
                (18, report.accession),
                (22, &time),
                (25, report.status),
                (32, "RAD9&Ferreira&Inês"),
            ],
        ),
    ];
    for (index, line) in report.text.iter().enumerate() {
        let number = (index + 1).to_string();
        let fields = [
            (1, number.as_str()),
            (2, "TX"),
            (3, "18748-4^Diagnostic imaging report^LN"),
            (5, line),
            (11, report.status),
        ];
        segments.push(segment("OBX", &fields));
    }
    lines(&segments)
}
