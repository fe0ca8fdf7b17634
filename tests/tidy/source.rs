//! A file under test, and a complaint about it.

use crate::tokens::{Token, tokenize};
use std::sync::OnceLock;

/// A text file of the project.
pub struct Source {
    /// Relative to the project's root, with `/`.
    pub path: String,
    /// The whole text.
    pub text: String,
    is_test_file: bool,
    tokens: OnceLock<Vec<Token>>,
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
        let (path, text) = (path.to_owned(), text.into());
        Source { path, text, is_test_file: false, tokens: OnceLock::new() }
    }

    /// Declares the whole file to be compiled for tests only.
    pub fn mark_as_test(&mut self) {
        self.is_test_file = true;
        self.tokens = OnceLock::new();
    }

    /// Where the modules are that this file declares for tests only (`#[cfg(test)] mod name;`):
    /// paths without their `.rs`.
    pub fn test_modules(&self) -> Vec<String> {
        if !self.is_product() {
            return Vec::new();
        }
        let folder = self.path.trim_end_matches(".rs");
        let own = folder.trim_end_matches("/mod").trim_end_matches("/lib");
        let declared = self.tokens().windows(3).filter(|w| w[0].is("mod") && w[2].is(";"));
        declared.filter(|w| w[0].test).map(|w| format!("{own}/{}", w[1].text)).collect()
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether the file is part of the product: not a test, bench or build script.
    pub fn is_product(&self) -> bool {
        self.is_rust() && self.path.starts_with("src/")
    }

    /// Whether the whole file is compiled for tests only.
    pub fn is_test_file(&self) -> bool {
        self.is_test_file || self.path.starts_with("tests/")
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
        self.tokens.get_or_init(|| tokenize(&self.text, self.is_test_file))
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
    }

    #[test]
    fn modules_for_tests_are_found() {
        let text = "mod a;\n#[cfg(test)]\nmod b;\n#[cfg(test)]\nmod c {}";
        assert_eq!(Source::new("src/log/mod.rs", text).test_modules(), ["src/log/b"]);
        assert_eq!(Source::new("src/log/append.rs", text).test_modules()[0], "src/log/append/b");
        assert_eq!(Source::new("src/lib.rs", text).test_modules()[0], "src/b");
    }
}
