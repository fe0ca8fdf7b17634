//! The broker configs that were set in the configuration file or on the command line.

use super::config_keys::{self, ConfigFault, ConfigKey};
use std::collections::BTreeMap;

/// Checked values of broker keys that somebody set when the broker was started.
///
/// Only known keys get in, under their own name (an alias is resolved), and only values that
/// their key takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StaticConfig {
    values: BTreeMap<&'static str, String>,
}

impl StaticConfig {
    /// Sets a key, over an earlier value.
    ///
    /// # Errors
    /// If the key does not take the value.
    ///
    /// # Panics
    /// If `key` is not a broker key.
    pub fn set(&mut self, key: &'static ConfigKey, value: &str) -> Result<(), ConfigFault> {
        assert_eq!(key.scope, config_keys::Scope::Broker);
        key.kind.check(key.name, value)?;
        self.values.insert(key.name, value.to_owned());
        Ok(())
    }

    /// What `name` was set to; `None` if nobody set it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// What `name` was set to, or its default; `None` where that is null.
    ///
    /// # Panics
    /// If the table has no such broker key.
    pub fn get_or_default(&self, name: &str) -> Option<&str> {
        let key = config_keys::broker_key(name).expect("the table has every key that is read");
        self.get(key.name).or(key.default)
    }
}
