//! What was done, and what a class means, in words.

use super::numbers::whole;
use crate::drivers::Durability;
use crate::scenario::{Kind, Scenario};
use crate::sweep::{Field, Sweep};

/// What an acknowledgement means in a class.
pub fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Memory => "acknowledged when it is in the broker's memory",
        Durability::PageCache => {
            "acknowledged when the kernel has it: survives the broker, not a loss of power"
        }
        Durability::Fsync => "acknowledged when the disk has it: survives a loss of power",
    }
}

/// The work in numbers, but for the field that a sweep varies.
pub fn work(work: &Scenario, sweep: Option<&Sweep>) -> String {
    let varies = |field| sweep.is_some_and(|sweep| sweep.field == field);
    let count = |count: u32, what: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{} {what}{plural}", whole(f64::from(count)))
    };
    let mut parts = Vec::new();
    if work.backlog > 0 {
        parts.push(format!("a backlog of {} records", whole(work.backlog as f64)));
    }
    parts.push(format!("{} records", whole(work.records as f64)));
    if !varies(Field::RecordBytes) {
        parts.push(format!("{} bytes each", whole(work.record_bytes as f64)));
    }
    if !varies(Field::Producers) {
        parts.push(count(work.producers, "producer"));
    }
    if !varies(Field::Partitions) {
        parts.push(count(work.partitions, "partition"));
    }
    if work.readers > 1 {
        parts.push(count(work.readers, "reader"));
    }
    match work.batch {
        Some(batch) => parts.push(format!("batches of at most {}", whole(f64::from(batch)))),
        None => parts.push("batches as the client library makes them".to_owned()),
    }
    match work.rate {
        Some(_) if varies(Field::Rate) => parts.push("open loop".to_owned()),
        Some(rate) => parts.push(format!("open loop, {} records a second", whole(rate))),
        None if work.kind != Kind::Consume => parts.push("closed loop".to_owned()),
        None => {}
    }
    parts.push(if work.confirm { "every record confirmed" } else { "no acknowledgements" }.into());
    if let Some(window) = work.window {
        let window = whole(window as f64);
        parts.push(format!("at most {window} unconfirmed for each producer"));
    }
    format!("{}.", parts.join(", "))
}
