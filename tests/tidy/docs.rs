//! A folder's `mod.rs`, and the crate itself, open by saying what lives there.

use crate::source::{Source, Violation};

pub fn violations(source: &Source) -> Vec<Violation> {
    let name = source.path.rsplit('/').next().unwrap_or_default();
    if !matches!(name, "mod.rs" | "lib.rs") || source.text.starts_with("//! ") {
        return Vec::new();
    }
    vec![Violation::new(1, "the file must open with a `//!` comment: what lives here, what never")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_module_is_found() {
        assert_eq!(violations(&Source::new("src/log/mod.rs", "mod a;")).len(), 1);
        assert_eq!(violations(&Source::new("src/log/mod.rs", "//! One log.\nmod a;")).len(), 0);
        assert_eq!(violations(&Source::new("src/log/segment.rs", "struct S;")).len(), 0);
    }
}
