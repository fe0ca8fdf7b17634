//! What drivers have in common whose client libraries are asynchronous.

use crate::error::{Error, Result};
use futures_util::{FutureExt, Stream, StreamExt};
use std::collections::VecDeque;
use std::fmt::Display;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Records that one call takes at most, so that the caller can look up in between.
const RECEIVE_MAX: usize = 1024;

/// What a connection runs on: a thread of its own.
///
/// # Errors
/// If the thread cannot be started.
pub fn runtime() -> Result<Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).enable_all().build().map_err(Error::io("tokio"))
}

/// Confirmations that did not come yet, in the order of sending.
pub struct Confirmations<F>(VecDeque<(u64, F)>);

impl<F> Default for Confirmations<F> {
    fn default() -> Self {
        Confirmations(VecDeque::new())
    }
}

impl<T, E: Display, F: Future<Output = std::result::Result<T, E>> + Unpin> Confirmations<F> {
    /// Adds that of the record `sequence`.
    pub fn push(&mut self, sequence: u64, confirmation: F) {
        self.0.push_back((sequence, confirmation));
    }

    /// Adds the sequences of those that have come, each as `check` says, up to the first that has
    /// not; if there are none, waits for one, but not much longer than `wait`.
    ///
    /// # Errors
    /// If the library `client` fails, or `check` does.
    pub fn take(
        &mut self,
        client: &'static str,
        runtime: &Runtime,
        mut wait: Duration,
        sequences: &mut Vec<u64>,
        check: impl Fn(T) -> Result<()>,
    ) -> Result<()> {
        // They may have timers, which want to know their runtime.
        let _entered = runtime.enter();
        while let Some((sequence, confirmation)) = self.0.front_mut() {
            let outcome = if wait.is_zero() {
                confirmation.now_or_never()
            } else {
                runtime.block_on(async { timeout(wait, confirmation).await.ok() })
            };
            let Some(outcome) = outcome else { break };
            check(outcome.map_err(Error::client(client))?)?;
            sequences.push(*sequence);
            self.0.pop_front();
            wait = Duration::ZERO;
        }
        Ok(())
    }
}

/// A question behind everything that was sent: its answer says that the broker took it all.
#[derive(Default)]
pub struct RoundTrip(Option<JoinHandle<Result<()>>>);

impl RoundTrip {
    /// Asks `question`, unless it is under way; whether it was answered, after not much more than
    /// `wait`.
    ///
    /// # Errors
    /// If the library `client` fails, or the question does.
    pub fn wait(
        &mut self,
        client: &'static str,
        runtime: &Runtime,
        wait: Duration,
        question: impl Future<Output = Result<()>> + Send + 'static,
    ) -> Result<bool> {
        let under_way = self.0.get_or_insert_with(|| runtime.spawn(question));
        match runtime.block_on(async { timeout(wait, under_way).await }) {
            Err(_) => return Ok(false),
            Ok(answered) => answered.map_err(Error::client(client))??,
        }
        self.0 = None;
        Ok(true)
    }
}

/// Passes on what deliveries are there; if there are none, waits for some, but not much longer
/// than `wait`.
///
/// # Errors
/// If the library `client` fails.
pub fn receive<D, E: Display>(
    client: &'static str,
    runtime: &Runtime,
    deliveries: &mut (impl Stream<Item = std::result::Result<D, E>> + Unpin),
    wait: Duration,
    mut pass: impl FnMut(D),
) -> Result<()> {
    // A stream may have a timer, which wants to know its runtime.
    let _entered = runtime.enter();
    let first = runtime.block_on(async { timeout(wait, deliveries.next()).await });
    let mut next = first.unwrap_or(None);
    for taken in 1.. {
        let Some(delivery) = next else { break };
        pass(delivery.map_err(Error::client(client))?);
        if taken == RECEIVE_MAX {
            break;
        }
        next = deliveries.next().now_or_never().flatten();
    }
    Ok(())
}
