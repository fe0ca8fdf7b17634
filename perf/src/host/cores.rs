//! Which cores the brokers run on, and which the clients: never the same, if there are two.

use crate::error::{Error, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize};
use std::process::{Child, Command};

/// The cores of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cores {
    /// For the broker under test.
    pub broker: Vec<usize>,
    /// For everything that makes load.
    pub client: Vec<usize>,
}

impl Cores {
    /// Splits the cores that this process may use in two halves. With one core, both get it.
    ///
    /// # Errors
    /// If the system does not say which they are.
    pub fn split() -> Result<Cores> {
        let all = allowed()?;
        let (broker, client) = all.split_at(all.len() / 2);
        let broker = if broker.is_empty() { client } else { broker };
        Ok(Cores { broker: broker.to_vec(), client: client.to_vec() })
    }

    /// All cores that this process may use, for broker and clients alike.
    ///
    /// # Errors
    /// If the system does not say which they are.
    pub fn all() -> Result<Cores> {
        let all = allowed()?;
        Ok(Cores { broker: all.clone(), client: all })
    }

    /// Moves the calling thread, and those that it starts from here on, to the clients' cores.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn enter_client(&self) -> Result<()> {
        enter(&self.client)
    }

    /// Starts a program on the brokers' cores.
    ///
    /// # Errors
    /// If the program cannot be started, or the cores cannot be had.
    pub fn spawn_broker(&self, command: &mut Command) -> Result<Child> {
        enter(&self.broker)?;
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().map_err(Error::io(name));
        self.enter_client()?;
        child
    }
}

fn allowed() -> Result<Vec<usize>> {
    let allowed = sched_getaffinity(None).map_err(|e| Error::io("CPU affinity")(e.into()))?;
    Ok((0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect())
}

fn enter(cores: &[usize]) -> Result<()> {
    let mut set = CpuSet::new();
    cores.iter().for_each(|core| set.set(*core));
    sched_setaffinity(None, &set).map_err(|e| Error::io("CPU affinity")(e.into()))
}
