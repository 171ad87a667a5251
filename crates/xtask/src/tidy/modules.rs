//! No cycle between the modules of a crate.
//!
//! A module and the modules below it are one story, so a child may name its parent. What may not
//! be is a circle between siblings: then neither can be understood without the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Finding;
use super::source::{Source, is_identifier, words};

/// A module path below its crate: `[]` is the root, `["pdu", "decode"]` is `crate::pdu::decode`.
type Module = Vec<String>;

/// Checks every crate that has a `src` folder.
pub fn check(sources: &[Source]) -> Vec<Finding> {
    let mut crates: BTreeMap<&str, BTreeMap<Module, &Source>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.production.is_empty()) {
        if let Some(module) = module_of(source) {
            crates.entry(source.folder()).or_default().insert(module, source);
        }
    }
    crates.values().flat_map(check_crate).collect()
}

fn module_of(source: &Source) -> Option<Module> {
    let path = source.path.strip_prefix(source.folder())?.strip_prefix("/src/")?;
    let mut module: Module = path.strip_suffix(".rs")?.split('/').map(str::to_owned).collect();
    // Programs in `src/bin` have a root of their own.
    if module.first().is_some_and(|first| first == "bin") {
        return None;
    }
    if module.last().is_some_and(|last| last == "mod" || last == "lib" || last == "main") {
        module.pop();
    }
    Some(module)
}

fn check_crate(modules: &BTreeMap<Module, &Source>) -> Vec<Finding> {
    let reexports = reexports(modules);
    let mut edges: BTreeMap<Module, BTreeMap<Module, String>> = BTreeMap::new();
    for (from, source) in modules {
        for (at, path) in references(from, &source.production) {
            let to = resolve(&path, modules, &reexports);
            if let Some((a, b)) = siblings(from, &to) {
                edges.entry(a).or_default().entry(b).or_insert_with(|| source.place(at));
            }
        }
    }
    cycles(&edges)
}

/// Names that a module re-exports from a module below or beside it, so that naming
/// `crate::Thing` counts as naming the module that defines it.
fn reexports(modules: &BTreeMap<Module, &Source>) -> BTreeMap<(Module, String), Module> {
    let mut names = BTreeMap::new();
    for (module, source) in modules {
        let code = &source.production;
        for at in words(code, "use") {
            let before = code[..at].trim_end();
            if !(before.ends_with("pub") || before.ends_with("pub(crate)")) {
                continue;
            }
            for path in tree(&code[at + "use".len()..]) {
                let Some(name) = path.last().cloned() else { continue };
                let target = absolute(module, &path);
                names.insert((module.clone(), name), target);
            }
        }
    }
    names
}

/// A path as written in `module`, from the root of the crate.
fn absolute(module: &Module, path: &[String]) -> Module {
    let mut base = module.clone();
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "crate" => base.clear(),
            "self" => {}
            "super" => drop(base.pop()),
            _ => break,
        }
        rest = after;
    }
    base.extend(rest.iter().cloned());
    base
}

/// Every path in the code that starts at `crate` or `super`, made absolute.
fn references(module: &Module, code: &str) -> Vec<(usize, Module)> {
    let mut found = Vec::new();
    for root in ["crate::", "super::"] {
        for at in words(code, root) {
            // The second `super` of `super::super::x` is part of the first one's path.
            if code[..at].ends_with("::") {
                continue;
            }
            found.extend(tree(&code[at..]).iter().map(|path| (at, absolute(module, path))));
        }
    }
    found
}

/// The paths of a use tree: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn tree(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    branch(code, &[], &mut paths);
    paths
}

/// Reads one path or group; returns how many bytes it took.
fn branch(code: &str, prefix: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    let mut at = 0;
    loop {
        at += code[at..].len() - code[at..].trim_start().len();
        let rest = &code[at..];
        if rest.starts_with('{') {
            at += 1;
            while !code[at..].is_empty() && !code[at..].trim_start().starts_with('}') {
                let taken = branch(&code[at..], &path, paths);
                at += taken;
                let after = code[at..].trim_start();
                // Whatever follows a name in a group (`as other`) is of no interest.
                let Some(end) = after.find([',', '}']) else { return code.len() };
                at = code.len() - after.len() + end;
                at += usize::from(code[at..].starts_with(','));
            }
            return (code.len() - code[at..].trim_start().len() + 1).min(code.len());
        }
        let name: String = rest.chars().take_while(|each| is_identifier(*each)).collect();
        at += name.len();
        if !name.is_empty() {
            path.push(name);
        }
        match code[at..].trim_start().strip_prefix("::") {
            Some(after) if !after.trim_start().starts_with('<') => at = code.len() - after.len(),
            _ => break,
        }
    }
    if path.len() > prefix.len() {
        paths.push(path);
    }
    at
}

