//! The configuration as the server reads it.

use super::file::{self, Setting};
use super::{ConfigError, Origin};
use crate::base::BrokerId;
use crate::metadata::StaticConfig;
use crate::metadata::config_keys::{self, parse_cores, parse_listener, parse_metrics_address};
use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Everything that the broker is started with, checked. Made once, before anything else runs.
///
/// Fields are those keys that the process as a whole or every shard reads; what concerns topics
/// comes with the metadata image, since AlterConfigs may change it.
#[derive(Debug, Clone)]
pub struct Config {
    /// `node.id`.
    pub node_id: BrokerId,
    /// `broker.rack`.
    pub rack: Option<String>,
    /// `log.dirs`: the data directory.
    pub data_directory: PathBuf,
    /// `listeners`: where to listen; the port may be 0 for any.
    pub listen: Address,
    /// `advertised.listeners`; [`Config::advertised`] is what clients are told.
    pub advertised_listener: Option<Address>,
    /// `cores`: the CPUs named, or `None` for all that the process may use.
    pub cores: Option<Vec<usize>>,
    /// `shards`: how many unpinned shards; `None` for a pinned one on each of `cores`.
    pub shards: Option<u16>,
    /// `pinion.metrics.listen`: where metrics are served, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// `socket.request.max.bytes`: the longest frame.
    pub request_bytes_max: u32,
    /// `socket.send.buffer.bytes`; `None` leaves it to the kernel.
    pub send_buffer_bytes: Option<u32>,
    /// `socket.receive.buffer.bytes`; `None` leaves it to the kernel.
    pub receive_buffer_bytes: Option<u32>,
    /// `connections.max.idle.ms`; `None` keeps idle connections.
    pub idle_max: Option<Duration>,
    /// `fetch.max.bytes`: record bytes in one fetch response.
    pub fetch_bytes_max: u32,
    /// `pinion.connection.requests.max`: requests of one connection in flight.
    pub connection_requests_max: usize,
    /// `pinion.connection.request.bytes`: bytes of the requests of one connection in flight.
    pub connection_request_bytes_max: usize,
    /// `max.connections`: connections of the whole broker.
    pub connections_max: usize,
    /// `pinion.shard.receive.bytes`: request bytes that one shard holds.
    pub shard_receive_bytes_max: u64,
    /// `pinion.shard.receive.stall.ms`.
    pub receive_stall_max: Duration,
    /// `pinion.cold.reads.max`: ranges that one shard reads from the disk at a time for consumers
    /// far behind.
    pub cold_reads_max: u16,
    /// `log.flush.offset.checkpoint.interval.ms`: how often both checkpoints are written.
    pub recovery_point_checkpoint_interval: Duration,
    /// `pinion.shutdown.grace.ms`.
    pub shutdown_grace: Duration,
    /// Every key that was set, in words: what DescribeConfigs shows and topics fall back to.
    pub static_config: Arc<StaticConfig>,
}

/// A host and a port, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an address; empty for all interfaces.
    pub host: String,
    /// The port; 0 for any.
    pub port: u16,
}

/// A key set on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The option, for messages: `--set`, `--listen`.
    pub option: String,
    /// The key.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Override {
    /// What an option of its own sets, such as `--data` the key `log.dirs`.
    pub fn new(option: &str, key: &str, value: &str) -> Override {
        Override { option: option.to_owned(), key: key.to_owned(), value: value.to_owned() }
    }

    /// Reads the argument of `--set`.
    ///
    /// # Errors
    /// If it is not KEY=VALUE.
    pub fn parse(argument: &str) -> Result<Override, ConfigError> {
        let wrong = || ConfigError::NotAnOverride(argument.to_owned());
        let (key, value) = argument.split_once('=').ok_or_else(wrong)?;
        if key.trim().is_empty() {
            return Err(wrong());
        }
        Ok(Override::new("--set", key.trim(), value.trim()))
    }
}

impl Address {
    /// The socket address to bind: the first that the host has.
    ///
    /// # Errors
    /// If the host's name has no address.
    pub fn resolve(&self) -> Result<SocketAddr, ConfigError> {
        let host = if self.host.is_empty() { "0.0.0.0" } else { &self.host };
        let unresolvable =
            |error| ConfigError::Unresolvable { key: "listeners", host: host.to_owned(), error };
        let mut addresses = (host, self.port).to_socket_addrs().map_err(unresolvable)?;
        addresses.next().ok_or_else(|| unresolvable(std::io::ErrorKind::NotFound.into()))
    }

    fn is_wildcard(&self) -> bool {
        matches!(self.host.as_str(), "" | "0.0.0.0" | "::")
    }
}

