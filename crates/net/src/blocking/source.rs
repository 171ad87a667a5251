//! Data sets that are read by waiting.

use std::io::{self, Read};

use bytes::{Bytes, BytesMut};

use crate::BoxFuture;
use crate::dicom::{AnyBody, BodySource, InstanceReference, InstanceSource};

/// Sends what `reader` yields. One that fails aborts the association, so that the peer cannot take the part for the whole.
pub fn read_source(reader: impl Read + Send) -> impl BodySource {
    Reader { reader, buffer: BytesMut::new() }
}

/// Opens the instances of a [`Retrieval`](crate::dicom::Retrieval) by a function: a file, for instance.
pub fn instances_from<R, F>(open: F) -> Box<dyn InstanceSource>
where
    R: Read + Send + 'static,
    F: FnMut(&InstanceReference) -> io::Result<R> + Send + 'static,
{
    Box::new(Opener(open))
}

struct Reader<R> {
    reader: R,
    /// Room for what is read next.
    buffer: BytesMut,
}

impl<R: Read + Send> BodySource for Reader<R> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.buffer.is_empty() {
            // The same memory again, once what was read into it has been sent.
            self.buffer.resize(PIECE_BYTES, 0);
        }
        loop {
            match self.reader.read(&mut self.buffer) {
                Ok(0) => return Ok(None),
                Ok(count) => return Ok(Some(self.buffer.split_to(count).freeze())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

struct Opener<F>(F);

impl<R, F> InstanceSource for Opener<F>
where
    R: Read + Send + 'static,
    F: FnMut(&InstanceReference) -> io::Result<R> + Send + 'static,
{
    fn open<'a>(
        &'a mut self,
        instance: &'a InstanceReference,
    ) -> BoxFuture<'a, io::Result<AnyBody>> {
        let opened = (self.0)(instance).map(|reader| AnyBody::new(read_source(reader)));
        Box::pin(std::future::ready(opened))
    }
}

/// Of one read.
const PIECE_BYTES: usize = 64 * 1024;
