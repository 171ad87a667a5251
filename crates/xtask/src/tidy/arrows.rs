//! Which crate may depend on which.

use super::Finding;
use super::packages::Graph;

/// The crates of the project and the crates of the project that each may use. An empty list means
/// none; [`ALL`] means any library crate. Tests may use the testkit besides.
const ARROWS: &[(&str, &[&str])] = &[
    ("telerad-core", &[]),
    ("telerad-charset", &[]),
    ("telerad-codec", &[]),
    ("telerad-hl7", &["telerad-core", "telerad-charset"]),
    ("telerad-dicom", &["telerad-core", "telerad-charset", "telerad-codec"]),
    ("telerad-dimse", &["telerad-core", "telerad-dicom"]),
    ("telerad-accession", &["telerad-core"]),
    ("telerad-worklist", &["telerad-core", "telerad-charset", "telerad-hl7", "telerad-dicom"]),
    ("telerad-routing", &["telerad-core", "telerad-dicom"]),
    (
        "telerad-report",
        &["telerad-core", "telerad-charset", "telerad-hl7", "telerad-dicom", "telerad-accession"],
    ),
    (
        "telerad-store",
        &[
            "telerad-core",
            "telerad-accession",
            "telerad-worklist",
            "telerad-routing",
            "telerad-report",
        ],
    ),
    ("telerad-net", &["telerad-core", "telerad-hl7", "telerad-dicom", "telerad-dimse"]),
    ("telerad-web", &["telerad-core", "telerad-dicom"]),
    ("telerad-gateway", ALL),
    (
        "telerad-preflight",
        &[
            "telerad-core",
            "telerad-hl7",
            "telerad-dicom",
            "telerad-dimse",
            "telerad-net",
            "telerad-routing",
            "telerad-accession",
            "telerad-worklist",
        ],
    ),
    ("telerad", ALL),
    ("telerad-cli", &["telerad"]),
    ("telerad-console", &["telerad"]),
    ("telerad-ffi", &["telerad"]),
    ("telerad-testkit", &["telerad-core"]),
    ("telerad-trials", PROGRAM),
    ("telerad-examples", PROGRAM),
    ("telerad-benches", PROGRAM),
    ("telerad-openjpeg", &[]),
    ("xtask", &[]),
];

/// Every library crate below the facade.
const ALL: &[&str] = &["*"];
/// A program that ships with the project: any library crate, the facade and the testkit included.
const PROGRAM: &[&str] = &["*", "telerad", "telerad-testkit"];
/// What [`ALL`] leaves out: it would turn the house upside down, or ship test code.
const NEVER_BELOW: [&str; 6] = [
    "telerad",
    "telerad-testkit",
    "telerad-trials",
    "telerad-examples",
    "telerad-benches",
    "xtask",
];

/// Compares every declared dependency on a crate of the workspace with the table.
pub fn check(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_ours = |name: &str| graph.members.iter().any(|member| member.name == name);
    for member in &graph.members {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == member.name) else {
            let text = "is in no row of the table of arrows; add the row with the crate";
            findings.push(Finding::new(&member.name, text));
            continue;
        };
        for dependency in member.dependencies.iter().filter(|each| is_ours(&each.name)) {
            let to = dependency.name.as_str();
            let by_table = allowed.contains(&to)
                || allowed.contains(&"*") && !NEVER_BELOW.contains(&to) && to != member.name;
            let by_test = dependency.dev && to == "telerad-testkit" && member.name != "xtask";
            if !by_table && !by_test {
                findings.push(Finding::new(&member.name, format!("may not depend on {to}")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::packages::{Dependency, Member};
    use super::*;

    #[track_caller]
    fn check_arrow(from: &str, to: &str, dev: bool, expected: &[&str]) {
        let member = |name: &str, dependencies| Member {
            name: name.to_owned(),
            folder: String::new(),
            dependencies,
        };
        let dependencies = vec![
            Dependency { name: to.to_owned(), dev },
            Dependency { name: "serde".to_owned(), dev: false },
        ];
        let members = vec![member(from, dependencies), member(to, Vec::new())];
        let found = super::check(&Graph { members, foreign: Vec::new() });
        let found: Vec<String> = found.into_iter().map(|finding| finding.text).collect();
        assert_eq!(found, expected, "{from} -> {to}");
    }

    #[test]
    fn an_arrow_of_the_table_is_allowed() {
        check_arrow("telerad-hl7", "telerad-core", false, &[]);
        check_arrow("telerad-gateway", "telerad-net", false, &[]);
        check_arrow("telerad-trials", "telerad", false, &[]);
    }

    #[test]
    fn an_arrow_upwards_or_sideways_is_not() {
        check_arrow("telerad-core", "telerad-hl7", false, &["may not depend on telerad-hl7"]);
        check_arrow("telerad-net", "telerad-store", false, &["may not depend on telerad-store"]);
        check_arrow("telerad-gateway", "telerad", false, &["may not depend on telerad"]);
        check_arrow("xtask", "telerad-core", false, &["may not depend on telerad-core"]);
    }

    #[test]
    fn the_testkit_is_for_tests() {
        check_arrow("telerad-dimse", "telerad-testkit", true, &[]);
        let text = "may not depend on telerad-testkit";
        check_arrow("telerad-dimse", "telerad-testkit", false, &[text]);
    }

    #[test]
    fn a_new_crate_needs_a_row() {
        let text = "is in no row of the table of arrows; add the row with the crate";
        check_arrow("telerad-new", "telerad-core", false, &[text]);
    }
}
