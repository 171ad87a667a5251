//! DICOM files: found, read in pieces, and written so that they are whole or not there.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use bytes::{Bytes, BytesMut};
use telerad::core::Uid;
use telerad::dicom::file_name;
use telerad::dicom::part10::{self, FileMeta};
use telerad::net::dicom::{Body, BodySource, StoreRequest};
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

/// A file with an instance in it.
pub struct InstanceFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What its head says: class, instance, transfer syntax.
    pub meta: FileMeta,
    /// Bytes of the data set.
    pub length: u64,
    offset: u64,
}

impl InstanceFile {
    /// Reads the head of a file.
    ///
    /// # Errors
    /// When it cannot be read, is no DICOM file, or does not say what it holds.
    pub async fn open(path: PathBuf) -> Result<Self> {
        let place = path.display().to_string();
        let read = async {
            let file = File::open(&path).await?;
            let size = file.metadata().await?.len();
            let mut head = Vec::new();
            file.take(HEAD_BYTES_MAX).read_to_end(&mut head).await?;
            Ok::<_, io::Error>((size, head))
        };
        let (size, head) = read.await.with_context(|| format!("cannot read {place}"))?;
        let (meta, offset) =
            part10::read(&head).with_context(|| format!("{place} is no DICOM file"))?;
        let says_what_it_is = !meta.sop_class_uid.is_empty() && !meta.sop_instance_uid.is_empty();
        ensure!(says_what_it_is, "{place}: its head names no SOP class and instance");
        let offset = u64::try_from(offset)?;
        Ok(Self { path, meta, length: size.saturating_sub(offset), offset })
    }

    /// What is said about the instance before its data set.
    pub fn request(&self) -> StoreRequest {
        StoreRequest {
            message_id: 0,
            sop_class_uid: self.meta.sop_class_uid.clone(),
            sop_instance_uid: self.meta.sop_instance_uid.clone(),
            transfer_syntax_uid: self.meta.transfer_syntax_uid.clone(),
            move_originator: None,
        }
    }

    /// The data set, to be read while it is sent. `progress` is told of the bytes of each piece.
    ///
    /// # Errors
    /// When the file is not there any more.
    pub async fn body<P: FnMut(u64) + Send>(&self, progress: P) -> io::Result<FileBody<P>> {
        let mut file = File::open(&self.path).await?;
        file.seek(io::SeekFrom::Start(self.offset)).await?;
        Ok(FileBody { file, progress })
    }
}

/// A data set that is read from its file while it is sent.
pub struct FileBody<P> {
    file: File,
    progress: P,
}

impl<P: FnMut(u64) + Send> BodySource for FileBody<P> {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        let count = self.file.read_buf(&mut piece).await?;
        (self.progress)(u64::try_from(count).unwrap_or_default());
        Ok((count > 0).then(|| piece.freeze()))
    }
}

/// Every instance in these files and folders, in order of name; and what is wrong with the files that are left out.
///
/// # Errors
/// When a path is not there or a folder cannot be read.
pub async fn find_instances(paths: &[String]) -> Result<(Vec<InstanceFile>, Vec<String>)> {
    let mut waiting: Vec<PathBuf> = paths.iter().rev().map(PathBuf::from).collect();
    let (mut instances, mut left_out) = (Vec::new(), Vec::new());
    while let Some(path) = waiting.pop() {
        let place = path.display().to_string();
        let about = tokio::fs::metadata(&path).await;
        if !about.with_context(|| format!("cannot read {place}"))?.is_dir() {
            match InstanceFile::open(path).await {
                Ok(instance) => instances.push(instance),
                Err(error) => left_out.push(format!("{error:#}")),
            }
            continue;
        }
        let cannot = || format!("cannot read the folder {place}");
        let mut entries = tokio::fs::read_dir(&path).await.with_context(cannot)?;
        let mut names = Vec::new();
        while let Some(entry) = entries.next_entry().await.with_context(cannot)? {
            // A link could lead back to where it lies.
            if !entry.file_type().await.with_context(cannot)?.is_symlink() {
                names.push(entry.path());
            }
        }
        names.sort_by(|a, b| b.cmp(a));
        waiting.extend(names);
    }
    Ok((instances, left_out))
}

/// Writes an instance into `folder` as a DICOM file, byte for byte as it comes, and has the disk keep it.
///
/// It gets its name only when it is whole and synced: a program that is killed leaves no file that looks complete. Another
/// instance that bears the same UID is never replaced: the second is kept beside it.
///
/// # Errors
/// When the instance does not arrive whole, its UID cannot be one, or the disk refuses.
pub async fn save(folder: &Path, request: &StoreRequest, mut body: Body) -> Result<PathBuf> {
    // The name comes from the peer, so it must not be able to leave the folder.
    let name = file_name::of(&Uid::new(&request.sop_instance_uid)?);
    let mut part = NamedTempFile::new_in(folder)?.into_temp_path();
    let meta = FileMeta {
        sop_class_uid: request.sop_class_uid.clone(),
        sop_instance_uid: request.sop_instance_uid.clone(),
        transfer_syntax_uid: request.transfer_syntax_uid.clone(),
    };
    let mut file = File::create(&part).await?;
    file.write_all(&part10::write(&meta)).await?;
    while let Some(piece) = body.next().await {
        file.write_all(&piece?).await?;
    }
    file.sync_all().await?;
    let mut number = 1;
    loop {
        let path = match number {
            1 => folder.join(format!("{name}.dcm")),
            more => folder.join(format!("{name}-{more}.dcm")),
        };
        number += 1;
        match part.persist_noclobber(&path) {
            Ok(()) => {
                File::open(folder).await?.sync_all().await?;
                return Ok(path);
            }
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error.error.into());
            }
            // Sent again: what is there is what came.
            Err(error) if digest(&path).await? == digest(&error.path).await? => return Ok(path),
            Err(error) => part = error.path,
        }
    }
}

async fn digest(path: &Path) -> io::Result<blake3::Hash> {
    let mut file = File::open(path).await?;
    let (mut hasher, mut piece) = (blake3::Hasher::new(), BytesMut::new());
    while file.read_buf(&mut piece).await? > 0 {
        hasher.update(&piece);
        piece.clear();
    }
    Ok(hasher.finalize())
}

/// What is read of a file to find its head.
const HEAD_BYTES_MAX: u64 = 256 * 1024;

/// What is read of a file at a time while it is sent.
const PIECE_BYTES: usize = 64 * 1024;
