//! From a frame to the flow that serves it.

use super::ask::{Question, QuestionIndex};
use super::connection::{RequestContext, RequestKey};
use super::slots::SlotId;
use super::{
    Shard, api_versions, cluster, configs, epochs, fetch, list_offsets, log_dirs, metadata,
    produce, producers, records, topic_partitions,
};
use crate::base::ShardId;
use crate::wire::ApiKey;
use crate::wire::header::RequestHeader;
use crate::wire::{Reader, Request};
use bytes::Bytes;

/// The shard that owns the metadata log.
pub(super) const CONTROLLER: ShardId = ShardId(0);

impl Shard {
    /// Serves one frame: its header decides which flow takes the body.
    pub(super) fn on_frame(&mut self, id: SlotId, frame: Bytes) {
        let mut reader = Reader::new(&frame);
        let header = match RequestHeader::decode(&mut reader) {
            Ok(header) => header,
            Err(error) => {
                return self.refuse_frame(id, &format!("malformed request header: {error}"));
            }
        };
        let Some(supported) = header.api().and_then(ApiKey::supported) else {
            let why = format!("API key {} is not supported", header.api_key);
            return self.refuse_frame(id, &why);
        };
        let api = supported.key;
        if !supported.serves(header.api_version) && api != ApiKey::ApiVersions {
            let why = format!(
                "{api} version {} is not supported, only {} to {}",
                header.api_version, supported.min, supported.max
            );
            return self.refuse_frame(id, &why);
        }
        let body = frame.slice_ref(reader.remaining());
        let Some(connection) = self.connections.get_mut(id) else { return };
        let context = RequestContext {
            key: RequestKey { connection: id, number: connection.unanswered().next_number() },
            api,
            version: header.api_version,
            correlation_id: header.correlation_id,
            received: self.now.monotonic,
        };
        connection.begin(context, frame.len());
        self.metrics.counters.requests_in_flight += 1;
        self.metrics.request(api.code());
        self.turn_stages.note_reader(id);
        self.dispatch(&context, &body);
    }

    fn dispatch(&mut self, context: &RequestContext, body: &Bytes) {
        match context.api {
            ApiKey::Produce => produce::on_request(self, context, body),
            ApiKey::Fetch => fetch::on_request(self, context, body),
            ApiKey::ListOffsets => list_offsets::on_request(self, context, body),
            ApiKey::Metadata => metadata::on_request(self, context, body),
            ApiKey::ApiVersions => api_versions::on_request(self, context, body),
            ApiKey::OffsetForLeaderEpoch => epochs::on_request(self, context, body),
            ApiKey::DeleteRecords => records::on_request(self, context, body),
            ApiKey::DescribeConfigs => configs::on_describe(self, context, body),
            ApiKey::DescribeCluster => cluster::on_request(self, context, body),
            ApiKey::DescribeLogDirs => log_dirs::on_request(self, context, body),
            ApiKey::DescribeProducers => producers::on_describe(self, context, body),
            ApiKey::DescribeTopicPartitions => topic_partitions::on_request(self, context, body),
            ApiKey::CreateTopics
            | ApiKey::DeleteTopics
            | ApiKey::CreatePartitions
            | ApiKey::AlterConfigs
            | ApiKey::IncrementalAlterConfigs
            | ApiKey::InitProducerId => {
                let question = Question::Control { context: *context, body: body.clone() };
                self.ask(CONTROLLER, context.key, QuestionIndex::ONLY, question);
            }
            other => {
                let why = format!("{other} is not served");
                self.refuse(context.key, &why);
            }
        }
    }

    /// Reads a request's body. A malformed one ends the connection, as in Kafka.
    pub(super) fn decode<'de, M: Request<'de>>(
        &mut self,
        context: &RequestContext,
        body: &'de [u8],
    ) -> Option<M> {
        match M::decode(&mut Reader::new(body), context.version) {
            Ok(request) => Some(request),
            Err(error) => {
                let why = format!(
                    "malformed {} request, version {}: {error}",
                    context.api, context.version
                );
                self.refuse(context.key, &why);
                None
            }
        }
    }
}
