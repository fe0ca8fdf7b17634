//! The bytes of changes and snapshots: the bodies of the metadata log's frames.
//!
//! Numbers are big-endian. A text is its length in bytes as `u32` and its UTF-8; a map is its
//! count as `u32` and that many pairs of texts; an optional text is a byte, 0 or 1, and the text
//! after a 1. A topic id is its 16 bytes. docs/METADATA_FORMAT.md lists the bodies.

use super::Change;
use super::image::{ImageState, TopicState};
use crate::base::{ProducerId, TopicId};
use bytes::{Buf, BufMut, TryGetError};
use std::collections::BTreeMap;
use thiserror::Error;
use uuid::Uuid;

const CLUSTER_CREATED: u8 = 1;
const BROKER_STARTED: u8 = 2;
const TOPIC_CREATED: u8 = 3;
const TOPIC_DELETED: u8 = 4;
const PARTITIONS_ADDED: u8 = 5;
const TOPIC_CONFIG_SET: u8 = 6;
const BROKER_CONFIG_SET: u8 = 7;
const PRODUCER_IDS_ALLOCATED: u8 = 8;
const CLUSTER_CONFIG_SET: u8 = 9;

/// A body that holds something else than its frame promised.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CodecError {
    /// It ends too early.
    #[error("it ends too early")]
    TooShort,
    /// It goes on after its last field.
    #[error("{0} bytes follow its last field")]
    TooLong(usize),
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// A flag is neither 0 nor 1.
    #[error("a flag has the value {0}")]
    Flag(u8),
    /// A change of a kind that this version does not know.
    #[error("a change has the unknown kind {0}")]
    UnknownChange(u8),
}

impl From<TryGetError> for CodecError {
    fn from(_: TryGetError) -> CodecError {
        CodecError::TooShort
    }
}

/// Appends the body of a changes frame.
pub(super) fn encode_changes(changes: &[Change], to: &mut Vec<u8>) {
    to.put_u32(length_of(changes.len()));
    for change in changes {
        encode_change(change, to);
    }
}

/// Reads the body of a changes frame.
///
/// # Errors
/// If the body is not one.
pub(super) fn decode_changes(mut body: &[u8]) -> Result<Vec<Change>, CodecError> {
    let count = body.try_get_u32()?;
    let mut changes = Vec::new();
    for _ in 0..count {
        changes.push(decode_change(&mut body)?);
    }
    finish(body)?;
    Ok(changes)
}

/// Appends the body of a snapshot frame.
pub(super) fn encode_state(state: &ImageState, to: &mut Vec<u8>) {
    to.put_u64(state.version);
    put_text(&state.cluster_id, to);
    to.put_i32(state.incarnation);
    to.put_u64(state.next_ordinal);
    to.put_i64(state.next_producer_id.0);
    put_map(&state.broker_configs, to);
    to.put_u32(length_of(state.topics.len()));
    for topic in &state.topics {
        put_text(&topic.name, to);
        put_id(topic.id, to);
        to.put_u64(topic.ordinal);
        to.put_i32(topic.partition_count);
        put_map(&topic.configs, to);
    }
    put_map(&state.cluster_configs, to);
}

/// Reads the body of a snapshot frame.
///
/// # Errors
/// If the body is not one.
pub(super) fn decode_state(mut body: &[u8]) -> Result<ImageState, CodecError> {
    let body = &mut body;
    let version = body.try_get_u64()?;
    let cluster_id = get_text(body)?.into();
    let incarnation = body.try_get_i32()?;
    let next_ordinal = body.try_get_u64()?;
    let next_producer_id = ProducerId(body.try_get_i64()?);
    let broker_configs = get_map(body)?;
    let mut topics = Vec::new();
    for _ in 0..body.try_get_u32()? {
        topics.push(TopicState {
            name: get_text(body)?.into(),
            id: get_id(body)?,
            ordinal: body.try_get_u64()?,
            partition_count: body.try_get_i32()?,
            configs: get_map(body)?,
        });
    }
    // Snapshots of before there were such configs end here.
    let cluster_configs = if body.is_empty() { BTreeMap::new() } else { get_map(body)? };
    finish(body)?;
    Ok(ImageState {
        version,
        cluster_id,
        incarnation,
        next_ordinal,
        next_producer_id,
        broker_configs,
        cluster_configs,
        topics,
    })
}

