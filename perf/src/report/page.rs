//! The page: one file, nothing loaded from elsewhere.

use super::ceiling;
use super::comparison::Comparison;
use super::figures;
use super::grid::Grid;
use super::numbers::{percent, whole};
use super::poster;
use super::section::Section;
use super::verdict::Verdict;
use crate::error::{Error, Result};
use crate::host::stamp::Stamp;
use crate::results::{Failure, Outcome, Results};
use crate::work::verifier;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The page's name in the output folder.
pub const FILE: &str = "report.html";

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// What the template gets.
#[derive(Debug, Serialize)]
struct Page<'a> {
    style: &'static str,
    stamp: &'a Stamp,
    versions: &'a BTreeMap<String, String>,
    failures: &'a [Failure],
    /// Runs of an outcome, at least and at most.
    runs: (usize, usize),
    checked: Checked,
    verdict: Option<Verdict>,
    /// The part of the client's ceiling above which a rate says nothing.
    ceiling_near: String,
    settings: BTreeSet<Settings<'a>>,
    idle: Option<Grid>,
    sections: &'a [Section],
}

/// What became of all records of all systems.
#[derive(Debug, Serialize)]
struct Checked {
    records: String,
    /// System and scenario, and what was wrong.
    faults: Vec<String>,
}

#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Settings<'a> {
    system: &'a str,
    durability: &'static str,
    settings: &'a str,
}

/// Writes the page, and each section's first plots as files of their own.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(results: &Results, folder: &Path) -> Result<()> {
    let comparisons = Comparison::all(results);
    let sections = Section::all(&comparisons, folder)?;
    for section in &sections {
        section.write_pictures(folder)?;
    }
    poster::write(&comparisons, folder)?;
    let page = Page {
        style: STYLE,
        stamp: &results.stamp,
        versions: &results.versions,
        failures: &results.failures,
        runs: runs(results),
        checked: Checked::of(results),
        ceiling_near: percent(ceiling::NEAR),
        verdict: Verdict::on(&comparisons),
        settings: settings(results),
        idle: figures::idle(results),
        sections: &sections,
    };
    let path = folder.join(FILE);
    fs::write(&path, render(&page)?).map_err(Error::file(&path))
}

fn render(page: &Page<'_>) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("page", TEMPLATE).map_err(Error::client("minijinja"))?;
    let template = environment.get_template("page").map_err(Error::client("minijinja"))?;
    template.render(Serde(page)).map_err(Error::client("minijinja"))
}

fn runs(results: &Results) -> (usize, usize) {
    let runs = || results.results.iter().map(|outcome| outcome.runs.len());
    (runs().min().unwrap_or(0), runs().max().unwrap_or(0))
}

fn settings(results: &Results) -> BTreeSet<Settings<'_>> {
    let outcomes = results.results.iter();
    let settings = outcomes.map(|outcome| Settings {
        system: &outcome.system,
        durability: outcome.durability.name(),
        settings: &outcome.settings,
    });
    settings.collect()
}

impl Checked {
    fn of(results: &Results) -> Checked {
        let mut whole_run = verifier::Verdict::default();
        let mut faults = Vec::new();
        for outcome in &results.results {
            let verdict = figures::verification(outcome);
            whole_run.add(&verdict);
            if !outcome.verified {
                let Outcome { system, scenario, durability, .. } = outcome;
                let (found, class) = (figures::faults(&verdict), durability.name());
                faults.push(format!("{system}, {scenario} ({class}): {found}"));
            }
        }
        Checked { records: whole(whole_run.sent as f64), faults }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::Durability;
    use crate::report::samples::{of_sweep, outcome, results};

    /// Goal: a page of outcomes without logs, older than any field that was added: it says who is
    /// behind and what was wrong, and escapes what it quotes.
    #[test]
    fn a_page_says_what_is_wrong() {
        let mut broken = outcome("nats", &[9.0]);
        broken.verified = false;
        broken.runs[0].verification.lost = 1_234;
        let outcomes = vec![outcome("pinion", &[1.0, 2.0, 3.0]), outcome("kafka", &[8.0]), broken];
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut results = results(outcomes);
        results.add_idle("pinion", Durability::Fsync, 0.0);
        results.add_idle("kafka", Durability::Fsync, 3.0);
        results.add_idle("kafka", Durability::Fsync, 5.0);
        write(&results, folder.path()).expect("the folder can be written");
        let page = fs::read_to_string(folder.path().join(FILE)).expect("a page");
        for text in ["1,234 lost", "4.0× worse than kafka", "Some &lt;work&gt;", "1 … 3", "3% … 5%"]
        {
            assert!(page.contains(text), "{text} is missing: {page}");
        }
        assert!(folder.path().join("confirmed-fsync.svg").is_file());
    }

    /// Goal: a sweep is one section with a plot over its values.
    #[test]
    fn a_sweep_is_one_section() {
        let systems = ["pinion", "kafka"].into_iter();
        let of_system = |system| [1, 1000].map(|count| of_sweep(outcome(system, &[5.0]), count));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let results = results(systems.flat_map(of_system).collect());
        write(&results, folder.path()).expect("the folder can be written");
        let page = fs::read_to_string(folder.path().join(FILE)).expect("a page");
        assert_eq!(page.matches("<h2 id=\"partitions").count(), 1, "{page}");
        assert!(page.contains("Records per second over partitions"), "{page}");
    }

    /// Goal: results of nothing make a page, too.
    #[test]
    fn nothing_can_be_shown() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        write(&results(Vec::new()), folder.path()).expect("the folder can be written");
    }
}
