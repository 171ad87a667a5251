//! Words that may not stand in the tree, and lints that every crate must take over.

use super::source::{Source, closing, words};
use super::{File, Finding};

/// Crates that stand between the outside and everything else: a peer can never make them panic.
const NO_PANIC: [&str; 5] = ["charset", "codec", "dicom", "dimse", "hl7"];
/// Lints that [`NO_PANIC`] crates turn on in their `lib.rs`.
const NO_PANIC_LINTS: [&str; 4] = ["unwrap_used", "expect_used", "indexing_slicing", "panic"];
/// Crates whose work needs `unsafe`; they state their own lints.
const UNSAFE: [&str; 2] = ["crates/ffi/Cargo.toml", "crates/openjpeg/Cargo.toml"];

/// Every crate inherits the workspace's lints, which forbid `unsafe`.
pub fn check_lints(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let path = file.path.as_str();
        if path == "Cargo.toml" && !file.text.contains("\nunsafe_code = \"forbid\"\n") {
            findings.push(Finding::new(path, "[workspace.lints.rust] does not forbid unsafe_code"));
        }
        let is_apart = path.starts_with("fuzz/") || path.starts_with("benches/peers/");
        let is_member = path.ends_with("/Cargo.toml") && !is_apart;
        let inherits = file.text.contains("[lints]\nworkspace = true");
        if is_member && !inherits && !UNSAFE.contains(&path) {
            findings.push(Finding::new(path, "does not inherit the lints of the workspace"));
        }
        let guarded = NO_PANIC.iter().any(|name| path == format!("crates/{name}/src/lib.rs"));
        for lint in NO_PANIC_LINTS.iter().filter(|_| guarded) {
            if !file.text.contains(&format!("clippy::{lint}")) {
                let text = format!("does not turn on clippy::{lint}; a peer could make it panic");
                findings.push(Finding::new(path, text));
            }
        }
    }
    findings
}

/// Nothing unfinished, nothing switched off without a reason.
pub fn check_code(sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources {
        let code = &source.code;
        for name in ["todo", "unimplemented"] {
            for at in words(code, name).filter(|at| code[at + name.len()..].starts_with('!')) {
                findings.push(Finding::new(source.place(at), format!("unfinished: {name}")));
            }
        }
        for at in words(code, "ignore").filter(|at| code[..*at].ends_with("#[")) {
            findings.push(Finding::new(source.place(at), "a test that is not run proves nothing"));
        }
        for at in words(code, "allow(").filter(|at| is_in_attribute(code, *at)) {
            let end = closing(code, at + "allow".len()).unwrap_or(code.len());
            // Where `expect` would not be fulfilled in every target, the reason has to say so.
            if words(&code[at..end], "reason").next().is_some() {
                continue;
            }
            let text = "use `expect` with a reason: it says so when it is no longer needed";
            findings.push(Finding::new(source.place(at), text));
        }
    }
    findings
}

fn is_in_attribute(code: &str, at: usize) -> bool {
    let line = code[..at].rsplit('\n').next().unwrap_or("");
    line.contains("#[") || line.contains("#![")
}

/// No path of one person's machine. The pipeline's script is the one file that may name a place.
pub fn check_paths(files: &[File]) -> Vec<Finding> {
    // Taken apart, so that this file does not contain what it looks for.
    let places = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("../", "shared"),
        concat!("/tmp/", "bash_jobs"),
        concat!("/tmp/", "w/"),
    ];
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !file.path.starts_with(".ci/")) {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(place) = places.iter().find(|place| line.contains(**place)) {
                let text = format!("names `{place}`, which exists on one machine only");
                findings.push(Finding::new(format!("{}:{}", file.path, number + 1), text));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(findings: Vec<Finding>) -> Vec<String> {
        findings.into_iter().map(|finding| finding.text).collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(texts(check_code(&[Source::new("crates/a/src/lib.rs", text)])), expected);
    }

    #[test]
    fn unfinished_code_is_found() {
        check(concat!("fn f() { to", "do!() }"), &["unfinished: todo"]);
        check("fn todo() { \"todo!()\" } // todo!", &[]);
    }

    #[test]
    fn a_test_that_is_not_run_is_found() {
        check(concat!("#[", "ignore]\nfn f() {}"), &["a test that is not run proves nothing"]);
        check("fn ignore() {}", &[]);
    }

    #[test]
    fn a_bare_allow_is_found() {
        let expected = "use `expect` with a reason: it says so when it is no longer needed";
        check("#![allow(dead_code)]", &[expected]);
        check("#[cfg_attr(test, allow(dead_code))]", &[expected]);
        check("peer.allow(x)", &[]);
        check("#![allow(dead_code, reason = \"each target uses a part\")]", &[]);
    }

    #[test]
    fn a_path_of_a_machine_is_found() {
        let file = |path: &str| File {
            path: path.to_owned(),
            text: concat!("fine\nsee ../", "shared/x\n").to_owned(),
        };
        let found = check_paths(&[file("README.md"), file(".ci/run")]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "README.md:2");
    }

    #[test]
    fn a_crate_without_the_lints_is_found() {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        let found = check_lints(&[
            file("Cargo.toml", "[workspace.lints.rust]\nunsafe_code = \"warn\"\n"),
            file("crates/a/Cargo.toml", "[lints]\nworkspace = true\n"),
            file("crates/b/Cargo.toml", "[lints.rust]\n"),
            file("crates/ffi/Cargo.toml", ""),
            file(
                "crates/hl7/src/lib.rs",
                "#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic)]",
            ),
        ]);
        assert_eq!(
            texts(found),
            [
                "[workspace.lints.rust] does not forbid unsafe_code",
                "does not inherit the lints of the workspace",
                "does not turn on clippy::indexing_slicing; a peer could make it panic",
            ]
        );
    }
}
