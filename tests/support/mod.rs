//! What the integration tests share: a broker as a child process, installs of what the tests
//! need, small file systems, and child programs whose failure tells its whole story.
//!
//! May use the standard library, the development dependencies and the built `pinion` binary.
//! Never knows a Kafka client or a single test's purpose, and never reaches into the library:
//! these tests see the broker as its users do, as a process.

// Each test binary compiles this module for itself and uses a part of it.
#![allow(dead_code)]

pub mod broker;
pub mod install;
pub mod program;
pub mod volume;
