//! Real Kafka clients against the broker: the contract in `tests/clients/README.md` on each of
//! them, librdkafka's own test suite, and Kafka's dump tool on the broker's files.
//!
//! The clients install themselves: Debian packages by apt-get where something is missing,
//! libraries under `target/clients`, in the versions that the manifests beside this file pin.

mod dump_tool;
mod librdkafka;
mod matrix;
#[path = "../support/mod.rs"]
mod support;
mod target;
mod toolchain;
