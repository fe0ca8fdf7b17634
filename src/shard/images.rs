//! Putting an image into effect: logs are made, reconfigured and deleted.

use super::ask::PartitionKey;
use super::partitions::{Partition, PartitionState};
use super::requests::CONTROLLER;
use super::slots::SlotId;
use super::{Message, Shard};
use crate::base::{Now, PartitionIndex, ShardId};
use crate::io::IoError;
use crate::log::{Log, LogIdentity};
use crate::metadata::{Image, Topic, placement};
use crate::wire::ErrorCode;
use std::sync::Arc;

impl Shard {
    /// The shard that owns a partition of the image in effect.
    pub(super) fn owner_of(&self, key: PartitionKey) -> ShardId {
        let topic = self.image.topic_by_id(key.topic);
        topic.map_or(self.id, |topic| self.place(topic, key.index))
    }

    fn place(&self, topic: &Topic, index: PartitionIndex) -> ShardId {
        placement::shard_of(topic.ordinal, index, self.mail.shard_count())
    }

    /// The key of a partition by its topic's name.
    pub(super) fn partition_key(&self, topic: &str, index: i32) -> Result<PartitionKey, ErrorCode> {
        let topic = self.image.topic(topic).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        if !(0..topic.partition_count).contains(&index) {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        Ok(PartitionKey { topic: topic.id, index: PartitionIndex(index) })
    }

    /// The partitions of a topic that this shard owns.
    pub(super) fn owned_of(&self, topic: &Topic) -> Vec<PartitionKey> {
        let indexes = (0..topic.partition_count).map(PartitionIndex);
        indexes
            .filter(|index| self.place(topic, *index) == self.id)
            .map(|index| PartitionKey { topic: topic.id, index })
            .collect()
    }

    /// Takes a new image. Its effect is complete, and the controller told, when no log is being
    /// made or deleted any more. Once the logs are being closed it is left to the next start.
    pub(super) fn apply_image(&mut self, image: Arc<Image>) {
        if !self.closing.takes_images() {
            return;
        }
        let before = std::mem::replace(&mut self.image, Arc::clone(&image));
        for topic in before.topics() {
            if image.topic_by_id(topic.id).is_none() {
                self.delete_logs(topic);
            }
        }
        for topic in image.topics() {
            let known = before.topic_by_id(topic.id);
            if !known.is_some_and(|known| Arc::ptr_eq(known, topic)) {
                self.make_logs(topic);
            }
        }
        self.report_applied();
        self.serve_early_asks();
    }

    fn make_logs(&mut self, topic: &Arc<Topic>) {
        for key in self.owned_of(topic) {
            match self.partitions.find(key) {
                Some(slot) => self.reconfigure_log(slot, topic),
                None => self.make_log(key, topic),
            }
        }
    }

    fn make_log(&mut self, key: PartitionKey, topic: &Arc<Topic>) {
        if self.directories.must_wait(&(Arc::clone(&topic.name), key.index), key) {
            return;
        }
        self.unsettled_logs += 1;
        self.create_log(key, topic, PartitionState::Opening);
    }

    /// Makes a log that recovery found no room for, without anybody waiting for it.
    pub(super) fn make_log_later(&mut self, key: PartitionKey, topic: &Arc<Topic>, now: Now) {
        self.now = now;
        self.create_log(key, topic, PartitionState::Postponed);
    }

    fn create_log(&mut self, key: PartitionKey, topic: &Arc<Topic>, state: PartitionState) {
        let mut out = self.take_log_out();
        let epoch = self.image.leader_epoch();
        let config = Arc::clone(&topic.log_config);
        let log = Log::create(self.identity(key, topic), config, epoch, self.now, &mut out);
        let slot = self.partitions.insert(key, Arc::clone(topic), log, state);
        self.drain_log_out(slot, out);
    }

    /// What a log is called, and where it lies.
    pub(super) fn identity(&self, key: PartitionKey, topic: &Topic) -> LogIdentity {
        LogIdentity {
            topic: Arc::clone(&topic.name),
            topic_id: topic.id,
            partition: key.index,
            directory: self.settings.data_directory.join(format!("{}-{}", topic.name, key.index)),
        }
    }

    fn reconfigure_log(&mut self, slot: SlotId, topic: &Arc<Topic>) {
        let mut out = self.take_log_out();
        let partition = self.partitions.get_mut(slot);
        partition.topic = Arc::clone(topic);
        partition.log.set_config(Arc::clone(&topic.log_config), self.now, &mut out);
        self.drain_log_out(slot, out);
        self.mark_log(slot);
    }

    fn delete_logs(&mut self, topic: &Topic) {
        for key in self.owned_of(topic) {
            let Some(slot) = self.partitions.find(key) else {
                self.directories.cancel(&(Arc::clone(&topic.name), key.index));
                continue;
            };
            let mut out = self.take_log_out();
            let partition = self.partitions.get_mut(slot);
            if partition.state != PartitionState::Opening {
                self.unsettled_logs += 1;
            }
            partition.state = PartitionState::Deleting;
            partition.log.begin_delete(self.now, &mut out);
            self.directories.begin_deletion(partition.directory_name());
            self.drain_log_out(slot, out);
            if self.partitions.find(key).is_some() {
                let refusal = ErrorCode::UnknownTopicOrPartition.into();
                self.fail_appends(slot, crate::base::Offset::ZERO, &refusal);
                self.refuse_deletions(slot, &refusal);
                self.wake_fetches(slot);
            }
        }
    }

    pub(super) fn on_log_opened(&mut self, slot: SlotId) {
        self.end_making(slot, PartitionState::Open);
    }

    /// A log cannot be made for now. Nobody waits for it: it may take until others are deleted.
    pub(super) fn on_log_postponed(&mut self, slot: SlotId, error: IoError) {
        let Partition { topic, key, .. } = self.partitions.get(slot);
        if self.partitions.get(slot).state == PartitionState::Opening {
            let (topic, partition, remedy) = (&topic.name, key.index.0, error.remedy());
            tracing::warn!(%topic, partition, %error, "cannot make a log yet{remedy}");
        }
        self.end_making(slot, PartitionState::Postponed);
    }

    /// Takes note that nobody need wait for a log any more that was being made.
    pub(super) fn end_making(&mut self, slot: SlotId, state: PartitionState) {
        let partition = self.partitions.get_mut(slot);
        if !partition.state.is_being_made() {
            return;
        }
        if partition.state == PartitionState::Opening {
            self.unsettled_logs -= 1;
        }
        partition.state = state;
        self.report_applied();
    }

    pub(super) fn on_log_deleted(&mut self, slot: SlotId) {
        let Some(deleted) = self.partitions.remove(slot) else { return };
        self.unsettled_logs -= 1;
        if let Some(key) = self.directories.end_deletion(&deleted.directory_name()) {
            let image = Arc::clone(&self.image);
            let topic = image.topic_by_id(key.topic).expect("a topic that is gone does not wait");
            self.make_log(key, topic);
        }
        self.report_applied();
    }

    /// Tells the controller when the image in effect is complete here.
    fn report_applied(&mut self) {
        if self.unsettled_logs > 0 || self.directories.has_waiting() {
            return;
        }
        let (shard, version) = (self.id, self.image.version);
        if self.id == CONTROLLER {
            self.on_applied(shard, version);
        } else {
            self.send(CONTROLLER, Message::Applied { shard, version });
        }
    }
}
