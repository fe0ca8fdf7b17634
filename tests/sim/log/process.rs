//! One process with one log: what the shard does for a log, and nothing else.

use crate::ledger::Ledger;
use crate::payload::{self, Read, RecordId, Sender};
use crate::world::{SimIo, World};
use bytes::Bytes;
use pinion::base::{LeaderEpoch, Monotonic, Offset, PartitionIndex, TopicId};
use pinion::io::{Completion, File, Io, Op, Output, Startup, Token};
use pinion::log::{
    AppendError, Appended, FlushPolicy, LastEnd, Log, LogConfig, LogError, LogFact, LogIdentity,
    LogOut, LogToken, ReadError, ReadStep, RecoveryHints, RecoveryReport,
};
use pinion::wire::record_batch::BatchHeader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a shard remembers across restarts, as if it were in its checkpoint files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checkpoint {
    pub last_end: LastEnd,
    pub recovery_point: Option<Offset>,
    pub log_start: Option<Offset>,
}

/// A batch whose acknowledgement is due when the log says so.
#[derive(Debug)]
pub struct Waiting {
    pub base_offset: i64,
    pub last_offset: i64,
    pub ids: Vec<RecordId>,
    /// Which producer waits for it.
    pub producer: usize,
}

/// What became of a batch.
#[derive(Debug)]
pub enum Reply {
    Acknowledged(Waiting),
    Failed(Waiting),
}

/// The running log.
pub struct Process {
    pub log: Log,
    config: Arc<LogConfig>,
    io: SimIo,
    out: LogOut,
    waiting: Vec<Waiting>,
    replies: Vec<Reply>,
    fetched: Option<Option<Vec<u8>>>,
    is_ended: bool,
}

const READ: Token = Token(1 << 40);

/// The directory of the partition.
fn identity() -> LogIdentity {
    LogIdentity {
        topic: "t".into(),
        topic_id: TopicId::from_random(1, 2),
        partition: PartitionIndex(0),
        directory: PathBuf::from("/data/t-0"),
    }
}

fn boot(world: &World) -> SimIo {
    world.boot(1).pop().expect("one shard has one handle")
}

impl Process {
    fn new(io: SimIo, log: Log, config: &Arc<LogConfig>, out: LogOut) -> Process {
        Process {
            log,
            config: Arc::clone(config),
            io,
            out,
            waiting: Vec::new(),
            replies: Vec::new(),
            fetched: None,
            is_ended: false,
        }
    }

    /// Makes the log.
    pub fn create(world: &World, config: &Arc<LogConfig>) -> Process {
        let mut io = boot(world);
        let (mut out, now) = (LogOut::default(), io.now());
        let log = Log::create(identity(), Arc::clone(config), LeaderEpoch(0), now, &mut out);
        Process::new(io, log, config, out)
    }

    /// Whether the log's directory has survived.
    pub fn exists(world: &World) -> bool {
        let directory = identity().directory;
        let paths = world.machine().disk.paths();
        paths.iter().any(|path| Path::new(path).starts_with(&directory))
    }

    /// Opens the log that the last process left.
    ///
    /// # Errors
    /// The log's own, or any if the process died on the way.
    pub fn recover(
        world: &World,
        config: &Arc<LogConfig>,
        leader_epoch: i32,
        checkpoint: Checkpoint,
    ) -> Result<(Process, RecoveryReport), LogError> {
        let mut io = boot(world);
        let mut startup = Startup::new(&mut io);
        let hints = RecoveryHints {
            last_end: checkpoint.last_end,
            recovery_point: checkpoint.recovery_point,
            log_start: checkpoint.log_start,
        };
        let epoch = LeaderEpoch(leader_epoch);
        let recovered = Log::recover(&mut startup, identity(), Arc::clone(config), epoch, hints);
        let (log, report) = recovered?;
        Ok((Process::new(io, log, config, LogOut::default()), report))
    }

    /// Whether the process has died.
    pub fn is_dead(&self) -> bool {
        self.io.is_dead()
    }

