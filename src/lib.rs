//! Pinion: a Kafka-wire-compatible log broker for Linux.
//!
//! The modules are layers, lowest first; a module imports only from those above it in this list.

#![deny(unsafe_code)]

pub mod base;
pub mod wire;
pub mod io;
pub mod metrics;
pub mod log;
pub mod metadata;
pub mod shard;
pub mod control;
pub mod config;
pub mod cli;
