//! The `pinion` command. See [`pinion::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    pinion::cli::main()
}
