//! Faults, against the real `pinion serve`: kills under load, damaged files, full disks, hostile
//! and slow clients, logs that nobody takes, refused starts, and the clean end.
//!
//! Ledgers outside the broker know what it has promised; see `docs/` for the promises. What is
//! left to chance is drawn from seeds, and a failure prints its own.

// The simulator uses more of these.
#[path = "../sim/crash.rs"]
#[allow(dead_code)]
mod crash;
#[path = "../sim/ledger.rs"]
#[allow(dead_code)]
mod ledger;
#[path = "../messages/mod.rs"]
mod messages;
#[path = "../sim/payload.rs"]
#[allow(dead_code)]
mod payload;
#[path = "../sim/random.rs"]
#[allow(dead_code)]
mod random;
#[path = "../support/mod.rs"]
mod support;
#[path = "../wire_client/mod.rs"]
mod wire_client;

mod amplify;
mod damage;
mod deletions;
mod disk_full;
mod hostile;
mod kills;
mod log_output;
mod process;
mod shutdown;
mod slow;
mod startup;
