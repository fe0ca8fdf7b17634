//! Small file systems of their own, in an image file on a loop device: what a full disk does is
//! seen on a full disk.

use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::fs::FallocateFlags;
use tempfile::TempDir;

use super::install::{Requirement, debian_packages};
use super::program;

/// How long making or mounting one may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(120);

/// The kinds of file system that brokers are run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    Ext4,
    Xfs,
}

/// A mounted file system. Dropping it unmounts it and removes its image, also while a test fails.
pub struct Volume {
    /// Dropped last.
    scratch: TempDir,
    is_mounted: bool,
}

impl Volume {
    /// Makes a small file system and mounts it.
    ///
    /// # Panics
    /// If that takes rights or loop devices that this process has not: these tests need a real
    /// disk to fill, and say so rather than pass without one.
    pub fn mount(kind: FileSystem) -> Volume {
        debian_packages(&[kind.requirement()]);
        let scratch = TempDir::with_prefix_in("volume-", env!("CARGO_TARGET_TMPDIR"))
            .expect("a temporary directory under the target directory");
        let mut volume = Volume { scratch, is_mounted: false };
        let image = volume.scratch.path().join("image");
        File::create(&image).and_then(|file| file.set_len(kind.size_min())).expect("a sparse file");
        std::fs::create_dir(volume.path()).expect("a directory to mount on");
        run(kind.make_command().arg(&image));
        let options = "loop,noatime";
        run(Command::new("mount").args(["-o", options]).arg(&image).arg(volume.path()));
        volume.is_mounted = true;
        volume
    }

    /// Where it is mounted.
    pub fn path(&self) -> PathBuf {
        self.scratch.path().join("mounted")
    }

    /// Takes all room but so many bytes, into a file that is nobody's.
    pub fn leave_room(&self, bytes: u64) {
        let ballast = File::create(self.path().join("ballast")).expect("there is room");
        let space = rustix::fs::fstatvfs(&ballast).expect("it is mounted");
        let taken = (space.f_bavail * space.f_frsize).saturating_sub(bytes);
        rustix::fs::fallocate(&ballast, FallocateFlags::empty(), 0, taken).expect("there is room");
    }
}

impl FileSystem {
    fn requirement(self) -> Requirement {
        match self {
            FileSystem::Ext4 => Requirement { probe: &["mkfs.ext4", "-V"], package: "e2fsprogs" },
            FileSystem::Xfs => Requirement { probe: &["mkfs.xfs", "-V"], package: "xfsprogs" },
        }
    }

    /// The smallest that its tools make, in bytes.
    fn size_min(self) -> u64 {
        match self {
            FileSystem::Ext4 => 32 << 20,
            FileSystem::Xfs => 300 << 20,
        }
    }

    fn make_command(self) -> Command {
        let mut command = Command::new(match self {
            FileSystem::Ext4 => "mkfs.ext4",
            FileSystem::Xfs => "mkfs.xfs",
        });
        command.arg("-q");
        if self == FileSystem::Ext4 {
            // Root, too, gets no more than others.
            command.args(["-m", "0"]);
        }
        command
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        if self.is_mounted {
            // A process that is about to end may still hold a file: the mount goes with it.
            let mut command = Command::new("umount");
            if let Err(story) = program::run(command.arg("-l").arg(self.path()), COMMAND_LIMIT) {
                eprintln!("{} stays mounted: {story}", self.path().display());
            }
        }
    }
}

fn run(command: &mut Command) {
    program::run(command, COMMAND_LIMIT).unwrap_or_else(|story| {
        panic!(
            "a small file system is needed, which takes root (CAP_SYS_ADMIN) and loop devices, in \
             Docker --privileged: {story}"
        )
    });
}
