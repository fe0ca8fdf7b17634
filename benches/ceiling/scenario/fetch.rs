//! Fetch of large responses from the page cache, against bare sendfile.

use super::Plan;
use crate::bare::Program;
use crate::layout::AskLayout;
use crate::load::{self, fetch::Reading};
use crate::report::{self, Comparison};
use crate::servers::Server;
use crate::tape::{Shape, Tape};
use std::io;

const SHAPE: Shape = Shape {
    topic: "bench",
    partition_count: 1,
    batch_size: 64 << 10,
    connection_count: 8,
    in_flight: 5,
};

/// Bytes of records in a response.
const LENGTH: usize = 1 << 20;

/// Bytes of the log; all of them are in the page cache.
const LOG_SIZE: u64 = 128 << 20;

/// Pairs of runs for each round of the plan. The speed of both swings within seconds with what
/// other guests do to the caches they share: many short pairs tell more than a few long ones.
const PAIRS_PER_ROUND: usize = 3;

/// The log's only segment.
const FIRST_SEGMENT: &str = "00000000000000000000.log";

/// Responses of 1 MiB on 8 connections.
pub fn large(plan: &Plan) -> io::Result<Option<Comparison>> {
    let tape = Tape::new(SHAPE);
    let responses = plan.scaled(1 << 30) / LENGTH as u64;
    let reading = reading(&tape, LOG_SIZE);
    let broker = Server::broker(plan.cores, &[])?;
    broker.create_topic(SHAPE.topic, 1)?;
    let requests = LOG_SIZE / SHAPE.batch_size as u64;
    plan.on_client_core(|| load::produce::run(&broker, &tape, 0, requests))?;
    let program = Program::Fetch {
        topic: SHAPE.topic.to_owned(),
        offset_at: AskLayout::new(SHAPE.topic, LENGTH, 0).offset_at,
        batch_size: SHAPE.batch_size,
        records_per_batch: tape.records_per_batch,
        length: LENGTH,
        file: broker.data_directory().join(format!("{}-0", SHAPE.topic)).join(FIRST_SEGMENT),
    };
    let sendfile = Server::bare(plan.cores, &program)?;
    let (mut bare_runs, mut broker_runs) = (Vec::new(), Vec::new());
    let before = broker.metrics()?;
    for _ in 0..plan.rounds * PAIRS_PER_ROUND {
        for (server, runs) in [(&sendfile, &mut bare_runs), (&broker, &mut broker_runs)] {
            let load = || load::fetch::run(server, reading, responses / 8, responses);
            runs.push(plan.on_client_core(load)?);
        }
    }
    let comparison = Comparison::new("fetch-1m", &broker_runs, &bare_runs);
    comparison.print();
    report::runs("ceiling", &bare_runs);
    report::runs("broker", &broker_runs);
    let after = broker.metrics()?;
    let count = |name: &str, label: &str| after.sum(name, label) - before.sum(name, label);
    let text = format!(
        "{:.1} system calls per request",
        count("pinion_syscalls_total", "") / count("pinion_requests_total", "api=\"Fetch\"")
    );
    report::detail("broker", &text);
    Ok(Some(comparison))
}

/// The whole log, 1 MiB at a time.
pub fn reading(tape: &Tape, log_size: u64) -> Reading {
    Reading {
        topic: tape.shape.topic,
        connection_count: tape.shape.connection_count,
        length: LENGTH,
        records: (LENGTH / tape.shape.batch_size * tape.records_per_batch) as u64,
        response_count: log_size / LENGTH as u64,
    }
}
