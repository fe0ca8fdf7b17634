//! Where a shard is on its way to a clean end: one owner of that state, events in, facts out.
//!
//! A shard that has no connection left may still be asked by one that has. So no shard closes its
//! logs before the controller has heard from every shard that its connections have ended; and
//! from then on nobody asks anybody anything.

use crate::base::ShardId;

/// What a shard is doing about its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// Nothing yet.
    Serving,
    /// Its connections end after their last reply.
    Draining,
    /// It has no connection, others may have some.
    Drained,
    /// Its logs write what they have and close.
    ClosingLogs,
    /// Its last report is on its way; the controller's is when all checkpoints are written.
    Reporting,
    /// Done.
    Stopped,
}

/// What happens to a shard that is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The control thread wants a clean end.
    Asked,
    /// The connections have had their time.
    DeadlinePassed,
    /// What the shard waits for by itself has come: see [`Closing::awaits`].
    Reached,
    /// To the controller: this shard has no connection left.
    ShardDrained(ShardId),
    /// From the controller: no shard has a connection left.
    AllDrained,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Stop listening, and let connections end after their last reply.
    Drain,
    /// Cut the connections that are left.
    CutConnections,
    /// Tell the controller that no connection is left here.
    TellDrained,
    /// Tell every other shard that no connection is left anywhere.
    TellAllDrained,
    /// Close all logs.
    CloseLogs,
    /// Report positions for the last time.
    ReportLast,
}

/// What a shard waits for that only itself can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// Nothing, or another shard.
    Nothing,
    /// The end of its listener and its connections.
    Connections,
    /// The end of its logs, and of the metadata log.
    Logs,
    /// The delivery of its last report; on the controller, the last checkpoints.
    Report,
}

/// A shard's way to its end. Stages only ever follow one another.
#[derive(Debug)]
pub struct Closing {
    stage: Stage,
    /// On the controller, the shards whose connections may be open still; empty elsewhere.
    undrained: Vec<ShardId>,
    is_controller: bool,
}

impl Closing {
    /// Of a shard that serves. `others` are all other shards if it is the controller.
    pub fn new(own: ShardId, controller: ShardId, shard_count: u16) -> Closing {
        let is_controller = own == controller;
        let undrained = match is_controller {
            true => (0..shard_count).map(ShardId).collect(),
            false => Vec::new(),
        };
        Closing { stage: Stage::Serving, undrained, is_controller }
    }

    /// Takes an event. One that comes twice, or late, changes nothing.
    pub fn on(&mut self, event: Event) -> Vec<Fact> {
        match (self.stage, event) {
            (Stage::Serving, Event::Asked) => self.enter(Stage::Draining, Fact::Drain),
            (Stage::Draining, Event::DeadlinePassed) => vec![Fact::CutConnections],
            (Stage::Draining, Event::Reached) => self.enter(Stage::Drained, Fact::TellDrained),
            (_, Event::ShardDrained(shard)) => self.note_drained(shard),
            (Stage::Drained, Event::AllDrained) => self.enter(Stage::ClosingLogs, Fact::CloseLogs),
            (Stage::ClosingLogs, Event::Reached) => self.enter(Stage::Reporting, Fact::ReportLast),
            (Stage::Reporting, Event::Reached) => {
                self.stage = Stage::Stopped;
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn enter(&mut self, stage: Stage, fact: Fact) -> Vec<Fact> {
        self.stage = stage;
        vec![fact]
    }

    fn note_drained(&mut self, shard: ShardId) -> Vec<Fact> {
        assert!(self.is_controller, "shards tell the controller");
        let before = self.undrained.len();
        self.undrained.retain(|other| *other != shard);
        let is_last = before > 0 && self.undrained.is_empty();
        if is_last { vec![Fact::TellAllDrained] } else { Vec::new() }
    }

    /// What to look out for, and to bring as [`Event::Reached`].
    pub fn awaits(&self) -> Awaited {
        match self.stage {
            Stage::Serving | Stage::Drained | Stage::Stopped => Awaited::Nothing,
            Stage::Draining => Awaited::Connections,
            Stage::ClosingLogs => Awaited::Logs,
            Stage::Reporting => Awaited::Report,
        }
    }

    /// Whether the end has not begun: new connections are welcome, positions are reported.
    pub fn is_serving(&self) -> bool {
        self.stage == Stage::Serving
    }

    /// Whether logs are made and deleted as the metadata says. Once they are being closed, that
    /// is left to the next start.
    pub fn takes_images(&self) -> bool {
        self.stage < Stage::ClosingLogs
    }

    /// Whether the shard has nothing left to do.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROLLER: ShardId = ShardId(0);

    fn controller_of(shard_count: u16) -> Closing {
        Closing::new(CONTROLLER, CONTROLLER, shard_count)
    }

    /// Goal: a broker of one shard goes through all stages in their order.
    #[test]
    fn one_shard_ends_step_by_step() {
        let mut closing = controller_of(1);
        assert!(closing.is_serving() && closing.on(Event::Reached).is_empty());
        assert_eq!(closing.on(Event::Asked), [Fact::Drain]);
        assert_eq!(closing.awaits(), Awaited::Connections);
        assert_eq!(closing.on(Event::Reached), [Fact::TellDrained]);
        assert_eq!(closing.on(Event::ShardDrained(CONTROLLER)), [Fact::TellAllDrained]);
        assert!(closing.takes_images());
        assert_eq!(closing.on(Event::AllDrained), [Fact::CloseLogs]);
        assert!(!closing.takes_images());
        assert_eq!(closing.awaits(), Awaited::Logs);
        assert_eq!(closing.on(Event::Reached), [Fact::ReportLast]);
        assert_eq!(closing.awaits(), Awaited::Report);
        assert!(!closing.is_done() && closing.on(Event::Reached).is_empty());
        assert!(closing.is_done());
    }

    /// Goal: logs stay open until the last shard has no connection, in whatever order the shards
    /// come to that.
    #[test]
    fn logs_stay_open_for_other_shards() {
        let mut controller = controller_of(3);
        let mut other = Closing::new(ShardId(2), CONTROLLER, 3);
        assert_eq!(controller.on(Event::ShardDrained(ShardId(1))), []);
        for closing in [&mut controller, &mut other] {
            closing.on(Event::Asked);
            assert_eq!(closing.on(Event::Reached), [Fact::TellDrained]);
            assert_eq!(closing.awaits(), Awaited::Nothing);
        }
        assert_eq!(controller.on(Event::ShardDrained(CONTROLLER)), []);
        assert_eq!(controller.on(Event::ShardDrained(ShardId(1))), [], "it said so before");
        assert_eq!(controller.on(Event::ShardDrained(ShardId(2))), [Fact::TellAllDrained]);
        assert_eq!(other.on(Event::AllDrained), [Fact::CloseLogs]);
    }

    /// Goal: what comes twice or late changes nothing; a deadline cuts only what still drains.
    #[test]
    fn stages_never_go_back() {
        let mut closing = controller_of(1);
        closing.on(Event::Asked);
        assert_eq!(closing.on(Event::Asked), []);
        assert_eq!(closing.on(Event::AllDrained), [], "its own connections come first");
        assert_eq!(closing.on(Event::DeadlinePassed), [Fact::CutConnections]);
        closing.on(Event::Reached);
        assert_eq!(closing.on(Event::DeadlinePassed), []);
        closing.on(Event::ShardDrained(CONTROLLER));
        assert_eq!(closing.on(Event::ShardDrained(CONTROLLER)), []);
    }
}
