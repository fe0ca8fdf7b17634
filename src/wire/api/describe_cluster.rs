//! DescribeCluster (key 60): the brokers, for administrators.

use crate::wire::schema::{api, structs};
use crate::wire::Array;

api! {
    DescribeCluster, versions 0..=2, flexible 0:
    DescribeClusterRequest => DescribeClusterResponse<'a>
}

structs! {
    /// What the client wants to know about the cluster.
    pub struct DescribeClusterRequest {
        /// Whether the allowed operations on the cluster are wanted.
        include_cluster_authorized_operations: bool [..],
        /// Whose endpoints are wanted: 1 those of brokers, 2 those of controllers.
        endpoint_type: i8 [1..] = 1,
        /// Whether fenced brokers are wanted, too.
        include_fenced_brokers: bool [2..],
    }

    /// The cluster as the broker sees it.
    pub struct DescribeClusterResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The error in words.
        error_message: Option<&'a str> [..],
        /// Whose endpoints these are: 1 those of brokers, 2 those of controllers.
        endpoint_type: i8 [1..] = 1,
        /// The cluster's id.
        cluster_id: &'a str [..],
        /// The controller's broker id; −1 if it is not known.
        controller_id: i32 [..] = -1,
        /// One entry per broker.
        brokers: Array<DescribeClusterBroker<'a>> [..],
        /// A bit per operation allowed on the cluster; `i32::MIN` if not asked for.
        cluster_authorized_operations: i32 [..] = i32::MIN,
    }

    /// Where a broker is.
    pub struct DescribeClusterBroker<'a> {
        /// The broker's id.
        broker_id: i32 [..],
        /// The host that clients connect to.
        host: &'a str [..],
        /// The port that clients connect to.
        port: i32 [..],
        /// The broker's rack.
        rack: Option<&'a str> [..],
        /// Whether it is fenced.
        is_fenced: bool [2..],
    }
}
