//! A Rust file as a flat list of tokens, each with its line and whether only tests see it.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// One token. Comments are gone; a doc comment is the attribute it stands for.
#[derive(Debug)]
pub struct Token {
    pub text: String,
    /// From 1.
    pub line: usize,
    /// Inside an item under `#[cfg(test)]` or `#[test]`.
    pub test: bool,
    /// For an opening bracket: the index of the one that closes it.
    pub close: Option<usize>,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.text == text
    }

    pub fn is_ident(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && !self.text.contains(['"', '\''])
    }
}

/// The tokens of a file; `all_test` marks each as seen by tests only.
///
/// # Panics
/// If the file is not Rust.
pub fn tokenize(text: &str, all_test: bool) -> Vec<Token> {
    let stream: TokenStream = text.parse().expect("the compiler accepted this file");
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    if all_test {
        tokens.iter_mut().for_each(|token| token.test = true);
    } else {
        mark_tests(&mut tokens);
    }
    tokens
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let push = |tokens: &mut Vec<Token>, text: String, line: usize| {
        tokens.push(Token { text, line, test: false, close: None });
    };
    let mut colon = false;
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                let start = tokens.len();
                push(tokens, open.to_owned(), line);
                flatten(group.stream(), tokens);
                tokens[start].close = Some(tokens.len());
                push(tokens, close.to_owned(), group.span_close().end().line);
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' && colon => {
                colon = false;
                tokens.last_mut().expect("the first colon").text = "::".to_owned();
                continue;
            }
            TokenTree::Punct(punct) => {
                push(tokens, punct.as_char().to_string(), line);
                colon = punct.as_char() == ':' && punct.spacing() == Spacing::Joint;
                continue;
            }
            TokenTree::Ident(ident) => push(tokens, ident.to_string(), line),
            TokenTree::Literal(literal) => push(tokens, literal.to_string(), line),
        }
        colon = false;
    }
}

/// Marks every item that follows an attribute which names `test`, up to its `;` or closing brace.
fn mark_tests(tokens: &mut [Token]) {
    let mut index = 0;
    while index < tokens.len() {
        let Some(attribute_end) = test_attribute(tokens, index) else {
            index += 1;
            continue;
        };
        let end = item_end(tokens, attribute_end + 1);
        tokens[index..end].iter_mut().for_each(|token| token.test = true);
        index = end;
    }
}

/// If a test attribute starts at `index`: where its bracket closes.
fn test_attribute(tokens: &[Token], index: usize) -> Option<usize> {
    let bracket = tokens.get(index + 1)?;
    if !tokens[index].is("#") || !bracket.is("[") {
        return None;
    }
    let inside = &tokens[index + 2..bracket.close?];
    let first = inside.first()?;
    let negated = inside.iter().any(|token| token.is("not"));
    let test = first.is("test")
        || first.is("cfg") && !negated && inside.iter().any(|token| token.is("test"));
    test.then_some(bracket.close?)
}

/// The index after the item that starts at `index`.
fn item_end(tokens: &[Token], mut index: usize) -> usize {
    while let Some(token) = tokens.get(index) {
        match (token.text.as_str(), token.close) {
            (";", _) => return index + 1,
            ("{", Some(close)) => return close + 1,
            (_, Some(close)) => index = close + 1,
            _ => index += 1,
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_only_tests_see() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests { fn b() {} }\n#[test]\nfn c() {}\n\
                    #[cfg(not(test))]\nfn d() {}";
        let tokens = tokenize(text, false);
        let product: Vec<_> = ["a", "b", "c", "d"]
            .into_iter()
            .filter(|name| tokens.iter().any(|token| token.is(name) && !token.test))
            .collect();
        assert_eq!(product, ["a", "d"]);
    }

    #[test]
    fn joins_path_separators_and_drops_comments() {
        let tokens = tokenize("a::b // unsafe\n(c: D)", false);
        let texts: Vec<_> = tokens.iter().map(|token| token.text.as_str()).collect();
        assert_eq!(texts, ["a", "::", "b", "(", "c", ":", "D", ")"]);
        assert_eq!(tokens[3].line, 2);
        assert_eq!(tokens[3].close, Some(7));
    }
}