impl Config {
    /// Reads the file, if one is named, and sets the overrides over it.
    ///
    /// # Errors
    /// All that is wrong, each with its place.
    pub fn load(file: Option<&Path>, overrides: &[Override]) -> Result<Config, ConfigError> {
        let Some(path) = file else {
            return Config::from_text("", Path::new(""), overrides);
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
        Config::from_text(&text, path, overrides)
    }

    /// Reads a file's text and sets the overrides over it. `path` is for messages.
    ///
    /// # Errors
    /// All that is wrong, each with its place.
    pub fn from_text(
        text: &str,
        path: &Path,
        overrides: &[Override],
    ) -> Result<Config, ConfigError> {
        let mut static_config = StaticConfig::default();
        let mut places = HashMap::new();
        let mut errors = Vec::new();
        for found in file::parse(text, path)? {
            let set = found.and_then(|setting| {
                let key = set(&mut static_config, &setting)?;
                match places.insert(key, setting.origin.clone()) {
                    Some(first) => {
                        Err(ConfigError::SetTwice { key, first, second: setting.origin })
                    }
                    None => Ok(()),
                }
            });
            errors.extend(set.err());
        }
        for Override { option, key, value } in overrides {
            let origin = Origin::Option(option.clone());
            let setting = Setting { key: key.clone(), value: value.clone(), origin };
            errors.extend(set(&mut static_config, &setting).err());
        }
        match ConfigError::of_all(errors) {
            Some(error) => Err(error),
            None => Config::from_static(static_config),
        }
    }

    fn from_static(static_config: StaticConfig) -> Result<Config, ConfigError> {
        let values = Values(&static_config);
        let config = Config {
            node_id: BrokerId(values.number("node.id")),
            rack: static_config.get("broker.rack").map(str::to_owned),
            data_directory: PathBuf::from(values.text("log.dirs")),
            listen: values.address("listeners")?.expect("listeners has a default"),
            advertised_listener: values.address("advertised.listeners")?,
            cores: parse_cores(values.text("cores")).expect("a checked list"),
            shards: Some(values.number("shards")).filter(|count| *count > 0),
            metrics_listen: parse_metrics_address(values.text("pinion.metrics.listen"))
                .expect("a checked address"),
            request_bytes_max: values.number("socket.request.max.bytes"),
            send_buffer_bytes: values.unless_negative("socket.send.buffer.bytes"),
            receive_buffer_bytes: values.unless_negative("socket.receive.buffer.bytes"),
            idle_max: values.unless_negative("connections.max.idle.ms").map(Duration::from_millis),
            fetch_bytes_max: values.number("fetch.max.bytes"),
            connection_requests_max: values.number("pinion.connection.requests.max"),
            connection_request_bytes_max: values.number("pinion.connection.request.bytes"),
            connections_max: values.number("max.connections"),
            shard_receive_bytes_max: values.number("pinion.shard.receive.bytes"),
            receive_stall_max: Duration::from_millis(
                values.number("pinion.shard.receive.stall.ms"),
            ),
            cold_reads_max: values.number("pinion.cold.reads.max"),
            recovery_point_checkpoint_interval: Duration::from_millis(
                values.number("log.flush.offset.checkpoint.interval.ms"),
            ),
            shutdown_grace: Duration::from_millis(values.number("pinion.shutdown.grace.ms")),
            static_config: Arc::new(static_config),
        };
        config.check_together()?;
        Ok(config)
    }

    fn check_together(&self) -> Result<(), ConfigError> {
        if self.shards.is_some() && self.cores.is_some() {
            return Err(ConfigError::Contradiction(
                "shards and cores are both set: name the CPUs to pin shards to, or the number of \
                 shards that are not pinned"
                    .into(),
            ));
        }
        if u64::from(self.request_bytes_max) > self.shard_receive_bytes_max {
            return Err(ConfigError::Contradiction(format!(
                "socket.request.max.bytes ({}) is above pinion.shard.receive.bytes ({}): such a \
                 request could never be received",
                self.request_bytes_max, self.shard_receive_bytes_max
            )));
        }
        if self.advertised_listener.as_ref().is_some_and(Address::is_wildcard) {
            return Err(ConfigError::Contradiction(
                "advertised.listeners must name a host that clients can connect to".into(),
            ));
        }
        Ok(())
    }

    /// What clients are told to connect to, once the listener is bound to `port`.
    ///
    /// Where all interfaces are listened on and nothing is advertised, that is the host's name.
    pub fn advertised(&self, port: u16) -> Address {
        let mut address = self.advertised_listener.clone().unwrap_or_else(|| self.listen.clone());
        if address.port == 0 || self.advertised_listener.is_none() {
            address.port = port;
        }
        if address.is_wildcard() {
            address.host = host_name();
        }
        address
    }
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".into() } else { name.to_owned() }
}

/// Sets one key. Gives its name, without aliases.
fn set(static_config: &mut StaticConfig, setting: &Setting) -> Result<&'static str, ConfigError> {
    let Setting { key, value, origin } = setting;
    let Some(known) = config_keys::broker_key(key) else {
        let nearest = config_keys::nearest_broker_key(key);
        let (origin, key) = (origin.clone(), key.clone());
        return Err(ConfigError::UnknownKey { origin, key, nearest });
    };
    static_config.set(known, value).map_err(|fault| ConfigError::BadValue {
        origin: origin.clone(),
        fault: Box::new(fault),
        allowed: known.kind.allowed(),
    })?;
    Ok(known.name)
}

/// Typed reads of checked values.
struct Values<'a>(&'a StaticConfig);

impl Values<'_> {
    fn text(&self, name: &str) -> &str {
        self.0.get_or_default(name).expect("a key with a default")
    }

    fn signed(&self, name: &str) -> i64 {
        self.text(name).trim().parse().expect("a checked number")
    }

    fn number<T: TryFrom<i64>>(&self, name: &str) -> T {
        T::try_from(self.signed(name)).ok().expect("the table's range fits the type")
    }

    fn unless_negative<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        (self.signed(name) >= 0).then(|| self.number(name))
    }

    fn address(&self, name: &'static str) -> Result<Option<Address>, ConfigError> {
        let Some(listeners) = self.0.get_or_default(name) else { return Ok(None) };
        let mut entries = config_keys::kind::list_entries(listeners);
        let (Some(listener), None) = (entries.next(), entries.next()) else {
            return Err(ConfigError::Contradiction(format!(
                "{name} must name exactly one listener, such as PLAINTEXT://127.0.0.1:9092; it is \
                 {listeners:?}"
            )));
        };
        let (host, port) = parse_listener(listener).expect("a checked listener");
        Ok(Some(Address { host, port }))
    }
}
