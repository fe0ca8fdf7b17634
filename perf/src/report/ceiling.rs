//! The generator's ceiling: what a client reaches against a peer that only answers from memory.
//!
//! It is measured like a system, and is none: a rate near it says nothing about the broker.

use super::numbers;
use super::quantity::Quantity;
use crate::results::Outcome;

/// Its name among the systems.
pub const NAME: &str = "ceiling";

/// Nearer to the ceiling than this part of it, the client is what was measured.
pub const NEAR: f64 = 0.85;

/// Whether a rate that is this part of the ceiling says nothing about the broker.
pub fn is_near_ceiling(share: f64) -> bool {
    share > NEAR
}

/// What the client alone does with some work, in a sentence.
pub fn sentence(ceiling: &Outcome, is_open_loop: bool) -> Option<String> {
    let client = if ceiling.client.is_empty() { "The client" } else { &ceiling.client };
    let median = &ceiling.median;
    let figures = if is_open_loop {
        let latency = median.latency_us?;
        let (typical, rare) = (numbers::micros(latency.p50), numbers::micros(latency.p99));
        format!("has a median latency of {typical} and a 99th percentile of {rare} here")
    } else {
        format!("reaches {} here", Quantity::Rate.text(median.records_per_second))
    };
    Some(format!("{client} alone, against a peer that answers from memory, {figures}."))
}
