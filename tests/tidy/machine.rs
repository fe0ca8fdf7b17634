//! No path of one machine and no package mirror in any file.
//!
//! Lock files may name the public registries, as the tools write them.

use crate::source::{Source, Violation};

/// Folders that exist for one person or one machine only. Split, so that this file passes.
const FOLDERS: [&str; 5] = [
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/workspace", "s/"),
];

/// Hosts that packages are downloaded from.
const REGISTRIES: [&str; 9] = [
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("registry.npmjs", ".org"),
    concat!("pypi.org", "/simple"),
    concat!("files.pythonhosted", ".org"),
    concat!("repo1.maven", ".org"),
    concat!("repo.maven.apache", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("deb.debian", ".org"),
];

const LOCK_FILES: [&str; 3] = ["Cargo.lock", "package-lock.json", "go.sum"];

pub fn violations(source: &Source) -> Vec<Violation> {
    let name = source.path.rsplit('/').next().unwrap_or_default();
    let locked = LOCK_FILES.contains(&name);
    let mut found = Vec::new();
    for (number, line) in (1..).zip(source.text.lines()) {
        if let Some(folder) = FOLDERS.iter().find(|folder| names_folder(line, folder)) {
            found.push(Violation::new(number, format!("`{folder}` is a path of one machine")));
        }
        if let Some(host) = REGISTRIES.iter().find(|host| !locked && line.contains(**host)) {
            found.push(Violation::new(number, format!("`{host}` is a registry's address")));
        }
    }
    found
}

/// Whether `line` has `folder` at the start of a path, not in the middle of a longer one.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(index, _)| {
        let before = line[..index].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/}".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        violations(&Source::new(path, text)).len()
    }

    #[test]
    fn paths_and_registries_are_found() {
        assert_eq!(found("docs/a.md", &format!("run {}me/run", FOLDERS[1])), 1);
        assert_eq!(found("perf/a.sh", &format!("cd \"{}x\"", FOLDERS[0])), 1);
        assert_eq!(found("a.md", &format!("see perf{}x", FOLDERS[1])), 0);
        assert_eq!(found("a.sh", &format!("https://{}/a", REGISTRIES[2])), 1);
        assert_eq!(found("t/package-lock.json", &format!("https://{}/a", REGISTRIES[2])), 0);
    }
}
