//! Our own sender, sink and relay.

use std::collections::HashMap;
use std::future::pending;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use telerad::core::AeTitle;
use telerad::dicom::{HeadLimits, HeadScanner, Scan, Status, encoding_of, uids};
use telerad::dimse::{AssociateRequest, ProposedContext, Rejection, plan_contexts};
use telerad::net::dicom::{
    AssociationContext, Body, BodySource, ClientAssociation, Peer, ServerConfig, Services,
    StoreReply, StoreRequest, serve,
};
use telerad::net::{
    BoxFuture, Connector, Listener, Remote, TcpAcceptor, TcpConnector, TokioSpawn, shutdown,
};
use telerad_testkit::dicom::Instance;
use tokio::runtime::Runtime;

use crate::file::FileReader;
use crate::role::{Words, end_with_our_owner, say};
use crate::workload::{Loaded, files};

/// MANNER (`discard`, `scan` or `stall`) THREADS: a storage SCP that keeps nothing.
pub fn sink(words: &Words<'_>) -> Result<()> {
    let manner = match words.text(0)? {
        "discard" => Manner::Discard,
        "scan" => Manner::Scan,
        "stall" => Manner::Stall,
        _ => bail!("no such manner"),
    };
    serve_as(Arc::new(Sink(manner)), words.number(1)?)
}

/// PORT: a storage SCP that stores everything there while it comes, and answers what it is answered.
pub fn relay(words: &Words<'_>) -> Result<()> {
    let relay = Relay { address: address(words)?, onward: Mutex::default() };
    serve_as(Arc::new(relay), 1)
}

/// PORT FOLDER FROM (`memory` or `files`): stores a folder.
pub fn send(words: &Words<'_>) -> Result<()> {
    let files = files(Path::new(words.text(1)?))?;
    let from_memory = match words.text(2)? {
        "memory" => true,
        "files" => false,
        _ => bail!("from memory or files"),
    };
    let loaded: Result<Vec<Loaded>> = match from_memory {
        true => files.iter().map(|file| Loaded::read(file)).collect(),
        false => Ok(Vec::new()),
    };
    let (loaded, address) = (loaded?, address(words)?);
    runtime(1)?.block_on(async {
        let mut association = associate(&address, contexts(1)).await?;
        let started = Instant::now();
        for instance in &loaded {
            let source = instance.data_set.clone();
            store_from(&mut association, &request_of(instance), source).await?;
        }
        if !from_memory {
            let mut reader = FileReader::default();
            for file in &files {
                let (head, source) = reader.open(file)?;
                store_from(&mut association, &request_of(&head), source).await?;
            }
        }
        let took = started.elapsed();
        association.release().await?;
        say(&format!("took {}", took.as_secs_f64()))
    })
}

/// PORT FRAMES: stores one instance of so many frames of 512 KiB, made while it is sent.
pub fn send_large(words: &Words<'_>) -> Result<()> {
    let (address, frames) = (address(words)?, words.number(1)?);
    runtime(1)?.block_on(async {
        let mut association = associate(&address, contexts(1)).await?;
        let started = Instant::now();
        let source = Synthetic::new(frames);
        store_from(&mut association, &request("2.25.1"), source).await?;
        let took = started.elapsed();
        association.release().await?;
        say(&format!("took {}", took.as_secs_f64()))
    })
}

/// An association that proposes `contexts`.
pub async fn associate(address: &str, contexts: Vec<ProposedContext>) -> Result<ClientAssociation> {
    associate_over(&TcpConnector, address, contexts).await
}

/// As [`associate`], over what the connector opens.
pub async fn associate_over<C: Connector>(
    connector: &C,
    address: &str,
    contexts: Vec<ProposedContext>,
) -> Result<ClientAssociation> {
    let peer = Peer::new(address, AeTitle::new("SINK")?, AeTitle::new("BENCH")?);
    Ok(ClientAssociation::connect(connector, &peer, contexts).await?)
}

/// CT Image Storage in so many transfer syntaxes, one context for each.
pub fn contexts(count: usize) -> Vec<ProposedContext> {
    let syntaxes = [uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned()].into_iter();
    // Some that nobody else uses: what is negotiated has to be remembered, whatever it means.
    let syntaxes = syntaxes.chain((1..).map(|number| format!("2.25.{number}"))).take(count);
    let needs: Vec<_> = syntaxes.map(|it| (uids::CT_IMAGE_STORAGE.to_owned(), it)).collect();
    plan_contexts(&needs).into_iter().next().unwrap_or_default()
}

/// A C-STORE of a CT image.
pub fn request(sop_instance_uid: &str) -> StoreRequest {
    StoreRequest {
        message_id: 0,
        sop_class_uid: uids::CT_IMAGE_STORAGE.to_owned(),
        sop_instance_uid: sop_instance_uid.to_owned(),
        transfer_syntax_uid: uids::EXPLICIT_VR_LITTLE_ENDIAN.to_owned(),
        move_originator: None,
    }
}

/// Stores from a source, which has to succeed.
pub async fn store_from(
    association: &mut ClientAssociation,
    request: &StoreRequest,
    source: impl BodySource,
) -> Result<()> {
    let answer = association.store(request, source).await?;
    ensure!(answer.is_delivered(), "answered {:04X}H", answer.status().code());
    Ok(())
}

