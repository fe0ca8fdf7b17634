//! The house rules as a test: layers, forbidden calls, sizes, comments, links.
//!
//! Every rule is a function from a file (path and text) to violations, in a file of its own with a
//! small planted violation as its test. `cargo test --test tidy` runs them over every file that
//! git knows or would add.

mod docs;
mod layers;
mod leftovers;
mod links;
mod machine;
mod manifest;
mod panics;
mod paths;
mod purity;
mod sizes;
mod source;
mod tokens;
mod unsafety;

use source::{Source, Violation};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The tree under test: every file's path, and the content of those that are text.
struct Tree {
    paths: BTreeSet<PathBuf>,
    sources: Vec<Source>,
}

static TREE: LazyLock<Tree> = LazyLock::new(Tree::read);

impl Tree {
    fn read() -> Tree {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let listing = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .expect("tidy needs git to list the files");
        assert!(listing.status.success(), "git ls-files: {listing:?}");
        let listing = String::from_utf8(listing.stdout).expect("file names are UTF-8");
        let paths: BTreeSet<PathBuf> = listing
            .split('\0')
            .filter(|name| !name.is_empty() && root.join(name).is_file())
            .map(PathBuf::from)
            .collect();
        let read = |path: &PathBuf| {
            let text = std::fs::read(root.join(path)).expect("a listed file is readable");
            Some(Source::new(path.to_str()?, String::from_utf8(text).ok()?))
        };
        let mut sources: Vec<Source> = paths.iter().filter_map(read).collect();
        mark_tests(&mut sources);
        Tree { paths, sources }
    }

    /// Fails with every violation of `rule` in the tree.
    fn check(&self, rule: impl Fn(&Source) -> Vec<Violation>) {
        let found: Vec<String> = self
            .sources
            .iter()
            .flat_map(|source| rule(source).into_iter().map(move |v| v.at(source)))
            .collect();
        assert!(found.is_empty(), "{} violations:\n{}", found.len(), found.join("\n"));
    }

    fn text(&self, path: &str) -> &str {
        let source = self.sources.iter().find(|source| source.path == path);
        &source.unwrap_or_else(|| panic!("{path} is missing")).text
    }
}

/// Tells the files that only tests are made of, whole folders too.
fn mark_tests(sources: &mut [Source]) {
    let modules: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in sources {
        let is_in = |module: &String| {
            let rest = source.path.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        if modules.iter().any(is_in) {
            source.mark_as_test();
        }
    }
}

#[test]
fn modules_import_only_from_lower_layers() {
    let order = layers::order(TREE.text("src/lib.rs"));
    TREE.check(|source| layers::violations(source, &order));
}

#[test]
fn unsafe_code_stays_in_the_ring() {
    TREE.check(unsafety::violations);
}

#[test]
fn pure_layers_touch_no_file_clock_or_random_source() {
    TREE.check(purity::violations);
}

#[test]
fn nothing_panics_on_what_comes_from_outside() {
    TREE.check(panics::violations);
}

#[test]
fn nothing_unfinished_and_no_stray_prints() {
    TREE.check(leftovers::violations);
}

#[test]
fn files_functions_and_lines_are_short() {
    TREE.check(sizes::violations);
}

#[test]
fn every_module_says_what_lives_there() {
    TREE.check(docs::violations);
}

#[test]
fn every_dependency_says_why() {
    TREE.check(manifest::violations);
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    TREE.check(machine::violations);
}

#[test]
fn links_and_references_in_docs_lead_somewhere() {
    TREE.check(|source| links::violations(source, &TREE));
}
