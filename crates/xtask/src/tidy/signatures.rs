//! Third-party types stay out of public signatures, because their breaking releases are not ours.

use std::collections::BTreeSet;

use super::Finding;
use super::packages::Graph;
use super::source::{Source, body_or_end, is_identifier, words};

/// Packages whose types are part of our own vocabulary everywhere.
const VOCABULARY: [&str; 2] = ["bytes", "serde"];
/// Where streams and TLS configuration are what the crate is about.
const STREAMS: [&str; 3] = ["crates/gateway", "crates/net", "crates/web"];
/// The packages that [`STREAMS`] may show.
const STREAM_PACKAGES: [&str; 3] = ["rustls", "tokio", "tokio_rustls"];
/// The one module that may show dicom-rs types.
const DATA_SET: &str = "crates/dicom/src/dataset";
/// Programs have no public API.
const PROGRAMS: [&str; 3] = ["crates/testkit", "crates/trials", "crates/xtask"];

/// Looks at every `pub fn`, `pub type` and `pub use` of the library crates.
pub fn check(sources: &[Source], graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("crates/")) {
        let folder = source.folder();
        let Some(member) = graph.members.iter().find(|member| member.folder == folder) else {
            continue;
        };
        if PROGRAMS.contains(&folder) {
            continue;
        }
        let foreign: BTreeSet<String> = member
            .dependencies
            .iter()
            .map(|dependency| dependency.name.replace('-', "_"))
            .filter(|name| !is_allowed(name, source))
            .collect();
        check_source(source, &foreign, &mut findings);
    }
    findings
}

fn is_allowed(package: &str, source: &Source) -> bool {
    VOCABULARY.contains(&package)
        || package.starts_with("telerad")
        || STREAMS.contains(&source.folder()) && STREAM_PACKAGES.contains(&package)
        || source.path.starts_with(DATA_SET) && package.starts_with("dicom_")
}

fn check_source(source: &Source, foreign: &BTreeSet<String>, findings: &mut Vec<Finding>) {
    let code = &source.production;
    let imported = imported(code, foreign);
    for at in words(code, "pub") {
        let rest = code[at + "pub".len()..].trim_start();
        let item = ["fn", "const fn", "async fn", "type", "use"]
            .into_iter()
            .find(|item| rest.strip_prefix(item).is_some_and(|after| after.starts_with(' ')));
        let Some(item) = item else { continue };
        let end = match item {
            "type" | "use" => code[at..].find(';').map(|length| at + length),
            _ => body_or_end(code, at),
        };
        let signature = &code[at..end.unwrap_or(code.len())];
        for name in foreign {
            let path = format!("{name}::");
            if words(signature, &path).next().is_some() {
                let text = format!("a public signature shows a type of {name}");
                findings.push(Finding::new(source.place(at), text));
            }
        }
        for (name, package) in &imported {
            if item != "use" && words(signature, name).next().is_some() {
                let text = format!("a public signature shows {package}::…::{name}");
                findings.push(Finding::new(source.place(at), text));
            }
        }
    }
}

/// Type names that private `use` items bring in from foreign packages.
fn imported(code: &str, foreign: &BTreeSet<String>) -> Vec<(String, String)> {
    let mut names = Vec::new();
    for at in words(code, "use") {
        let item = code[at + "use".len()..].split(';').next().unwrap_or("").trim();
        let package: String = item.chars().take_while(|each| is_identifier(*each)).collect();
        if !foreign.contains(&package) {
            continue;
        }
        let parts = item.split([',', '{', '}']).filter(|part| !part.trim().is_empty());
        for part in parts {
            let last = part.trim().rsplit("::").next().unwrap_or("");
            let name = last.rsplit(" as ").next().unwrap_or(last).trim();
            if name.starts_with(char::is_uppercase) {
                names.push((name.to_owned(), package.clone()));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::packages::{Dependency, Member};
    use super::*;

    #[track_caller]
    fn check_text(path: &str, text: &str, expected: &[&str]) {
        let source = Source::new(path, text);
        let dependency = |name: &str| Dependency { name: name.to_owned(), dev: false };
        let member = Member {
            name: String::new(),
            folder: source.folder().to_owned(),
            dependencies: ["bytes", "dicom-core", "dicom-ul", "tokio"].map(dependency).into(),
        };
        let graph = Graph { members: vec![member], foreign: Vec::new() };
        let found: Vec<String> =
            super::check(&[source], &graph).into_iter().map(|finding| finding.text).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_foreign_path_in_a_public_function_is_found() {
        let text = "pub fn tag() -> dicom_core::Tag { x }";
        check_text(
            "crates/dicom/src/tag.rs",
            text,
            &["a public signature shows a type of dicom_core"],
        );
        check_text("crates/dicom/src/dataset.rs", text, &[]);
    }

    #[test]
    fn an_imported_name_is_found() {
        let text = "use dicom_ul::pdu::{self, Pdu as Wire, read_pdu};\npub const fn f(pdu: &Wire);";
        check_text("crates/dimse/src/a.rs", text, &["a public signature shows dicom_ul::…::Wire"]);
    }

    #[test]
    fn a_re_export_is_a_public_signature() {
        let text = "pub use dicom_core::Tag;";
        check_text(
            "crates/dicom/src/lib.rs",
            text,
            &["a public signature shows a type of dicom_core"],
        );
    }

    #[test]
    fn bodies_and_private_functions_are_free() {
        let text = "use dicom_core::Tag;\npub fn f() { dicom_core::g(Tag) }\n\
                    pub(crate) fn h(tag: Tag) {}\nfn i(tag: Tag) {}";
        check_text("crates/dicom/src/a.rs", text, &[]);
    }

    #[test]
    fn streams_belong_to_net() {
        let text = "pub async fn serve(stream: tokio::net::TcpStream, head: bytes::Bytes) {}";
        check_text("crates/net/src/a.rs", text, &[]);
        check_text("crates/hl7/src/a.rs", text, &["a public signature shows a type of tokio"]);
    }
}
