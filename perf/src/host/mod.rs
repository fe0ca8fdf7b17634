//! The machine: processes and their cost, cores, installs, and what results are stamped with.
//!
//! Imports only `error`. Never here: a system's settings, a scenario, a result.

pub mod cores;
pub mod debian;
pub mod directory;
pub mod group;
pub mod helper;
pub mod install;
pub mod interrupt;
pub mod ports;
pub mod server;
pub mod stamp;
pub mod usage;
pub mod volume;
pub mod warden;
