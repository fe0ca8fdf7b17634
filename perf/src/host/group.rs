//! Process groups, as `/proc` shows them.

use std::fs;
use std::path::{Path, PathBuf};

/// A process of a group.
#[derive(Debug)]
pub struct Member {
    /// Its folder below `/proc`.
    pub folder: PathBuf,
    /// CPU time of the process and its ended children, in the kernel's ticks.
    pub ticks: u64,
}

/// The processes of the group that the process `leader` leads, or led.
pub fn members(leader: u32) -> Vec<Member> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let member = |folder: PathBuf| {
        let stat = read_stat(&folder)?;
        (stat.group == leader).then_some(Member { folder, ticks: stat.ticks })
    };
    processes.flatten().filter_map(|process| member(process.path())).collect()
}

/// CPU time of a process and its ended children, in the kernel's ticks, if it is there.
pub fn ticks_of(process: u32) -> Option<u64> {
    read_stat(&Path::new("/proc").join(process.to_string())).map(|stat| stat.ticks)
}

#[derive(Debug, PartialEq)]
struct Stat {
    group: u32,
    ticks: u64,
}

fn read_stat(folder: &Path) -> Option<Stat> {
    parse_stat(&fs::read_to_string(folder.join("stat")).ok()?)
}

/// Reads the line of `/proc/PID/stat`. Its second field, in parentheses, may hold spaces.
fn parse_stat(line: &str) -> Option<Stat> {
    let fields: Vec<&str> = line.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = fields.get(11..15)?.iter().filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(Stat { group: fields.get(2)?.parse().ok()?, ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: fields are counted from behind the name, whatever it holds.
    #[test]
    fn a_stat_line_is_read() {
        let line = "42 (a) b) S 1 40 40 0 -1 4194304 1 2 3 4 100 20 3 4 20 0 1 0 9";
        assert_eq!(parse_stat(line), Some(Stat { group: 40, ticks: 127 }));
        assert_eq!(parse_stat("42"), None);
    }
}
