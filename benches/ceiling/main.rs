//! How close the broker comes to the least that a log server on io_uring can do.
//!
//! `cargo bench --bench ceiling` runs every scenario; `-- --quick` a smoke test of each; names
//! after `--` only those. Each prints a line `ratio NAME VALUE`, and how it came about below it.
//! `-- --picture=FILE.svg` draws the throughputs of the run.
//!
//! The broker and the ceiling ([`bare`]) run alternately as child processes on one core, and the
//! load generator ([`load`]) on another. Both get the same frames from the same client, and both
//! answer once the page cache has the records. Data lies below the target directory and is removed.
//!
//! Never here: anything that makes the broker look better than a client would find it.

mod bare;
mod layout;
mod load;
mod machine;
mod picture;
mod report;
mod scenario;
mod servers;
mod tape;

use machine::Cores;
use report::Comparison;
use scenario::Plan;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// A scenario's name and what runs it.
type Scenario = (&'static str, fn(&Plan) -> io::Result<Option<Comparison>>);

const SCENARIOS: [Scenario; 6] = [
    ("produce-64k", scenario::produce::large),
    ("produce-1k", scenario::produce::small),
    ("fetch-1m", scenario::fetch::large),
    ("produce-1000-partitions", scenario::produce::many_partitions),
    ("cold-reader-p99", scenario::cold_reader::run),
    ("idle", scenario::idle::run),
];

/// Runs of each system: a median that three bad ones do not move.
const ROUNDS: usize = 7;

fn main() -> ExitCode {
    match bare::run_if_asked() {
        Ok(true) => return ExitCode::SUCCESS,
        Ok(false) => {}
        Err(error) => {
            eprintln!("bare program: {error}");
            return ExitCode::FAILURE;
        }
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let names: Vec<&String> = arguments.iter().filter(|name| !name.starts_with('-')).collect();
    let cores = Cores::pick();
    for line in machine::stamp(Path::new(env!("CARGO_TARGET_TMPDIR")), cores) {
        println!("# {line}");
    }
    let plan = Plan { cores, rounds: if is_quick { 2 } else { ROUNDS }, is_quick };
    let mut code = ExitCode::SUCCESS;
    let mut comparisons = Vec::new();
    for (name, run) in SCENARIOS {
        if !names.is_empty() && !names.iter().any(|wanted| *wanted == name) {
            continue;
        }
        match run(&plan) {
            Ok(comparison) => comparisons.extend(comparison),
            Err(error) => {
                eprintln!("{name}: {error}");
                code = ExitCode::FAILURE;
            }
        }
    }
    let picture = arguments.iter().find_map(|argument| argument.strip_prefix("--picture="));
    if let Some(path) = picture
        && let Err(error) = picture::draw(Path::new(path), &comparisons)
    {
        eprintln!("{path}: {error}");
        code = ExitCode::FAILURE;
    }
    code
}
