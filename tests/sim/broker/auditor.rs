//! Reads everything after a start and compares it with what was promised.

use super::client::{Client, is_retriable};
use super::line::{Line, Response};
use super::reader::{EARLIEST, LATEST, offset_answer, offset_question, take_records, topic_of};
use super::topics::{Place, Topics};
use crate::payload::{self, Read};
use crate::world::World;
use pinion::base::Monotonic;
use pinion::wire::ErrorCode;
use pinion::wire::api::fetch::{FetchRequest, FetchResponse, Records};
use std::time::Duration;

/// Audits all live partitions, while nobody else is about.
pub struct Auditor {
    line: Line,
    places: Vec<Place>,
    step: Step,
    next: Monotonic,
    attempts: u32,
}

/// How far the audit of the last place has come.
enum Step {
    Start,
    End { start: i64 },
    Records { start: i64, end: i64, next: i64, reads: Vec<Read> },
}

/// After so many failed attempts an error counts as permanent.
const ATTEMPTS_MAX: u32 = 200;

impl Auditor {
    /// An auditor of everything that is live now.
    pub fn new(world: &World, topics: &Topics) -> Auditor {
        Auditor {
            line: Line::new(world),
            places: topics.live_places(),
            step: Step::Start,
            next: Monotonic(0),
            attempts: 0,
        }
    }

    /// Whether everything has been audited.
    pub fn is_done(&self) -> bool {
        self.places.is_empty()
    }

    fn ask_for_step(&mut self) {
        let Some(place) = self.places.last() else { return };
        match &self.step {
            Step::Start => self.line.ask(5, &offset_question(place, EARLIEST)),
            Step::End { .. } => self.line.ask(5, &offset_question(place, LATEST)),
            Step::Records { next, .. } => {
                let topic = topic_of(place, *next, 50_000);
                let request = FetchRequest {
                    min_bytes: 1,
                    topics: [topic].into_iter().collect(),
                    ..Default::default()
                };
                self.line.ask(11, &request)
            }
        };
    }

    fn conclude(&mut self, place: &Place, topics: &mut Topics) {
        let Step::Records { start, end, next, reads } = &self.step else { return };
        if next < end {
            return;
        }
        let has_retention = topics.get(&place.0).has_retention;
        let ledger = topics.ledger(place);
        let has_moved = has_retention && *start > ledger.deleted_to();
        if has_retention {
            ledger.delete_to(*start);
        }
        ledger.check(*start, *end, reads);
        if has_moved {
            topics.seen.note("retention moved a log start");
        }
        self.places.pop();
        self.step = Step::Start;
        self.attempts = 0;
    }
}

impl Client for Auditor {
    fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    fn on_response(&mut self, response: &Response, now: Monotonic, topics: &mut Topics) {
        let place = self.places.last().expect("it asked about one").clone();
        let outcome = match &mut self.step {
            Step::Start => offset_answer(response).map(|start| Step::End { start }),
            Step::End { start } => offset_answer(response).map(|end| Step::Records {
                start: *start,
                end,
                next: *start,
                reads: Vec::new(),
            }),
            Step::Records { start, end, next, reads } => {
                let response: FetchResponse<'_> = response.decode();
                let data = &response.responses[0].partitions[0];
                match ErrorCode::from(data.error_code) {
                    ErrorCode::None => {
                        let Records::Inline(bytes) = data.records else { unreachable!() };
                        let (mut found, _) = payload::read_batches(bytes);
                        found.retain(|read| read.offset >= *next);
                        *next = take_records(&place, *next, data, topics);
                        reads.extend(found);
                        Ok(Step::Records {
                            start: *start,
                            end: *end,
                            next: *next,
                            reads: std::mem::take(reads),
                        })
                    }
                    // Retention has moved the start meanwhile.
                    ErrorCode::OffsetOutOfRange if topics.get(&place.0).has_retention => {
                        Ok(Step::Start)
                    }
                    code => Err(code),
                }
            }
        };
        match outcome {
            Ok(step) => self.step = step,
            Err(code) => {
                self.attempts += 1;
                assert!(
                    is_retriable(code) && self.attempts < ATTEMPTS_MAX,
                    "{place:?} cannot be audited: {code:?}"
                );
                self.next = now.after(Duration::from_millis(5));
            }
        }
        self.conclude(&place, topics);
    }

    fn on_broken(&mut self, now: Monotonic) {
        self.next = now.after(Duration::from_millis(1));
    }

    fn ask(&mut self, now: Monotonic, _topics: &mut Topics) {
        if self.next > now || self.is_done() {
            return;
        }
        if !self.line.is_open() && !self.line.open() {
            self.next = now.after(Duration::from_millis(1));
            return;
        }
        if self.line.unanswered() == 0 {
            self.ask_for_step();
        }
    }

    fn next_deadline(&self) -> Option<Monotonic> {
        let waits = self.is_done() || self.line.unanswered() > 0;
        (!waits).then_some(self.next)
    }
}
