//! The figures that systems are compared by: how each is named and written, and what is better.

use super::numbers;
use super::spread::Spread;
use crate::results::{Figures, Outcome};

const MICROS_PER_MILLI: f64 = 1e3;

/// A figure that systems are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Records in a second.
    Rate,
    /// The 99th percentile of the latency that counts.
    P99,
    /// The longest time without a confirmation around a restart.
    Silence,
    /// The time to the next confirmation once a full disk has room.
    Resume,
    /// CPU time of the broker for 10^9 bytes of payload.
    CpuPerGb,
    /// Resident memory of the broker at the end.
    Memory,
}

impl Quantity {
    /// All of them, in the order of the page.
    pub const ALL: [Quantity; 6] = [
        Quantity::Rate,
        Quantity::P99,
        Quantity::Silence,
        Quantity::Resume,
        Quantity::CpuPerGb,
        Quantity::Memory,
    ];

    /// The title of a plot, with its unit.
    pub fn title(self) -> &'static str {
        match self {
            Quantity::Rate => "Records per second",
            Quantity::P99 => "Latency, 99th percentile",
            Quantity::Silence => "Restart, longest silence",
            Quantity::Resume => "Full disk, from room to confirmation",
            Quantity::CpuPerGb => "Broker CPU seconds per GB",
            Quantity::Memory => "Broker memory (RSS), MB",
        }
    }

    /// Its name in the middle of a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::Rate => "records per second",
            Quantity::P99 => "99th percentile of latency",
            Quantity::Silence => "longest silence around the restart",
            Quantity::Resume => "time from room on the disk to a confirmation",
            Quantity::CpuPerGb => "broker CPU time per GB",
            Quantity::Memory => "broker memory",
        }
    }

    /// Whether the greater figure is the better one.
    pub fn more_is_better(self) -> bool {
        self == Quantity::Rate
    }

    /// The figure; none if it is not known, such as the cost of a broker that somebody else runs.
    pub fn of(self, figures: &Figures) -> Option<f64> {
        let value = match self {
            Quantity::Rate => figures.records_per_second,
            Quantity::P99 => figures.latency_us?.p99,
            Quantity::Silence => figures.restart?.silence_ms * MICROS_PER_MILLI,
            Quantity::Resume => figures.full_disk?.resume_ms * MICROS_PER_MILLI,
            Quantity::CpuPerGb => figures.broker_cpu_seconds_per_gb,
            Quantity::Memory => figures.rss_mb,
        };
        (value > 0.0).then_some(value)
    }

    /// The figures of all runs.
    pub fn spread(self, outcome: &Outcome) -> Option<Spread> {
        Spread::of(outcome, |figures| self.of(figures))
    }

    /// The figure with its unit.
    pub fn text(self, value: f64) -> String {
        match self {
            Quantity::Rate => format!("{}/s", numbers::whole(value)),
            Quantity::P99 | Quantity::Silence | Quantity::Resume => numbers::micros(value),
            Quantity::CpuPerGb => format!("{} s/GB", numbers::significant(value)),
            Quantity::Memory => format!("{} MB", numbers::whole(value)),
        }
    }

    /// The figure on an axis.
    pub fn tick(self, value: f64) -> String {
        match self {
            Quantity::P99 | Quantity::Silence | Quantity::Resume => numbers::tick_of_micros(value),
            Quantity::Rate | Quantity::CpuPerGb | Quantity::Memory => numbers::tick(value),
        }
    }
}
