//! The programs of others: installed when they are missing.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use telerad_trials::tool::{self, last_line};
use telerad_trials::verdict;

/// What must be there, and the Debian package that brings it.
const PROGRAMS: [(&str, &str); 7] = [
    ("/usr/bin/echoscu", "dcmtk"),
    ("/usr/bin/storescu", "dcmtk"),
    ("/usr/bin/storescp", "dcmtk"),
    ("/usr/bin/dcmsend", "dcmtk"),
    ("/usr/bin/dcmodify", "dcmtk"),
    ("/usr/bin/findscu", "dcmtk"),
    ("/usr/sbin/Orthanc", "orthanc"),
];

/// Installs what is missing with apt; a trial without its peers would prove nothing.
///
/// # Errors
/// When a program is missing afterwards.
pub fn install() -> Result<()> {
    let missing = || PROGRAMS.iter().filter(|(program, _)| !Path::new(program).exists());
    let mut packages: Vec<&str> = missing().map(|(_, package)| *package).collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    verdict::note(format!("installing {}", packages.join(" and ")));
    let limit = Duration::from_secs(240);
    let update = tool::run("apt-get", &["update", "-q"], limit)?;
    // Nobody is there to answer a question.
    let mut words = vec!["DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-q", "-y"];
    words.push("--no-install-recommends");
    words.extend(&packages);
    let install = tool::run("env", &words, limit)?;
    if let Some((program, package)) = missing().next() {
        bail!(
            "{program} is missing and apt-get cannot install {package} (it needs root and a package \
             source): {} / {}",
            last_line(&update.output),
            last_line(&install.output)
        );
    }
    Ok(())
}
