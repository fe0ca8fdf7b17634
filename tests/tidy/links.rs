//! In Markdown, relative links, their anchors and `file:function` references lead somewhere.

use crate::Tree;
use crate::source::{Source, Violation};
use std::path::{Component, Path, PathBuf};

pub fn violations(source: &Source, tree: &Tree) -> Vec<Violation> {
    if !source.path.ends_with(".md") {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in (1..).zip(source.text.lines()) {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let dead =
            links(line).filter(|_| !fenced).filter_map(|link| link_fault(source, link, tree));
        let lost = references(line).filter_map(|(file, name)| reference_fault(file, name, tree));
        found.extend(dead.chain(lost).map(|message| Violation::new(number, message)));
    }
    found
}

/// The targets of `[text](target)` in a line.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split(')').next()?;
        target.split_whitespace().next()
    })
}

fn link_fault(source: &Source, link: &str, tree: &Tree) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let here = Path::new(&source.path);
    let target = match file {
        "" => here.to_owned(),
        file => normal(&here.parent().unwrap_or(Path::new("")).join(file)),
    };
    let is_folder =
        target.as_os_str().is_empty() || tree.paths.iter().any(|p| p.starts_with(&target));
    if !is_folder {
        return Some(format!("dead link: {link}"));
    }
    let text = tree.sources.iter().find(|other| Path::new(&other.path) == target);
    let dead_anchor =
        !anchor.is_empty() && text.is_none_or(|other| !anchors(&other.text).any(|a| a == anchor));
    dead_anchor.then(|| format!("no heading for the anchor of {link}"))
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::Normal(name) => normal.push(name),
            _ => {}
        }
    }
    normal
}

/// The anchors of a text's headings, made as GitHub makes them.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    })
}

/// The references `path/file.rs:function` or `path/file.rs:Type::function` in a line.
fn references(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let part_of_path = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    line.match_indices(".rs:").filter_map(move |(index, _)| {
        let end = index + ".rs".len();
        let start = line[..index]
            .rfind(|c| !part_of_path(c))
            .map_or(0, |at| at + line[at..].chars().next().map_or(1, char::len_utf8));
        let rest = &line[end + 1..];
        let part_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
        let name = &rest[..rest.find(|c| !part_of_name(c)).unwrap_or(rest.len())];
        let name = name.trim_end_matches(':').rsplit("::").next()?;
        name.starts_with(|c: char| c.is_alphabetic() || c == '_')
            .then_some((&line[start..end], name))
    })
}

fn reference_fault(file: &str, name: &str, tree: &Tree) -> Option<String> {
    let Some(source) = tree.sources.iter().find(|source| source.path == file) else {
        return Some(format!("{file}:{name}: there is no such file"));
    };
    let has = source.tokens().windows(2).any(|pair| pair[0].is("fn") && pair[1].is(name));
    (!has).then(|| format!("{file} has no function `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let sources = vec![
            Source::new("docs/A.md", text),
            Source::new("docs/B.md", "# The B side: one\n"),
            Source::new("src/shard/produce.rs", "impl P { fn on_request() {} }"),
        ];
        let paths = sources.iter().map(|source| PathBuf::from(&source.path)).collect();
        let tree = Tree { paths, sources };
        violations(&tree.sources[0], &tree).into_iter().map(|v| v.message).collect()
    }

    #[test]
    fn dead_links_and_anchors_are_found() {
        let good = "[b](B.md), [f](../src/shard), [h](B.md#the-b-side-one), [w](https://a.b/c)";
        assert_eq!(found(good), [""; 0]);
        assert_eq!(found("```\n[a](gone.md)\n```\n"), [""; 0]);
        assert_eq!(found("a [b](gone.md) c"), ["dead link: gone.md"]);
        assert_eq!(found("[b](B.md#two)"), ["no heading for the anchor of B.md#two"]);
    }

    #[test]
    fn lost_functions_are_found() {
        assert_eq!(found("1. `src/shard/produce.rs:on_request`: parses"), [""; 0]);
        assert_eq!(found("see src/shard/produce.rs:P::on_request."), [""; 0]);
        assert_eq!(
            found("→`src/shard/produce.rs:on_reply`"),
            ["src/shard/produce.rs has no function `on_reply`"]
        );
        assert_eq!(found("`produce.rs:on_request`").len(), 1);
    }
}
