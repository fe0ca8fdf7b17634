//! `paper` and `compare`: runs scenarios, prints the table, and writes results and page.

use super::RunArgs;
use crate::error::Result;
use crate::report::{page, table};
use crate::run::plan::Plan;
use crate::scenario::Scenario;
use crate::systems;
use std::process::ExitCode;

/// Runs these scenarios. Fails, after all of them, if a system failed or lost records.
///
/// # Errors
/// If a scenario or system is not known, results cannot be written, or on Ctrl-C.
pub fn run(names: &[String], args: &RunArgs) -> Result<ExitCode> {
    let found: Result<Vec<_>> = names.iter().map(|name| Scenario::find(name)).collect();
    let scenarios: Result<Vec<_>> = found?
        .into_iter()
        .flatten()
        .map(|mut scenario| {
            scenario.kafka_client = args.kafka_client.unwrap_or(scenario.kafka_client);
            scenario.scaled(args.scale).checked()
        })
        .collect();
    let scenarios = scenarios?;
    let (mut systems, setting) = args.systems.resolve()?;
    systems.extend(systems::ceiling_of(&systems));
    run_plan(&Plan { systems, scenarios, rounds: args.runs, out: args.out.clone(), setting })
}

/// Runs a plan, writes its results, and prints the table.
///
/// # Errors
/// If results cannot be written, or on Ctrl-C.
pub fn run_plan(plan: &Plan) -> Result<ExitCode> {
    let results = plan.run()?;
    page::write(&results, &plan.out)?;
    print!("{}", table::of(&results));
    println!("{}", plan.out.join(page::FILE).display());
    let all_good =
        results.failures.is_empty() && results.results.iter().all(|outcome| outcome.verified);
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
