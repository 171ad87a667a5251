//! Instances that are read from their files while they are sent.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Result;
use bytes::{Bytes, BytesMut};
use telerad::net::dicom::BodySource;

use crate::workload::Loaded;

/// Reads files one after the other, into the same memory again and again.
#[derive(Default)]
pub struct FileReader {
    blocks: VecDeque<Bytes>,
}

impl FileReader {
    /// What the start of a file says, in which all but the pixels has to be, and the data set.
    pub fn open(&mut self, file: &Path) -> Result<(Loaded, FileSource<'_>)> {
        let mut file = File::open(file)?;
        let head = Loaded::of(&self.read(&mut file)?)?;
        let start = Some(head.data_set.clone());
        Ok((head, FileSource { reader: self, file, start }))
    }

    /// Reads as much as goes into a block of which nothing waits to be sent any more.
    fn read(&mut self, file: &mut File) -> io::Result<Bytes> {
        let mut block = self.free_block();
        // The processor of one machine here copies from page to page at half its speed when the bytes come to lie a little
        // further into the page than they were, which is where an allocator puts them.
        let start = block.as_ptr().align_offset(PAGE_BYTES);
        let count = file.read(&mut block[start..start + PIECE_BYTES])?;
        let block = block.freeze();
        let piece = block.slice(start..start + count);
        self.blocks.push_back(block);
        Ok(piece)
    }

    fn free_block(&mut self) -> BytesMut {
        for _ in 0..self.blocks.len() {
            match self.blocks.pop_front().map(Bytes::try_into_mut) {
                Some(Ok(block)) => return block,
                Some(Err(waits)) => self.blocks.push_back(waits),
                None => {}
            }
        }
        BytesMut::zeroed(PIECE_BYTES + PAGE_BYTES)
    }
}

/// A data set: what was read of it already, and the rest.
pub struct FileSource<'a> {
    reader: &'a mut FileReader,
    file: File,
    start: Option<Bytes>,
}

impl BodySource for FileSource<'_> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if let Some(start) = self.start.take() {
            return Ok(Some(start));
        }
        let piece = self.reader.read(&mut self.file)?;
        Ok((!piece.is_empty()).then_some(piece))
    }
}

/// More than an instance here has.
const PIECE_BYTES: usize = 1024 * 1024;
const PAGE_BYTES: usize = 4096;
