//! What a place for payloads promises, and what the spool promises beyond it.

#![expect(clippy::disallowed_methods, reason = "the spool's files are looked at from outside")]

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use telerad_routing::Digest;
use telerad_store::payload::{
    BLOCK_BYTES_MAX, DirectorySpool, MemoryPayloads, Space, SpoolOptions,
};
use telerad_store::{Payloads, StoreError, StoredPayload, SyncFault, SyncPoint};

use crate::fixture::block_on;

fn spool(directory: &Path) -> DirectorySpool {
    DirectorySpool::open(directory, SpoolOptions::default()).unwrap()
}

fn spool_with_fault(
    directory: &Path,
    fault: impl Fn(SyncPoint) -> io::Result<()> + Send + Sync + 'static,
) -> DirectorySpool {
    let mut options = SpoolOptions::default();
    options.sync_fault = SyncFault::new(fault);
    DirectorySpool::open(directory, options).unwrap()
}

/// Runs a claim for both places.
fn for_both(claim: impl AsyncFn(&dyn Payloads)) {
    block_on(claim(&MemoryPayloads::new()));
    let directory = tempfile::tempdir().unwrap();
    block_on(claim(&spool(directory.path())));
}

/// Bytes that repeat nowhere within a block.
fn content(bytes: usize) -> Vec<u8> {
    (0..bytes.div_ceil(4)).flat_map(|word| (word as u32).to_be_bytes()).take(bytes).collect()
}

async fn store(
    payloads: &dyn Payloads,
    content: &[u8],
    fragment: usize,
) -> io::Result<StoredPayload> {
    let mut writer = payloads.create();
    for fragment in content.chunks(fragment) {
        writer.write(Bytes::copy_from_slice(fragment)).await?;
    }
    Ok(writer.finish().await?.stored)
}

async fn remove(payloads: &dyn Payloads, digest: &Digest) -> bool {
    payloads.remove(payloads.claim(digest).unwrap()).await.unwrap()
}

async fn load(payloads: &dyn Payloads, digest: &Digest) -> io::Result<Vec<u8>> {
    let mut reader = payloads.open(digest).await?;
    let mut content = Vec::new();
    while let Some(block) = reader.next().await? {
        assert!((1..=BLOCK_BYTES_MAX).contains(&block.len()));
        content.extend_from_slice(&block);
    }
    assert_eq!(reader.bytes(), content.len() as u64);
    assert_eq!(reader.next().await?, None);
    Ok(content)
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !path.ends_with("lock") {
            found.push(path);
        }
    }
    found
}

#[test]
fn what_was_written_is_read_back_whatever_the_fragments() {
    for_both(async |payloads| {
        for (bytes, fragment) in [
            (0, 1),
            (1, 1),
            (5000, 1),
            (BLOCK_BYTES_MAX - 1, 16_372),
            (BLOCK_BYTES_MAX, 16_372),
            (BLOCK_BYTES_MAX + 1, 16_372),
            (3 * BLOCK_BYTES_MAX + 77, 3 * BLOCK_BYTES_MAX),
        ] {
            let written = content(bytes);
            let stored = store(payloads, &written, fragment).await.unwrap();
            assert_eq!(stored.digest, Digest::of(&written));
            assert_eq!(stored.bytes, bytes as u64);
            assert!(load(payloads, &stored.digest).await.unwrap() == written, "{bytes} bytes");
        }
    });
}

#[test]
fn a_payload_that_was_never_stored_is_not_found() {
    for_both(async |payloads| {
        let error = payloads.open(&Digest::of(b"nothing")).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    });
}

#[test]
fn a_removed_payload_is_gone_once() {
    for_both(async |payloads| {
        let stored = store(payloads, b"short", 9).await.unwrap();
        assert!(remove(payloads, &stored.digest).await);
        assert!(!remove(payloads, &stored.digest).await);
        assert!(load(payloads, &stored.digest).await.is_err());
        store(payloads, b"short", 9).await.unwrap();
        assert_eq!(load(payloads, &stored.digest).await.unwrap(), b"short");
    });
}

#[test]
fn the_same_content_is_kept_once() {
    let directory = tempfile::tempdir().unwrap();
    let spool = spool(directory.path());
    block_on(async {
        let written = content(1000);
        let (first, second) =
            tokio::join!(store(&spool, &written, 10), store(&spool, &written, 999));
        let third = store(&spool, &written, 1000).await.unwrap();
        assert_eq!(first.unwrap(), third);
        assert_eq!(second.unwrap(), third);
        let hex = third.digest.to_string();
        let path = directory.path().join(&hex[..2]).join(&hex);
        assert_eq!(files(directory.path()), [path]);
    });
}

