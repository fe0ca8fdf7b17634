//! ApiVersions: what this broker serves (KIP-35, KIP-511).

use super::Shard;
use super::connection::RequestContext;
use crate::wire::api::SUPPORTED;
use crate::wire::api::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use crate::wire::{ApiKey, ErrorCode};
use bytes::Bytes;

/// From this version on, clients understand features whose minimum is 0, and key 0 upward.
const VERSION_MAX: i16 = 4;

/// Answers with all supported APIs. A version that this broker does not know is answered in
/// version 0, with the range of this API, so that the client can choose again.
pub(super) fn on_request(shard: &mut Shard, context: &RequestContext, body: &Bytes) {
    if !(0..=VERSION_MAX).contains(&context.version) {
        let error_code = ErrorCode::UnsupportedVersion.code();
        shard.metrics.error(context.api.code(), error_code);
        let mut response = ApiVersionsResponse { error_code, ..Default::default() };
        response
            .api_keys
            .extend(ranges().filter(|range| range.api_key == ApiKey::ApiVersions.code()));
        let context = RequestContext { version: 0, ..*context };
        return shard.respond(&context, &response);
    }
    if shard.decode::<ApiVersionsRequest>(context, body).is_none() {
        return;
    }
    let api_keys = ranges().collect();
    shard.respond(context, &ApiVersionsResponse { api_keys, ..Default::default() });
}

fn ranges() -> impl Iterator<Item = ApiVersion> {
    SUPPORTED.iter().map(|support| ApiVersion {
        api_key: support.key.code(),
        min_version: support.advertised_min,
        max_version: support.max,
    })
}
