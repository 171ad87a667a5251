//! The top level holds what a newcomer looks for and what tools demand, nothing else.

use std::fs;
use std::path::Path;

use anyhow::Result;

use super::Finding;

/// What must be there.
const NEEDED: [&str; 14] = [
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "crates",
    "deny.toml",
    "examples",
    "rustfmt.toml",
];

/// What may be there.
const WELCOME: [&str; 5] = [".cargo", ".git", "benches", "fuzz", "target"];

/// Whether a folder, relative to the workspace, holds what programs made and nobody wrote.
pub fn is_output(folder: &str) -> bool {
    matches!(folder, ".git" | "target" | "fuzz/target")
}

/// The names at the top level.
pub fn entries(root: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Compares the names with what is needed and what is welcome.
pub fn check(entries: &[String]) -> Vec<Finding> {
    let missing = NEEDED
        .iter()
        .filter(|name| !entries.iter().any(|entry| entry == *name))
        .map(|name| Finding::new(*name, "is missing"));
    let stray = entries
        .iter()
        .filter(|entry| !NEEDED.contains(&entry.as_str()) && !WELCOME.contains(&entry.as_str()))
        .map(|entry| Finding::new(entry, "does not belong at the top level"));
    missing.chain(stray).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_file_and_a_missing_one_are_found() {
        let mut entries: Vec<String> = NEEDED.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(check(&entries), []);
        entries.retain(|entry| entry != "README.md");
        entries.push("notes.txt".to_owned());
        assert_eq!(
            check(&entries),
            [
                Finding::new("README.md", "is missing"),
                Finding::new("notes.txt", "does not belong at the top level"),
            ]
        );
    }
}
