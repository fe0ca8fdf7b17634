//! A simulated operator: makes, grows, configures and deletes topics, and deletes records.

use super::client::{Client, Pace, is_retriable};
use super::line::{Line, Response};
use super::topics::{FLUSH_POLICIES, Place, Stage, Topics};
use crate::ledger::Ledger;
use crate::random::Random;
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
use pinion::wire::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
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
    /// Of a topic, the configs and their values.
    Configure(String, Vec<(&'static str, String)>),
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
            7..9 => Some(Task::Configure(place.0, draw_configs(random))),
            _ => None,
        }
    }

    fn ask_for_task(&mut self, topics: &mut Topics) {
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
            Some(Task::Configure(name, configs)) => self.ask_configure(&name, &configs, topics),
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

    fn ask_configure(
        &mut self,
        name: &str,
        configs: &[(&'static str, String)],
        topics: &mut Topics,
    ) {
        let topic = topics.get(name);
        topic.has_retention |= configs.iter().any(|(key, _)| *key == "retention.bytes");
        if let Some((_, messages)) = configs.iter().find(|(key, _)| *key == "flush.messages") {
            let is_this = |(_, number, _): &&(_, i64, _)| number.to_string() == *messages;
            let policy = FLUSH_POLICIES.iter().find(is_this).expect("it was drawn from these").0;
            topic.loosen(policy);
        }
        let resource = AlterConfigsResource {
            resource_type: 2,
            resource_name: name,
            configs: configs
                .iter()
                .map(|(name, value)| AlterableConfig {
                    name,
                    config_operation: 0,
                    value: Some(value),
                })
                .collect(),
        };
        let request = IncrementalAlterConfigsRequest {
            resources: [resource].into_iter().collect(),
            validate_only: false,
        };
        self.line.ask(self.pace.random.between(0, 1) as i16, &request);
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
}

/// One config, or those of a flush policy.
fn draw_configs(random: &mut Random) -> Vec<(&'static str, String)> {
    let one = |name, value: i64| vec![(name, value.to_string())];
    match random.below(5) {
        0 => one("internal.segment.bytes", random.pick(&[9000, 30_000])),
        1 => one("retention.bytes", random.pick(&[20_000, 60_000])),
        2 => one("index.interval.bytes", random.pick(&[0, 2000])),
        3 => one("file.delete.delay.ms", random.pick(&[0, 1000])),
        _ => {
            let (_, messages, millis) = random.pick(&FLUSH_POLICIES);
            vec![("flush.messages", messages.to_string()), ("flush.ms", millis.to_string())]
        }
    }
}

impl Client for Admin {
    fn line(&mut self) -> &mut Line {
        &mut self.line
    }

    fn on_response(&mut self, response: &Response, now: Monotonic, topics: &mut Topics) {
        let Some(task) = self.task.take() else { unreachable!("it asked for something") };
        let code = match &task {
            Task::Create(_) => {
                let answer: CreateTopicsResponse<'_> = response.decode();
                answer.topics[0].error_code
            }
            Task::Delete(_) => {
                let answer: DeleteTopicsResponse<'_> = response.decode();
                answer.responses[0].error_code
            }
            Task::Grow(..) => {
                let answer: CreatePartitionsResponse<'_> = response.decode();
                answer.results[0].error_code
            }
            Task::Configure(..) => {
                let answer: IncrementalAlterConfigsResponse<'_> = response.decode();
                answer.responses[0].error_code
            }
            Task::DeleteRecords(place, _) => {
                let answer: DeleteRecordsResponse<'_> = response.decode();
                let result = &answer.topics[0].partitions[0];
                topics.ledger(place).delete_for_good(result.low_watermark);
                result.error_code
            }
        };
        match (task, ErrorCode::from(code)) {
            // A second attempt finds what the first has done.
            (Task::Create(name), ErrorCode::None | ErrorCode::TopicAlreadyExists) => {
                topics.get(&name).stage = Stage::Live;
                topics.seen.note("a topic was created");
            }
            (Task::Delete(_), ErrorCode::None | ErrorCode::UnknownTopicOrPartition) => {
                topics.seen.note("a topic was deleted");
            }
            (Task::Grow(name, count), ErrorCode::None | ErrorCode::InvalidPartitions) => {
                topics.get(&name).ledgers.resize_with(count as usize, Ledger::default);
                topics.seen.note("a topic grew");
            }
            (Task::DeleteRecords(..), ErrorCode::None | ErrorCode::OffsetOutOfRange) => {
                topics.seen.note("records were deleted");
            }
            (Task::Configure(..), ErrorCode::None) => topics.seen.note("a topic was configured"),
            (task, code) => {
                assert!(is_retriable(code), "{task:?}: {code:?}");
                self.task = Some(task);
                self.pace.back_off(now);
            }
        }
    }

    fn on_broken(&mut self, now: Monotonic) {
        self.pace.back_off(now);
    }

    fn ask(&mut self, now: Monotonic, topics: &mut Topics) {
        if !self.pace.lets_ask(&mut self.line, now) {
            return;
        }
        if self.line.unanswered() == 0 {
            if self.task.is_none() {
                self.task = self.draw_task(topics);
            }
            self.ask_for_task(topics);
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
