//! Every dependency in a `Cargo.toml` has a comment above it that says what it is for.

use crate::source::{Source, Violation};

pub fn violations(source: &Source) -> Vec<Violation> {
    if source.path != "Cargo.toml" && !source.path.ends_with("/Cargo.toml") {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut in_dependencies = false;
    let mut explained = false;
    for (number, line) in (1..).zip(source.text.lines()) {
        let is_entry = line.contains('=') && !line.starts_with([' ', '#', ']', '}']);
        if line.starts_with('[') {
            in_dependencies = line.trim_end_matches(']').ends_with("dependencies");
        } else if in_dependencies && is_entry && !explained {
            let name = line.split('=').next().unwrap_or_default().trim();
            let message = format!("`{name}` needs a comment above it: what it is for");
            found.push(Violation::new(number, message));
        }
        explained = line.starts_with("# ");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unexplained_dependency_is_found() {
        let text = "[package]\nname = \"x\"\n[dependencies]\n# Why.\na = \"1\"\nb = \"2\"\n\
                    [dev-dependencies]\nc = \"3\"\n[profile.dev]\ndebug = 1\n";
        let lines: Vec<_> = violations(&Source::new("Cargo.toml", text))
            .into_iter()
            .map(|violation| violation.line)
            .collect();
        assert_eq!(lines, [6, 8]);
    }
}
