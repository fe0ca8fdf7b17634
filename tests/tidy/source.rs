//! A file under test, and a complaint about it.

use crate::tokens::{Token, tokenize};
use std::cell::OnceCell;

/// A text file of the project.
pub struct Source {
    /// Relative to the project's root, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
    tokens: OnceCell<Vec<Token>>,
}

/// One broken rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    /// From 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl Violation {
    pub fn new(line: usize, message: impl Into<String>) -> Violation {
        Violation { line, message: message.into() }
    }

    /// The complaint in the form that editors jump to.
    pub fn at(&self, source: &Source) -> String {
        format!("{}:{}: {}", source.path, self.line, self.message)
    }
}

impl Source {
    pub fn new(path: &str, text: impl Into<String>) -> Source {
        Source { path: path.to_owned(), text: text.into(), tokens: OnceCell::new() }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the file is part of the product: not a test, bench or build script.
    pub fn is_product(&self) -> bool {
        self.is_rust() && self.path.starts_with("src/")
    }

    /// Whether the whole file is compiled for tests only, by our naming: `tests.rs`,
    /// `*_tests.rs`, or anything in a folder `tests`.
    pub fn is_test_file(&self) -> bool {
        let mut parts = self.path.rsplit('/');
        let name = parts.next().unwrap_or_default();
        name == "tests.rs" || name.ends_with("_tests.rs") || parts.any(|part| part == "tests")
    }

    /// The layer that a file of `src/` belongs to: its folder, or its own name.
    pub fn layer(&self) -> Option<&str> {
        let rest = self.path.strip_prefix("src/")?;
        Some(rest.split(['/', '.']).next().unwrap_or(rest))
    }

    /// How many modules below the crate's root this file stands.
    pub fn module_depth(&self) -> usize {
        let Some(rest) = self.path.strip_prefix("src/") else { return 0 };
        let rest = rest.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        if matches!(rest, "lib" | "main") { 0 } else { rest.split('/').count() }
    }

    /// The tokens of a Rust file, without comments.
    pub fn tokens(&self) -> &[Token] {
        self.tokens.get_or_init(|| tokenize(&self.text, self.is_test_file()))
    }

    /// The tokens that reach the product.
    pub fn product_tokens(&self) -> impl Iterator<Item = (usize, &Token)> {
        self.tokens().iter().enumerate().filter(|(_, token)| !token.test)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_layer_depth_and_purpose() {
        let source = Source::new("src/log/append.rs", "");
        assert_eq!((source.layer(), source.module_depth()), (Some("log"), 2));
        let source = Source::new("src/log/mod.rs", "");
        assert_eq!((source.layer(), source.module_depth()), (Some("log"), 1));
        assert_eq!(Source::new("src/main.rs", "").module_depth(), 0);
        assert!(Source::new("src/log/append/tests.rs", "").is_test_file());
        assert!(!Source::new("src/log/latest.rs", "").is_test_file());
    }
}
