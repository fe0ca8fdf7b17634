//! Nothing unfinished, and no printing but by the command line.

use crate::source::{Source, Violation};

const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];
const PRINTING: [&str; 4] = ["println", "print", "eprintln", "eprint"];

pub fn violations(source: &Source) -> Vec<Violation> {
    if !source.is_rust() {
        return Vec::new();
    }
    let tokens = source.tokens();
    let may_print = !source.is_product() || matches!(source.layer(), Some("cli" | "main"));
    let macros = tokens.iter().zip(tokens.iter().skip(1)).filter(|(_, next)| next.is("!"));
    macros
        .filter_map(|(token, _)| {
            let name = token.text.as_str();
            let forbidden =
                UNFINISHED.contains(&name) || PRINTING.contains(&name) && !may_print && !token.test;
            forbidden.then(|| Violation::new(token.line, format!("`{name}!` is left over")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        violations(&Source::new(path, text)).len()
    }

    #[test]
    fn leftovers_are_found() {
        let text = "fn f() { todo!(); dbg!(1); println!(); }";
        assert_eq!(found("src/log/mod.rs", text), 3);
        assert_eq!(found("src/cli/topic.rs", text), 2);
        assert_eq!(found("tests/cli.rs", text), 2);
        assert_eq!(found("src/log/mod.rs", "fn f() { writeln!(out, \"todo!\"); }"), 0);
    }
}
