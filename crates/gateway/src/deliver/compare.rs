//! A peer that says that it has an instance already (0111H): what it has is fetched by C-GET and compared with what was
//! to be sent, as two versions of one UID are compared when they come in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use telerad_core::{SiteId, Uid};
use telerad_dicom::{
    HeadLimits, HeadScanner, InstanceHead, PeerAnswer, Scan, Status, encoding_of, tags, uids,
};
use telerad_dimse::plan_contexts;
use telerad_net::Connector;
use telerad_net::dicom::{
    AssociationContext, AssociationError, Body, PoolError, StoreReply, StoreRequest, StoreScp,
};
use telerad_routing::{
    DeliveryOutcome, DeliveryRecord, FaultScope, HeldContent, InstanceRecord, Relation, StudyMark,
    held_content,
};
use telerad_store::StoreError;
use telerad_store::payload::PayloadHold;

use super::Worker;
use super::doubt::image_level;
use crate::state::State;
use crate::watermarks::Room;
use crate::{faults, pixels, room};

/// Why the peer's version cannot be had, in words.
enum NotHad {
    /// It will not be had: the peer does not give it.
    Ever(String),
    /// An association failed, or somebody had no room: another try may bring it.
    Now(String),
    /// The pool of associations is being closed.
    Stopping,
    /// Our own records cannot be read.
    Store(StoreError),
}

impl<C: Connector> Worker<C> {
    /// Compares what was answered "I have it already", one after the other, and records what comes of it. What is left at
    /// a stop is sent again by the next run, and answered so again.
    ///
    /// # Errors
    /// When something could not be recorded, or our own records could not be read.
    pub(super) async fn compare_all(
        &self,
        held_there: Vec<(DeliveryRecord, PeerAnswer)>,
    ) -> Result<(), StoreError> {
        let mut in_a_row = 0;
        let mut failing = None;
        for (delivery, answer) in held_there {
            if self.shutdown.is_requested() {
                break;
            }
            let held = match &failing {
                // One instance may break every association on which it is asked for; several in a row show that it is the
                // peer, and each of them may hang as long as a peer may.
                Some(why) if in_a_row >= FAULTS_IN_A_ROW_MAX => {
                    Some(HeldContent::NotFetched { why: String::clone(why) })
                }
                _ => self.held_by_peer(&delivery).await?,
            };
            let Some(held) = held else { break };
            failing = match &held {
                HeldContent::NotFetched { why } => Some(why.clone()),
                _ => None,
            };
            in_a_row = if failing.is_some() { in_a_row + 1 } else { 0 };
            let outcome = DeliveryOutcome::Duplicate { answer, held };
            self.record(Some(self.finish(delivery, outcome))).await?;
        }
        Ok(())
    }

    /// What the peer holds; `None` at a stop.
    ///
    /// # Errors
    /// When our own records cannot be read.
    async fn held_by_peer(
        &self,
        delivery: &DeliveryRecord,
    ) -> Result<Option<HeldContent>, StoreError> {
        Ok(match self.fetch(delivery).await {
            // What is fetched is kept until it has been compared; nothing refers to it then, and it is garbage.
            Ok((sent, held, _hold)) => {
                let known = [InstanceRecord { relation: Relation::First, ..sent }];
                let pixels = pixels::compare(&self.state, &held, &known).await;
                let [sent] = &known;
                Some(held_content(sent, &held, pixels.same_as(sent)))
            }
            Err(NotHad::Ever(why)) => Some(HeldContent::NotCompared { why }),
            Err(NotHad::Now(why)) => Some(HeldContent::NotFetched { why }),
            Err(NotHad::Stopping) => None,
            Err(NotHad::Store(error)) => return Err(error),
        })
    }

    /// The version that was to be sent and the one that the peer has.
    ///
    /// # Errors
    /// Why the peer's cannot be had.
    async fn fetch(
        &self,
        delivery: &DeliveryRecord,
    ) -> Result<(InstanceRecord, InstanceRecord, PayloadHold), NotHad> {
        let ever = |why: &str| NotHad::Ever(why.to_owned());
        let sent = self.sent_version(delivery).await.map_err(NotHad::Store)?;
        let sent = sent.ok_or_else(|| ever("its own record is missing"))?;
        let identifier = image_level(delivery, &sent)
            .ok_or_else(|| ever("it is in no study or series by which it could be asked for"))?;
        let (class, own) = (delivery.sop_class_uid.as_str(), delivery.transfer_syntax_uid.as_str());
        let queries = QUERY_SYNTAXES.map(|syntax| (uids::STUDY_ROOT_GET, syntax));
        // The one it was to be sent in, then those whose pixels can be compared with any other.
        let images = [own].into_iter().chain(COMPARABLE).map(|syntax| (class, syntax));
        let needs: Vec<(&str, &str)> = queries.into_iter().chain(images).collect();
        let contexts = plan_contexts(&needs).into_iter().next().unwrap_or_default();
        let peer = self.queue.peer.clone().receiving(&[class]);
        let mut association = self.pool.checkout(&peer, contexts).await?;
        let sink = Sink {
            state: Arc::clone(&self.state),
            site: delivery.key.site.clone(),
            wanted: delivery.key.sop_instance_uid.clone(),
            fetched: Mutex::default(),
            no_room: AtomicBool::new(false),
        };
        let asked = association.get(uids::STUDY_ROOT_GET, &identifier, &sink).await?;
        let ended = asked.finish().await?;
        if let Some((held, hold)) = sink.fetched().take() {
            return Ok((sent, held, hold));
        }
        let code = ended.status.code();
        if sink.no_room.load(Ordering::Relaxed) {
            return Err(NotHad::Now(format!("asked for it, it found no room here ({code:04X}H)")));
        }
        let why = format!("asked for it, the peer sent nothing (status {code:04X}H)");
        // A7xx is a lack of resources for C-GET too (PS3.4 table C.4-3); A702H also says that a C-STORE to us failed.
        Err(if ended.status.is_retryable() { NotHad::Now(why) } else { NotHad::Ever(why) })
    }
}

