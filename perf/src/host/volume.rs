//! A small file system of a broker's own, in an image file on a loop device: what a full disk does
//! is seen on a full disk.

use super::debian::{MAKE_FILE_SYSTEM, Requirement};
use super::install::run;
use super::warden;
use crate::error::{Error, Result};
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What making one needs.
pub const REQUIREMENTS: [Requirement; 1] = [MAKE_FILE_SYSTEM];

/// Room for any broker's files of the largest scenario, and far less than a machine has: only
/// what is written takes room of the machine's own disk.
const SIZE: u64 = 4 << 30;

/// A mounted file system. The warden of its folder unmounts it.
#[derive(Debug)]
pub struct Volume {
    mounted: PathBuf,
}

impl Volume {
    /// Makes a file system in `folder` and mounts it there at `name`.
    ///
    /// # Errors
    /// If that takes rights or loop devices that this process has not.
    pub fn mount(folder: &Path, name: &str) -> Result<Volume> {
        let (image, mounted) = (folder.join("image"), folder.join(name));
        let file = File::create(&image).and_then(|file| file.set_len(SIZE));
        file.map_err(Error::file(&image))?;
        fs::create_dir(&mounted).map_err(Error::file(&mounted))?;
        // Without what is kept back for root, all brokers have the same room.
        let mut make = Command::new("mkfs.ext4");
        make.args(["-q", "-m", "0"]).arg(&image);
        let mut mount = Command::new("mount");
        mount.args(["-o", "loop,noatime"]).arg(&image).arg(&mounted);
        let remedy = "root and loop devices, in Docker --privileged";
        for command in [&mut make, &mut mount] {
            warden::mark(command, folder);
            run(command, remedy).map_err(|error| {
                Error::Start(format!("a small disk to fill up needs {remedy}: {error}"))
            })?;
        }
        Ok(Volume { mounted })
    }

    /// Where a broker's files go.
    pub fn data(&self) -> PathBuf {
        self.mounted.join("data")
    }

    /// Takes all room but so many bytes, into a file that is nobody's.
    ///
    /// # Errors
    /// If there is less room than that.
    pub fn fill_but(&self, bytes: u64) -> Result<()> {
        let path = self.ballast();
        let taken = self.available()?.checked_sub(bytes).ok_or_else(|| {
            Error::Input(format!("less than {bytes} bytes are left of a disk of {SIZE}"))
        })?;
        let ballast = File::create(&path).map_err(Error::file(&path))?;
        fallocate(&ballast, FallocateFlags::empty(), 0, taken)
            .map_err(|error| Error::file(&path)(error.into()))
    }

    /// Gives back what [`Volume::fill_but`] took.
    ///
    /// # Errors
    /// If nothing was taken.
    pub fn make_room(&self) -> Result<()> {
        let path = self.ballast();
        fs::remove_file(&path).map_err(Error::file(&path))
    }

    /// Bytes that can still be written.
    ///
    /// # Errors
    /// If it is not mounted any more.
    pub fn available(&self) -> Result<u64> {
        let space = statvfs(&self.mounted);
        let space = space.map_err(|error| Error::file(&self.mounted)(error.into()))?;
        Ok(space.f_bavail * space.f_frsize)
    }

    fn ballast(&self) -> PathBuf {
        self.mounted.join("ballast")
    }
}
