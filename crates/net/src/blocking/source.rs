//! Data sets that are read by waiting.

use std::io::{self, Read};

use bytes::Bytes;

use crate::BoxFuture;
use crate::dicom::{AnyBody, BodySource, InstanceReference, InstanceSource};

/// Sends what `reader` yields. One that fails aborts the association, so that the peer cannot take the part for the whole.
pub fn read_source(reader: impl Read + Send) -> impl BodySource {
    Reader { reader, buffer: vec![0; PIECE_BYTES] }
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
    buffer: Vec<u8>,
}

impl<R: Read + Send> BodySource for Reader<R> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match self.reader.read(&mut self.buffer) {
                Ok(0) => return Ok(None),
                Ok(count) => {
                    return Ok(self.buffer.get(..count).map(Bytes::copy_from_slice));
                }
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
