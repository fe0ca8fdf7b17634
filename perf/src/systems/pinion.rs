//! Pinion: the checkout's own, built for release, or a program that is named.

use super::{Running, Setting, System};
use crate::drivers::{Broker, Durability, KafkaClient};
use crate::error::{Error, Result};
use crate::host::server::Server;
use crate::host::{install, ports};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Pinion as its defaults are, with the control thread's port moved out of the way.
#[derive(Debug)]
pub struct Pinion;

impl System for Pinion {
    fn name(&self) -> &'static str {
        "pinion"
    }

    fn durabilities(&self) -> &'static [Durability] {
        &[Durability::PageCache, Durability::Fsync]
    }

    fn speaks_kafka(&self) -> bool {
        true
    }

    fn can_restart(&self) -> bool {
        true
    }

    fn install(&self, setting: &Setting) -> Result<String> {
        let program = program(setting)?;
        if setting.pinion.is_none() {
            let mut build =
                Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            build.args(["build", "--release", "--quiet", "--bin", "pinion"]);
            build.current_dir(checkout());
            install::run(&mut build, "the toolchain that built this program")?;
        }
        let printed = install::run(Command::new(program).arg("--version"), "pinion")?;
        Ok(printed.trim().trim_start_matches("pinion ").to_owned())
    }

    fn start(&self, setting: &Setting, _: Durability) -> Result<Running> {
        let directory = setting.directory()?;
        let bootstrap = format!("127.0.0.1:{}", ports::free()?);
        let mut command = Command::new(program(setting)?);
        command.arg("serve").arg("--data").arg(directory.data());
        command.args(["--listen", &bootstrap]);
        command.args(["--set", &format!("pinion.metrics.listen=127.0.0.1:{}", ports::free()?)]);
        let server = Server::start(command, directory, &setting.cores)?;
        Running::speaking_kafka(server, bootstrap)
    }

    fn connect(&self, _: &Setting, address: &str) -> Result<Box<dyn Broker>> {
        Ok(super::kafka_at(address))
    }

    fn client(&self, kafka: KafkaClient) -> &'static str {
        kafka.name()
    }

    fn settings(&self, durability: Durability) -> String {
        match durability {
            Durability::Fsync => "flush.messages=1".to_owned(),
            _ => "flush.messages=9223372036854775807".to_owned(),
        }
    }
}

fn program(setting: &Setting) -> Result<PathBuf> {
    if let Some(program) = &setting.pinion {
        return Ok(program.clone());
    }
    let own = std::env::current_exe().map_err(Error::io("this program"))?;
    // Tests run from a folder below the one that programs are in.
    let folders = own.ancestors().skip(1).take(2).map(|folder| folder.join("pinion"));
    let built = folders.into_iter().find(|program| program.is_file());
    Ok(built.unwrap_or_else(|| checkout().join("target/release/pinion")))
}

fn checkout() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