/// The module that a path leads to, through re-exports.
fn resolve(
    path: &Module,
    modules: &BTreeMap<Module, &Source>,
    reexports: &BTreeMap<(Module, String), Module>,
) -> Module {
    let mut path = path.clone();
    // A chain of re-exports is short; the bound only stops two that name each other.
    for _ in 0..8 {
        let depth = (0..=path.len()).rev().find(|depth| modules.contains_key(&path[..*depth]));
        let module = path[..depth.unwrap_or(0)].to_vec();
        let Some(name) = path.get(module.len()) else { return module };
        match reexports.get(&(module.clone(), name.clone())) {
            Some(target) => path = target.clone(),
            None => return module,
        }
    }
    path
}

/// The two modules with a common parent that stand for this edge; `None` within one family line.
fn siblings(from: &Module, to: &Module) -> Option<(Module, Module)> {
    let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    if common == from.len() || common == to.len() {
        return None;
    }
    Some((from[..=common].to_vec(), to[..=common].to_vec()))
}

fn cycles(edges: &BTreeMap<Module, BTreeMap<Module, String>>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for (from, targets) in edges {
        for (to, place) in targets {
            let Some(back) = shortest(edges, to, from) else { continue };
            let members: BTreeSet<Module> = back.iter().cloned().collect();
            if seen.insert(members) {
                let names: Vec<String> =
                    std::iter::once(from).chain(&back).map(|module| module.join("::")).collect();
                findings.push(Finding::new(place, format!("cycle {}", names.join(" → "))));
            }
        }
    }
    findings
}

fn shortest(
    edges: &BTreeMap<Module, BTreeMap<Module, String>>,
    from: &Module,
    to: &Module,
) -> Option<Vec<Module>> {
    let mut queue = VecDeque::from([vec![from.clone()]]);
    let mut visited = BTreeSet::from([from.clone()]);
    while let Some(path) = queue.pop_front() {
        let last = path.last()?;
        if last == to {
            return Some(path);
        }
        for next in edges.get(last).into_iter().flat_map(BTreeMap::keys) {
            if visited.insert(next.clone()) {
                queue.push_back(path.iter().chain([next]).cloned().collect());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_files(files: &[(&str, &str)], expected: &[&str]) {
        let sources: Vec<Source> = files
            .iter()
            .map(|(name, text)| Source::new(&format!("crates/a/src/{name}.rs"), text))
            .collect();
        let found: Vec<String> =
            super::check(&sources).into_iter().map(|finding| finding.text).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn two_siblings_that_use_each_other_are_a_cycle() {
        check_files(
            &[("lib", "mod b; mod c;"), ("b", "use crate::c::C;"), ("c", "use super::b;")],
            &["cycle b → c → b"],
        );
    }

    #[test]
    fn a_cycle_through_a_re_export_is_seen() {
        check_files(
            &[
                ("lib", "mod b; mod c; pub use b::{B, Other}; pub use c::C;"),
                ("b", "use crate::{fmt, C};"),
                ("c", "fn f() -> crate::B {}"),
            ],
            &["cycle b → c → b"],
        );
    }

    #[test]
    fn cousins_stand_for_their_families() {
        check_files(
            &[
                ("lib", ""),
                ("b", "mod inner;"),
                ("b/inner", "use crate::c::inner::{self, Deep as D};"),
                ("c", "mod inner; use super::d::D;"),
                ("c/inner", ""),
                ("d", "fn f() { crate::b::inner::g::<u8>() }"),
            ],
            &["cycle b → c → d → b"],
        );
    }

    #[test]
    fn a_child_may_name_its_parent_and_tests_may_name_all() {
        check_files(
            &[
                ("lib", "mod b; mod c;"),
                ("b", "mod inner; use inner::I;"),
                ("b/inner", "use super::B; use super::super::c::C;"),
                ("c", "#[cfg(test)] mod tests { use crate::b::B; }"),
            ],
            &[],
        );
    }

    #[test]
    fn a_group_is_every_path_in_it() {
        let paths: Vec<String> = tree("a::{b, c::{d as e, self}, *};\nx::y")
            .into_iter()
            .map(|path| path.join("::"))
            .collect();
        assert_eq!(paths, ["a::b", "a::c::d", "a::c::self"]);
    }
}
