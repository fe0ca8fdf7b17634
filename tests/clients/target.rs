//! The broker that a test talks to.

use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use super::support::broker::{Broker, BrokerOptions};

/// Names a broker that is running already, to be used instead of our own: `HOST:PORT`.
const BOOTSTRAP_VARIABLE: &str = "PINION_TEST_BOOTSTRAP";

/// A broker of our own, or the one that the environment names.
pub enum Target {
    Own(Box<Broker>),
    Named(String),
}

impl Target {
    /// Starts a broker with these options unless the environment names one.
    pub fn start(options: BrokerOptions) -> Self {
        match named_bootstrap() {
            Some(bootstrap) => Target::Named(bootstrap),
            None => Target::Own(Box::new(Broker::start(options))),
        }
    }

    /// `HOST:PORT`.
    pub fn bootstrap(&self) -> String {
        match self {
            Target::Own(broker) => broker.bootstrap(),
            Target::Named(bootstrap) => bootstrap.clone(),
        }
    }
}

/// The broker that the environment names, if it names one.
pub fn named_bootstrap() -> Option<String> {
    std::env::var(BOOTSTRAP_VARIABLE).ok()
}

/// A prefix for topic names that no earlier run on the same broker used.
pub fn unique_prefix(name: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    format!("{name}-{}-{}", now.as_secs(), process::id())
}
