//! Instances that come in.

use std::sync::Arc;

use telerad_dicom::Status;

use crate::dicom::{AssociationContext, Body, StoreReply, StoreRequest, StoreScp};

/// Takes instances in: for a server, and as the sink of a C-GET.
pub trait Storage: Send + Sync + 'static {
    /// An instance comes: where its data set is to go.
    ///
    /// # Errors
    /// The refusal that the peer is to hear. What it has sent meanwhile is read and thrown away.
    fn begin(
        &self,
        context: &AssociationContext,
        request: &StoreRequest,
    ) -> Result<Box<dyn Incoming>, StoreReply>;
}

/// Where one data set goes, piece by piece.
///
/// Dropped without [`finish`](Self::finish), the instance has not come whole, and must not be kept as if it had.
pub trait Incoming: Send {
    /// The next piece, in the encoding that the request names. The peer waits while this does.
    ///
    /// # Errors
    /// The refusal that the peer is to hear.
    fn write(&mut self, piece: &[u8]) -> Result<(), StoreReply>;

    /// The data set is complete. Whatever is answered here is what the peer hears, so success must mean that the instance
    /// is durable.
    fn finish(self: Box<Self>) -> StoreReply;
}

/// Takes whole instances of at most `bytes_max` bytes, from memory. Larger ones are refused: out of resources.
pub fn whole<F>(bytes_max: usize, store: F) -> impl Storage
where
    F: Fn(&AssociationContext, &StoreRequest, Vec<u8>) -> StoreReply + Send + Sync + 'static,
{
    Whole { store: Arc::new(store), bytes_max }
}

struct Whole<F> {
    store: Arc<F>,
    bytes_max: usize,
}

struct InMemory<F> {
    context: AssociationContext,
    request: StoreRequest,
    bytes: Vec<u8>,
    bytes_max: usize,
    store: Arc<F>,
}

impl<F> Storage for Whole<F>
where
    F: Fn(&AssociationContext, &StoreRequest, Vec<u8>) -> StoreReply + Send + Sync + 'static,
{
    fn begin(
        &self,
        context: &AssociationContext,
        request: &StoreRequest,
    ) -> Result<Box<dyn Incoming>, StoreReply> {
        Ok(Box::new(InMemory {
            context: context.clone(),
            request: request.clone(),
            bytes: Vec::new(),
            bytes_max: self.bytes_max,
            store: Arc::clone(&self.store),
        }))
    }
}

impl<F> Incoming for InMemory<F>
where
    F: Fn(&AssociationContext, &StoreRequest, Vec<u8>) -> StoreReply + Send + Sync + 'static,
{
    fn write(&mut self, piece: &[u8]) -> Result<(), StoreReply> {
        if piece.len() > self.bytes_max - self.bytes.len() {
            return Err(Status::OUT_OF_RESOURCES.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    fn finish(self: Box<Self>) -> StoreReply {
        (self.store)(&self.context, &self.request, self.bytes)
    }
}

/// Feeds one instance to a storage.
pub(super) async fn receive<S: Storage + ?Sized>(
    storage: Arc<S>,
    context: AssociationContext,
    request: StoreRequest,
    mut body: Body,
) -> StoreReply {
    let mut incoming = match storage.begin(&context, &request) {
        Ok(incoming) => incoming,
        Err(refusal) => return refusal,
    };
    while let Some(piece) = body.next().await {
        // Without an end nobody hears the answer.
        let Ok(piece) = piece else { return Status::CANNOT_UNDERSTAND.into() };
        if let Err(refusal) = incoming.write(&piece) {
            return refusal;
        }
    }
    incoming.finish()
}

/// A storage as the sink of a C-GET.
pub(super) struct Sink(pub(super) Arc<dyn Storage>);

impl StoreScp for Sink {
    async fn store(
        &self,
        context: AssociationContext,
        request: StoreRequest,
        body: Body,
    ) -> StoreReply {
        receive(Arc::clone(&self.0), context, request, body).await
    }
}
