//! Produce: against the bare server, and many partitions against one.

use super::Plan;
use crate::bare::Program;
use crate::load::{self, Run};
use crate::report::{self, Comparison};
use crate::servers::{Metrics, Server};
use crate::tape::{Shape, Tape};
use std::io;

/// Batches of 64 KiB on 8 connections.
pub fn large(plan: &Plan) -> io::Result<Option<Comparison>> {
    compare("produce-64k", plan, LARGE, 512 << 20)
}

/// Batches of 1 KiB, 16 in flight on each of 8 connections.
pub fn small(plan: &Plan) -> io::Result<Option<Comparison>> {
    compare("produce-1k", plan, Shape { batch_size: 1 << 10, in_flight: 16, ..LARGE }, 256 << 20)
}

/// Pairs of runs for each round of the plan: a run takes a fraction of a second, in which other
/// guests may have the memory's bandwidth.
const PAIRS_PER_ROUND: usize = 2;

const LARGE: Shape = Shape {
    topic: "bench",
    partition_count: 1,
    batch_size: 64 << 10,
    connection_count: 8,
    // What Kafka's producer has in flight on a connection unless told otherwise.
    in_flight: 5,
};

/// The broker with a thousand partitions, and with one; the same bytes in the same requests.
pub fn many_partitions(plan: &Plan) -> io::Result<Option<Comparison>> {
    let bytes = plan.scaled(512 << 20);
    let shapes = [Shape { partition_count: 1000, ..LARGE }, LARGE];
    let tapes = shapes.map(Tape::new);
    let mut runs = [const { Vec::new() }; 2];
    for _ in 0..plan.rounds {
        for (tape, runs) in tapes.iter().zip(&mut runs) {
            runs.push(run_broker(plan, tape, bytes)?.0);
        }
    }
    let comparison = Comparison::new("produce-1000-partitions", &runs[0], &runs[1]);
    comparison.print();
    report::runs("1000 partitions", &runs[0]);
    report::runs("1 partition", &runs[1]);
    Ok(Some(comparison))
}

fn compare(
    name: &'static str,
    plan: &Plan,
    shape: Shape,
    bytes: u64,
) -> io::Result<Option<Comparison>> {
    let bytes = plan.scaled(bytes);
    let tape = Tape::new(shape);
    let (mut bare, mut broker, mut metrics) = (Vec::new(), Vec::new(), None);
    for _ in 0..plan.rounds * PAIRS_PER_ROUND {
        bare.push(run_bare(plan, &tape, bytes)?);
        let (run, counted) = run_broker(plan, &tape, bytes)?;
        broker.push(run);
        metrics = Some(counted);
    }
    let comparison = Comparison::new(name, &broker, &bare);
    comparison.print();
    report::runs("ceiling", &bare);
    report::runs("broker", &broker);
    if let Some(metrics) = metrics {
        print_counters(&metrics);
    }
    Ok(Some(comparison))
}

fn run_bare(plan: &Plan, tape: &Tape, bytes: u64) -> io::Result<Run> {
    let program = Program::Produce {
        topic: tape.shape.topic.to_owned(),
        batch_at: tape.batch_at,
        batch_size: tape.shape.batch_size,
        records_per_batch: tape.records_per_batch,
    };
    let server = Server::bare(plan.cores, &program)?;
    run(plan, &server, tape, bytes)
}

fn run_broker(plan: &Plan, tape: &Tape, bytes: u64) -> io::Result<(Run, Metrics)> {
    let server = Server::broker(plan.cores, &[])?;
    server.create_topic(tape.shape.topic, tape.shape.partition_count)?;
    let run = run(plan, &server, tape, bytes)?;
    Ok((run, server.metrics()?))
}

fn run(plan: &Plan, server: &Server, tape: &Tape, bytes: u64) -> io::Result<Run> {
    let requests = bytes / tape.shape.batch_size as u64;
    // Long enough that every partition has had its first batch.
    let warm_up = (requests / 8).max(tape.shape.partition_count as u64);
    server.touch_memory()?;
    plan.on_client_core(|| load::produce::run(server, tape, warm_up, requests))
}

fn print_counters(metrics: &Metrics) {
    let requests = metrics.sum("pinion_requests_total", "api=\"Produce\"");
    let per_request = |name: &str| metrics.sum(name, "") / requests;
    let text = format!(
        "{:.2} system calls, {:.2} log writes, {:.1} ticks per request",
        per_request("pinion_syscalls_total"),
        per_request("pinion_log_writes_total"),
        per_request("pinion_ticks_total"),
    );
    report::detail("broker", &text);
    let copied = metrics.sum("pinion_payload_copied_bytes_total", "");
    let produced = metrics.sum("pinion_produced_bytes_total", "");
    let text =
        format!("{copied:.0} of {produced:.0} payload bytes copied in user space, start included");
    report::detail("broker", &text);
}