#[test]
fn a_dropped_payload_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let spool = spool(directory.path());
    block_on(async {
        let mut kept_here = spool.create();
        kept_here.write(content(3 * BLOCK_BYTES_MAX).into()).await.unwrap();
        kept_here.write(content(3 * BLOCK_BYTES_MAX).into()).await.unwrap();
        drop(kept_here);
        let mut small = spool.create();
        small.write(Bytes::from_static(b"x")).await.unwrap();
        drop(small);
    });
    // Closing waits for the threads, so what was to be removed is removed.
    drop(spool);
    assert!(files(directory.path()).is_empty());
}

#[test]
fn what_a_crash_left_unfinished_is_removed_and_the_rest_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let stored = block_on(store(&spool(directory.path()), b"kept", 9)).unwrap();
    std::fs::write(directory.path().join("tmp/0"), b"half").unwrap();
    let spool = spool(directory.path());
    assert_eq!(files(directory.path()).len(), 1);
    assert_eq!(block_on(load(&spool, &stored.digest)).unwrap(), b"kept");
}

#[test]
fn a_spool_has_one_owner() {
    let directory = tempfile::tempdir().unwrap();
    let _owner = spool(directory.path());
    let error = DirectorySpool::open(directory.path(), SpoolOptions::default()).unwrap_err();
    assert_eq!(error, StoreError::Locked { directory: directory.path().to_owned() });
}

#[track_caller]
fn check_damage(damage: impl Fn(&mut Vec<u8>), blocks_before: usize) {
    let directory = tempfile::tempdir().unwrap();
    let spool = spool(directory.path());
    block_on(async {
        let stored = store(&spool, &content(2 * BLOCK_BYTES_MAX), 50_000).await.unwrap();
        let path = files(directory.path()).remove(0);
        let mut bytes = std::fs::read(&path).unwrap();
        damage(&mut bytes);
        std::fs::write(&path, bytes).unwrap();

        let mut reader = spool.open(&stored.digest).await.unwrap();
        for _ in 0..blocks_before {
            assert!(reader.next().await.unwrap().is_some());
        }
        let error = reader.next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.to_string().ends_with("is damaged: its content has another digest"));
        assert_eq!(reader.next().await.unwrap(), None);
    });
}

#[test]
fn damage_on_disk_is_never_a_complete_payload() {
    check_damage(|bytes| bytes[0] ^= 1, 1);
    check_damage(|bytes| *bytes.last_mut().unwrap() ^= 1, 1);
    check_damage(|bytes| bytes.truncate(BLOCK_BYTES_MAX), 0);
    check_damage(|bytes| bytes.push(0), 2);
    check_damage(Vec::clear, 0);
}

#[test]
fn the_same_content_again_heals_a_damaged_payload() {
    let directory = tempfile::tempdir().unwrap();
    let spool = spool(directory.path());
    block_on(async {
        let stored = store(&spool, b"whole", 9).await.unwrap();
        std::fs::write(files(directory.path()).remove(0), b"whale").unwrap();
        load(&spool, &stored.digest).await.unwrap_err();
        store(&spool, b"whole", 9).await.unwrap();
        assert_eq!(load(&spool, &stored.digest).await.unwrap(), b"whole");
        assert_eq!(files(directory.path()).len(), 1);
    });
}

/// A failed sync at the point must fail the payload, and every payload after it.
#[track_caller]
fn check_poison(failing: SyncPoint) {
    let directory = tempfile::tempdir().unwrap();
    let left = AtomicUsize::new(1);
    let spool = spool_with_fault(directory.path(), move |point| {
        let fails = point == failing
            && left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_ok();
        if fails { Err(io::Error::other("disk refused")) } else { Ok(()) }
    });
    block_on(async {
        let mut begun_before = spool.create();
        begun_before.write(content(BLOCK_BYTES_MAX).into()).await.unwrap();
        let error = store(&spool, b"first", 9).await.unwrap_err();
        assert_eq!(error.to_string(), "disk refused");
        assert!(spool.is_poisoned());
        // The disk works again, but the kernel may have dropped what it could not write.
        let error = store(&spool, b"second", 9).await.unwrap_err();
        assert_eq!(error.to_string(), "spool is poisoned: disk refused");
        let error = begun_before.finish().await.unwrap_err();
        assert_eq!(error.to_string(), "spool is poisoned: disk refused");
    });
    drop(spool);
    // Published or not, no one was told; what is unfinished is gone.
    assert!(files(&directory.path().join("tmp")).is_empty());
}

#[test]
fn a_failed_sync_is_never_acknowledged_and_poisons_the_spool() {
    check_poison(SyncPoint::PayloadFile);
    check_poison(SyncPoint::PayloadDirectory);
}

#[test]
fn a_duplicate_is_not_acknowledged_on_the_strength_of_a_sync_that_failed() {
    let directory = tempfile::tempdir().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let spool = spool_with_fault(directory.path(), move |point| {
        if point == SyncPoint::PayloadDirectory {
            count.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    });
    block_on(async {
        store(&spool, b"same", 9).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1, "its directory");
        store(&spool, b"same", 9).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2, "its directory again");
    });
}