    /// Appends a batch; its reply follows.
    ///
    /// # Errors
    /// The log's own.
    pub fn append(
        &mut self,
        ids: &[RecordId],
        sender: Sender,
        producer: usize,
    ) -> Result<Appended, AppendError> {
        let now = self.io.now();
        let batch = payload::batch(ids, sender, now.wall.0, 1500);
        let header = BatchHeader::parse(&batch).expect("a batch that was made here");
        let appended = self.log.append(&header, Bytes::from(batch), now)?;
        let waiting = Waiting {
            base_offset: appended.base_offset.0,
            last_offset: appended.last_offset.0,
            ids: ids.to_vec(),
            producer,
        };
        assert_eq!(waiting.last_offset - waiting.base_offset + 1, ids.len() as i64);
        // An original that is under way may fail yet: a duplicate waits for the same.
        self.waiting.push(waiting);
        Ok(appended)
    }

    /// What became of batches since the last call.
    pub fn take_replies(&mut self) -> Vec<Reply> {
        std::mem::take(&mut self.replies)
    }

    /// Ends a turn: submits what the log wants and notes its news.
    fn end_turn(&mut self, ledger: &mut Ledger) {
        let now = self.io.now();
        if self.log.next_deadline().is_some_and(|due| due <= now.monotonic) {
            self.log.on_timer(now, &mut self.out);
        }
        self.log.end_of_tick(now, &mut self.out);
        for (token, op) in self.out.ops.drain(..) {
            self.io.submit(Token(token.0.into()), op);
        }
        for fact in std::mem::take(&mut self.out.facts) {
            self.on_fact(fact, ledger);
        }
        self.settle(ledger);
    }

    fn on_fact(&mut self, fact: LogFact, ledger: &mut Ledger) {
        match fact {
            LogFact::AppendsFailed { from, .. } => {
                let is_undone = |waiting: &mut Waiting| waiting.last_offset >= from.0;
                let undone = self.waiting.extract_if(.., is_undone);
                self.replies.extend(undone.map(Reply::Failed));
            }
            LogFact::LogStartMoved(offset) => ledger.delete_to(offset.0),
            LogFact::Closed | LogFact::Deleted => self.is_ended = true,
            LogFact::LogStartSaved(start) => ledger.delete_for_good(start.0),
            LogFact::Opened
            | LogFact::Postponed(_)
            | LogFact::Advanced
            | LogFact::LogStartUnsaved(_)
            | LogFact::Failed(_) => {}
        }
    }

    fn settle(&mut self, ledger: &mut Ledger) {
        let acknowledged = self.log.acknowledged().0;
        let durable = self.log.positions().durable.0;
        let always = self.log_policy() == FlushPolicy::Always;
        let is_done = |waiting: &mut Waiting| waiting.last_offset < acknowledged;
        for waiting in self.waiting.extract_if(.., is_done) {
            for (offset, id) in (waiting.base_offset..).zip(&waiting.ids) {
                ledger.acknowledge(offset, *id, always);
            }
            self.replies.push(Reply::Acknowledged(waiting));
        }
        ledger.note_durable(durable);
    }

    fn log_policy(&self) -> FlushPolicy {
        self.config.flush_policy()
    }

    /// Lets operations complete until `until`, or once.
    pub fn turn(&mut self, until: Option<Monotonic>, ledger: &mut Ledger) {
        self.end_turn(ledger);
        let deadline = [self.log.next_deadline(), until].into_iter().flatten().min();
        if deadline.is_none() && !self.io.has_in_flight() {
            return;
        }
        let mut completions: Vec<Completion> = Vec::new();
        self.io.wait(deadline, &mut completions);
        if self.io.is_dead() {
            return;
        }
        let now = self.io.now();
        for Completion { token, result, .. } in completions {
            if token != READ {
                let token = LogToken(token.0 as u32);
                self.log.on_completion(token, result, now, &mut self.out);
                continue;
            }
            match result {
                Ok(Output::Read(bytes)) => self.fetched = Some(Some(bytes)),
                Ok(other) => unreachable!("read gave {other:?}"),
                Err(_) => self.fetched = Some(None),
            }
        }
        self.end_turn(ledger);
    }

