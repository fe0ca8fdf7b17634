//! Where a topic's partitions end: known as soon as the broker leads all of them.

use super::connection::{ASK_LIMIT, Connection};
use super::frames::Frames;
use super::messages;
use crate::drivers::Topic;
use crate::error::{Error, Result};
use std::thread;
use std::time::{Duration, Instant};

/// A new topic may not be led yet: between two questions.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// The end of each partition, once the broker leads all of them.
///
/// # Errors
/// If the connection is gone, or the broker does not lead them in time, in its words.
pub fn ends_of(connection: &Connection, topic: &Topic) -> Result<Vec<i64>> {
    let deadline = Instant::now() + ASK_LIMIT;
    let mut frames = Frames::new();
    loop {
        let mut question = Vec::new();
        messages::put_list_ends(&mut question, 0, &topic.name, topic.partitions);
        connection.write_all(&question)?;
        let answer = frames.next(connection, ASK_LIMIT)?;
        let silence = || Error::Stalled(format!("no answer to ListOffsets within {ASK_LIMIT:?}"));
        match messages::listed_ends(frames.bytes(&answer.ok_or_else(silence)?)) {
            Ok(ends) => return Ok(ends),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => thread::sleep(RETRY_INTERVAL),
        }
    }
}
