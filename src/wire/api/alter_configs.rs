//! AlterConfigs (key 33): replaces all configs of a resource. Deprecated in favour of
//! [`incremental_alter_configs`](super::incremental_alter_configs).

use crate::wire::schema::{api, structs};
use crate::wire::Array;

api! {
    AlterConfigs, versions 0..=2, flexible 2:
    AlterConfigsRequest<'a> => AlterConfigsResponse<'a>
}

structs! {
    /// The configs to set.
    pub struct AlterConfigsRequest<'a> {
        /// One entry per resource.
        resources: Array<AlterConfigsResource<'a>> [..],
        /// Check, but change nothing.
        validate_only: bool [..],
    }

    /// The configs to set on one resource.
    pub struct AlterConfigsResource<'a> {
        /// What the resource is: 2 a topic, 4 a broker (`ConfigResource.Type`).
        resource_type: i8 [..],
        /// The resource's name: a topic's name, or a broker's id in decimal.
        resource_name: &'a str [..],
        /// One entry per config.
        configs: Array<AlterableConfig<'a>> [..],
    }

    /// A config to set.
    pub struct AlterableConfig<'a> {
        /// The config's name.
        name: &'a str [..],
        /// The new value.
        value: Option<&'a str> [..],
    }

    /// What became of each resource.
    pub struct AlterConfigsResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// One entry per resource.
        responses: Array<AlterConfigsResourceResponse<'a>> [..],
    }

    /// What became of one resource.
    pub struct AlterConfigsResourceResponse<'a> {
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The error in words.
        error_message: Option<&'a str> [..],
        /// What the resource is: 2 a topic, 4 a broker (`ConfigResource.Type`).
        resource_type: i8 [..],
        /// The resource's name: a topic's name, or a broker's id in decimal.
        resource_name: &'a str [..],
    }
}
