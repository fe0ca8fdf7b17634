//! The arguments that every command with a broker takes.

use super::super::address::parse_address;
use super::super::duration::parse_wait;
use super::{ClientError, Cluster};
use clap::Args;
use std::time::Duration;

/// Which cluster, and how long to wait for it.
#[derive(Debug, Clone, Args)]
pub struct ClientArgs {
    /// Brokers to ask first; one that answers is enough
    #[arg(
        short,
        long,
        value_name = "HOST:PORT",
        visible_alias = "bootstrap-server",
        value_delimiter = ',',
        default_value = "127.0.0.1:9092",
        value_parser = parse_address
    )]
    pub bootstrap: Vec<String>,

    /// Longest wait for an answer, retries included, as in 30s or 2m
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "30s",
        value_parser = parse_wait
    )]
    pub timeout: Duration,
}

impl ClientArgs {
    /// Connects to the first broker that answers.
    pub fn connect(&self) -> Result<Cluster, ClientError> {
        Cluster::connect(self.bootstrap.clone(), self.timeout)
    }
}