fn encode_change(change: &Change, to: &mut Vec<u8>) {
    match change {
        Change::ClusterCreated { cluster_id } => {
            to.put_u8(CLUSTER_CREATED);
            put_text(cluster_id, to);
        }
        Change::BrokerStarted => to.put_u8(BROKER_STARTED),
        Change::TopicCreated { name, id, partition_count, configs } => {
            to.put_u8(TOPIC_CREATED);
            put_text(name, to);
            put_id(*id, to);
            to.put_i32(*partition_count);
            put_map(configs, to);
        }
        Change::TopicDeleted { id } => {
            to.put_u8(TOPIC_DELETED);
            put_id(*id, to);
        }
        Change::PartitionsAdded { id, partition_count } => {
            to.put_u8(PARTITIONS_ADDED);
            put_id(*id, to);
            to.put_i32(*partition_count);
        }
        Change::TopicConfigSet { id, key, value } => {
            to.put_u8(TOPIC_CONFIG_SET);
            put_id(*id, to);
            put_text(key, to);
            put_optional(value.as_deref(), to);
        }
        Change::BrokerConfigSet { key, value } => {
            to.put_u8(BROKER_CONFIG_SET);
            put_text(key, to);
            put_optional(value.as_deref(), to);
        }
        Change::ClusterConfigSet { key, value } => {
            to.put_u8(CLUSTER_CONFIG_SET);
            put_text(key, to);
            put_optional(value.as_deref(), to);
        }
        Change::ProducerIdsAllocated { next } => {
            to.put_u8(PRODUCER_IDS_ALLOCATED);
            to.put_i64(next.0);
        }
    }
}

fn decode_change(body: &mut &[u8]) -> Result<Change, CodecError> {
    Ok(match body.try_get_u8()? {
        CLUSTER_CREATED => Change::ClusterCreated { cluster_id: get_text(body)?.into() },
        BROKER_STARTED => Change::BrokerStarted,
        TOPIC_CREATED => Change::TopicCreated {
            name: get_text(body)?.into(),
            id: get_id(body)?,
            partition_count: body.try_get_i32()?,
            configs: get_map(body)?,
        },
        TOPIC_DELETED => Change::TopicDeleted { id: get_id(body)? },
        PARTITIONS_ADDED => {
            Change::PartitionsAdded { id: get_id(body)?, partition_count: body.try_get_i32()? }
        }
        TOPIC_CONFIG_SET => Change::TopicConfigSet {
            id: get_id(body)?,
            key: get_text(body)?,
            value: get_optional(body)?,
        },
        BROKER_CONFIG_SET => {
            Change::BrokerConfigSet { key: get_text(body)?, value: get_optional(body)? }
        }
        CLUSTER_CONFIG_SET => {
            Change::ClusterConfigSet { key: get_text(body)?, value: get_optional(body)? }
        }
        PRODUCER_IDS_ALLOCATED => {
            Change::ProducerIdsAllocated { next: ProducerId(body.try_get_i64()?) }
        }
        unknown => return Err(CodecError::UnknownChange(unknown)),
    })
}

fn length_of(count: usize) -> u32 {
    u32::try_from(count).expect("counts and texts of metadata are far below 4 GiB")
}

fn put_text(text: &str, to: &mut Vec<u8>) {
    to.put_u32(length_of(text.len()));
    to.put_slice(text.as_bytes());
}

fn put_optional(text: Option<&str>, to: &mut Vec<u8>) {
    to.put_u8(u8::from(text.is_some()));
    if let Some(text) = text {
        put_text(text, to);
    }
}

fn put_map(map: &BTreeMap<String, String>, to: &mut Vec<u8>) {
    to.put_u32(length_of(map.len()));
    for (key, value) in map {
        put_text(key, to);
        put_text(value, to);
    }
}

fn put_id(id: TopicId, to: &mut Vec<u8>) {
    to.put_slice(id.0.as_bytes());
}

fn get_text(body: &mut &[u8]) -> Result<String, CodecError> {
    let length = body.try_get_u32()? as usize;
    let (text, rest) = body.split_at_checked(length).ok_or(CodecError::TooShort)?;
    *body = rest;
    String::from_utf8(text.to_vec()).map_err(|_| CodecError::NotUtf8)
}

fn get_optional(body: &mut &[u8]) -> Result<Option<String>, CodecError> {
    match body.try_get_u8()? {
        0 => Ok(None),
        1 => get_text(body).map(Some),
        other => Err(CodecError::Flag(other)),
    }
}

fn get_map(body: &mut &[u8]) -> Result<BTreeMap<String, String>, CodecError> {
    let count = body.try_get_u32()?;
    (0..count).map(|_| Ok((get_text(body)?, get_text(body)?))).collect()
}

fn get_id(body: &mut &[u8]) -> Result<TopicId, CodecError> {
    let mut id = [0; 16];
    body.try_copy_to_slice(&mut id)?;
    Ok(TopicId(Uuid::from_bytes(id)))
}

fn finish(rest: &[u8]) -> Result<(), CodecError> {
    if rest.is_empty() { Ok(()) } else { Err(CodecError::TooLong(rest.len())) }
}
