//! A configuration is read, or refused with the place and the remedy.

use super::*;
use crate::metadata::config_keys::kind::Range;
use crate::metadata::config_keys::{self, ConfigKey, Kind, Scope, Synonym};
use std::path::Path;

fn load(text: &str) -> Result<Config, ConfigError> {
    Config::from_text(text, Path::new("pinion.toml"), &[])
}

fn refusal(text: &str) -> String {
    load(text).expect_err(text).to_string()
}

/// Goal: no file is needed, and what runs then is safe: on the disk, on this machine only.
#[test]
fn defaults_are_a_whole_configuration() {
    let config = Config::load(None, &[]).unwrap();
    assert_eq!(config.data_directory, Path::new("./pinion-data"));
    assert_eq!(config.listen.resolve().unwrap(), "127.0.0.1:9092".parse().unwrap());
    assert_eq!(config.advertised(9092), config.listen);
    assert_eq!(config.metrics_listen, Some("127.0.0.1:9644".parse().unwrap()));
    assert_eq!((config.cores, config.shards), (None, None));
    assert_eq!(*config.static_config, Default::default());
}

/// Goal: dotted keys, tables and quoted keys name the same thing, and arrays make lists.
#[test]
fn every_way_to_write_a_key_is_read() {
    for text in [
        "log.segment.bytes = 1_048_576\nlog.cleanup.policy = ['compact', 'delete']",
        "[log]\nsegment.bytes = 0x100000\n[log.cleanup]\npolicy = 'compact,delete'",
        "\"log.segment.bytes\" = \"1048576\"\n\"log.cleanup.policy\" = \"compact,delete\"",
    ] {
        let config = load(text).unwrap();
        assert_eq!(config.static_config.get("log.segment.bytes"), Some("1048576"), "{text}");
        assert_eq!(config.static_config.get("log.cleanup.policy"), Some("compact,delete"));
    }
}

/// Goal: a fault is named with file, line, key, value and what is allowed.
#[test]
fn faults_name_their_place_and_the_remedy() {
    for (text, expected) in [
        (
            "\nnum.partition = 3",
            "pinion.toml:2: unknown key num.partition; did you mean num.partitions?",
        ),
        ("zzz = 1", "pinion.toml:1: unknown key zzz; `pinion config` lists them all"),
        (
            "num.partitions = 0",
            "pinion.toml:1: Invalid value 0 for configuration num.partitions: Value must be at \
             least 1 (allowed: 1 to 2147483647)",
        ),
        (
            "log.segment.bytes = 99999999999",
            "Invalid value 99999999999 for configuration log.segment.bytes: Not a number \
             of type INT: it is too large (allowed: 1048576 to 2147483647)",
        ),
        ("node.id = 'one'", "Not a number of type INT (allowed: 0 to "),
        ("cores = 'x'", "Must be auto, or CPU numbers and ranges such as 2,3 or 0-3"),
        (
            "log.cleanup.policy = \"drop\"",
            "pinion.toml:1: Invalid value drop for configuration log.cleanup.policy: Every entry \
             must be one of: delete, compact (allowed: a list of delete, compact)",
        ),
        (
            "node.id = 1\n\n\"broker.id\" = 2",
            "pinion.toml:3: node.id is set already, at pinion.toml:1",
        ),
        ("cores = '2,3'\nshards = 2", "shards and cores are both set"),
        ("socket.request.max.bytes = 2147483647", "could never be received"),
        ("listeners = ''", "listeners must name exactly one listener"),
        ("listeners = ['PLAINTEXT://a:1', 'PLAINTEXT://b:1']", "exactly one listener"),
        ("advertised.listeners = 'PLAINTEXT://:1'", "must name a host"),
        ("node.id = 2026-01-01", "pinion.toml:1: node.id cannot be a date"),
        ("node.id = 1\nnode.id = 2", "pinion.toml:2: duplicate key: node.id = 2"),
        ("node.id = 1\n=", "pinion.toml:2: "),
    ] {
        let refusal = refusal(text);
        assert!(refusal.contains(expected), "{text:?}\n gives: {refusal}\n not:   {expected}");
    }
}

/// Goal: one look at the errors is enough: all are told, in the order of the file, a line each.
#[test]
fn all_faults_are_told() {
    let text = "num.partition = 3\nnode.id = 2026-01-01\n\ncores = 'x'";
    let bad = Override::parse("shards=-1").unwrap();
    let error = Config::from_text(text, Path::new("a.toml"), &[bad]).unwrap_err();
    let shown = error.to_string();
    let places: Vec<_> = shown.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(places, ["a.toml:1", "a.toml:2", "a.toml:4", "--set"], "{shown}");
    assert!(!error.is_of_command_line());
}

