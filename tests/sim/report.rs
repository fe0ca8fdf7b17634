//! What a test reports besides passing: figures, and how to repeat a failure.

use std::cell::{Cell, RefCell};
use std::io::Write;

/// Prints a line even where the test runner captures output.
pub fn print(line: &str) {
    // Without a standard error there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

thread_local! {
    static REPEAT: RefCell<String> = const { RefCell::new(String::new()) };
    static IS_EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Says how to repeat what runs now, should it panic before the guard is dropped.
#[must_use]
pub fn on_failure(how: String) -> OnFailure {
    REPEAT.with_borrow_mut(|repeat| *repeat = how);
    OnFailure
}

/// Prints how to repeat a run if it is dropped by a panic.
pub struct OnFailure;

impl Drop for OnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() && !IS_EXPECTED.get() {
            REPEAT.with_borrow(|repeat| print(&format!("the simulation failed: {repeat}")));
        }
    }
}

/// Runs what has a planted bug.
///
/// # Panics
/// If no check notices it with a message that contains one of `expected`.
pub fn expect_noticed(expected: &[&str], run: impl FnOnce() + std::panic::UnwindSafe) {
    IS_EXPECTED.set(true);
    let outcome = std::panic::catch_unwind(run);
    IS_EXPECTED.set(false);
    let panic = outcome.expect_err("nobody noticed the planted bug");
    let message = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    let is_expected = expected.iter().any(|expected| message.contains(expected));
    let repeat = REPEAT.with_borrow(String::clone);
    assert!(is_expected, "noticed only by accident, in {repeat}: {message}");
}

/// Whether one seed was asked for, to be looked at closely.
pub fn is_single() -> bool {
    std::env::var_os("PINION_SIM_SEED").is_some()
}

/// The seeds to run: the one in `PINION_SIM_SEED`, or the first `PINION_SIM_SEEDS`, or the first
/// `usual`.
pub fn seeds(usual: u64) -> std::ops::Range<u64> {
    let number = |name| {
        let value: String = std::env::var(name).ok()?;
        Some(value.parse().unwrap_or_else(|_| panic!("{name} is not a number: {value}")))
    };
    match number("PINION_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("PINION_SIM_SEEDS").unwrap_or(usual),
    }
}
