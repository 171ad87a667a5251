//! The programs of others: installed when they are missing.

use anyhow::Result;
use telerad_trials::debian;

/// What must be there, and the Debian package that brings it.
const PROGRAMS: [(&str, &str); 9] = [
    ("/usr/bin/echoscu", "dcmtk"),
    ("/usr/bin/storescu", "dcmtk"),
    ("/usr/bin/storescp", "dcmtk"),
    ("/usr/bin/dcmsend", "dcmtk"),
    ("/usr/bin/dcmodify", "dcmtk"),
    ("/usr/bin/findscu", "dcmtk"),
    ("/usr/bin/openssl", "openssl"),
    ("/usr/bin/python3", "python3"),
    ("/usr/sbin/Orthanc", "orthanc"),
];

/// Installs what is missing.
///
/// # Errors
/// When a program is missing afterwards.
pub fn install() -> Result<()> {
    debian::install(&PROGRAMS)
}
