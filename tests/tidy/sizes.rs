//! Files, functions, test modules and lines stay short.

use crate::source::{Source, Violation};
use crate::tokens::Token;

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;
const TEST_MODULE_LINES_MAX: usize = 200;
const LINE_COLUMNS_MAX: usize = 100;

pub fn violations(source: &Source) -> Vec<Violation> {
    if !source.is_rust() {
        return Vec::new();
    }
    let mut found = long_lines(&source.text);
    let lines = source.text.lines().count();
    if lines > FILE_LINES_MAX {
        let message = format!("{lines} lines; a file has at most {FILE_LINES_MAX}");
        found.push(Violation::new(FILE_LINES_MAX, message));
    }
    found.extend(long_items(source.tokens(), "fn", FUNCTION_LINES_MAX, |_| true));
    if source.is_product() && !source.is_test_file() {
        let tests = |name: &Token| name.test;
        found.extend(long_items(source.tokens(), "mod", TEST_MODULE_LINES_MAX, tests));
    }
    found
}

fn long_lines(text: &str) -> Vec<Violation> {
    let lines = (1..).zip(text.lines());
    lines
        .filter(|(_, line)| line.chars().count() > LINE_COLUMNS_MAX && !is_unbreakable(line))
        .map(|(number, _)| Violation::new(number, format!("more than {LINE_COLUMNS_MAX} columns")))
        .collect()
}

/// Whether a line has a link, or is a row of a table in a comment.
fn is_unbreakable(line: &str) -> bool {
    let comment = line.trim_start().trim_start_matches(['/', '!']).trim_start();
    line.contains("://") || comment.starts_with('|')
}

/// Items `keyword name … { … }` that span more than `lines_max` lines.
fn long_items(
    tokens: &[Token],
    keyword: &str,
    lines_max: usize,
    counts: impl Fn(&Token) -> bool,
) -> Vec<Violation> {
    let mut found = Vec::new();
    for (index, pair) in tokens.windows(2).enumerate() {
        let [start, name] = pair else { continue };
        if !start.is(keyword) || !name.is_ident() || !counts(name) {
            continue;
        }
        let Some(end) = body_end(tokens, index + 2) else { continue };
        let lines = tokens[end].line + 1 - start.line;
        if lines > lines_max {
            let message = format!("`{}` has {lines} lines; at most {lines_max}", name.text);
            found.push(Violation::new(start.line, message));
        }
    }
    found
}

/// The closing brace of the item whose head goes on at `index`, unless it has no body.
fn body_end(tokens: &[Token], mut index: usize) -> Option<usize> {
    loop {
        let token = tokens.get(index)?;
        match (token.text.as_str(), token.close) {
            (";", _) => return None,
            ("{", close) => return close,
            (_, Some(close)) => index = close + 1,
            _ => index += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let source = Source::new("src/log/mod.rs", text);
        violations(&source).into_iter().map(|violation| violation.message).collect()
    }

    #[test]
    fn length_is_found_where_it_exceeds() {
        let function = |lines: usize| format!("fn f(a: [u8; 2]) {{\n{}}}", "\n".repeat(lines - 2));
        assert_eq!(found(&function(70)), [""; 0]);
        assert_eq!(found(&function(71)), ["`f` has 71 lines; at most 70"]);
        assert_eq!(found(&"\n".repeat(801)).len(), 1);
        assert_eq!(found(&format!("// {}", "x".repeat(98))).len(), 1);
        assert_eq!(found(&format!("// {}", "ä".repeat(97))).len(), 0);
        assert_eq!(found(&format!("//! | a | {} |", "b".repeat(98))).len(), 0);
    }

    #[test]
    fn long_test_modules_are_found() {
        let module = format!("#[cfg(test)]\nmod tests {{\n{}}}", "\n".repeat(200));
        assert_eq!(found(&module).len(), 1);
        assert_eq!(found(&module.replace("#[cfg(test)]", "")).len(), 0);
    }
}
