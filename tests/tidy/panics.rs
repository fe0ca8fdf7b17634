//! No `unwrap` outside tests; an `expect` states, in words, the invariant that it relies on.
//!
//! What comes from outside (bytes, files, arguments) gives an error. `expect("…")` is for what
//! our own code guarantees; its message must be a literal of at least two words, so that the
//! reviewer can judge whether the guarantee holds.

use crate::source::{Source, Violation};

const WORDS_MIN: usize = 2;

pub fn violations(source: &Source) -> Vec<Violation> {
    if !source.is_product() {
        return Vec::new();
    }
    let tokens = source.tokens();
    let mut found = Vec::new();
    for (index, token) in source.product_tokens() {
        let called = tokens.get(index + 1).is_some_and(|next| next.is("("));
        let method = index > 0 && (tokens[index - 1].is(".") || tokens[index - 1].is("::"));
        if !called || !method {
            continue;
        }
        if token.is("unwrap") || token.is("unwrap_err") {
            found.push(Violation::new(token.line, "`unwrap` outside tests"));
        }
        if (token.is("expect") || token.is("expect_err")) && !states_invariant(source, index + 2) {
            let message = "`expect` needs a literal of two words or more: the invariant";
            found.push(Violation::new(token.line, message));
        }
    }
    found
}

fn states_invariant(source: &Source, argument: usize) -> bool {
    let Some(message) = source.tokens().get(argument) else { return false };
    message.text.starts_with('"') && message.text.split_whitespace().count() >= WORDS_MIN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        violations(&Source::new("src/wire/frame.rs", text)).len()
    }

    #[test]
    fn unwraps_and_silent_expects_are_found() {
        assert_eq!(found("fn f() { a.unwrap(); b.expect(\"b\"); c.expect(&m); }"), 3);
        assert_eq!(found("fn f() { a.expect(\"eight bytes were checked above\"); }"), 0);
        assert_eq!(found("fn f() { a.unwrap_or(0); p.expect_token(); }"), 0);
        assert_eq!(found("#[test] fn f() { a.unwrap(); }"), 0);
    }
}
