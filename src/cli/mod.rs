//! The command line: one file per subcommand.
//!
//! Everything here but `serve` is a client of a running broker, or reads files of a stopped one.
//! Exit codes: 0 done, 1 failed, 2 wrongly asked. Errors go to standard error, a line each. Never
//! here: anything that a broker needs while it runs.

mod address;
mod client;
mod config;
mod consume;
mod dump_log;
mod duration;
mod error;
mod latency;
mod output;
mod partitions;
mod produce;
mod serve;
mod table;
mod topic;
mod topic_name;

use clap::{Parser, Subcommand};
use std::io::{self, Write};
use std::process::ExitCode;

const AFTER_HELP: &str = "\
Examples:
  pinion serve --data ./pinion-data
  pinion topic create orders --partitions 6
  echo 'hello' | pinion produce orders
  pinion consume orders --exit-at-end

Exit codes: 0 done, 1 failed, 2 wrong arguments.";

/// A Kafka-wire-compatible log broker, and the tools around it.
#[derive(Debug, Parser)]
#[command(name = "pinion", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a broker
    Serve(serve::ServeArgs),
    /// Create, list, describe, alter or delete topics
    Topic(topic::TopicArgs),
    /// Write lines of input to a topic
    Produce(produce::ProduceArgs),
    /// Print the records of a topic
    Consume(consume::ConsumeArgs),
    /// Print every configuration key with its default, or check a file
    Config(config::ConfigArgs),
    /// Print the latency percentiles of a running broker
    Latency(latency::LatencyArgs),
    /// Print and check the files of a data directory
    DumpLog(dump_log::DumpLogArgs),
}

/// Runs the command that the process's arguments name, and gives its exit code.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(args) => serve::run(&args),
        Command::Topic(args) => topic::run(&args),
        Command::Produce(args) => produce::run(&args),
        Command::Consume(args) => consume::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Latency(args) => latency::run(&args),
        Command::DumpLog(args) => dump_log::run(&args),
    };
    match result {
        Ok(()) => ExitCode::from(error::EXIT_OK),
        Err(error) => {
            if !error.is_closed_output() {
                // Where standard error takes nothing, the exit code says it alone.
                let text = error.to_string();
                text.lines().for_each(|line| drop(writeln!(io::stderr(), "pinion: {line}")));
            }
            error.exit_code()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Goal: no two options clash, in any subcommand.
    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    /// Goal: the help of every command, and of every verb of one, has examples of just that.
    #[test]
    fn every_help_has_examples() {
        check_examples(&Cli::command(), "pinion");
    }

    fn check_examples(command: &clap::Command, name: &str) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let is_example = |line: &str| line.contains(&format!("{name} "));
        let count = help.lines().filter(|line| is_example(&format!("{line} "))).count();
        assert!(help.starts_with("Examples:\n") && count > 0, "{name}: {help}");
        for verb in command.get_subcommands() {
            check_examples(verb, &format!("{name} {}", verb.get_name()));
        }
    }
}
