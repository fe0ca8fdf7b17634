//! A simulated operator: makes, grows and deletes topics, and deletes records.

use super::client::{Client, Pace, is_retriable};
use super::line::{Heard, Line, Question, decode};
use super::topics::{Place, Stage, Topics};
use crate::ledger::Ledger;
use crate::world::World;
use pinion::base::Monotonic;
use pinion::wire::ErrorCode;
use pinion::wire::api::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
};
use pinion::wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse,
};
use pinion::wire::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};
use pinion::wire::api::delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse};
use std::time::Duration;

/// Live topics that it aims at.
const LIVE_MAX: usize = 4;

/// Does one thing after the other, again and again until it is told that it is done.
pub struct Admin {
    line: Line,
    pace: Pace,
    task: Option<Task>,
}

#[derive(Debug, Clone)]
enum Task {
    Create(String),
    Delete(String),
    /// To so many partitions.
    Grow(String, i32),
    DeleteRecords(Place, i64),
}

impl Admin {
    /// An operator with nothing to do yet.
    pub fn new(world: &World, think_max: Duration) -> Admin {
        Admin { line: Line::new(world), pace: Pace::new(world, think_max), task: None }
    }

    fn draw_task(&mut self, topics: &mut Topics) -> Option<Task> {
        let random = &mut self.pace.random;
        if let Some(name) = topics.in_stage(Stage::Wanted).first() {
            return Some(Task::Create(name.clone()));
        }
        let live = topics.in_stage(Stage::Live);
        if live.len() < LIVE_MAX && (live.is_empty() || random.once_in(2)) {
            return Some(Task::Create(topics.draw(random)));
        }
        let place = topics.draw_place(random)?;
        match random.below(12) {
            0 => Some(Task::Delete(place.0)),
            1..3 => {
                let count = topics.get(&place.0).ledgers.len() as i32;
                Some(Task::Grow(place.0, count + 1))
            }
            3..7 => {
                let ledger = topics.ledger(&place);
                let offset = ledger.draw_promised(random)?;
                Some(Task::DeleteRecords(place, offset))
            }
            _ => None,
        }
    }

    fn ask(&mut self, topics: &mut Topics) {
        match self.task.clone() {
            None => {}
            Some(Task::Create(name)) => self.ask_create(&name, topics),
            Some(Task::Delete(name)) => {
                // From here on it may be gone at any moment.
                topics.get(&name).stage = Stage::Doomed;
                let topic_names = [name.as_str()].into_iter().collect();
                let request =
                    DeleteTopicsRequest { topic_names, timeout_ms: 1000, ..Default::default() };
                self.line.ask(self.pace.random.between(1, 5) as i16, &request);
            }
            Some(Task::Grow(name, count)) => {
                let topic = CreatePartitionsTopic { name: &name, count, assignments: None };
                let request = CreatePartitionsRequest {
                    topics: [topic].into_iter().collect(),
                    timeout_ms: 1000,
                    validate_only: false,
                };
                self.line.ask(self.pace.random.between(0, 3) as i16, &request);
            }
            Some(Task::DeleteRecords(place, offset)) => {
                topics.ledger(&place).delete_to(offset);
                let partition = DeleteRecordsPartition { partition_index: place.1, offset };
                let partitions = [partition].into_iter().collect();
                let topic = DeleteRecordsTopic { name: &place.0, partitions };
                let request = DeleteRecordsRequest {
                    topics: [topic].into_iter().collect(),
                    timeout_ms: 1000,
                };
                self.line.ask(self.pace.random.between(0, 2) as i16, &request);
            }
        }
    }

    fn ask_create(&mut self, name: &str, topics: &mut Topics) {
        let topic = topics.get(name);
        let creatable = CreatableTopic {
            name,
            num_partitions: topic.ledgers.len() as i32,
            replication_factor: 1,
            configs: topic
                .configs
                .iter()
                .map(|(name, value)| CreatableTopicConfig { name, value: Some(value) })
                .collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: [creatable].into_iter().collect(),
            timeout_ms: 1000,
            validate_only: false,
        };
        self.line.ask(self.pace.random.between(2, 7) as i16, &request);
    }

    fn on_response(
        &mut self,
        question: Question,
        body: &[u8],
        now: Monotonic,
        topics: &mut Topics,
    ) {
        let Some(task) = self.task.take() else { unreachable!("it asked for something") };
        let code = match &task {
            Task::Create(_) => {
                let response: CreateTopicsResponse<'_> = decode(question, body);
                response.topics[0].error_code
            }
            Task::Delete(_) => {
                let response: DeleteTopicsResponse<'_> = decode(question, body);
                response.responses[0].error_code
            }
            Task::Grow(..) => {
                let response: CreatePartitionsResponse<'_> = decode(question, body);
                response.results[0].error_code
            }
            Task::DeleteRecords(..) => {
                let response: DeleteRecordsResponse<'_> = decode(question, body);
                response.topics[0].partitions[0].error_code
            }
        };
        match (task, ErrorCode::from(code)) {
            // A second attempt finds what the first has done.
            (Task::Create(name), ErrorCode::None | ErrorCode::TopicAlreadyExists) => {
                topics.get(&name).stage = Stage::Live;
            }
            (Task::Delete(_), ErrorCode::None | ErrorCode::UnknownTopicOrPartition) => {}
            (Task::Grow(name, count), ErrorCode::None | ErrorCode::InvalidPartitions) => {
                topics.get(&name).ledgers.resize_with(count as usize, Ledger::default);
            }
            (Task::DeleteRecords(..), ErrorCode::None | ErrorCode::OffsetOutOfRange) => {}
            (task, code) => {
                assert!(is_retriable(code), "{task:?}: {code:?}");
                self.task = Some(task);
                self.pace.back_off(now);
            }
        }
    }
}

impl Client for Admin {
    fn act(&mut self, now: Monotonic, topics: &mut Topics) {
        loop {
            match self.line.hear() {
                Heard::Nothing => break,
                Heard::Broken => self.pace.back_off(now),
                Heard::Response(question, body) => self.on_response(question, &body, now, topics),
            }
        }
        if self.pace.next > now {
            return;
        }
        if !self.line.is_open() {
            if !self.line.open() {
                self.pace.back_off(now);
            }
            return;
        }
        if self.line.unanswered() == 0 {
            if self.task.is_none() {
                self.task = self.draw_task(topics);
            }
            self.ask(topics);
        }
        self.pace.think(now);
    }

    fn next_deadline(&self) -> Option<Monotonic> {
        Some(self.pace.next)
    }

    fn forget_history(&mut self) {
        self.line.hang_up();
        // What it was about to do may concern a topic that is given up.
        if !matches!(self.task, Some(Task::Create(_))) {
            self.task = None;
        }
    }
}
