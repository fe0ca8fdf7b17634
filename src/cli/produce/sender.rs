//! Batches on their way to the leaders of their partitions.

use super::super::client::{ClientError, Cluster, TopicMetadata};
use super::batches::EncodedBatch;
use super::limit::Limit;
use super::{Acks, CliError, ProduceArgs};
use crate::wire::ErrorCode;
use crate::wire::api::init_producer_id::InitProducerIdRequest;
use crate::wire::api::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};
use smallvec::smallvec;
use std::collections::{BTreeMap, BTreeSet};

/// The newest Produce that names topics; later ones know ids only.
const PRODUCE_VERSION_MAX: i16 = 12;

/// The identity of an idempotent producer (KIP-98).
#[derive(Debug, Clone, Copy)]
pub struct Producer {
    pub id: i64,
    pub epoch: i16,
}

/// Sends batches, one request at a time for each leader, until each is acknowledged.
pub struct Sender {
    cluster: Cluster,
    topic: TopicMetadata,
    is_stale: bool,
    acks: Acks,
    producer: Option<Producer>,
    batch_limit: Limit,
}

impl Sender {
    /// Finds the topic's leaders, and becomes an idempotent producer where acks and broker allow.
    pub fn connect(args: &ProduceArgs) -> Result<Sender, CliError> {
        let mut cluster = args.client.connect()?;
        let topic = cluster.retry(|cluster| cluster.topic(args.topic.name(), true))?;
        let producer = match args.acks {
            Acks::All => cluster.retry(init_producer)?,
            Acks::None | Acks::Leader => None,
        };
        let batch_limit = cluster.retry(|cluster| Limit::of_batches(cluster, args.topic.name()))?;
        Ok(Sender { cluster, topic, is_stale: false, acks: args.acks, producer, batch_limit })
    }

    /// The partitions of the topic, at least one.
    pub fn partition_count(&self) -> i32 {
        i32::try_from(self.topic.partitions.len()).unwrap_or(i32::MAX).max(1)
    }

    /// Who we are, if that matters.
    pub fn producer(&self) -> Option<Producer> {
        self.producer
    }

    /// How large a batch may be.
    pub fn batch_limit(&self) -> &Limit {
        &self.batch_limit
    }

    /// Sends batches for different partitions. Retries those that may yet succeed.
    pub fn send(&mut self, mut batches: Vec<EncodedBatch>) -> Result<(), CliError> {
        let Sender { cluster, topic, is_stale, acks, batch_limit, .. } = self;
        if let Some((_, bytes)) = batches.iter().find(|(_, bytes)| bytes.len() > batch_limit.bytes)
        {
            let size = bytes.len();
            return Err(CliError::failure(format!("a batch of {size} bytes is {batch_limit}")));
        }
        let result = cluster.retry(|cluster| {
            if *is_stale {
                *topic = cluster.topic(&topic.name, false)?;
            }
            let sent = send_once(cluster, topic, *acks, &mut batches);
            *is_stale = sent.is_err();
            sent
        });
        Ok(result?)
    }
}

/// Asks for a producer id. A broker that gives none gets plain batches.
fn init_producer(cluster: &mut Cluster) -> Result<Option<Producer>, ClientError> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: cluster.wait_max_ms(),
        producer_id: -1,
        producer_epoch: -1,
    };
    let response = match cluster.any()?.call(&request) {
        Err(ClientError::Unsupported { .. }) => return Ok(None),
        response => response?,
    };
    ClientError::check("producer id", response.error_code, None)?;
    Ok(Some(Producer { id: response.producer_id, epoch: response.producer_epoch }))
}

/// Sends every batch once; leaves those in `batches` that were not acknowledged. The first error
/// is given after all leaders were asked.
fn send_once(
    cluster: &mut Cluster,
    topic: &TopicMetadata,
    acks: Acks,
    batches: &mut Vec<EncodedBatch>,
) -> Result<(), ClientError> {
    let mut by_leader: BTreeMap<i32, Vec<&EncodedBatch>> = BTreeMap::new();
    for batch in batches.iter() {
        let partition = topic.partitions.iter().find(|partition| partition.index == batch.0);
        let leader = partition.map_or(-1, |partition| partition.leader);
        let code = if leader < 0 { ErrorCode::LeaderNotAvailable } else { ErrorCode::None };
        ClientError::check(&subject(topic, batch.0), code as i16, None)?;
        by_leader.entry(leader).or_default().push(batch);
    }
    let mut acknowledged = BTreeSet::new();
    let mut result = Ok(());
    for (leader, batches) in by_leader {
        result = result.and(send_to(cluster, leader, topic, acks, &batches, &mut acknowledged));
    }
    batches.retain(|(partition, _)| !acknowledged.contains(partition));
    match batches.first() {
        Some((partition, _)) => result.and(Err(ClientError::missing(&subject(topic, *partition)))),
        None => result,
    }
}

fn send_to(
    cluster: &mut Cluster,
    leader: i32,
    topic: &TopicMetadata,
    acks: Acks,
    batches: &[&EncodedBatch],
    acknowledged: &mut BTreeSet<i32>,
) -> Result<(), ClientError> {
    let data = batches.iter().map(|(index, bytes)| PartitionProduceData {
        index: *index,
        records: Some(bytes.as_slice()),
    });
    let request = ProduceRequest {
        transactional_id: None,
        acks: match acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        },
        timeout_ms: cluster.wait_max_ms(),
        topic_data: smallvec![TopicProduceData {
            name: &topic.name,
            topic_id: topic.id,
            partition_data: data.collect(),
        }],
    };
    let connection = cluster.broker(leader)?;
    if acks == Acks::None {
        connection.send(&request, PRODUCE_VERSION_MAX)?;
        acknowledged.extend(batches.iter().map(|(partition, _)| partition));
        return Ok(());
    }
    let response = connection.call_up_to(&request, PRODUCE_VERSION_MAX)?;
    let answers = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    let mut result = Ok(());
    for answer in answers {
        let checked = check(topic, answer);
        if checked.is_ok() {
            acknowledged.insert(answer.index);
        }
        result = result.and(checked);
    }
    result
}

fn check(topic: &TopicMetadata, answer: &PartitionProduceResponse<'_>) -> Result<(), ClientError> {
    // A repeated request whose first try arrived after all.
    if answer.error_code == ErrorCode::DuplicateSequenceNumber as i16 {
        return Ok(());
    }
    let message = answer.record_errors.first().and_then(|error| error.batch_index_error_message);
    let message = message.or(answer.error_message);
    ClientError::check(&subject(topic, answer.index), answer.error_code, message)
}

fn subject(topic: &TopicMetadata, partition: i32) -> String {
    format!("partition {partition} of topic \"{}\"", topic.name)
}
