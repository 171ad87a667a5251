//! The package graph: licences, native code in the default build, duplicates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use super::Finding;
use crate::step::{cargo, output};

/// What `cargo metadata` says of the workspace and of everything it depends on.
#[derive(Debug, Default)]
pub struct Graph {
    /// The packages of the workspace.
    pub members: Vec<Member>,
    /// Everything from outside.
    pub foreign: Vec<Foreign>,
}

/// A package of the workspace.
#[derive(Debug)]
pub struct Member {
    /// Its name, such as `telerad-core`.
    pub name: String,
    /// Its folder, relative to the workspace, such as `crates/core`.
    pub folder: String,
    /// What it depends on, as declared.
    pub dependencies: Vec<Dependency>,
}

/// One declared dependency.
#[derive(Debug)]
pub struct Dependency {
    /// The package it names.
    pub name: String,
    /// Whether only tests, examples and benchmarks see it.
    pub dev: bool,
}

/// A package from a registry.
#[derive(Debug)]
pub struct Foreign {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its SPDX expression, if it declares one.
    pub licence: Option<String>,
    /// Whether it comes from the registry of the ecosystem, and not from a git repository.
    pub from_registry: bool,
}

impl Graph {
    /// Asks cargo.
    pub fn read(root: &Path) -> Result<Self> {
        let text = output(&mut cargo(root, &["metadata", "--format-version", "1", "--locked"]))?;
        let metadata: Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
        Self::from_metadata(&metadata).context("cargo metadata has an unexpected shape")
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let root = Path::new(metadata["workspace_root"].as_str()?);
        let members: BTreeSet<&str> =
            metadata["workspace_members"].as_array()?.iter().filter_map(Value::as_str).collect();
        let mut graph = Self::default();
        for package in metadata["packages"].as_array()? {
            let name = package["name"].as_str()?.to_owned();
            if members.contains(package["id"].as_str()?) {
                let folder = Path::new(package["manifest_path"].as_str()?).parent()?;
                let folder = folder.strip_prefix(root).ok()?.to_string_lossy().into_owned();
                let dependencies = package["dependencies"]
                    .as_array()?
                    .iter()
                    .filter_map(|dependency| {
                        Some(Dependency {
                            name: dependency["name"].as_str()?.to_owned(),
                            dev: dependency["kind"].as_str() == Some("dev"),
                        })
                    })
                    .collect();
                graph.members.push(Member { name, folder, dependencies });
            } else {
                graph.foreign.push(Foreign {
                    name,
                    version: package["version"].as_str()?.to_owned(),
                    licence: package["license"].as_str().map(str::to_owned),
                    from_registry: package["source"].as_str()?.starts_with("registry+"),
                });
            }
        }
        Some(graph)
    }
}

/// Licences and sources of every package; native code in the facade's default build.
pub fn check(root: &Path, graph: &Graph) -> Result<Vec<Finding>> {
    let tree = ["tree", "-p", "telerad", "-e", "normal,build", "--prefix", "none", "--locked"];
    let tree = output(&mut cargo(root, &tree))?;
    let mut findings = check_licences(graph);
    findings.extend(check_native(&tree));
    Ok(findings)
}

/// Packages that are in the graph more than once, for a person to look at.
pub fn duplicates(graph: &Graph) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &graph.foreign {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions
        .into_iter()
        .filter(|(_, versions)| versions.len() > 1)
        .map(|(name, versions)| format!("{name} is in the graph as {}", versions.join(" and ")))
        .collect()
}

/// Licences that an embedder can take without asking a lawyer; the same list as in `deny.toml`.
const LICENCES: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages that would bring a build system, a second TLS library or a codec in C.
const NATIVE: [&str; 9] = [
    "aws-lc-sys",
    "bindgen",
    "charls-sys",
    "cmake",
    "jpegxl-sys",
    "mozjpeg-sys",
    "openjpeg-sys",
    "openssl-sys",
    "turbojpeg-sys",
];

fn check_licences(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in &graph.foreign {
        let place = format!("{} {}", package.name, package.version);
        match &package.licence {
            None => findings.push(Finding::new(&place, "declares no licence")),
            Some(licence) if !is_allowed(licence) => {
                findings.push(Finding::new(&place, format!("licence `{licence}` is not allowed")));
            }
            Some(_) => {}
        }
        if !package.from_registry {
            findings.push(Finding::new(&place, "comes from no registry"));
        }
    }
    findings
}

