//! The paths that a file names: `use` trees unfolded, and paths in code.

use crate::tokens::Token;

/// One path, such as `std::fs::File`; a glob ends in `*`.
#[derive(Debug)]
pub struct NamedPath {
    pub segments: Vec<String>,
    pub line: usize,
    pub test: bool,
}

impl NamedPath {
    /// Whether the path, or its end, starts with `segments`.
    pub fn contains(&self, segments: &[&str]) -> bool {
        self.segments.windows(segments.len()).any(|window| window == segments)
    }
}

/// Every path of at least two segments in the tokens of a file, and every imported one.
pub fn named_paths(tokens: &[Token]) -> Vec<NamedPath> {
    let mut paths = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        // `use<'a>` names the lifetimes that a return type captures, no path.
        let captures = tokens.get(index + 1).is_some_and(|next| next.is("<"));
        if tokens[index].is("use") && !captures {
            index = use_tree(tokens, index + 1, &[], &mut paths);
        } else if tokens[index].is_ident() && !follows(tokens, index, "::") {
            index = path(tokens, index, &mut paths);
        } else {
            index += 1;
        }
    }
    paths
}

fn follows(tokens: &[Token], index: usize, text: &str) -> bool {
    index > 0 && tokens[index - 1].is(text)
}

/// Reads a path in code; gives the index after it.
fn path(tokens: &[Token], start: usize, paths: &mut Vec<NamedPath>) -> usize {
    let mut segments = vec![tokens[start].text.clone()];
    let mut index = start + 1;
    while let [separator, next, ..] = &tokens[index..]
        && separator.is("::")
        && next.is_ident()
    {
        segments.push(next.text.clone());
        index += 2;
    }
    if segments.len() > 1 {
        paths.push(NamedPath { segments, line: tokens[start].line, test: tokens[start].test });
    }
    index
}

/// Reads one branch of a `use` tree; gives the index of what ends it: `,`, `}` or `;`.
fn use_tree(
    tokens: &[Token],
    mut index: usize,
    prefix: &[String],
    paths: &mut Vec<NamedPath>,
) -> usize {
    let mut segments = prefix.to_vec();
    let start = index;
    while let Some(token) = tokens.get(index) {
        match (token.text.as_str(), token.close) {
            ("{", Some(close)) => {
                index += 1;
                while index < close {
                    // On to the comma, and past it.
                    index = use_tree(tokens, index, &segments, paths) + 1;
                }
                return close + 1;
            }
            ("," | "}" | ";", _) => break,
            ("as", _) => index += 2,
            ("::", _) => index += 1,
            (segment, _) => {
                segments.push(segment.to_owned());
                index += 1;
            }
        }
    }
    let Token { line, test, .. } = tokens[start];
    paths.push(NamedPath { segments, line, test });
    index
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::tokenize;

    #[test]
    fn unfolds_use_trees_and_finds_paths_in_code() {
        let text = "use std::{fs, io::{self, Read as R}, net::*,};
                    fn f() -> impl Iterator + use<'_> { a::b::<u8>(c::D); }";
        let found: Vec<_> = named_paths(&tokenize(text, false))
            .iter()
            .map(|path| path.segments.join("::"))
            .collect();
        assert_eq!(
            found,
            ["std::fs", "std::io::self", "std::io::Read", "std::net::*", "a::b", "c::D"]
        );
    }
}