    /// Lets time pass.
    pub fn run_for(&mut self, duration: Duration, ledger: &mut Ledger) {
        let until = self.io.now().monotonic.after(duration);
        while !self.is_dead() && self.io.now().monotonic < until {
            self.turn(Some(until), ledger);
        }
    }

    /// Lets everything under way complete, as far as it does within a minute.
    pub fn run_idle(&mut self, ledger: &mut Ledger) {
        let until = self.io.now().monotonic.after(Duration::from_secs(60));
        self.end_turn(ledger);
        while !self.is_dead()
            && (self.io.has_in_flight() || !self.waiting.is_empty())
            && self.io.now().monotonic < until
        {
            self.turn(Some(until), ledger);
        }
    }

    /// Ends cleanly; false if it dies on the way.
    pub fn close(&mut self, ledger: &mut Ledger) -> bool {
        self.log.begin_close(self.io.now(), &mut self.out);
        let until = self.io.now().monotonic.after(Duration::from_secs(600));
        while !self.is_dead() && !self.is_ended {
            assert!(self.io.now().monotonic < until, "the log does not close: {:?}", self.log);
            self.turn(Some(until), ledger);
        }
        !self.is_dead()
    }

    /// Deletes records below `before`, if the log lets it.
    pub fn delete_records(&mut self, before: i64, ledger: &mut Ledger) {
        let now = self.io.now();
        if self.log.delete_records(Offset(before), now, &mut self.out).is_ok() {
            ledger.delete_to(before);
        }
    }

    /// What a shard would write to its checkpoint files now.
    pub fn checkpoint(&self) -> Checkpoint {
        let log_start = self.log.positions().log_start;
        let recovery_point = Some(self.log.recovery_point());
        Checkpoint { last_end: LastEnd::Killed, recovery_point, log_start: Some(log_start) }
    }

    /// Reads from `offset` up to the high watermark, or as far as `length_max` bytes go. The log
    /// goes on meanwhile. `None` if the process dies, or if nothing is there.
    ///
    /// # Errors
    /// The log's own.
    pub fn read(
        &mut self,
        offset: i64,
        length_max: u32,
        ledger: &mut Ledger,
    ) -> Result<Option<Vec<Read>>, ReadError> {
        let mut step = self.log.read(Offset(offset), length_max, true)?;
        let bytes = loop {
            match step {
                ReadStep::Nothing => return Ok(None),
                ReadStep::Lookup(lookup) => {
                    let range = lookup.range();
                    let Some(bytes) = self.fetch(range, ledger) else { return Ok(None) };
                    step = self.log.resume_read(lookup, &bytes)?;
                }
                ReadStep::Ready(plan) => {
                    let range = (plan.segment.file, plan.position, plan.length as usize);
                    let Some(bytes) = self.fetch(range, ledger) else { return Ok(None) };
                    assert_eq!(bytes.len(), plan.length as usize, "{plan:?} is past the end");
                    break bytes;
                }
            }
        };
        let positions = self.log.positions();
        let (mut reads, _) = payload::read_batches(&bytes);
        reads.retain(|read| read.offset >= offset);
        let first = reads.first().map(|read| read.offset);
        assert_eq!(first, Some(offset), "a read begins elsewhere; {positions:?}");
        let high_watermark = positions.high_watermark.0;
        let survives = self.log_policy().readers_wait();
        for (expected, read) in (offset..).zip(&reads) {
            assert_eq!(read.offset, expected, "a gap is served");
            assert!(read.offset < high_watermark, "{read:?} is above {high_watermark}");
            ledger.observe(*read, survives);
        }
        Ok(Some(reads))
    }

    /// Reads a range of a file while the log goes on; `None` if that fails.
    fn fetch(
        &mut self,
        (file, position, length): (File, u64, usize),
        ledger: &mut Ledger,
    ) -> Option<Vec<u8>> {
        self.io.submit(READ, Op::Read { file, position, buffer: Vec::new(), length });
        loop {
            self.turn(None, ledger);
            if self.is_dead() {
                return None;
            }
            if let Some(result) = self.fetched.take() {
                return result;
            }
        }
    }
}
