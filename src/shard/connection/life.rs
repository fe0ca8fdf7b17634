//! How far a connection is on its way to its end: one owner of that state, events in, facts out.

use crate::base::Monotonic;
use std::time::Duration;

/// How long after the last byte to it a client may take to end its side. A client that still has
/// that byte to read, and sends more, after so long loses it.
const LINGER_MAX: Duration = Duration::from_secs(2);

/// How long a client whose connection ends may take to let the broker send what it owes. A drain
/// has its own limit, `pinion.shutdown.grace.ms`.
const FINISH_MAX: Duration = Duration::from_secs(30);

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The client closed it.
    Peer,
    /// Receiving or sending failed.
    Failure,
    /// The client broke the protocol, or an acks=0 produce was refused.
    BadRequest,
    /// Nothing happened on it for `connections.max.idle.ms`.
    Idle,
    /// It held receive memory without getting on, and others waited for it.
    Stalled,
    /// The broker ends.
    Shutdown,
}

/// Phases only ever follow one another; any may be the last before `Closing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Requests are received and answered.
    Open,
    /// Nothing more is received; requests that have come whole are served.
    Draining,
    /// No more requests are served; replies that are owed are sent, what comes is dropped.
    Finishing(CloseReason),
    /// The client was told that nothing more is sent; its own end is awaited.
    Lingering(CloseReason),
    /// Nothing is received or sent; closes with the last completion.
    Closing(CloseReason),
}

/// What happens to a connection that is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The broker ends: what has come whole is still served, and nothing more is received.
    Drain,
    /// No request that has come whole is left to be read.
    AllRead,
    /// No more requests are to be served.
    Finish(CloseReason),
    /// No reply is owed.
    AllSent,
    /// The time that a fact gave it has passed.
    TimeIsUp,
    /// Nothing more is to be received or sent.
    Cut(CloseReason),
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Drop what comes. The client has until `deadline` to take what it is owed; with none, the
    /// broker's end has a deadline of its own.
    Finish { deadline: Option<Monotonic> },
    /// Tell the client that nothing more is sent; it has until then to end its side.
    EndSending { until: Monotonic },
    /// Drop what is not sent yet, and have what is in flight end.
    Cut,
}

/// A connection's way from its accept to the last completion on its socket.
///
/// Invariants: the first reason to end stands; once closing, nothing new is begun but what ends
/// operations that are in flight; it is closed only when none is.
#[derive(Debug)]
pub struct Life {
    phase: Phase,
    /// Operations that name the socket and have not completed.
    operations: u32,
    /// The client has sent its last byte: closes once what it sent before is served.
    peer_has_ended: bool,
    /// When bytes last came or went.
    active_at: Monotonic,
    /// When bytes last went.
    sent_at: Option<Monotonic>,
}

impl Life {
    /// Of a connection that was accepted at `now`.
    pub fn new(now: Monotonic) -> Life {
        Life {
            phase: Phase::Open,
            operations: 0,
            peer_has_ended: false,
            active_at: now,
            sent_at: None,
        }
    }

    /// Takes an event. One that comes twice, or late, changes nothing.
    pub fn on(&mut self, event: Event, now: Monotonic) -> Option<Fact> {
        use Phase::{Closing, Draining, Finishing, Lingering, Open};
        match (event, self.phase) {
            (Event::Drain, Open) => {
                self.phase = Draining;
                None
            }
            (Event::AllRead, Draining) => Some(self.finish(CloseReason::Shutdown, now)),
            (Event::Finish(reason), Open | Draining) => Some(self.finish(reason, now)),
            (Event::AllSent, Finishing(reason)) => Some(self.linger(reason, now)),
            (Event::TimeIsUp | Event::Cut(_), Finishing(first) | Lingering(first)) => {
                Some(self.cut(first))
            }
            (Event::Cut(reason), Open | Draining) => Some(self.cut(reason)),
            (_, Open | Draining | Finishing(_) | Lingering(_) | Closing(_)) => None,
        }
    }

    fn finish(&mut self, reason: CloseReason, now: Monotonic) -> Fact {
        self.phase = Phase::Finishing(reason);
        let deadline = (reason != CloseReason::Shutdown).then(|| now.after(FINISH_MAX));
        Fact::Finish { deadline }
    }

    fn linger(&mut self, reason: CloseReason, now: Monotonic) -> Fact {
        let until = self.sent_at.map(|at| at.after(LINGER_MAX));
        match until.filter(|until| *until > now) {
            Some(until) => {
                self.phase = Phase::Lingering(reason);
                Fact::EndSending { until }
            }
            // Whatever it was sent, it has had its time.
            None => self.cut(reason),
        }
    }

    fn cut(&mut self, reason: CloseReason) -> Fact {
        self.phase = Phase::Closing(reason);
        Fact::Cut
    }

    /// An operation on the socket is submitted.
    ///
    /// # Panics
    /// If the connection is closing and has nothing in flight: it may be gone by now.
    pub fn begin_operation(&mut self) {
        let has_one = self.operations > 0;
        assert!(has_one || !self.is_closing(), "a closing connection begins nothing new");
        self.operations += 1;
    }

    /// An operation has completed something at `now`; `more` says whether it goes on.
    ///
    /// # Panics
    /// If none was in flight.
    pub fn on_completion(&mut self, more: bool, now: Monotonic) {
        assert!(self.operations > 0, "what completes was in flight");
        if !more {
            self.operations -= 1;
        }
        self.active_at = now;
    }

