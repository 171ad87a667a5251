//! A payload of the spool as the body of a C-STORE.

use std::io;

use bytes::Bytes;
use telerad_net::dicom::BodySource;
use telerad_store::payload::PayloadReader;

/// Reads block after block; the spool reads ahead within its own bound.
pub(crate) struct SpoolSource(pub(crate) Box<dyn PayloadReader>);

impl BodySource for SpoolSource {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        self.0.next().await
    }
}
