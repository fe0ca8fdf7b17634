//! A simulated producer, plain or idempotent.

use super::client::{Client, Pace, is_retriable};
use super::line::{Line, Response};
use super::topics::{Place, Topics};
use crate::ledger::Order;
use crate::payload::{self, RecordId, Sender};
use crate::world::World;
use pinion::base::Monotonic;
use pinion::wire::ErrorCode;
use pinion::wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};
use pinion::wire::api::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Requests in flight, as in Kafka's clients.
const IN_FLIGHT_MAX: usize = 5;

/// Sends records to a few partitions.
pub struct Producer {
    line: Line,
    pace: Pace,
    acks: i16,
    id: Id,
    /// Distinguishes this producer, and its incarnations, from all others.
    name: u64,
    flows: BTreeMap<Place, Flow>,
    in_flight: VecDeque<Sent>,
}

/// Who it is to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Id {
    /// A producer without idempotence.
    Plain,
    /// It wants an id and has not asked.
    Missing,
    Asked,
    Known(i64, i16),
}

/// What goes to one partition.
#[derive(Debug, Default)]
struct Flow {
    next_sequence: i32,
    /// Batches that are not acknowledged, oldest first.
    batches: VecDeque<Batch>,
    /// Whether something failed: when nothing is in flight any more, all goes again in order.
    is_behind: bool,
}

#[derive(Debug)]
struct Batch {
    sequence: i32,
    ids: Vec<RecordId>,
    is_in_flight: bool,
    was_refused: bool,
}

/// A request in flight: its correlation id, and the first record of each of its batches.
struct Sent {
    id: i32,
    batches: Vec<(Place, RecordId)>,
}

impl Producer {
    /// A producer with acks of its own choice; idempotent ones take all.
    pub fn new(world: &World, name: u64, think_max: Duration) -> Producer {
        let mut pace = Pace::new(world, think_max);
        let is_idempotent = pace.random.once_in(2);
        let acks = if is_idempotent { -1 } else { pace.random.pick(&[0, 1, -1]) };
        Producer {
            line: Line::new(world),
            pace,
            acks,
            id: if is_idempotent { Id::Missing } else { Id::Plain },
            name: name << 32,
            flows: BTreeMap::new(),
            in_flight: VecDeque::new(),
        }
    }

    fn lose_in_flight(&mut self) {
        self.in_flight.clear();
        if self.id == Id::Asked {
            self.id = Id::Missing;
        }
        for flow in self.flows.values_mut() {
            if self.id == Id::Plain {
                // Nobody knows what became of them.
                flow.batches.clear();
            }
            flow.batches.iter_mut().for_each(|batch| batch.is_in_flight = false);
            flow.is_behind = false;
        }
    }

    fn ask_for_id(&mut self) {
        let request = InitProducerIdRequest { producer_epoch: -1, ..Default::default() };
        let version = self.pace.random.between(0, 4) as i16;
        self.line.ask(version, &request);
        self.id = Id::Asked;
    }

    fn on_id(&mut self, response: &Response, topics: &mut Topics) {
        let response: InitProducerIdResponse = response.decode();
        self.id = match ErrorCode::from(response.error_code) {
            ErrorCode::None => {
                topics.note_producer_id(response.producer_id);
                Id::Known(response.producer_id, response.producer_epoch)
            }
            code if is_retriable(code) => Id::Missing,
            code => panic!("no producer id: {code:?}"),
        };
    }

    /// Makes the next batch for a partition, or takes the oldest that has to go again.
    fn next_batch(&mut self, place: &Place, topics: &mut Topics) -> Option<RecordId> {
        let flow = self.flows.entry(place.clone()).or_default();
        if flow.is_behind {
            return None;
        }
        if let Some(batch) = flow.batches.iter_mut().find(|batch| !batch.is_in_flight) {
            topics.seen.note("a batch was sent again");
            batch.is_in_flight = true;
            return Some(batch.ids[0]);
        }
        if flow.batches.len() >= IN_FLIGHT_MAX {
            return None;
        }
        let ids = topics.draw_names(self.pace.random.between(1, 6));
        let producer = self.name;
        for id in &ids {
            let order = (self.id != Id::Plain).then_some(Order { producer, number: id.0 });
            topics.ledger(place).send(*id, order);
        }
        let first = ids[0];
        let sequence = flow.next_sequence;
        flow.next_sequence += ids.len() as i32;
        let batch = Batch { sequence, ids, is_in_flight: true, was_refused: false };
        flow.batches.push_back(batch);
        Some(first)
    }

