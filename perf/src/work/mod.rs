//! What every system is given to do, and how it is judged: the one path of all drivers.
//!
//! [`payload`] makes records that tell who sent them, when they were due and whether they arrived
//! whole; [`pacer`] says when to send the next, [`spread`] where to; [`verifier`] finds what was
//! lost, repeated, moved or damaged; [`latency`] keeps the distributions.
//!
//! Imports no other module of this crate. Never here: a clock, a thread, a socket, a file, or a
//! word about one system.

pub mod in_flight;
pub mod latency;
pub mod pacer;
pub mod payload;
pub mod spread;
pub mod verifier;
