//! The controller, on shard 0: requests become changes, changes become durable, images follow.
//!
//! A decision is made against the image that all accepted changes lead to. Its reply waits until
//! its changes are committed and every shard has put the image into effect, so that a client that
//! was told of a topic can use it at once.

use super::ask::Answer;
use super::connection::RequestContext;
use super::replies::encode_frame;
use super::requests::CONTROLLER;
use super::routing::ReplyTo;
use super::token::Target;
use super::{Message, Shard, configs, init_producer_id, topics};
use crate::base::{BrokerId, ProducerId, ShardId, TopicId};
use crate::io::{IoError, Output};
use crate::metadata::{
    Change, Image, MetadataFact, MetadataLog, MetadataOut, MetadataToken, producer_ids,
};
use crate::wire::{ApiKey, ErrorCode, Message as WireMessage, Reader, Request};
use bytes::Bytes;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// The metadata log's owner. Exists on shard 0 only.
#[derive(Debug)]
pub struct Controller {
    /// The durable list of changes.
    pub log: MetadataLog,
    /// This broker.
    pub broker: BrokerId,
    out: MetadataOut,
    waiting: VecDeque<WaitingReply>,
    /// The newest image in effect on each shard.
    applied: Vec<u64>,
    producer_ids: Range<i64>,
    topic_ids: IdSource,
}

/// A reply that waits for its changes.
#[derive(Debug)]
struct WaitingReply {
    version: u64,
    to: ReplyTo,
    answer: Answer,
    /// What to say if the changes cannot be made durable.
    failure: Answer,
}

/// What a request leads to.
#[derive(Debug)]
pub struct Decision {
    /// The changes; none if nothing is to be done, or nothing may be.
    pub changes: Vec<Change>,
    /// What was refused, one code for each item.
    pub errors: Vec<ErrorCode>,
    /// The reply, once they are in effect.
    pub answer: Answer,
    /// The reply if they cannot be made durable.
    pub failure: Answer,
}

impl Decision {
    /// A decision out of the response for success and the one for a broken disk.
    pub(super) fn of<'a, M: WireMessage<'a>>(
        context: &RequestContext,
        changes: Vec<Change>,
        errors: Vec<ErrorCode>,
        response: &M,
        failure: &M,
    ) -> Decision {
        let encode = |response: &M| {
            let mut frame = Vec::new();
            match encode_frame(&mut frame, &mut Vec::new(), context, response) {
                Ok(()) => Answer::Encoded(frame),
                Err(error) => Answer::TooLong(error),
            }
        };
        Decision { changes, errors, answer: encode(response), failure: encode(failure) }
    }
}

/// Random topic ids out of one seed.
#[derive(Debug)]
struct IdSource(u64);

impl IdSource {
    fn next(&mut self) -> TopicId {
        TopicId::from_random(self.next_bits(), self.next_bits())
    }

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    fn next_bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Controller {
    /// A controller over an opened metadata log; every shard starts from its image. `seed` is
    /// random.
    pub fn new(log: MetadataLog, broker: BrokerId, shard_count: u16, seed: u64) -> Self {
        let version = log.committed().version;
        Controller {
            log,
            broker,
            out: MetadataOut::default(),
            waiting: VecDeque::new(),
            applied: vec![version; usize::from(shard_count)],
            producer_ids: 0..0,
            topic_ids: IdSource(seed),
        }
    }

    /// An id for a new topic.
    pub fn new_topic_id(&mut self) -> TopicId {
        self.topic_ids.next()
    }

    /// An id for a new producer, and the change after which it may be used, if it takes one.
    pub fn new_producer_id(&mut self) -> (ProducerId, Option<Change>) {
        if let Some(id) = self.producer_ids.next() {
            return (ProducerId(id), None);
        }
        let (mut block, change) = producer_ids::allocate(self.image());
        let first = block.next().expect("a block has ids");
        self.producer_ids = block;
        (ProducerId(first), Some(change))
    }

    /// The image that all accepted changes lead to.
    pub fn image(&self) -> &Image {
        self.log.pending()
    }

    /// Accepts changes that were checked against [`Controller::image`]: later decisions see them.
    pub fn accept(&mut self, changes: Vec<Change>) -> u64 {
        self.log.append(changes, &mut self.out)
    }

    fn is_applied(&self, version: u64) -> bool {
        self.applied.iter().all(|applied| *applied >= version)
    }
}

impl Shard {
    /// Decides a request that changes the metadata.
    pub(super) fn on_control(&mut self, to: ReplyTo, context: &RequestContext, body: &Bytes) {
        let Some(controller) = &mut self.controller else {
            unreachable!("control requests go to shard {CONTROLLER}");
        };
        let mut reader = Reader::new(body);
        let decision = match context.api {
            ApiKey::CreateTopics => decide(&mut reader, context, controller, topics::create),
            ApiKey::DeleteTopics => decide(&mut reader, context, controller, topics::delete),
            ApiKey::CreatePartitions => decide(&mut reader, context, controller, topics::grow),
            ApiKey::AlterConfigs => decide(&mut reader, context, controller, configs::replace),
            ApiKey::IncrementalAlterConfigs => {
                decide(&mut reader, context, controller, configs::alter)
            }
            ApiKey::InitProducerId => {
                decide(&mut reader, context, controller, init_producer_id::allocate)
            }
            other => unreachable!("{other} is not for the controller"),
        };
        match decision {
            Some(decision) => {
                for error in &decision.errors {
                    self.metrics.error(context.api.code(), error.code());
                }
                self.carry_out(to, decision.changes, decision.answer, decision.failure);
            }
            None => self.give(to, Answer::Malformed),
        }
    }

