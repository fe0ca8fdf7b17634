//! ApiVersions (key 18): what the broker speaks.
//!
//! The header of the response is always version 0, so that a client can read the refusal of a
//! version that the broker does not know: a version 0 body with UNSUPPORTED_VERSION and the range
//! of this API.

use crate::wire::schema::{api, structs};
use crate::wire::Array;

api! {
    ApiVersions, versions 0..=4, flexible 3:
    ApiVersionsRequest<'a> => ApiVersionsResponse<'a>
}

structs! {
    /// Who is asking.
    pub struct ApiVersionsRequest<'a> {
        /// The client library's name.
        client_software_name: &'a str [3..],
        /// The client library's version.
        client_software_version: &'a str [3..],
    }

    /// The APIs and features of the broker.
    pub struct ApiVersionsResponse<'a> {
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// One entry per API.
        api_keys: Array<ApiVersion> [..],
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [1..],
        /// The features that the broker can do (KIP-584). Below version 4, those whose least level
        /// is 0 must be left out.
        supported_features: Array<SupportedFeatureKey<'a>> [3.., tag 0],
        /// The epoch of the finalized features; −1 if it is not known.
        finalized_features_epoch: i64 [3.., tag 1] = -1,
        /// The features that the whole cluster has agreed on.
        finalized_features: Array<FinalizedFeatureKey<'a>> [3.., tag 2],
        /// Whether a controller is ready to migrate from ZooKeeper.
        zk_migration_ready: bool [3.., tag 3],
    }

    /// The versions of one API.
    pub struct ApiVersion {
        /// The API.
        api_key: i16 [..],
        /// The least version.
        min_version: i16 [..],
        /// The greatest version.
        max_version: i16 [..],
    }

    /// The levels of one feature that the broker can do.
    pub struct SupportedFeatureKey<'a> {
        /// The feature's name.
        name: &'a str [3..],
        /// The least level.
        min_version: i16 [3..],
        /// The greatest level.
        max_version: i16 [3..],
    }

    /// The levels of one feature that the cluster has agreed on.
    pub struct FinalizedFeatureKey<'a> {
        /// The feature's name.
        name: &'a str [3..],
        /// The greatest level.
        max_version_level: i16 [3..],
        /// The least level.
        min_version_level: i16 [3..],
    }
}
