//! What is in a spool, page by page.

use std::fs;
use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use telerad_core::Timestamp;
use telerad_routing::Digest;

use crate::payload::ListedPayload;

/// Payloads that follow `after`, in the order of their digests, at most so many. Reads the names of one of the 256
/// directories at a time.
pub(super) fn list(
    root: &Path,
    after: Option<Digest>,
    limit: usize,
) -> io::Result<Vec<ListedPayload>> {
    let first = after.map_or(0, |after| after.as_bytes()[0]);
    let mut found = Vec::new();
    for number in first..=u8::MAX {
        if found.len() >= limit {
            break;
        }
        let directory = root.join(format!("{number:02x}"));
        let mut digests = digests(&directory)?;
        digests.retain(|digest| after.is_none_or(|after| *digest > after));
        digests.sort();
        for digest in digests {
            if found.len() >= limit {
                break;
            }
            found.extend(payload(&directory, digest)?);
        }
    }
    Ok(found)
}

/// The names that are digests; whatever else somebody put there is not ours.
fn digests(directory: &Path) -> io::Result<Vec<Digest>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        found.extend(name.to_str().and_then(|name| name.parse::<Digest>().ok()));
    }
    Ok(found)
}

/// `None` when it was removed a moment ago.
fn payload(directory: &Path, digest: Digest) -> io::Result<Option<ListedPayload>> {
    let metadata = match fs::metadata(directory.join(digest.to_string())) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    // A file system that keeps no times makes every payload old; whoever needs one holds it.
    let age = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let micros = age.map_or(0, |age| i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
    let stored_at = Timestamp::from_micros(micros);
    Ok(Some(ListedPayload { digest, bytes: metadata.len(), stored_at }))
}