#[test]
fn a_poisoned_spool_is_still_read() {
    let directory = tempfile::tempdir().unwrap();
    let stored = block_on(store(&spool(directory.path()), b"kept", 9)).unwrap();
    let spool = spool_with_fault(directory.path(), |_| Err(io::Error::other("disk refused")));
    block_on(async {
        store(&spool, b"more", 9).await.unwrap_err();
        assert_eq!(load(&spool, &stored.digest).await.unwrap(), b"kept");
    });
}

#[test]
fn many_payloads_at_once_are_all_kept() {
    let directory = tempfile::tempdir().unwrap();
    let spool = spool(directory.path());
    block_on(async {
        let mut writers: Vec<_> = (0..20).map(|_| spool.create()).collect();
        for round in 0_usize..8 {
            for (number, writer) in writers.iter_mut().enumerate() {
                let fragment = vec![(number * 8 + round) as u8; 100_000];
                writer.write(fragment.into()).await.unwrap();
            }
        }
        for (number, writer) in writers.into_iter().enumerate() {
            let stored = writer.finish().await.unwrap().stored;
            let read = load(&spool, &stored.digest).await.unwrap();
            let expected: Vec<u8> =
                (0..8).flat_map(|round| vec![(number * 8 + round) as u8; 100_000]).collect();
            assert!(read == expected);
        }
    });
    assert_eq!(files(directory.path()).len(), 20);
}

#[test]
fn a_place_says_how_much_room_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let space = block_on(spool(directory.path()).space()).unwrap();
    assert!(space.bytes_free > 0 && space.bytes_free <= space.bytes_total, "{space:?}");
    assert!(space.inodes_free <= space.inodes_total, "{space:?}");
    let memory = MemoryPayloads::new();
    assert_eq!(block_on(memory.space()).unwrap(), Space::UNLIMITED);
    let full = Space { bytes_free: 0, bytes_total: 7, inodes_free: 1, inodes_total: 3 };
    memory.clone().set_space(full);
    assert_eq!(block_on(memory.space()).unwrap(), full);
}

#[test]
fn what_somebody_holds_is_not_removed() {
    for_both(async |payloads| {
        let mut writer = payloads.create();
        writer.write(Bytes::from_static(b"held")).await.unwrap();
        let held = writer.finish().await.unwrap();
        let digest = held.stored.digest;
        assert!(payloads.claim(&digest).is_none());
        drop(held);
        let claim = payloads.claim(&digest).unwrap();
        let hold = payloads.hold(&digest).await.unwrap().unwrap();
        drop(hold);
        assert!(!payloads.remove(claim).await.unwrap(), "held since it was claimed");
        assert_eq!(load(payloads, &digest).await.unwrap(), b"held");
        // The same content again, between claim and removal.
        let claim = payloads.claim(&digest).unwrap();
        store(payloads, b"held", 9).await.unwrap();
        assert!(!payloads.remove(claim).await.unwrap());
        assert_eq!(load(payloads, &digest).await.unwrap(), b"held");
        assert!(remove(payloads, &digest).await);
        assert!(payloads.hold(&digest).await.unwrap().is_none());
        assert!(payloads.claim(&digest).is_some(), "nothing is held that is not there");
    });
}

#[test]
fn payloads_are_listed_page_by_page() {
    for_both(async |payloads| {
        assert!(payloads.list(None, 9).await.unwrap().is_empty());
        let mut expected = Vec::new();
        for number in 0..40_usize {
            let stored = store(payloads, &content(number + 1), 9).await.unwrap();
            expected.push((stored.digest, stored.bytes));
        }
        expected.sort();
        for page in [1, 7, 40, 100] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let listed = payloads.list(after, page).await.unwrap();
                assert!(listed.len() <= page);
                let Some(last) = listed.last() else { break };
                after = Some(last.digest);
                found.extend(listed.iter().map(|it| (it.digest, it.bytes)));
            }
            assert_eq!(found, expected, "pages of {page}");
        }
        assert!(payloads.list(None, 0).await.unwrap().is_empty());
    });
}

#[test]
fn a_listing_of_the_spool_tells_ages_and_leaves_strangers_out() {
    let directory = tempfile::tempdir().unwrap();
    let spool = spool(directory.path());
    block_on(async {
        let stored = store(&spool, b"old", 9).await.unwrap();
        let path = files(directory.path()).remove(0);
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(7);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        std::fs::write(path.with_file_name("notes.txt"), b"theirs").unwrap();
        let listed = spool.list(None, 9).await.unwrap();
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].digest, listed[0].bytes), (stored.digest, 3));
        assert_eq!(listed[0].stored_at, telerad_core::Timestamp::from_micros(7_000_000));
    });
}