fn check_native(tree: &str) -> Vec<Finding> {
    let packages: BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    NATIVE
        .iter()
        .filter(|name| packages.contains(**name))
        .map(|name| Finding::new("telerad", format!("its default build contains {name}")))
        .collect()
}

/// Evaluates an SPDX expression: OR binds loosest, then AND; `/` is an old spelling of OR.
fn is_allowed(expression: &str) -> bool {
    let spelled = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let tokens: Vec<&str> = spelled.split_whitespace().collect();
    let mut at = 0;
    let allowed = either(&tokens, &mut at);
    allowed && at == tokens.len()
}

fn either(tokens: &[&str], at: &mut usize) -> bool {
    let mut allowed = both(tokens, at);
    while tokens.get(*at) == Some(&"OR") {
        *at += 1;
        allowed |= both(tokens, at);
    }
    allowed
}

fn both(tokens: &[&str], at: &mut usize) -> bool {
    let mut allowed = one(tokens, at);
    while tokens.get(*at) == Some(&"AND") {
        *at += 1;
        allowed &= one(tokens, at);
    }
    allowed
}

fn one(tokens: &[&str], at: &mut usize) -> bool {
    let Some(token) = tokens.get(*at) else { return false };
    *at += 1;
    if *token == "(" {
        let allowed = either(tokens, at);
        let closed = tokens.get(*at) == Some(&")");
        *at += 1;
        return allowed && closed;
    }
    if tokens.get(*at) == Some(&"WITH") {
        let exception = tokens.get(*at + 1).copied().unwrap_or("");
        *at += 2;
        return LICENCES.contains(&format!("{token} WITH {exception}").as_str());
    }
    LICENCES.contains(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_licence(expression: &str, expected: bool) {
        assert_eq!(is_allowed(expression), expected, "{expression}");
    }

    #[test]
    fn an_alternative_is_enough() {
        check_licence("MIT OR Apache-2.0", true);
        check_licence("MIT/Apache-2.0", true);
        check_licence("GPL-3.0 OR MIT", true);
    }

    #[test]
    fn every_part_of_a_conjunction_counts() {
        check_licence("(MIT OR Apache-2.0) AND Unicode-3.0", true);
        check_licence("MIT AND GPL-3.0", false);
        check_licence("(MIT OR Apache-2.0) AND OpenSSL", false);
    }

    #[test]
    fn an_unknown_licence_is_refused() {
        check_licence("GPL-3.0-only", false);
        check_licence("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true);
        check_licence("GPL-2.0 WITH Classpath-exception-2.0", false);
        check_licence("", false);
        check_licence("(MIT", false);
    }

    #[test]
    fn a_build_system_in_the_tree_is_found() {
        let tree = "telerad v0.1.0\nserde v1.0.1\ncmake v0.1.50 (build)\n";
        let found = check_native(tree);
        assert_eq!(found, [Finding::new("telerad", "its default build contains cmake")]);
        assert_eq!(check_native("telerad v0.1.0\ncmake-like v1\n"), []);
    }

    #[test]
    fn the_graph_is_read_from_metadata() {
        let metadata = serde_json::json!({
            "workspace_root": "/w",
            "workspace_members": ["path+core"],
            "packages": [
                {"id": "path+core", "name": "telerad-core", "manifest_path": "/w/crates/core/Cargo.toml",
                 "dependencies": [{"name": "serde", "kind": null}, {"name": "proptest", "kind": "dev"}]},
                {"id": "r", "name": "serde", "version": "1.0.0", "license": null, "source": "git+https://x"},
            ],
        });
        let graph = Graph::from_metadata(&metadata).expect("a graph");
        assert_eq!(graph.members[0].folder, "crates/core");
        assert!(graph.members[0].dependencies[1].dev && !graph.members[0].dependencies[0].dev);
        let complaints: Vec<String> =
            check_licences(&graph).into_iter().map(|finding| finding.text).collect();
        assert_eq!(complaints, ["declares no licence", "comes from no registry"]);
    }

    #[test]
    fn two_versions_of_one_package_are_reported() {
        let foreign = |version: &str| Foreign {
            name: "syn".to_owned(),
            version: version.to_owned(),
            licence: None,
            from_registry: true,
        };
        let graph = Graph { members: Vec::new(), foreign: vec![foreign("1"), foreign("2")] };
        assert_eq!(duplicates(&graph), ["syn is in the graph as 1 and 2"]);
    }
}
