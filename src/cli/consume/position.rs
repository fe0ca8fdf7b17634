//! Where reading is in a partition.

use super::super::client::{ClientError, Patience};
use std::time::{Duration, Instant};

/// Where reading is in a partition, and how it goes.
#[derive(Debug)]
pub struct Position {
    /// The partition.
    pub partition: i32,
    /// The offset to read next.
    pub next: i64,
    /// Where to stop, if anywhere.
    pub end: Option<i64>,
    trouble: Option<Trouble>,
}

/// Errors without a success between them.
#[derive(Debug)]
struct Trouble {
    patience: Patience,
    retry_at: Instant,
}

impl Position {
    /// From `next` to `end`, or without one.
    pub fn new(partition: i32, next: i64, end: Option<i64>) -> Position {
        Position { partition, next, end, trouble: None }
    }

    /// Whether the end is reached.
    pub fn is_done(&self) -> bool {
        self.end.is_some_and(|end| self.next >= end)
    }

    /// When to ask for it again, where the last answer was an error.
    pub fn retry_at(&self) -> Option<Instant> {
        self.trouble.as_ref().map(|trouble| trouble.retry_at)
    }

    /// The leader has answered with records, or that there are none: errors before count no more.
    pub fn succeed(&mut self) {
        self.trouble = None;
    }

    /// The leader has answered with an error, or not at all. Whether to ask again, which ends
    /// `wait_max` after the first error that no success has followed.
    #[must_use]
    pub fn fail(&mut self, error: &ClientError, wait_max: Duration) -> bool {
        let now = Instant::now();
        let new = || Trouble { patience: Patience::new(wait_max), retry_at: now };
        let trouble = self.trouble.get_or_insert_with(new);
        match trouble.patience.pause_after(error) {
            Some(pause) => {
                trouble.retry_at = now + pause;
                true
            }
            None => false,
        }
    }
}
