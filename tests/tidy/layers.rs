//! A module imports only from the layers before it in the list of `src/lib.rs`.

use crate::paths::{NamedPath, named_paths};
use crate::source::{Source, Violation};
use crate::tokens::tokenize;

/// Pairs that the order would allow and the architecture forbids: they meet in `shard`.
const STRANGERS: [(&str, &str); 6] = [
    ("group", "log"),
    ("group", "journal"),
    ("txn", "log"),
    ("txn", "journal"),
    ("txn", "group"),
    ("group", "txn"),
];

/// The layers, lowest first, as `src/lib.rs` lists them.
pub fn order(lib: &str) -> Vec<String> {
    let tokens = tokenize(lib, false);
    let modules = tokens.windows(3).filter(|w| w[0].is("mod") && w[2].is(";"));
    modules.map(|window| window[1].text.clone()).collect()
}

pub fn violations(source: &Source, order: &[String]) -> Vec<Violation> {
    if !source.is_rust() {
        return Vec::new();
    }
    let paths = named_paths(source.tokens());
    let faults = paths.iter().filter_map(|path| {
        let message = fault(source, path, order)?;
        Some(Violation::new(path.line, message))
    });
    faults.collect()
}

fn fault(source: &Source, path: &NamedPath, order: &[String]) -> Option<String> {
    let first = path.segments.first()?;
    if source.path.starts_with("perf/") {
        let target = path.segments.get(1)?;
        return (first == "pinion" && target != "wire")
            .then(|| format!("perf may use nothing of the broker but `wire`, not `{target}`"));
    }
    let own = source.layer().filter(|layer| *layer != "main" && *layer != "lib")?;
    let target = layer_named_by(source, path)?;
    let rank = |name: &str| order.iter().position(|layer| layer == name);
    let Some(own_rank) = rank(own) else {
        return Some(format!("`{own}` is not among the layers of src/lib.rs"));
    };
    if rank(target)? > own_rank {
        return Some(format!("`{own}` may not use `{target}`, which is a later layer"));
    }
    STRANGERS
        .contains(&(own, target))
        .then(|| format!("`{own}` may not know `{target}`: they meet in `shard`"))
}

/// The top-level module that a path leads to, if it starts at the crate's root.
fn layer_named_by<'a>(source: &Source, path: &'a NamedPath) -> Option<&'a str> {
    let supers = path.segments.iter().take_while(|segment| *segment == "super").count();
    let from_root = if supers > 0 {
        // A test module stands one deeper than its file.
        let depth = source.module_depth() + usize::from(path.test && !source.is_test_file());
        (supers >= depth).then(|| &path.segments[supers..])
    } else {
        (path.segments[0] == "crate").then(|| &path.segments[1..])
    };
    from_root?.first().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        let order = order("pub mod base;\npub mod wire;\npub mod log;\npub mod group;\nmod shard;");
        violations(&Source::new(path, text), &order).len()
    }

    #[test]
    fn upward_paths_are_found_in_every_form() {
        assert_eq!(found("src/log/append.rs", "use crate::{base::Offset, shard::Shard};"), 1);
        assert_eq!(found("src/log/append.rs", "fn f() { crate::shard::g() }"), 1);
        assert_eq!(found("src/log/append.rs", "use super::super::shard;"), 1);
        assert_eq!(found("src/log/mod.rs", "use super::shard;"), 1);
        assert_eq!(found("src/log/mod.rs", "#[cfg(test)] mod t { use super::segment; }"), 0);
        assert_eq!(found("src/log/append.rs", "use super::segment; use crate::wire::X;"), 0);
    }

    #[test]
    fn strangers_and_unlisted_layers_are_found() {
        assert_eq!(found("src/group/mod.rs", "use crate::log::Log;"), 1);
        assert_eq!(found("src/other.rs", "use crate::base::X;"), 1);
        assert_eq!(found("perf/src/main.rs", "use pinion::log::Log;"), 1);
        assert_eq!(found("perf/src/main.rs", "use pinion::wire::api;"), 0);
    }
}