    fn send(&mut self, now: Monotonic, topics: &mut Topics) {
        let mut batches: Vec<(Place, RecordId)> = Vec::new();
        for _ in 0..self.pace.random.between(1, 3) {
            let Some(place) = self.draw_place(topics) else { continue };
            if batches.iter().any(|(other, _)| *other == place) {
                continue;
            }
            if let Some(first) = self.next_batch(&place, topics) {
                batches.push((place, first));
            }
        }
        if batches.is_empty() {
            return;
        }
        let Some(id) = self.ask(now, &batches) else {
            return batches.iter().for_each(|(place, first)| drop(self.forget(place, *first)));
        };
        self.in_flight.push_back(Sent { id, batches });
    }

    /// Sends batches; gives the request's correlation id if a response will come.
    fn ask(&mut self, now: Monotonic, batches: &[(Place, RecordId)]) -> Option<i32> {
        let wall = 1_767_225_600_000 + (now.0 / 1_000_000) as i64;
        let bytes: Vec<Vec<u8>> =
            batches.iter().map(|(place, first)| self.encode(place, *first, wall)).collect();
        let entries = batches.iter().zip(&bytes);
        let request = ProduceRequest {
            acks: self.acks,
            timeout_ms: 30_000,
            topic_data: entries.map(|((place, _), bytes)| data_of(place, bytes)).collect(),
            ..Default::default()
        };
        let version = self.pace.random.between(3, 12) as i16;
        if self.acks == 0 {
            self.line.tell(version, &request);
            return None;
        }
        Some(self.line.ask(version, &request))
    }

    fn encode(&self, place: &Place, first: RecordId, wall: i64) -> Vec<u8> {
        let flow = &self.flows[place];
        let batch = flow.batches.iter().find(|batch| batch.ids[0] == first);
        let batch = batch.expect("it was chosen to be sent");
        let sender = match self.id {
            Id::Known(id, epoch) => Sender::Idempotent(id, epoch, batch.sequence),
            _ => Sender::Plain,
        };
        payload::batch(&batch.ids, sender, wall, 1200)
    }

    /// A partition to send to: one that it knows, or another.
    fn draw_place(&mut self, topics: &mut Topics) -> Option<Place> {
        self.flows.retain(|(name, _), _| topics.is_live(name));
        if self.flows.len() < 3 || self.pace.random.once_in(50) {
            return topics.draw_place(&mut self.pace.random);
        }
        let index = self.pace.random.index(self.flows.len());
        self.flows.keys().nth(index).cloned()
    }

    fn forget(&mut self, place: &Place, first: RecordId) -> Option<Batch> {
        let flow = self.flows.get_mut(place)?;
        let index = flow.batches.iter().position(|batch| batch.ids[0] == first)?;
        flow.batches.remove(index)
    }

    fn on_answer(
        &mut self,
        place: &Place,
        first: RecordId,
        answer: &PartitionProduceResponse<'_>,
        topics: &mut Topics,
    ) {
        let code = ErrorCode::from(answer.error_code);
        if !topics.is_live(&place.0) {
            self.forget(place, first);
            return;
        }
        if code == ErrorCode::None {
            let Some(batch) = self.forget(place, first) else { return };
            let survives = topics.get(&place.0).survives_power(self.acks);
            for (offset, id) in (answer.base_offset..).zip(&batch.ids) {
                topics.ledger(place).acknowledge(offset, *id, survives);
            }
        } else if self.id == Id::Plain {
            assert!(is_retriable(code), "{place:?}: {code:?} {:?}", answer.error_message);
            self.forget(place, first);
        } else {
            if code == ErrorCode::OutOfOrderSequenceNumber {
                topics.seen.note("a sequence gap was refused");
            }
            let ledger = topics.ledger(place);
            let may_be_forgotten = ledger.deleted_to() > 0 || topics.get(&place.0).has_retention;
            let is_head = self.is_head(place, first);
            if code == ErrorCode::OutOfOrderSequenceNumber && may_be_forgotten && is_head {
                // With its records, the log may have lost what it knew of the producer.
                topics.seen.note("a producer was forgotten with its records");
                return self.forget_history();
            }
            self.on_refused(place, first, code, answer);
        }
        self.resume_flow(place);
    }

