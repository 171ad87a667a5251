//! What the kernel asks, handed to the state.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use fuser::{
    AccessFlags, BsdFileFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};

use super::server::Shared;
use super::state::{Attributes, State};

/// Serves the kernel. Names and attributes may be kept by it for ever: nobody changes them but through it, and a new
/// generation has new inodes.
pub(super) struct Requests {
    shared: Arc<Shared>,
    owner: (u32, u32),
}

impl Requests {
    /// Everything belongs to whom the mount point belongs to.
    pub(super) fn new(shared: Arc<Shared>, mount_point: &Path) -> Result<Self> {
        let metadata = std::fs::metadata(mount_point)?;
        Ok(Self { shared, owner: (metadata.uid(), metadata.gid()) })
    }

    fn attributes(&self, of: &Attributes) -> FileAttr {
        let (kind, perm) = match of.is_directory {
            true => (FileType::Directory, 0o700),
            false => (FileType::RegularFile, 0o600),
        };
        FileAttr {
            ino: INodeNo(of.inode),
            size: of.length,
            blocks: of.length.div_ceil(512),
            atime: of.modified,
            mtime: of.modified,
            ctime: of.modified,
            crtime: of.modified,
            kind,
            perm,
            nlink: 1,
            uid: self.owner.0,
            gid: self.owner.1,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }

    fn top(&self) -> FileAttr {
        let modified = SystemTime::UNIX_EPOCH;
        self.attributes(&Attributes { inode: TOP, is_directory: true, length: 0, modified })
    }

    fn entry(&self, found: Result<Attributes, Errno>, reply: ReplyEntry) {
        match found {
            Ok(found) => reply.entry(&FOR_EVER, &self.attributes(&found), Generation(0)),
            Err(errno) => reply.error(errno),
        }
    }

    /// Carries out what may be the last operation of this generation.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> Result<T, Errno>) -> Result<T, Errno> {
        let mut state = self.shared.state();
        let outcome = change(&mut state);
        if !state.has_power() {
            self.shared.cut.notify_all();
        }
        outcome
    }

    fn sync(&self, inode: INodeNo, reply: ReplyEmpty) {
        if inode.0 == TOP {
            return reply.ok();
        }
        std::thread::sleep(SYNC_TAKES);
        answer(self.change(|state| state.sync(inode.0)), reply);
    }

    /// The kernel's page cache holds what is mapped, and nothing else.
    fn open_flags(&self, inode: u64) -> FopenFlags {
        if self.shared.state().is_mapped(inode) {
            FopenFlags::FOPEN_KEEP_CACHE
        } else {
            FopenFlags::FOPEN_DIRECT_IO
        }
    }
}

impl Filesystem for Requests {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = text(name).and_then(|name| match parent.0 {
            TOP => {
                let number = name.parse().map_err(|_| Errno::ENOENT)?;
                self.shared.state().root_of(number)
            }
            _ => self.shared.state().lookup(parent.0, name),
        });
        self.entry(found, reply);
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        if inode.0 == TOP {
            return reply.attr(&FOR_EVER, &self.top());
        }
        let found = self.shared.state().attributes(inode.0);
        match found {
            Ok(found) => reply.attr(&FOR_EVER, &self.attributes(&found)),
            Err(errno) => reply.error(errno),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        inode: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if let Some(size) = size
            && let Err(errno) = self.change(|state| state.resize(inode.0, size))
        {
            return reply.error(errno);
        }
        self.getattr(request, inode, handle, reply);
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        reply: ReplyEntry,
    ) {
        let made =
            text(name).and_then(|name| self.change(|state| state.create(parent.0, name, true)));
        self.entry(made, reply);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let made =
            text(name).and_then(|name| self.change(|state| state.create(parent.0, name, false)));
        match made {
            Ok(made) => {
                let flags = self.open_flags(made.inode);
                let attributes = self.attributes(&made);
                reply.created(&FOR_EVER, &attributes, Generation(0), FileHandle(0), flags);
            }
            Err(errno) => reply.error(errno),
        }
    }

    fn link(&self, _: &Request, inode: INodeNo, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let made =
            text(name).and_then(|name| self.change(|state| state.link(inode.0, parent.0, name)));
        self.entry(made, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done =
            text(name).and_then(|name| self.change(|state| state.remove(parent.0, name, true)));
        answer(done, reply);
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let done =
            text(name).and_then(|name| self.change(|state| state.remove(parent.0, name, false)));
        answer(done, reply);
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            // Nobody is to believe that names were exchanged, or that none was replaced.
            return reply.error(Errno::EINVAL);
        }
        let done = text(name).and_then(|name| {
            let new_name = text(new_name)?;
            self.change(|state| state.rename((parent.0, name), (new_parent.0, new_name)))
        });
        answer(done, reply);
    }

    fn open(&self, _: &Request, inode: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), self.open_flags(inode.0));
    }

    fn read(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let read = self.shared.state().read(inode.0, offset, size);
        match read {
            Ok(bytes) => reply.data(&bytes),
            Err(errno) => reply.error(errno),
        }
    }

    fn write(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.change(|state| state.write(inode.0, offset, bytes)) {
            Ok(()) => reply.written(u32::try_from(bytes.len()).unwrap_or(u32::MAX)),
            Err(errno) => reply.error(errno),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, _: &Request, inode: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(inode, reply);
    }

    fn fsyncdir(&self, _: &Request, inode: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        self.sync(inode, reply);
    }

    fn readdir(
        &self,
        _: &Request,
        inode: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        if inode.0 == TOP {
            return reply.ok();
        }
        let entries = self.shared.state().entries(inode.0);
        let entries = match entries {
            Ok(entries) => entries,
            Err(errno) => return reply.error(errno),
        };
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        for (number, (name, found)) in entries.iter().enumerate().skip(offset) {
            let kind = self.attributes(found).kind;
            if reply.add(INodeNo(found.inode), number as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, inode: INodeNo, reply: ReplyStatfs) {
        let free = if self.shared.state().is_full(inode.0) { 0 } else { BLOCKS };
        reply.statfs(BLOCKS, free, free, BLOCKS, free, 4096, 255, 4096);
    }

    fn access(&self, _: &Request, _: INodeNo, _: AccessFlags, reply: ReplyEmpty) {
        reply.ok();
    }
}

fn answer(outcome: Result<(), Errno>, reply: ReplyEmpty) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(errno) => reply.error(errno),
    }
}

fn text(name: &OsStr) -> Result<&str, Errno> {
    name.to_str().ok_or(Errno::EINVAL)
}

/// 64 GiB in blocks of 4 KiB.
const BLOCKS: u64 = 1 << 24;
const FOR_EVER: Duration = Duration::from_secs(1 << 30);
/// About a good SSD.
const SYNC_TAKES: Duration = Duration::from_micros(150);
/// The folder of all generations.
const TOP: u64 = 1;