impl From<PoolError> for NotHad {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Association(error) => error.into(),
            PoolError::Closed => Self::Stopping,
            error => Self::Now(error.to_string()),
        }
    }
}

impl From<AssociationError> for NotHad {
    fn from(error: AssociationError) -> Self {
        match faults::scope(&error) {
            // The peer does not give what was sent to it, or not in this way.
            FaultScope::Instance => Self::Ever(error.to_string()),
            FaultScope::Association
            | FaultScope::Busy
            | FaultScope::Destination
            | FaultScope::Local => Self::Now(error.to_string()),
        }
    }
}

/// Takes the one instance that was asked for.
struct Sink {
    state: Arc<State>,
    site: SiteId,
    wanted: Uid,
    fetched: Mutex<Option<(InstanceRecord, PayloadHold)>>,
    /// It came, and our own spool could not take it.
    no_room: AtomicBool,
}

impl StoreScp for Sink {
    async fn store(
        &self,
        context: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> StoreReply {
        match self.receive(&context, request, body).await {
            Ok(()) => Status::SUCCESS.into(),
            Err(status) => {
                if status == Status::OUT_OF_RESOURCES {
                    self.no_room.store(true, Ordering::Relaxed);
                }
                status.into()
            }
        }
    }
}

impl Sink {
    fn fetched(&self) -> std::sync::MutexGuard<'_, Option<(InstanceRecord, PayloadHold)>> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn receive(
        &self,
        context: &AssociationContext,
        request: StoreRequest,
        mut body: Body,
    ) -> Result<(), Status> {
        let is_wanted = request.sop_instance_uid == self.wanted.as_str();
        if !is_wanted || self.fetched().is_some() {
            return Err(Status::DATA_SET_DOES_NOT_MATCH);
        }
        let mut room = room::at_begin(&self.state).await;
        let encoding = encoding_of(&request.transfer_syntax_uid);
        let mut scanner = HeadScanner::new(encoding, HeadLimits::default());
        let mut writer = self.state.environment.payloads.create();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| Status::CANNOT_UNDERSTAND)?;
            if room == Room::None {
                return Err(Status::OUT_OF_RESOURCES);
            }
            if scanner.pixel_data_offset().is_none() && scanner.state() != Scan::Failed {
                scanner.push(&chunk);
            }
            let bytes = chunk.len();
            writer.write(chunk).await.map_err(|_| Status::OUT_OF_RESOURCES)?;
            room = room::after(&self.state, bytes).await;
        }
        let pixel_data_offset = scanner.pixel_data_offset();
        let head = scanner.finish().map_err(|_| Status::CANNOT_UNDERSTAND)?;
        if head.uid(tags::SOP_INSTANCE_UID).as_ref() != Some(&self.wanted) {
            return Err(Status::DATA_SET_DOES_NOT_MATCH);
        }
        let payload = writer.finish().await.map_err(|_| Status::OUT_OF_RESOURCES)?;
        let record = InstanceRecord {
            site: self.site.clone(),
            sop_instance_uid: self.wanted.clone(),
            digest: payload.stored.digest,
            bytes: payload.stored.bytes,
            transfer_syntax_uid: request.transfer_syntax_uid,
            sop_class_uid: request.sop_class_uid,
            source: context.calling.clone(),
            received_at: self.state.now(),
            pixel_data_offset,
            head: InstanceHead::read(&head),
            mark: StudyMark::Unmatched,
            relation: Relation::First,
        };
        *self.fetched() = Some((record, payload.hold));
        Ok(())
    }
}

/// After so many faults of the association in a row nothing more of a batch is asked for this time.
const FAULTS_IN_A_ROW_MAX: u32 = 3;

const QUERY_SYNTAXES: [&str; 2] =
    [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN];

/// Transfer syntaxes whose pixels we decode.
const COMPARABLE: [&str; 6] = [
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    uids::JPEG_LOSSLESS_SV1,
    uids::JPEG_LOSSLESS,
    uids::JPEG_LS_LOSSLESS,
    uids::RLE_LOSSLESS,
];
