//! pynetdicom, installed for a trial alone.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::tool::{self, last_line};
use crate::verdict;

/// Versions are fixed: what others change every week proves something else every week.
const PACKAGES: [&str; 2] = ["pynetdicom==3.0.4", "pydicom==3.0.1"];

/// Installs the packages with pip into a folder of their own.
///
/// # Errors
/// When they cannot be had: a trial without its peers would prove nothing.
pub fn install(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let packages = packages(folder);
    let mut words = vec!["python3", "-m", "pip", "install", "--quiet", "--target", &packages];
    words.push("--disable-pip-version-check");
    words.extend(PACKAGES);
    verdict::note(format!("installing {}", PACKAGES.join(" and ")));
    let ended = tool::run("/usr/bin/env", &words, Duration::from_secs(180))?;
    ensure!(ended.success, "pip: {}", last_line(&ended.output));
    Ok(())
}

/// The words after `/usr/bin/env` by which a script in that folder is run.
pub fn words(folder: &Path, script: &str) -> Vec<String> {
    let packages = format!("PYTHONPATH={}", packages(folder));
    let script = folder.join(script).to_string_lossy().into_owned();
    vec![packages, "PYTHONDONTWRITEBYTECODE=1".to_owned(), "python3".to_owned(), script]
}

fn packages(folder: &Path) -> String {
    folder.join("packages").to_string_lossy().into_owned()
}