    /// Creates topics that a client named in a Metadata request.
    pub(super) fn create_missing(&mut self, to: ReplyTo, names: &[String]) {
        let Some(controller) = &mut self.controller else {
            unreachable!("control requests go to shard {CONTROLLER}");
        };
        let changes = topics::create_missing(controller, names);
        self.carry_out(to, changes, Answer::Created, Answer::Created);
    }

    /// Lets an answer wait for the changes that it reports.
    fn carry_out(&mut self, to: ReplyTo, changes: Vec<Change>, answer: Answer, failure: Answer) {
        self.warn_of_compaction(&changes);
        let Some(controller) = &mut self.controller else { return };
        // Even without changes of its own, an answer may speak of some that are under way.
        let version = match changes.is_empty() {
            true => controller.image().version,
            false => controller.accept(changes),
        };
        controller.waiting.push_back(WaitingReply { version, to, answer, failure });
        self.metadata_is_dirty = true;
    }

    pub(super) fn on_metadata(&mut self, operation: u32, result: Result<Output, IoError>) {
        if let Err(error) = &result {
            tracing::error!(%error, "an operation on the metadata log failed");
        }
        let Some(controller) = &mut self.controller else { return };
        let token = MetadataToken(operation);
        controller.log.on_completion(token, result, &mut controller.out);
        self.metadata_is_dirty = true;
    }

    /// Submits what the metadata log wants done and acts on what it has done.
    pub(super) fn flush_metadata(&mut self) {
        while std::mem::take(&mut self.metadata_is_dirty) {
            let Some(controller) = &mut self.controller else { return };
            for (token, op) in controller.out.ops.drain(..) {
                self.ops.push((Target::Metadata { operation: token.0 }.token(), op));
            }
            for fact in std::mem::take(&mut controller.out.facts) {
                self.on_metadata_fact(fact);
            }
            self.release_control_replies();
        }
    }

    fn on_metadata_fact(&mut self, fact: MetadataFact) {
        match fact {
            MetadataFact::Committed { image, .. } => self.publish(&image),
            MetadataFact::Failed { from, error } => {
                tracing::error!(from, %error, "metadata changes were not made durable");
                self.fail_control_replies(from);
            }
            MetadataFact::SnapshotFailed(error) => {
                tracing::warn!(%error, "cannot write a metadata snapshot; it is tried again later");
            }
            MetadataFact::Fatal(error) => {
                tracing::error!(%error, "the metadata log is out of service until the next start");
            }
        }
    }

    fn publish(&mut self, image: &Arc<Image>) {
        for shard in (0..self.mail.shard_count()).map(ShardId) {
            if shard != self.id {
                self.send(shard, Message::Image(Arc::clone(image)));
            }
        }
        self.apply_image(Arc::clone(image));
    }

    /// Notes that a shard has put an image into effect.
    pub(super) fn on_applied(&mut self, shard: ShardId, version: u64) {
        let Some(controller) = &mut self.controller else { return };
        let committed = controller.log.committed().version;
        assert!(version <= committed, "no shard has an image that was not committed");
        let applied = &mut controller.applied[usize::from(shard.0)];
        *applied = version.max(*applied);
        self.metadata_is_dirty = true;
    }

    fn release_control_replies(&mut self) {
        loop {
            let Some(controller) = &mut self.controller else { return };
            let version = match controller.waiting.front() {
                Some(waiting) => waiting.version,
                None => return,
            };
            if !controller.is_applied(version) {
                return;
            }
            if let Some(waiting) = controller.waiting.pop_front() {
                self.give(waiting.to, waiting.answer);
            }
        }
    }

    fn fail_control_replies(&mut self, from: u64) {
        let Some(controller) = &mut self.controller else { return };
        // Ids of a block that was not made durable would be given out twice.
        controller.producer_ids = 0..0;
        let index = controller.waiting.partition_point(|waiting| waiting.version < from);
        for waiting in controller.waiting.split_off(index) {
            self.give(waiting.to, waiting.failure);
        }
    }
}

/// Reads a request's body and has it decided; `None` if it is malformed.
fn decide<'de, R: Request<'de>>(
    reader: &mut Reader<'de>,
    context: &RequestContext,
    controller: &mut Controller,
    decide: fn(&mut Controller, &RequestContext, &R) -> Decision,
) -> Option<Decision> {
    let request = R::decode(reader, context.version).ok()?;
    Some(decide(controller, context, &request))
}
