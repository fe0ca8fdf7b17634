//! `doctor`: what could be run here, what is there for it, and what a run would install first.

use super::SystemArgs;
use crate::error::{Error, Result};
use crate::host::stamp::Stamp;
use crate::scenario;
use std::process::ExitCode;

/// Prints machine, systems and scenarios.
///
/// # Errors
/// If the machine cannot be looked at.
pub fn run(args: &SystemArgs) -> Result<ExitCode> {
    let (systems, mut setting) = args.resolve()?;
    setting.installs = setting.installs.rehearsal();
    let stamp = Stamp::take(&setting.data, &setting.cores)?;
    let text = toml::to_string(&stamp).map_err(|error| Error::Input(error.to_string()))?;
    println!("[machine]\n{text}");
    println!("[systems]");
    let mut code = ExitCode::SUCCESS;
    for system in systems {
        match system.install(&setting) {
            Ok(version) => {
                let classes = system.durabilities().iter().map(|class| class.name());
                let classes = classes.collect::<Vec<_>>().join(", ");
                println!("{:16} {version} ({classes})", system.name());
            }
            Err(error @ Error::Wanted(_)) => println!("{:16} {error}", system.name()),
            Err(error) => {
                code = ExitCode::FAILURE;
                println!("{:16} left out: {error}", system.name());
            }
        }
    }
    println!("\n[scenarios]");
    for scenario in scenario::all() {
        println!("{:24} {}", scenario.name, scenario.title);
    }
    Ok(code)
}
