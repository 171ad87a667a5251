//! Sockets, files, environment, threads and the clock stay out of the cores.

use super::Finding;
use super::packages::Graph;
use super::source::{Source, words};

/// Packages that may touch the world, by folder; every other one receives `now` and bytes.
const WORLDLY: [&str; 14] = [
    "benches",
    "crates/cli",
    "crates/console",
    "crates/ffi",
    "crates/gateway",
    "crates/net",
    "crates/preflight",
    "crates/store",
    "crates/telerad",
    "crates/testkit",
    "crates/trials",
    "crates/web",
    "crates/xtask",
    "examples",
];

/// Packages whose only use is to touch the world.
const WORLDLY_DEPENDENCIES: [&str; 10] = [
    "fs4",
    "getrandom",
    "rand",
    "reqwest",
    "rusqlite",
    "rustls",
    "socket2",
    "tempfile",
    "tokio",
    "tokio-rustls",
];

/// Paths that touch the world, each with what it touches.
const WORLDLY_PATHS: [(&str, &str); 8] = [
    ("std::env", "the environment"),
    ("std::fs", "files"),
    ("std::net", "sockets"),
    ("std::os", "the operating system"),
    ("std::process", "other programs"),
    ("std::thread", "threads"),
    ("Instant::now", "the clock"),
    ("SystemTime::now", "the clock"),
];

/// Checks declared dependencies, then the code.
pub fn check(sources: &[Source], graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &graph.members {
        if WORLDLY.contains(&member.folder.as_str()) {
            continue;
        }
        for dependency in member.dependencies.iter().filter(|each| !each.dev) {
            if WORLDLY_DEPENDENCIES.contains(&dependency.name.as_str()) {
                let text = format!("a core may not depend on {}", dependency.name);
                findings.push(Finding::new(&member.name, text));
            }
        }
    }
    for source in sources.iter().filter(|source| source.path.starts_with("crates/")) {
        if !WORLDLY.contains(&source.folder()) {
            check_code(source, &mut findings);
        }
    }
    findings
}

fn check_code(source: &Source, findings: &mut Vec<Finding>) {
    let code = &source.production;
    for (path, touched) in WORLDLY_PATHS {
        for at in words(code, path) {
            let text = format!("a core may not touch {touched} (`{path}`)");
            findings.push(Finding::new(source.place(at), text));
        }
    }
    // The other spelling: `use std::{fs, io}`.
    for at in words(code, "std::{") {
        let group = code[at..].split_once('}').map_or("", |(group, _)| group);
        for (path, touched) in WORLDLY_PATHS {
            let Some(name) = path.strip_prefix("std::") else { continue };
            if words(group, name).next().is_some() {
                let text = format!("a core may not touch {touched} (`{path}`)");
                findings.push(Finding::new(source.place(at), text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::packages::{Dependency, Member};
    use super::*;

    #[track_caller]
    fn check_text(path: &str, text: &str, expected: &[&str]) {
        let source = Source::new(path, text);
        let found: Vec<String> = super::check(&[source], &Graph::default())
            .into_iter()
            .map(|finding| format!("{}: {}", finding.place, finding.text))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_core_reads_no_clock() {
        let text = "fn f() {\n    let now = std::time::Instant::now();\n}\n";
        check_text(
            "crates/dimse/src/lib.rs",
            text,
            &["crates/dimse/src/lib.rs:2: a core may not touch the clock (`Instant::now`)"],
        );
        check_text("crates/net/src/lib.rs", text, &[]);
    }

    #[test]
    fn a_grouped_import_is_seen() {
        check_text(
            "crates/hl7/src/a.rs",
            "use std::{fmt, fs};\n",
            &["crates/hl7/src/a.rs:1: a core may not touch files (`std::fs`)"],
        );
    }

    #[test]
    fn prose_and_tests_are_not_code() {
        let text = "//! std::fs\n#[cfg(test)]\nmod tests { use std::fs; }\n";
        check_text("crates/core/src/lib.rs", text, &[]);
    }

    #[test]
    fn a_core_depends_on_no_runtime() {
        let member = |folder: &str, dev| Member {
            name: folder.replace("crates/", "telerad-"),
            folder: folder.to_owned(),
            dependencies: vec![Dependency { name: "tokio".to_owned(), dev }],
        };
        let members = vec![
            member("crates/net", false),
            member("crates/dimse", false),
            member("crates/hl7", true),
        ];
        let found = super::check(&[], &Graph { members, foreign: Vec::new() });
        assert_eq!(found, [Finding::new("telerad-dimse", "a core may not depend on tokio")]);
    }
}
