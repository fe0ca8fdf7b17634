//! How many shards there are, and on which cores.

use crate::base::limits::SHARD_COUNT_MAX;
use crate::cli::error::CliError;
use crate::config::Config;
use std::num::NonZero;

/// The core of each shard; `None` for a shard that is not pinned.
pub fn choose(config: &Config) -> Result<Vec<Option<usize>>, CliError> {
    if let Some(count) = config.shards {
        return Ok(vec![None; usize::from(count)]);
    }
    let allowed = allowed_cores()?;
    let cores = match &config.cores {
        Some(named) => {
            check_allowed(named, &allowed)?;
            named.clone()
        }
        None => {
            // Under a CPU quota, more busy shards than CPUs would be throttled together.
            let quota = std::thread::available_parallelism().map_or(1, NonZero::get);
            allowed.into_iter().take(quota.min(SHARD_COUNT_MAX)).collect()
        }
    };
    Ok(cores.into_iter().map(Some).collect())
}

fn allowed_cores() -> Result<Vec<usize>, CliError> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    if cores.is_empty() {
        return Err(CliError::failure(
            "cores = \"auto\": the allowed CPUs cannot be read; set shards to a number instead",
        ));
    }
    Ok(cores.into_iter().map(|core| core.id).collect())
}

fn check_allowed(named: &[usize], allowed: &[usize]) -> Result<(), CliError> {
    match named.iter().find(|core| !allowed.contains(core)) {
        Some(core) => Err(CliError::failure(format!(
            "cores: CPU {core} is not among those that this process may use ({allowed:?}); name \
             others, or widen its cpuset or taskset"
        ))),
        None => Ok(()),
    }
}