/// Goal: what the command line sets goes before the file, and is to blame for its own faults.
#[test]
fn overrides_go_before_the_file() {
    let overrides = [
        Override::parse("num.partitions=8").unwrap(),
        Override::new("--data", "log.dir", "/srv/pinion"),
    ];
    let text = "num.partitions = 3\nlog.dirs = 'x'";
    let config = Config::from_text(text, Path::new("pinion.toml"), &overrides).unwrap();
    assert_eq!(config.static_config.get("num.partitions"), Some("8"));
    assert_eq!(config.data_directory, Path::new("/srv/pinion"));

    let bad = Override::parse("num.partitions=many").unwrap();
    let error = Config::load(None, &[bad]).unwrap_err().to_string();
    assert!(error.starts_with("--set: Invalid value many for configuration num.partitions"));
    assert!(Override::parse("num.partitions").is_err() && Override::parse("=1").is_err());
}

/// Goal: clients are told an address that reaches the broker.
#[test]
fn the_advertised_address_is_reachable() {
    let host_name = load("listeners = 'PLAINTEXT://:0'").unwrap().advertised(4711);
    assert!(!host_name.host.is_empty() && host_name.port == 4711);
    let named = "advertised.listeners = 'PLAINTEXT://kafka.example:19092'";
    let named = load(named).unwrap().advertised(9092);
    assert_eq!((named.host.as_str(), named.port), ("kafka.example", 19092));
    let local = load("listeners = 'PLAINTEXT://[::1]:0'").unwrap().advertised(5);
    assert_eq!((local.host.as_str(), local.port), ("::1", 5));
}

/// Goal: the printed documentation is a configuration file, as it stands and with every key that
/// has a default set to it.
#[test]
fn the_documentation_is_a_configuration() {
    let text = render_documented();
    assert_eq!(*load(&text).unwrap().static_config, Default::default());
    let mut count = 0;
    let mut uncommented = String::new();
    for line in text.lines() {
        assert!(line.is_empty() || line.starts_with('#'), "{line}");
        assert!(line.len() <= 100, "{line}");
        if let Some(assignment) = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')) {
            count += usize::from(!assignment.is_empty());
            if !assignment.ends_with("# unset") {
                uncommented.push_str(assignment);
            }
        }
        uncommented.push('\n');
    }
    assert_eq!(count, config_keys::broker_keys().count());
    let config = load(&uncommented).unwrap();
    for key in config_keys::broker_keys() {
        assert_eq!(config.static_config.get(key.name), key.default, "{}", key.name);
    }
}

/// The values that a key takes, as `docs/CONFIGURATION.md` says it.
fn values(kind: Kind) -> String {
    match kind {
        Kind::Int(Range { min, max }) if max == i64::from(i32::MAX) => format!("from {min}"),
        Kind::Long(Range { min, max: i64::MAX }) => format!("from {min}"),
        Kind::Int(Range { min, max }) | Kind::Long(Range { min, max }) if min == max => {
            min.to_string()
        }
        other => other.allowed().unwrap_or_default().replace(" | ", " or "),
    }
}

/// The row of a key in `docs/CONFIGURATION.md`.
fn row(key: &ConfigKey) -> String {
    let default = match key.default {
        None => "unset".to_owned(),
        Some("") => "empty".to_owned(),
        Some(default) => format!("`{default}`"),
    };
    let of_scope = match key.scope {
        Scope::Broker => if key.dynamic { "while running" } else { "at a start" }.to_owned(),
        Scope::Topic => key.synonyms.iter().map(broker_key_of).collect::<Vec<_>>().join(", "),
    };
    let type_name = key.kind.type_name();
    let cells = [type_name, &default, &values(key.kind), &of_scope, key.documentation];
    let cells = cells.map(|cell| if cell.is_empty() { " |".into() } else { format!(" {cell} |") });
    format!("| `{}` |{}", key.name, cells.concat())
}

fn broker_key_of(synonym: &Synonym) -> String {
    match synonym.scale {
        1 => format!("`{}`", synonym.name),
        scale => format!("`{}` × {scale}", synonym.name),
    }
}

/// Goal: `docs/CONFIGURATION.md` has a row for each key, with all that the table says of it, and
/// no other.
#[test]
fn the_page_has_every_key() {
    let page = include_str!("../../docs/CONFIGURATION.md");
    let found: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let shown = config_keys::all().filter(|key| !key.internal);
    let expected: Vec<String> = shown.map(row).collect();
    let missing: Vec<_> = expected.iter().filter(|row| !found.contains(&row.as_str())).collect();
    let surplus: Vec<_> = found.iter().filter(|row| !expected.iter().any(|e| e == *row)).collect();
    assert!(
        missing.is_empty() && surplus.is_empty(),
        "docs/CONFIGURATION.md lacks {missing:#?}\nand should not have {surplus:#?}"
    );
    assert_eq!(found.len(), expected.len(), "a row stands twice");
}
