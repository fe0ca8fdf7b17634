//! Questions to the shard that owns a partition, and answers to the shard that has the connection.
//!
//! A local question takes the same path, without the mailbox.

use super::ask::{Answer, Ask, Question, QuestionIndex};
use super::connection::{Reply, RequestKey};
use super::token::Target;
use super::work::Work;
use super::{Message, Shard, collect, fetch, metadata, produce};
use crate::base::ShardId;
use crate::io::Op;

/// Where an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplyTo {
    /// The shard of the connection.
    pub shard: ShardId,
    /// The request.
    pub key: RequestKey,
    /// Which of its questions.
    pub question: QuestionIndex,
}

impl Shard {
    /// Asks a shard, perhaps this one; the answer comes to [`Shard::on_answer`].
    pub(super) fn ask(
        &mut self,
        owner: ShardId,
        key: RequestKey,
        index: QuestionIndex,
        question: Question,
    ) {
        let image_version = self.image.version;
        let ask = Ask { from: self.id, key, index, image_version, question };
        if owner == self.id {
            self.on_ask(ask);
        } else {
            self.send(owner, Message::Ask(ask));
        }
    }

    /// Serves a question about something that this shard owns. Where the asker has a newer image,
    /// the question waits until that is in effect here, too: it may be about a new topic. The next
    /// questions of the same asker wait with it, so that they stay in order.
    pub(super) fn on_ask(&mut self, ask: Ask) {
        if ask.image_version > self.image.version {
            return self.early_asks.push_back(ask);
        }
        let to = ReplyTo { shard: ask.from, key: ask.key, question: ask.index };
        match ask.question {
            Question::Append { partition, header, batch, acks } => {
                self.append(to, partition, &header, batch, acks);
            }
            Question::Fetch(question) => self.begin_fetch(to, question),
            Question::Hurry => self.hurry_fetch(to),
            Question::ListOffset { partition, timestamp, leader_epoch, committed } => {
                self.find_offset(to, partition, timestamp, leader_epoch, committed);
            }
            Question::EpochEnd { partition, leader_epoch, current_leader_epoch } => {
                let end = self.epoch_end(partition, leader_epoch, current_leader_epoch);
                self.give(to, Answer::of(end, |(epoch, end)| Answer::EpochEnd(epoch, end)));
            }
            Question::DeleteRecords { partition, before } => {
                self.delete_records(to, partition, before);
            }
            Question::DescribeProducers { partition } => {
                let producers = self.describe_producers(partition);
                self.give(to, Answer::of(producers, Answer::Producers));
            }
            Question::DescribeLogs => {
                let logs = self.describe_logs();
                self.give(to, Answer::Logs(logs));
            }
            Question::Control { context, body } => self.on_control(to, &context, &body),
            Question::CreateMissing { names } => self.create_missing(to, &names),
        }
    }

    /// Serves the questions that have waited for the image that has just come into effect.
    pub(super) fn serve_early_asks(&mut self) {
        for ask in std::mem::take(&mut self.early_asks) {
            self.on_ask(ask);
        }
    }

    /// Gives an answer to the shard that asked.
    pub(super) fn give(&mut self, to: ReplyTo, answer: Answer) {
        if to.shard == self.id {
            self.on_answer(to.key, to.question, answer);
        } else {
            let ReplyTo { shard, key, question } = to;
            self.send(shard, Message::Answer { key, question, answer });
        }
    }

    /// Takes an answer into the request that it belongs to; a closed connection's is dropped.
    pub(super) fn on_answer(&mut self, key: RequestKey, question: QuestionIndex, answer: Answer) {
        match answer {
            Answer::Encoded(frame) => return self.reply(key, Reply::Encoded(frame)),
            Answer::TooLong(error) => return self.refuse_to_answer(key, error),
            Answer::Malformed => return self.refuse(key, "malformed request"),
            Answer::RefusedSilently => return self.refuse_silently(key),
            _ => {}
        }
        let Some(connection) = self.connections.get_mut(key.connection) else { return };
        match connection.work(key.number) {
            Some(Work::Produce(_)) => produce::on_answer(self, key, question, answer),
            Some(Work::Fetch(_)) => fetch::on_answer(self, key, question, answer),
            Some(Work::Collect(_)) => collect::on_answer(self, key, question, answer),
            Some(Work::Metadata(_)) => metadata::on_created(self, key),
            Some(Work::Immediate) | None => {}
        }
    }

