//! DescribeCluster: this broker, which is its own controller (KIP-700).

use super::Shard;
use super::connection::RequestContext;
use super::operations::CLUSTER_OPERATIONS;
use crate::wire::ErrorCode;
use crate::wire::api::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use bytes::Bytes;
use smallvec::smallvec;
use std::sync::Arc;

/// `endpoint_type` of a client that asks for brokers.
const BROKERS: i8 = 1;

/// Answers from the image and the settings.
pub(super) fn on_request(shard: &mut Shard, context: &RequestContext, body: &Bytes) {
    let Some(request) = shard.decode::<DescribeClusterRequest>(context, body) else { return };
    if context.version >= 1 && request.endpoint_type != BROKERS {
        let error_code = ErrorCode::MismatchedEndpointType.code();
        shard.metrics.error(context.api.code(), error_code);
        let response = DescribeClusterResponse {
            error_code,
            error_message: Some("this endpoint serves brokers (1), not controllers"),
            endpoint_type: BROKERS,
            ..Default::default()
        };
        return shard.respond(context, &response);
    }
    let (image, settings) = (Arc::clone(&shard.image), Arc::clone(&shard.settings));
    let mut response = DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: &image.cluster_id,
        controller_id: settings.broker_id.0,
        brokers: smallvec![DescribeClusterBroker {
            broker_id: settings.broker_id.0,
            host: &settings.advertised_host,
            port: i32::from(settings.advertised_port),
            rack: settings.rack.as_deref(),
            ..Default::default()
        }],
        ..Default::default()
    };
    if request.include_cluster_authorized_operations {
        response.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    shard.respond(context, &response);
}