    /// Whether a gap before this batch is not the client's own doing.
    fn is_head(&self, place: &Place, first: RecordId) -> bool {
        let flow = self.flows.get(place);
        flow.is_some_and(|flow| {
            !flow.is_behind && flow.batches.front().is_some_and(|batch| batch.ids[0] == first)
        })
    }

    fn on_refused(
        &mut self,
        place: &Place,
        first: RecordId,
        code: ErrorCode,
        answer: &PartitionProduceResponse<'_>,
    ) {
        // A gap is the client's fault only if an earlier batch was refused or is still under way.
        let follows_refusal = !self.is_head(place, first);
        let Some(flow) = self.flows.get_mut(place) else { return };
        let place_of = flow.batches.iter().position(|batch| batch.ids[0] == first);
        let Some(index) = place_of else { return };
        let is_expected =
            is_retriable(code) || (code == ErrorCode::OutOfOrderSequenceNumber && follows_refusal);
        assert!(is_expected, "{place:?}: {code:?} {:?}", answer.error_message);
        flow.is_behind = true;
        let batch = &mut flow.batches[index];
        batch.is_in_flight = false;
        batch.was_refused = true;
    }

    /// Once nothing of a flow that is behind is in flight, all of it goes again.
    fn resume_flow(&mut self, place: &Place) {
        let Some(flow) = self.flows.get_mut(place) else { return };
        if flow.batches.iter().all(|batch| !batch.is_in_flight) {
            flow.is_behind = false;
        }
    }
}

fn data_of<'a>((name, index): &'a Place, records: &'a [u8]) -> TopicProduceData<'a> {
    let partition = PartitionProduceData { index: *index, records: Some(records) };
    let partition_data = [partition].into_iter().collect();
    TopicProduceData { name, partition_data, ..Default::default() }
}

impl Client for Producer {
    fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    fn on_response(&mut self, response: &Response, now: Monotonic, topics: &mut Topics) {
        let Some(sent) = self.in_flight.pop_front_if(|sent| sent.id == response.question.id) else {
            return self.on_id(response, topics);
        };
        let response: ProduceResponse<'_> = response.decode();
        let mut answers: Vec<(Place, &PartitionProduceResponse<'_>)> = Vec::new();
        for topic in &response.responses {
            for partition in &topic.partition_responses {
                answers.push(((topic.name.to_owned(), partition.index), partition));
            }
        }
        assert_eq!(answers.len(), sent.batches.len(), "each batch has one answer");
        for (place, first) in sent.batches {
            if !self.line.is_open() {
                return;
            }
            let answer = answers.iter().find(|(other, _)| *other == place);
            let (_, answer) = answer.expect("each batch has an answer");
            self.on_answer(&place, first, answer, topics);
            if answer.error_code != 0 {
                self.pace.back_off(now);
            }
        }
    }

    fn on_broken(&mut self, now: Monotonic) {
        self.lose_in_flight();
        self.pace.back_off(now);
    }

    fn ask(&mut self, now: Monotonic, topics: &mut Topics) {
        if !self.pace.lets_ask(&mut self.line, now) {
            return;
        }
        match self.id {
            Id::Missing => self.ask_for_id(),
            Id::Asked => {}
            Id::Plain | Id::Known(..) => {
                if !self.line.has_room() {
                    topics.seen.note("a client had to wait for the broker to read");
                } else if self.in_flight.len() < IN_FLIGHT_MAX {
                    self.send(now, topics);
                }
            }
        }
        if self.pace.random.once_in(300) {
            self.line.hang_up();
            self.lose_in_flight();
        }
        self.pace.think(now);
    }

    fn next_deadline(&self) -> Option<Monotonic> {
        Some(self.pace.next)
    }

    fn forget_history(&mut self) {
        self.line.hang_up();
        self.lose_in_flight();
        self.flows.clear();
        self.name += 1;
        if self.id != Id::Plain {
            self.id = Id::Missing;
        }
    }
}
