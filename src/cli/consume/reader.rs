//! Reads partitions side by side, round by round.

use super::super::client::{ClientError, Cluster, EARLIEST, LATEST, TopicMetadata, list_offsets};
use super::CliError;
use super::batches::{Visit, visit_batches};
use super::fetch::fetch;
use super::position::Position;
use crate::wire::ErrorCode;
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

/// How long the leaders may hold back an empty answer, all together.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// Reads the partitions of one topic, each in order.
///
/// A partition whose errors do not end in time, or whose records are damaged, is given up. The
/// others are then read to their end, or to what is their end by then.
pub struct Reader {
    cluster: Cluster,
    topic: TopicMetadata,
    /// Whether an error has cast doubt on who leads what.
    is_stale: bool,
    /// Those that are not given up.
    positions: Vec<Position>,
    /// Why the others are.
    failures: Vec<CliError>,
}

impl Reader {
    /// A reader that starts at `positions`.
    pub fn new(cluster: Cluster, topic: TopicMetadata, positions: Vec<Position>) -> Reader {
        Reader { cluster, topic, is_stale: false, positions, failures: Vec::new() }
    }

    /// Whether every partition has reached its end, or is given up.
    pub fn is_done(&self) -> bool {
        self.positions.iter().all(Position::is_done)
    }

    /// Asks every leader once for what is due, and visits the records that come.
    pub fn poll(&mut self, visit: &mut Visit<'_>) -> Result<(), CliError> {
        self.sleep_until_one_is_due();
        self.refresh()?;
        let leaders = self.due_by_leader();
        // A wait that is as long as the client's patience would look like a dead broker.
        let wait_max = WAIT_MAX.min(self.cluster.wait_max() / 2) / leaders.len().max(1) as u32;
        let wait_ms = i32::try_from(wait_max.as_millis()).unwrap_or(i32::MAX);
        for (leader, offsets) in leaders {
            match fetch(&mut self.cluster, leader, &self.topic.name, &offsets, wait_ms) {
                Err(error) => self.fail(offsets.into_keys().collect(), error),
                Ok(answers) => {
                    for (partition, answer) in answers {
                        match answer {
                            Ok(bytes) => self.take(partition, &bytes, visit)?,
                            Err(error) => self.fail_one(partition, error),
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Fails if a partition was given up.
    pub fn finish(self) -> Result<(), CliError> {
        let others = self.failures.len().saturating_sub(1);
        match self.failures.into_iter().next() {
            None => Ok(()),
            Some(first) if others == 0 => Err(first),
            Some(first) => {
                Err(CliError::failure(format!("{first}; {others} other failures like this")))
            }
        }
    }

    fn sleep_until_one_is_due(&self) {
        let unfinished = self.positions.iter().filter(|position| !position.is_done());
        let retries: Option<Vec<Instant>> = unfinished.map(Position::retry_at).collect();
        if let Some(first) = retries.and_then(|times| times.into_iter().min()) {
            thread::sleep(first.saturating_duration_since(Instant::now()));
        }
    }

    /// Finds the leaders anew after an error. Where that fails, too, the old ones are asked: their
    /// partitions have their own patience.
    fn refresh(&mut self) -> Result<(), CliError> {
        if self.is_stale {
            match self.cluster.topic(&self.topic.name, false) {
                Ok(topic) => (self.topic, self.is_stale) = (topic, false),
                Err(error) if error.is_retriable() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The offsets to ask for now, by leader and partition.
    fn due_by_leader(&self) -> BTreeMap<i32, BTreeMap<i32, i64>> {
        let now = Instant::now();
        let is_due = |position: &&Position| {
            !position.is_done() && position.retry_at().is_none_or(|retry_at| retry_at <= now)
        };
        let mut leaders: BTreeMap<i32, BTreeMap<i32, i64>> = BTreeMap::new();
        for position in self.positions.iter().filter(is_due) {
            let partition = self.topic.partitions.iter().find(|p| p.index == position.partition);
            let leader = partition.map_or(-1, |partition| partition.leader);
            leaders.entry(leader).or_default().insert(position.partition, position.next);
        }
        leaders
    }

    fn take(
        &mut self,
        partition: i32,
        bytes: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<(), CliError> {
        let position = self.positions.iter_mut().find(|position| position.partition == partition);
        let Some(position) = position else { return Ok(()) };
        position.succeed();
        if let Some(damage) = visit_batches(&self.topic.name, position, bytes, visit)? {
            self.give_up(&[partition], CliError::failure(damage));
        }
        Ok(())
    }

    fn fail_one(&mut self, partition: i32, error: ClientError) {
        if !error.is_code(ErrorCode::OffsetOutOfRange) {
            return self.fail(vec![partition], error);
        }
        match self.skip_deleted(partition) {
            Ok(true) => {}
            Ok(false) => self.give_up(&[partition], error.into()),
            Err(error) => self.fail(vec![partition], error),
        }
    }

    /// Keeps the partitions that may yet succeed, and gives up the others.
    fn fail(&mut self, partitions: Vec<i32>, error: ClientError) {
        self.is_stale = true;
        // What is damaged on a broker's disk stays so, though the protocol has clients try again.
        let is_final = error.is_code(ErrorCode::CorruptMessage);
        let wait_max = self.cluster.wait_max();
        let failed = self.positions.iter_mut().filter(|p| partitions.contains(&p.partition));
        let lost = failed.filter_map(|position| {
            (is_final || !position.fail(&error, wait_max)).then_some(position.partition)
        });
        let lost: Vec<i32> = lost.collect();
        if !lost.is_empty() {
            self.give_up(&lost, error.into());
        }
    }

    /// Reads no more of `partitions`, and of the others what is there now.
    fn give_up(&mut self, partitions: &[i32], error: CliError) {
        self.failures.push(error);
        self.positions.retain(|position| !partitions.contains(&position.partition));
        let endless = self.positions.iter().filter(|position| position.end.is_none());
        let wanted: BTreeMap<i32, i64> = endless.map(|p| (p.partition, LATEST)).collect();
        // Where the ends cannot be asked for, reading ends here.
        let ends = list_offsets(&mut self.cluster, &self.topic, &wanted).unwrap_or_default();
        for position in self.positions.iter_mut().filter(|position| position.end.is_none()) {
            let end = ends.get(&position.partition).map_or(position.next, |end| end.offset);
            position.end = Some(end);
        }
    }

    /// Goes on at the start of a log whose start has moved past us; false if it is for another
    /// reason that the offset does not exist.
    fn skip_deleted(&mut self, partition: i32) -> Result<bool, ClientError> {
        let wanted = BTreeMap::from([(partition, EARLIEST)]);
        let starts = list_offsets(&mut self.cluster, &self.topic, &wanted)?;
        let start = starts.get(&partition).map_or(0, |start| start.offset);
        let position = self.positions.iter_mut().find(|position| position.partition == partition);
        let Some(position) = position.filter(|position| position.next < start) else {
            return Ok(false);
        };
        let next = std::mem::replace(&mut position.next, start);
        eprintln!("pinion: partition {partition}: {next} to {start} were deleted unread");
        Ok(true)
    }
}