    /// Bytes went to the client.
    pub fn note_sent(&mut self, now: Monotonic) {
        self.sent_at = Some(now);
    }

    /// The client has sent its last byte.
    pub fn note_peer_end(&mut self) {
        self.peer_has_ended = true;
    }

    /// Whether its end has not begun.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether requests that have come whole are served.
    pub fn serves_requests(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Draining)
    }

    /// Whether bytes may come: to be served, or to be dropped.
    pub fn receives(&self) -> bool {
        self.phase != Phase::Draining
    }

    /// Whether nothing is received or sent any more.
    pub fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing(_))
    }

    /// Why it is closed, once its socket may be given back.
    pub fn closed(&self) -> Option<CloseReason> {
        match self.phase {
            Phase::Closing(reason) if self.operations == 0 => Some(reason),
            _ => None,
        }
    }

    /// Whether something is in flight on the socket.
    pub fn has_operations(&self) -> bool {
        self.operations > 0
    }

    /// Whether the client has sent its last byte.
    pub fn peer_has_ended(&self) -> bool {
        self.peer_has_ended
    }

    /// When bytes last came or went.
    pub fn active_at(&self) -> Monotonic {
        self.active_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Monotonic = Monotonic(1);

    /// Goal: a connection that is refused serves nothing more, sends what it owes, tells the
    /// client, waits for its end, and is closed with the last completion.
    #[test]
    fn a_connection_ends_step_by_step() {
        let mut life = Life::new(NOW);
        life.begin_operation();
        life.note_sent(NOW);
        assert!(life.is_open() && life.serves_requests());
        let deadline = Some(NOW.after(FINISH_MAX));
        let finish = Event::Finish(CloseReason::BadRequest);
        assert_eq!(life.on(finish, NOW), Some(Fact::Finish { deadline }));
        assert!(life.receives() && !life.serves_requests());
        let until = NOW.after(LINGER_MAX);
        assert_eq!(life.on(Event::AllSent, NOW), Some(Fact::EndSending { until }));
        assert!(!life.is_closing());
        assert_eq!(life.on(Event::Cut(CloseReason::Peer), NOW), Some(Fact::Cut));
        assert!(life.is_closing() && life.closed().is_none());
        life.begin_operation();
        for closed in [None, Some(CloseReason::BadRequest)] {
            life.on_completion(false, NOW);
            assert_eq!(life.closed(), closed);
        }
    }

    /// Goal: while the broker ends, what has come whole is served and nothing more is received;
    /// from then on the connection ends like any other, within the broker's own time.
    #[test]
    fn a_drain_serves_what_has_come() {
        let mut life = Life::new(NOW);
        assert_eq!(life.on(Event::AllRead, NOW), None, "requests go on coming");
        assert_eq!(life.on(Event::Drain, NOW), None);
        assert!(life.serves_requests() && !life.receives() && !life.is_open());
        assert_eq!(life.on(Event::AllSent, NOW), None, "more may be read");
        assert_eq!(life.on(Event::AllRead, NOW), Some(Fact::Finish { deadline: None }));
        assert!(life.receives(), "what comes is dropped, so that its end is seen");
        assert_eq!(life.on(Event::AllSent, NOW), Some(Fact::Cut));
        assert_eq!(life.closed(), Some(CloseReason::Shutdown));
    }

    /// Goal: a client that was sent nothing, or long ago, is not waited for.
    #[test]
    fn only_recent_bytes_are_waited_for() {
        for (sent_at, expected) in [
            (None, Fact::Cut),
            (Some(NOW), Fact::Cut),
            (Some(Monotonic(2)), Fact::EndSending { until: Monotonic(2).after(LINGER_MAX) }),
        ] {
            let mut life = Life::new(NOW);
            if let Some(at) = sent_at {
                life.note_sent(at);
            }
            life.on(Event::Finish(CloseReason::Idle), NOW);
            let late = NOW.after(LINGER_MAX);
            assert_eq!(life.on(Event::AllSent, late), Some(expected), "sent at {sent_at:?}");
        }
    }

    /// Goal: what comes twice or late changes nothing, and the first reason stands.
    #[test]
    fn phases_never_go_back() {
        let mut life = Life::new(NOW);
        assert_eq!(life.on(Event::TimeIsUp, NOW), None, "a timer of an earlier time");
        life.on(Event::Finish(CloseReason::Idle), NOW);
        let late = [Event::Drain, Event::AllRead, Event::Finish(CloseReason::Peer)];
        for event in late {
            assert_eq!(life.on(event, NOW), None);
        }
        assert_eq!(life.on(Event::TimeIsUp, NOW), Some(Fact::Cut));
        for event in [Event::AllSent, Event::TimeIsUp, Event::Cut(CloseReason::Failure)] {
            assert_eq!(life.on(event, NOW), None);
        }
        assert_eq!(life.closed(), Some(CloseReason::Idle));
    }

    /// Goal: nothing is submitted on a socket that may have been given back.
    #[test]
    #[should_panic(expected = "begins nothing new")]
    fn a_closed_connection_begins_nothing() {
        let mut life = Life::new(NOW);
        life.on(Event::Cut(CloseReason::Failure), NOW);
        life.begin_operation();
    }
}