    /// Sends a message to another shard, and wakes it if it sleeps.
    pub(super) fn send(&mut self, to: ShardId, message: Message) {
        self.metrics.counters.messages_sent += 1;
        if self.mail.send(to, message) {
            self.ops.push((Target::Ignored.token(), Op::Wake { shard: to }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{BrokerId, PartitionIndex, TopicId};
    use crate::metadata::{Change, Image, StaticConfig};
    use crate::shard::ask::PartitionKey;
    use crate::shard::slots::Slots;
    use crate::shard::{Mail, Mailbox, Settings};
    use crate::wire::ErrorCode;
    use std::sync::Arc;
    use std::time::Duration;

    const ASKER: ShardId = ShardId(0);
    const OWNER: ShardId = ShardId(1);

    fn settings() -> Settings {
        Settings {
            broker_id: BrokerId(1),
            rack: None,
            advertised_host: String::new(),
            advertised_port: 0,
            data_directory: "d".into(),
            data_directory_shown: String::new(),
            request_bytes_max: 1 << 20,
            requests_in_flight_max: 1,
            request_bytes_in_flight_max: 1 << 20,
            receive_memory_bytes: 1 << 20,
            connection_count_max: 1,
            connection_idle_max: None,
            fetch_bytes_max: 1 << 20,
            checkpoint_interval: Duration::from_secs(60),
            receive_stall_max: Duration::from_secs(1),
            shutdown_grace: Duration::from_secs(1),
        }
    }

    /// A topic whose first partition is the owner's, in each image since it was made.
    fn images() -> (PartitionKey, [Arc<Image>; 4]) {
        let topic = |number| TopicId::from_random(number, number);
        let create = |number: u64| Change::TopicCreated {
            name: format!("topic-{number}").into(),
            id: topic(number),
            partition_count: 1,
            configs: Default::default(),
        };
        let mut image = Image::empty(Arc::new(StaticConfig::default()));
        let changes = [create(1), create(2), create(3), Change::TopicDeleted { id: topic(2) }];
        let images = changes.map(|change| {
            image.apply(&change).expect("it fits");
            Arc::new(image.clone())
        });
        (PartitionKey { topic: topic(2), index: PartitionIndex(0) }, images)
    }

    /// Asks an owner that has the first image, and gives the answers that come as it takes the
    /// others: by the number of the question, what it was refused with.
    fn answers(asked_with: &[usize], taken: &[usize]) -> Vec<Vec<(usize, ErrorCode)>> {
        let boxes: Arc<[Mailbox]> = [Mailbox::default(), Mailbox::default()].into();
        let (partition, images) = images();
        let mut asker = Mail::new(ASKER, Arc::clone(&boxes));
        let mail = Mail::new(OWNER, boxes);
        let first = Arc::clone(&images[0]);
        let mut owner = Shard::new(OWNER, Arc::new(settings()), first, mail);
        let key = RequestKey { connection: Slots::default().insert(()), number: 0 };
        for (image, index) in asked_with.iter().zip(QuestionIndex::all()) {
            let question = Question::DescribeProducers { partition };
            let image_version = images[*image].version;
            owner.on_ask(Ask { from: ASKER, key, index, image_version, question });
        }
        let mut received = || {
            let messages = std::iter::from_fn(|| asker.receive());
            let refusals = messages.filter_map(|message| match message {
                Message::Answer { question, answer: Answer::Refused(refusal), .. } => {
                    Some((question.place(), refusal.code))
                }
                _ => None,
            });
            refusals.collect()
        };
        let mut all = vec![received()];
        for image in taken {
            owner.apply_image(Arc::clone(&images[*image]));
            all.push(received());
        }
        all
    }

    /// Goal: a question about a topic that the owner has not heard of waits until it has, behind
    /// no other and before none of the same asker, and finds the log being made.
    #[test]
    fn a_question_waits_for_the_image_it_goes_by() {
        let made = ErrorCode::NotLeaderOrFollower;
        let all = answers(&[1, 1, 2], &[1, 2]);
        assert_eq!(all, [vec![], vec![(0, made), (1, made)], vec![(2, made)]]);
    }

    /// Goal: a question about a topic that is deleted meanwhile is answered with an error, whoever
    /// of the two shards hears of that first.
    #[test]
    fn a_question_about_a_deleted_topic_is_answered() {
        let gone = ErrorCode::UnknownTopicOrPartition;
        assert_eq!(answers(&[1], &[3]), [vec![], vec![(0, gone)]]);
        assert_eq!(answers(&[3], &[2, 3]), [vec![], vec![], vec![(0, gone)]]);
        assert_eq!(answers(&[0], &[]), [vec![(0, gone)]]);
    }
}