/// The address whose port is the first argument.
pub fn address(words: &Words<'_>) -> Result<String> {
    Ok(format!("127.0.0.1:{}", words.number::<u16>(0)?))
}

/// A runtime on so many threads.
pub fn runtime(threads: usize) -> Result<Runtime> {
    let mut builder = match threads {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    Ok(builder.worker_threads(threads).enable_all().build()?)
}

/// A C-STORE of this instance.
pub fn request_of(instance: &Loaded) -> StoreRequest {
    StoreRequest {
        message_id: 0,
        sop_class_uid: instance.sop_class_uid.clone(),
        sop_instance_uid: instance.sop_instance_uid.clone(),
        transfer_syntax_uid: instance.transfer_syntax_uid.clone(),
        move_originator: None,
    }
}

fn serve_as(services: Arc<dyn Services>, threads: usize) -> Result<()> {
    runtime(threads)?
        .block_on(async { serve_on(TcpAcceptor::bind("127.0.0.1:0").await?, services).await })
}

/// A sink that looks at nothing, on this listener.
pub async fn discard_on(listener: impl Listener) -> Result<()> {
    serve_on(listener, Arc::new(Sink(Manner::Discard))).await
}

async fn serve_on(listener: impl Listener, services: Arc<dyn Services>) -> Result<()> {
    end_with_our_owner();
    let address = listener.local_address();
    say(&format!("ready {}", address.rsplit(':').next().unwrap_or_default()))?;
    let mut config = ServerConfig::default();
    // Everybody here calls from the same host.
    config.associations_per_peer_max = config.associations_max;
    let (_up, stopped) = shutdown();
    serve(listener, services, config, Arc::new(TokioSpawn), stopped).await;
    Ok(())
}

#[derive(Clone, Copy)]
enum Manner {
    /// Reads everything and looks at nothing.
    Discard,
    /// Reads everything and scans its head, as whoever files instances does.
    Scan,
    /// Reads the head and then nothing more: the association is as full as it can be.
    Stall,
}

struct Sink(Manner);

impl Services for Sink {
    fn admit(&self, _: &AssociateRequest, _: &Remote) -> Result<(), Rejection> {
        Ok(())
    }

    fn store(
        &self,
        _: AssociationContext,
        request: StoreRequest,
        mut body: Body,
    ) -> BoxFuture<'static, StoreReply> {
        let manner = self.0;
        Box::pin(async move {
            let limits = HeadLimits { bytes_max: 64 * 1024, ..HeadLimits::default() };
            let encoding = encoding_of(&request.transfer_syntax_uid);
            let mut scanner = HeadScanner::new(encoding, limits);
            while let Some(piece) = body.next().await {
                let Ok(piece) = piece else { return Status::CANNOT_UNDERSTAND.into() };
                if !matches!(manner, Manner::Discard) && scanner.push(&piece) == Scan::Failed {
                    return Status::CANNOT_UNDERSTAND.into();
                }
                if matches!(manner, Manner::Stall) {
                    pending::<()>().await;
                }
            }
            Status::SUCCESS.into()
        })
    }
}

/// An association of ours for each of the callers'.
struct Relay {
    address: String,
    onward: Mutex<HashMap<u64, Onward>>,
}

type Onward = Arc<tokio::sync::Mutex<Option<ClientAssociation>>>;

impl Services for Relay {
    fn admit(&self, _: &AssociateRequest, _: &Remote) -> Result<(), Rejection> {
        Ok(())
    }

    fn store(
        &self,
        context: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> BoxFuture<'static, StoreReply> {
        let mut every = self.onward.lock().unwrap_or_else(PoisonError::into_inner);
        let onward = Arc::clone(every.entry(context.association_id).or_default());
        let address = self.address.clone();
        Box::pin(async move {
            match pass_on(&onward, &address, &request, body).await {
                Ok(status) => status.into(),
                Err(_) => Status::OUT_OF_RESOURCES.into(),
            }
        })
    }
}

async fn pass_on(
    onward: &Onward,
    address: &str,
    request: &StoreRequest,
    body: Body,
) -> Result<Status> {
    let mut slot = onward.lock().await;
    let association = match &mut *slot {
        Some(association) => association,
        empty => empty.insert(associate(address, contexts(1)).await?),
    };
    Ok(association.store(request, Passing(body)).await?.status())
}

/// A body that is sent on while it comes.
struct Passing(Body);

impl BodySource for Passing {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        self.0.next().await.transpose().map_err(io::Error::other)
    }
}

/// A data set of any size, of which only one block is in memory.
pub struct Synthetic {
    head: Option<Bytes>,
    block: Bytes,
    left: u64,
}

impl Synthetic {
    /// A data set with so many frames of 512 KiB, fewer than 8192.
    pub fn new(frames: u32) -> Self {
        let mut instance = Instance::new(1);
        (instance.rows, instance.columns, instance.frames) = (512, 512, frames);
        let (head, left) = instance.head();
        Self { head: Some(head), block: Bytes::from(vec![7; BLOCK_BYTES]), left }
    }
}

impl BodySource for Synthetic {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head));
        }
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(BLOCK_BYTES);
        self.left -= length as u64;
        Ok((length > 0).then(|| self.block.slice(..length)))
    }
}

const BLOCK_BYTES: usize = 64 * 1024;
