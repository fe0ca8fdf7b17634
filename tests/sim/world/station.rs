//! Where a shard's operations queue, and where its completions wait for it.

use pinion::base::{Monotonic, ShardId};
use pinion::io::{Completion, IoError, Op, Output, Token};
use std::collections::VecDeque;

/// Names a station for the whole run: a restarted shard gets a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StationId(pub usize);

/// The simulated ring of one shard.
#[derive(Debug)]
pub struct Station {
    /// The shard that uses it.
    pub shard: ShardId,
    /// Submitted, and not yet handed to the kernel by a wait.
    pub queue: VecDeque<(Token, Op)>,
    /// Completed, and not yet reaped.
    pub ready: VecDeque<Completion>,
    /// What the shard does until something completes.
    pub rest: Rest,
    /// The process has died: every operation fails.
    pub is_dead: bool,
    in_flight: u64,
}

/// What a shard's last wait asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// It has something to do.
    Running,
    /// It sleeps until a completion.
    Asleep,
    /// It sleeps until a completion or an instant.
    AsleepUntil(Monotonic),
}

/// An operation in flight: whose it is, and under which name.
#[derive(Debug, Clone, Copy)]
pub struct Ticket {
    pub station: StationId,
    pub token: Token,
    pub operation: &'static str,
}

impl Ticket {
    /// The completion that carries `result`, with an error number for a failure.
    pub fn completion(self, result: Result<Output, i32>, more: bool) -> Completion {
        let operation = self.operation;
        let result = result.map_err(|errno| IoError { operation, errno });
        Completion { token: self.token, result, more }
    }
}

impl Station {
    fn new(shard: ShardId) -> Station {
        Station {
            shard,
            queue: VecDeque::new(),
            ready: VecDeque::new(),
            rest: Rest::Running,
            is_dead: false,
            in_flight: 0,
        }
    }

    /// Whether the shard would come back from its wait at `now`.
    pub fn is_awake(&self, now: Monotonic) -> bool {
        !self.ready.is_empty() || self.wakes_at().is_some_and(|at| at <= now)
    }

    /// When the shard comes back from its wait if nothing completes.
    pub fn wakes_at(&self) -> Option<Monotonic> {
        match self.rest {
            Rest::Running => Some(Monotonic(0)),
            Rest::Asleep => None,
            Rest::AsleepUntil(instant) => Some(instant),
        }
    }
}

/// All stations of the run, those of dead processes included.
#[derive(Debug, Default)]
pub struct Stations {
    stations: Vec<Station>,
    current: Vec<StationId>,
}

impl Stations {
    /// Gives each shard of a new process a station.
    pub fn boot(&mut self, shard_count: usize) -> Vec<StationId> {
        self.current = (0..shard_count)
            .map(|shard| {
                self.stations.push(Station::new(ShardId(shard as u16)));
                StationId(self.stations.len() - 1)
            })
            .collect();
        self.current.clone()
    }

    /// The station of a shard of the running process.
    pub fn of(&self, shard: ShardId) -> StationId {
        *self.current.get(shard.0 as usize).unwrap_or_else(|| panic!("{shard:?} is not running"))
    }

    /// Stations of the running process.
    pub fn current(&self) -> &[StationId] {
        &self.current
    }

    /// A station by its name.
    pub fn get(&mut self, id: StationId) -> &mut Station {
        &mut self.stations[id.0]
    }

    /// Counts an operation that the kernel took.
    pub fn take(&mut self, ticket: Ticket) {
        self.get(ticket.station).in_flight += 1;
    }

    /// Delivers a completion.
    pub fn deliver(&mut self, id: StationId, completion: Completion) {
        let station = self.get(id);
        if !completion.more && completion.token != Token::WOKEN {
            assert!(station.in_flight > 0, "{completion:?} completes nothing");
            station.in_flight -= 1;
        }
        station.ready.push_back(completion);
    }

    /// Whether a shard waits for something that is under way.
    pub fn has_in_flight(&mut self, id: StationId) -> bool {
        let station = self.get(id);
        station.in_flight > 0 || !station.queue.is_empty() || !station.ready.is_empty()
    }

    /// The process dies: what was queued never happens, and nothing more can.
    pub fn kill(&mut self) {
        for id in std::mem::take(&mut self.current) {
            let station = self.get(id);
            station.is_dead = true;
            station.ready.clear();
            for (token, _) in std::mem::take(&mut station.queue) {
                station.fail(token);
            }
        }
    }
}

impl Station {
    /// Fails an operation because the process is dead.
    pub fn fail(&mut self, token: Token) {
        let result = Err(IoError { operation: "dead", errno: libc::EIO });
        self.ready.push_back(Completion { token, result, more: false });
    }
}
