//! One data set into the spool, as long as there is room for it.

use bytes::Bytes;
use telerad_core::{Priority, Uid};
use telerad_dicom::{Head, HeadLimits, HeadScanner, InstanceHead, Scan, Status, encoding_of, tags};
use telerad_net::dicom::{AssociationContext, Body, StoreRequest};
use telerad_routing::{Digest, InstanceRecord, Relation, StudyMark};
use telerad_store::payload::{PayloadHold, StoredPayload};

use super::Refusal;
use super::known::Known;
use super::order::find_order;
use crate::configuration::SourcePriority;
use crate::directory::Caller;
use crate::event::Event;
use crate::room;
use crate::state::State;
use crate::watermarks::Room;

/// An instance whose data set arrives.
pub(super) struct Arrival<'a> {
    pub(super) state: &'a State,
    pub(super) caller: &'a Caller,
    pub(super) context: &'a AssociationContext,
    pub(super) request: &'a StoreRequest,
    pub(super) uid: Uid,
}

/// An instance that is durable.
pub(super) struct Received {
    /// Keeps its payload from being removed before it is registered.
    pub(super) hold: PayloadHold,
    /// What was stored about it while its payload was being synced.
    pub(super) known: Option<Known>,
    pub(super) record: InstanceRecord,
}

impl Arrival<'_> {
    /// Streams the data set into the spool while its head is read; the instance, once it is durable. Nothing is
    /// published when the peer breaks off, when the data set is of another instance than the command said, or when the
    /// room runs out. What was written is gone then, and what the peer still sends is thrown away unwritten.
    pub(super) async fn receive(&self, mut body: Body) -> Result<Received, Refusal> {
        let mut room = room::at_begin(self.state).await;
        let mut writer = self.state.environment.payloads.create();
        let mut scanner = self.scanner();
        let must_wait = room == Room::Low && self.caller.priority == SourcePriority::Low;
        let mut urgency = must_wait.then(|| self.scanner());
        while let Some(chunk) = self.next(room, &mut body).await? {
            // Beyond the head, only to find where the pixels begin.
            if scanner.pixel_data_offset().is_none() && scanner.state() != Scan::Failed {
                scanner.push(&chunk);
            }
            if urgency.as_mut().is_some_and(|head| head.push(&chunk) != Scan::NeedMore)
                && let Some(Ok(head)) = urgency.take().map(HeadScanner::finish)
            {
                self.let_urgent_pass(&head).await?;
            }
            let bytes = chunk.len();
            writer.write(chunk).await.map_err(Refusal::storage)?;
            room = room::after(self.state, bytes).await;
        }
        let pixel_data_offset = scanner.pixel_data_offset();
        let head = scanner.finish().map_err(|error| {
            Refusal::new(Status::CANNOT_UNDERSTAND, format!("data set: {error}"))
        })?;
        if head.uid(tags::SOP_INSTANCE_UID).as_ref() != Some(&self.uid) {
            return Err(Refusal::new(
                Status::DATA_SET_DOES_NOT_MATCH,
                "SOP Instance UID of the data set is not that of the command",
            ));
        }
        if urgency.is_some() {
            self.let_urgent_pass(&head).await?;
        }
        let nothing = StoredPayload { digest: Digest::of(b""), bytes: 0 };
        let early = self.record(&head, nothing, pixel_data_offset);
        let (payload, known) = tokio::join!(writer.finish(), Known::read(self.state, &early));
        let payload = payload.map_err(Refusal::storage)?;
        let StoredPayload { digest, bytes } = payload.stored;
        let record = InstanceRecord { digest, bytes, received_at: self.state.now(), ..early };
        Ok(Received { hold: payload.hold, known: known.ok(), record })
    }

    /// The next piece, as long as there is room for it.
    async fn next(&self, room: Room, body: &mut Body) -> Result<Option<Bytes>, Refusal> {
        if room == Room::None {
            return Err(self.shed());
        }
        body.next().await.transpose().map_err(|error| {
            Refusal::new(Status::CANNOT_UNDERSTAND, format!("transfer broke off: {error}"))
        })
    }

    /// Below the soft watermark a source of low priority has to wait, unless what it sends is urgent.
    async fn let_urgent_pass(&self, head: &Head) -> Result<(), Refusal> {
        let nothing = StoredPayload { digest: Digest::of(b""), bytes: 0 };
        let record = self.record(head, nothing, None);
        match find_order(self.state, &record).await.map_err(Refusal::storage)? {
            (_, Priority::Stat) => Ok(()),
            _ => Err(self.shed()),
        }
    }

    fn shed(&self) -> Refusal {
        let cause = self.state.watermarks.cause();
        self.state.tell(Event::InstanceShed {
            source: self.context.calling.clone(),
            sop_instance_uid: self.uid.clone(),
            cause: cause.clone(),
        });
        Refusal::new(Status::OUT_OF_RESOURCES, format!("no room: {cause}"))
    }

    fn scanner(&self) -> HeadScanner {
        HeadScanner::new(encoding_of(&self.request.transfer_syntax_uid), HeadLimits::default())
    }

    fn record(
        &self,
        head: &Head,
        payload: StoredPayload,
        pixel_data_offset: Option<u64>,
    ) -> InstanceRecord {
        InstanceRecord {
            site: self.caller.site.clone(),
            sop_instance_uid: self.uid.clone(),
            digest: payload.digest,
            bytes: payload.bytes,
            transfer_syntax_uid: self.request.transfer_syntax_uid.clone(),
            sop_class_uid: self.request.sop_class_uid.clone(),
            source: self.context.calling.clone(),
            received_at: self.state.now(),
            pixel_data_offset,
            head: InstanceHead::read(head),
            mark: StudyMark::Unmatched,
            relation: Relation::First,
        }
    }
}
