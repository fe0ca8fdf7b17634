//! A section of the page: a scenario, or a sweep over one, in each of its classes.

use super::ceiling;
use super::comparison::Comparison;
use super::figures;
use super::grid::Grid;
use super::numbers::significant;
use super::pictures::{self, Picture};
use super::wording;
use crate::drivers::Durability;
use crate::error::{Error, Result};
use serde::Serialize;
use std::fs;
use std::path::Path;

/// Shorter runs than this, in seconds, show how a system starts.
const SECONDS_MIN: f64 = 5.0;

/// A scenario or a sweep.
#[derive(Debug, Serialize)]
pub struct Section {
    name: String,
    title: String,
    /// What was done, in numbers, if the results say so.
    work: Option<String>,
    is_sweep: bool,
    classes: Vec<Class>,
}

/// One class of durability, within which systems may be compared.
#[derive(Debug, Serialize)]
struct Class {
    name: &'static str,
    meaning: &'static str,
    /// What the clients alone reach with this work.
    ceiling: Option<String>,
    /// What a reader of the figures must know.
    warnings: Vec<String>,
    pictures: Vec<Picture>,
    costs: Grid,
    restarts: Option<Grid>,
    full_disks: Option<Grid>,
    latency: Option<Latency>,
}

#[derive(Debug, Serialize)]
struct Latency {
    /// Whether the figures say more than how long the client's queue was.
    is_open_loop: bool,
    pictures: Vec<Picture>,
    grid: Grid,
}

impl Section {
    /// All sections; plots of latency come from the logs in `folder`.
    ///
    /// # Errors
    /// If a plot cannot be drawn.
    pub fn all(comparisons: &[Comparison<'_>], folder: &Path) -> Result<Vec<Section>> {
        let sections = comparisons.chunk_by(|a, b| a.section() == b.section());
        sections.map(|comparisons| Section::of(comparisons, folder)).collect()
    }

    fn of(comparisons: &[Comparison<'_>], folder: &Path) -> Result<Section> {
        let classes = comparisons.chunk_by(|a, b| a.durability() == b.durability());
        let classes: Result<Vec<Class>> =
            classes.map(|comparisons| Class::of(&Vec::from_iter(comparisons), folder)).collect();
        let first = &comparisons[0];
        Ok(Section {
            name: first.section().to_owned(),
            title: first.title(),
            work: first.work().map(|work| wording::work(work, first.sweep())),
            is_sweep: first.sweep().is_some(),
            classes: classes?,
        })
    }

    /// Writes the first plot of each class as a file of its own.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn write_pictures(&self, folder: &Path) -> Result<()> {
        for class in &self.classes {
            let path = folder.join(format!("{}-{}.svg", self.name, class.name));
            if let Some(picture) = class.pictures.first() {
                fs::write(&path, &picture.svg).map_err(Error::file(&path))?;
            }
        }
        Ok(())
    }
}

impl Class {
    fn of(comparisons: &[&Comparison<'_>], folder: &Path) -> Result<Class> {
        let first = comparisons[0];
        let pictures = match first.sweep() {
            Some(sweep) => pictures::of_sweep(sweep.field, comparisons)?,
            None => pictures::of_one(first)?,
        };
        let latency = match figures::latencies(comparisons) {
            Some(grid) => Some(Latency {
                is_open_loop: first.is_open_loop() != Some(false),
                pictures: match first.sweep() {
                    Some(_) => Vec::new(),
                    None => pictures::of_latencies(first, folder)?,
                },
                grid,
            }),
            None => None,
        };
        Ok(Class {
            name: first.durability().name(),
            meaning: wording::durability(first.durability()),
            ceiling: ceiling::sentence(comparisons),
            warnings: warnings(first.durability(), comparisons),
            pictures,
            costs: figures::costs(comparisons),
            restarts: figures::restarts(comparisons),
            full_disks: figures::full_disks(comparisons),
            latency,
        })
    }
}

fn warnings(durability: Durability, comparisons: &[&Comparison<'_>]) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(seconds) = figures::shortest_seconds(comparisons).filter(|s| *s < SECONDS_MIN) {
        warnings.push(format!(
            "The shortest run took {} s: start-up and cold code weigh in.",
            significant(seconds)
        ));
    }
    let outcomes = || comparisons.iter().flat_map(|comparison| &comparison.outcomes);
    let gets_more = outcomes().any(|outcome| outcome.system == "rabbitmq");
    let confirms = comparisons.iter().any(|c| c.work().is_some_and(|work| work.confirm));
    if gets_more && confirms && durability == Durability::PageCache {
        warnings.push(
            "rabbitmq's confirmations wait for fsync here, which is more than the class asks for."
                .to_owned(),
        );
    }
    for outcome in outcomes().filter(|outcome| !outcome.verified) {
        warnings.push(format!(
            "{} in {} did not give back what was sent ({}): its figures count for nothing.",
            outcome.system,
            outcome.scenario,
            figures::faults(&figures::verification(outcome))
        ));
    }
    warnings
}
