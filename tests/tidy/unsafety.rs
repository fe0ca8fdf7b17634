//! Unsafe code lives in `src/io/uring/` only; no product code is compiled for the simulator.

use crate::source::{Source, Violation};

const HOME: &str = "src/io/uring/";

pub fn violations(source: &Source) -> Vec<Violation> {
    if !source.is_product() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, token) in source.tokens().iter().enumerate() {
        if token.is("unsafe") && !source.path.starts_with(HOME) {
            found.push(Violation::new(token.line, format!("`unsafe` outside {HOME}")));
        }
        if token.is("cfg") && names_simulator(source, index) {
            let message = "product code may not have a `cfg` for the simulator";
            found.push(Violation::new(token.line, message));
        }
    }
    found
}

/// Whether the parentheses after `cfg` or `cfg!` name the simulator.
fn names_simulator(source: &Source, index: usize) -> bool {
    let tokens = &source.tokens()[index + 1..];
    let condition = tokens.iter().skip_while(|token| token.is("!")).skip(1);
    condition
        .take_while(|token| !token.is("]") && !token.is("{") && !token.is(";"))
        .any(|token| token.text.trim_matches('"').starts_with("sim"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        violations(&Source::new(path, text)).len()
    }

    #[test]
    fn unsafe_is_found_outside_the_ring_only() {
        assert_eq!(found("src/log/mod.rs", "fn f() { unsafe { g() } }"), 1);
        assert_eq!(found("src/io/uring/ring.rs", "fn f() { unsafe { g() } }"), 0);
        assert_eq!(found("src/log/mod.rs", "// unsafe\nfn f() { let s = \"unsafe\"; }"), 0);
    }

    #[test]
    fn a_simulator_switch_is_found() {
        assert_eq!(found("src/log/mod.rs", "#[cfg(feature = \"sim\")] fn f() {}"), 1);
        assert_eq!(found("src/log/mod.rs", "fn f() { if cfg!(simulator) {} }"), 1);
        assert_eq!(found("src/log/mod.rs", "#[cfg(test)] fn simulate() {}"), 0);
    }
}
