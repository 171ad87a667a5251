//! The rules of the architecture that a tool can check, over the tree and `cargo metadata`.

mod arrows;
mod effects;
mod guarded;
mod modules;
mod packages;
mod signatures;
mod size;
mod source;
mod text;
mod top_level;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use self::packages::Graph;
use self::source::Source;

/// One breach of a rule.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Finding {
    /// Where: a file with its line, or a package.
    pub place: String,
    /// What is wrong, and what was expected.
    pub text: String,
}

impl Finding {
    fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into() }
    }
}

/// A file of the tree, with its path relative to the workspace.
pub struct File {
    path: String,
    text: String,
}

/// Checks every rule and prints what it found; any finding is a failure.
pub fn run(root: &Path) -> Result<()> {
    let files = read_tree(root)?;
    let sources: Vec<Source> = files
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        .map(|file| Source::new(&file.path, &file.text))
        .collect();
    let graph = Graph::read(root)?;

    let rules: [(&str, Vec<Finding>); 11] = [
        ("arrows between crates", arrows::check(&graph)),
        ("no cycles between modules", modules::check(&sources)),
        ("sockets, files, clock and threads", effects::check(&sources, &graph)),
        ("data sets behind the guard", guarded::check(&sources)),
        ("lints of every crate", text::check_lints(&files)),
        ("third-party types in signatures", signatures::check(&sources, &graph)),
        ("sizes of files and functions", size::check(&sources, &files)),
        ("unfinished code, bare allow", text::check_code(&sources)),
        ("paths of a machine", text::check_paths(&files)),
        ("licences and native code", packages::check(root, &graph)?),
        ("top level", top_level::check(&top_level::entries(root)?)),
    ];
    let mut count = 0;
    for (rule, findings) in &rules {
        for finding in findings {
            println!("{rule}: {}: {}", finding.place, finding.text);
        }
        count += findings.len();
    }
    for duplicate in packages::duplicates(&graph) {
        println!("note: {duplicate}");
    }
    if count > 0 {
        bail!("tidy: {count} findings");
    }
    println!("tidy: {} rules over {} files, nothing found", rules.len(), files.len());
    Ok(())
}

/// Every text file below the root, sorted by path; build output and git's own folder left out.
fn read_tree(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
            let path = entry?.path();
            let relative = path.strip_prefix(root)?.to_string_lossy().into_owned();
            if path.is_dir() {
                if !top_level::is_output(&relative) {
                    folders.push(path);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                // Images and other binary files are not UTF-8, and no rule is about them.
                files.push(File { path: relative, text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
