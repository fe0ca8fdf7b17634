//! Figures of several runs, and the lines that are printed.

use crate::load::Run;

/// The median; of an even number of values, the mean of the two in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Prints a figure that has a target.
pub fn ratio(name: &str, value: f64) {
    println!("ratio {name} {value:.2}");
}

/// Prints a figure that explains another.
pub fn detail(name: &str, text: &str) {
    println!("  {name}: {text}");
}

/// Prints what the runs of one system gave: the median, each in its order, and what they cost.
pub fn runs(name: &str, runs: &[Run]) {
    let speeds = || runs.iter().map(Run::megabytes_per_second);
    let each: Vec<String> = speeds().map(|speed| format!("{speed:.0}")).collect();
    let text = format!(
        "{:.0} MB/s ({}), {:.0} requests/s, {:.3} CPU-s/GB, load generator at {:.0}%",
        median(speeds()),
        each.join(" "),
        median(runs.iter().map(Run::requests_per_second)),
        median(runs.iter().map(Run::server_cpu_per_gigabyte)),
        100.0 * median(runs.iter().map(Run::client_load)),
    );
    detail(name, &text);
}

/// The broker's throughput beside another's on the same work.
#[derive(Debug, Clone, Copy)]
pub struct Comparison {
    /// The name of the figure.
    pub name: &'static str,
    /// The median of the broker's runs, in MB/s.
    pub broker: f64,
    /// The median of the runs that it is held against, in MB/s.
    pub reference: f64,
    /// The median of the broker's part of the reference, run by run.
    pub ratio: f64,
}

impl Comparison {
    /// Compares runs that alternated: each with its neighbour in time, since a shared machine is
    /// faster in one minute than in the next.
    pub fn new(name: &'static str, broker: &[Run], reference: &[Run]) -> Self {
        let speed = |runs: &[Run]| median(runs.iter().map(Run::megabytes_per_second));
        let ratios = broker.iter().zip(reference).map(|(broker, reference)| {
            broker.megabytes_per_second() / reference.megabytes_per_second()
        });
        Comparison {
            name,
            broker: speed(broker),
            reference: speed(reference),
            ratio: median(ratios),
        }
    }

    /// Prints the ratio.
    pub fn print(&self) {
        ratio(self.name, self.ratio);
    }
}
