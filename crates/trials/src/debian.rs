//! Programs of others from Debian's packages.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::tool::{self, last_line};
use crate::verdict;

/// Installs what is missing with apt; a trial without its peers would prove nothing. Each program is a path, or a name to be
/// found on the search path, and comes with the package that brings it.
///
/// # Errors
/// When a program is missing afterwards.
pub fn install(programs: &[(&str, &str)]) -> Result<()> {
    let missing = || programs.iter().filter(|(program, _)| !exists(program));
    let mut packages: Vec<&str> = missing().map(|(_, package)| *package).collect();
    packages.sort_unstable();
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

fn exists(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).exists();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder: PathBuf| folder.join(program).is_file())
}
