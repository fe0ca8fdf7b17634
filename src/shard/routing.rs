//! Questions to the shard that owns a partition, and answers to the shard that has the connection.
//!
//! A local question takes the same path, without the mailbox.

use super::ask::{Answer, Ask, Question};
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
    pub part: u32,
}

impl Shard {
    /// Asks a shard, perhaps this one; the answer comes to [`Shard::on_answer`].
    pub(super) fn ask(&mut self, owner: ShardId, key: RequestKey, part: u32, question: Question) {
        let ask = Ask { from: self.id, key, part, question };
        if owner == self.id {
            self.on_ask(ask);
        } else {
            self.send(owner, Message::Ask(ask));
        }
    }

    /// Serves a question about something that this shard owns.
    pub(super) fn on_ask(&mut self, ask: Ask) {
        let to = ReplyTo { shard: ask.from, key: ask.key, part: ask.part };
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

    /// Gives an answer to the shard that asked.
    pub(super) fn give(&mut self, to: ReplyTo, answer: Answer) {
        if to.shard == self.id {
            self.on_answer(to.key, to.part, answer);
        } else {
            self.send(to.shard, Message::Answer { key: to.key, part: to.part, answer });
        }
    }

    /// Takes an answer into the request that it belongs to; a closed connection's is dropped.
    pub(super) fn on_answer(&mut self, key: RequestKey, part: u32, answer: Answer) {
        match answer {
            Answer::Encoded(frame) => return self.reply(key, Reply::Encoded(frame)),
            Answer::TooLong(error) => return self.refuse_to_answer(key, error),
            Answer::Malformed => return self.refuse(key, "malformed request"),
            Answer::RefusedSilently => return self.refuse_silently(key),
            _ => {}
        }
        let Some(connection) = self.connections.get_mut(key.connection) else { return };
        match connection.work(key.number) {
            Some(Work::Produce(_)) => produce::on_answer(self, key, part, answer),
            Some(Work::Fetch(_)) => fetch::on_answer(self, key, part, answer),
            Some(Work::Collect(_)) => collect::on_answer(self, key, part, answer),
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
