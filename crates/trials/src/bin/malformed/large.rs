//! An instance larger than the memory of many a machine passes through a server without a trace.

use std::io;
use std::time::Instant;

use anyhow::Result;
use bytes::Bytes;
use telerad::core::AeTitle;
use telerad::dicom::Status;
use telerad::dimse::ProposedContext;
use telerad::net::dicom::{BodySource, ClientAssociation, Peer, StoreRequest};
use telerad_trials::GATEWAY_TITLE;
use telerad_trials::footprint::Footprint;
use telerad_trials::messages::Order;
use telerad_trials::synthetic::{EXPLICIT_LITTLE, US_MULTIFRAME_STORAGE, multiframe_head};
use telerad_trials::verdict::Verdict;
use tokio::runtime::Runtime;

use crate::wire::Target;

const PIXELS: usize = 2 << 30;
const GROWTH_KB_MAX: u64 = 4096;

pub fn check(
    verdict: &mut Verdict,
    who: &str,
    runtime: &Runtime,
    target: &Target,
    process: u32,
) -> Result<()> {
    let before = Footprint::of(process)?;
    let started = Instant::now();
    let status = runtime.block_on(store(target))?;
    let took = started.elapsed().as_secs_f64();
    let after = Footprint::of(process)?;
    verdict.claim(
        &format!("{who}: an instance of 2 GB in no more memory"),
        status == Status::SUCCESS && after.peak_kb <= before.peak_kb + GROWTH_KB_MAX,
        format!("{status:?}, {took:.1} s, peak {} kB, then {} kB", before.peak_kb, after.peak_kb),
    );
    Ok(())
}

async fn store(target: &Target) -> Result<Status> {
    let peer =
        Peer::new(target.address.clone(), AeTitle::new(GATEWAY_TITLE)?, AeTitle::new("CT1")?);
    let contexts = vec![ProposedContext {
        id: 1,
        abstract_syntax: US_MULTIFRAME_STORAGE.to_owned(),
        transfer_syntaxes: vec![EXPLICIT_LITTLE.to_owned()],
    }];
    let mut association = ClientAssociation::connect(&target.connector, &peer, contexts).await?;
    let uid = "2.25.2147483648";
    let request = StoreRequest {
        message_id: 1,
        sop_class_uid: US_MULTIFRAME_STORAGE.to_owned(),
        sop_instance_uid: uid.to_owned(),
        transfer_syntax_uid: EXPLICIT_LITTLE.to_owned(),
        move_originator: None,
    };
    let head = multiframe_head(&Order::new("BIG", 1), uid, PIXELS);
    let source =
        Repeated { head: Some(head.into()), block: vec![0x5A; 1 << 18].into(), left: PIXELS };
    let answer = association.store(&request, source).await?;
    association.release().await?;
    Ok(answer.status())
}

/// A head, then the same block over and over.
struct Repeated {
    head: Option<Bytes>,
    block: Bytes,
    left: usize,
}

impl BodySource for Repeated {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(head) = self.head.take() {
            return Ok(Some(head));
        }
        let length = self.left.min(self.block.len());
        self.left -= length;
        Ok((length > 0).then(|| self.block.slice(..length)))
    }
}
