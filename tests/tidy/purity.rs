//! The layers that the simulator runs see the world through the Io seam only.

use crate::paths::{NamedPath, named_paths};
use crate::source::{Source, Violation};

/// Layers without files, sockets, clocks, threads and chance. `io` is one but for its
/// implementations.
const PURE: [&str; 10] =
    ["base", "wire", "io", "metrics", "log", "journal", "metadata", "group", "txn", "shard"];

const IMPLEMENTATIONS: [&str; 2] = ["src/io/uring", "src/io/epoll"];

/// What a pure layer may not name.
const FORBIDDEN: [&[&str]; 14] = [
    &["std", "fs"],
    &["std", "env"],
    &["std", "process"],
    &["std", "thread"],
    &["thread", "sleep"],
    &["thread", "spawn"],
    &["Instant", "now"],
    &["SystemTime", "now"],
    &["Uuid", "new_v4"],
    &["RandomState", "new"],
    &["rand"],
    &["getrandom"],
    &["fastrand"],
    &["tokio"],
];

/// The parts of `std::net` that are plain values.
const ADDRESSES: [&str; 7] = [
    "SocketAddr",
    "SocketAddrV4",
    "SocketAddrV6",
    "IpAddr",
    "Ipv4Addr",
    "Ipv6Addr",
    "AddrParseError",
];

pub fn violations(source: &Source) -> Vec<Violation> {
    let pure = source.layer().is_some_and(|layer| PURE.contains(&layer))
        && !IMPLEMENTATIONS.iter().any(|path| source.path.starts_with(path));
    if !source.is_product() || !pure {
        return Vec::new();
    }
    let paths = named_paths(source.tokens());
    let impure = paths.iter().filter(|path| !path.test && reaches_outside(path));
    impure
        .map(|path| {
            let name = path.segments.join("::");
            Violation::new(path.line, format!("`{name}`: this layer goes through the Io seam"))
        })
        .collect()
}

fn reaches_outside(path: &NamedPath) -> bool {
    let socket = path.contains(&["std", "net"])
        && !path.segments.get(2).is_some_and(|name| ADDRESSES.contains(&name.as_str()));
    socket
        || FORBIDDEN.iter().any(|forbidden| match forbidden {
            [package] => path.segments[0] == *package,
            segments => path.contains(segments),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        violations(&Source::new(path, text)).len()
    }

    #[test]
    fn the_world_outside_is_found() {
        for text in [
            "use std::{fmt, fs};",
            "use std::net::TcpStream;",
            "use std::net;",
            "use std::net::*;",
            "fn f() { Instant::now(); }",
            "fn f() { std::time::SystemTime::now(); }",
            "fn f() { std::thread::sleep(d); }",
            "fn f() { rand::random::<u8>(); }",
        ] {
            assert_eq!(found("src/log/append.rs", text), 1, "{text}");
        }
    }

    #[test]
    fn values_tests_and_implementations_are_allowed() {
        assert_eq!(found("src/io/op.rs", "use std::net::{IpAddr, SocketAddr};"), 0);
        assert_eq!(found("src/io/uring/mod.rs", "use std::fs::File;"), 0);
        assert_eq!(found("src/cli/client.rs", "use std::net::TcpStream;"), 0);
        assert_eq!(found("src/log/mod.rs", "#[cfg(test)] mod tests { use std::fs; }"), 0);
        assert_eq!(found("src/log/mod.rs", "use std::time::Duration;"), 0);
    }
}
