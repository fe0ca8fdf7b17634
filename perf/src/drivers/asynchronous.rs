//! What drivers have in common whose client libraries are asynchronous.

use crate::error::{Error, Result};
use futures_util::{FutureExt, Stream, StreamExt};
use std::fmt::Display;
use std::time::Duration;
use tokio::runtime::Runtime;
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
