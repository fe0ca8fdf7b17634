//! A broker with many partitions and connections and nothing to do.

use super::Plan;
use crate::machine;
use crate::report::{self, Comparison};
use crate::servers::Server;
use std::io;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

const PARTITION_COUNT: usize = 1000;
const CONNECTION_COUNT: usize = 1000;

/// CPU and memory of 1,000 partitions and 1,000 connections over 30 s.
pub fn run(plan: &Plan) -> io::Result<Option<Comparison>> {
    let broker = Server::broker(plan.cores, &[])?;
    broker.create_topic("idle", PARTITION_COUNT)?;
    let connections: io::Result<Vec<TcpStream>> =
        (0..CONNECTION_COUNT).map(|_| TcpStream::connect(broker.address)).collect();
    let connections = connections?;
    // What the topic's creation left to do is not idleness.
    thread::sleep(Duration::from_secs(2));
    let span = Duration::from_secs(plan.scaled(30));
    let before = broker.cpu_time();
    thread::sleep(span);
    let used = broker.cpu_time() - before;
    let percent = 100.0 * used.as_secs_f64() / span.as_secs_f64();
    let mebibytes = machine::resident_bytes(broker.process()) as f64 / f64::from(1 << 20);
    println!("idle-cpu-percent {percent:.2}");
    println!("idle-rss-mib {mebibytes:.0}");
    report::detail(
        "idle",
        &format!("{PARTITION_COUNT} partitions, {} connections, {span:?}", connections.len()),
    );
    Ok(None)
}
