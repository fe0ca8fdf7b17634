//! Shards that take turns on one thread.
//!
//! A shard waits in the middle of its turn, so it needs a stack of its own: each runs as a
//! coroutine that gives way in its wait. No two ever run at once, which makes a whole process one
//! deterministic program.

use super::handle::SimIo;
use super::station::StationId;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use pinion::base::{Monotonic, Now};
use pinion::io::{Completion, Io, Op, Token};

/// The seam of a shard that takes turns with others.
pub struct TurnIo<'t> {
    io: SimIo,
    yielder: &'t Yielder<(), ()>,
}

impl Io for TurnIo<'_> {
    fn submit(&mut self, token: Token, op: Op) {
        self.io.submit(token, op);
    }

    fn wait(&mut self, until: Option<Monotonic>, completions: &mut Vec<Completion>) {
        self.io.begin_wait(until);
        self.yielder.suspend(());
        self.io.end_wait(completions);
    }

    fn now(&mut self) -> Now {
        self.io.now()
    }
}

/// A shard that runs when the scheduler says so. Dropped in its sleep, it ends without a word, as
/// by SIGKILL.
pub struct ShardTask {
    station: StationId,
    coroutine: Coroutine<(), (), ()>,
}

impl ShardTask {
    /// A shard that runs `run` with `io`, turn by turn.
    pub fn new(io: SimIo, run: impl FnOnce(&mut TurnIo<'_>) + 'static) -> ShardTask {
        let station = io.station();
        // What a coroutine begins with has to be small.
        let parts = Box::new((io, run));
        let coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            let (io, run) = *parts;
            run(&mut TurnIo { io, yielder });
        });
        ShardTask { station, coroutine }
    }

    /// The shard's place among the stations.
    pub fn station(&self) -> StationId {
        self.station
    }

    /// Whether the shard has come to its end.
    pub fn has_ended(&self) -> bool {
        self.coroutine.done()
    }

    /// Lets the shard run until it waits again or ends.
    ///
    /// # Panics
    /// With the shard's own panic, or if it has ended.
    pub fn turn(&mut self) {
        match self.coroutine.resume(()) {
            CoroutineResult::Yield(()) | CoroutineResult::Return(()) => {}
        }
    }
}
