//! IncrementalAlterConfigs (key 44): changes single configs (KIP-339).

use crate::wire::schema::{api, structs};
use crate::wire::Array;

/// As in AlterConfigs.
pub use super::alter_configs::AlterConfigsResourceResponse;

api! {
    IncrementalAlterConfigs, versions 0..=1, flexible 1:
    IncrementalAlterConfigsRequest<'a> => IncrementalAlterConfigsResponse<'a>
}

structs! {
    /// The configs to change.
    pub struct IncrementalAlterConfigsRequest<'a> {
        /// One entry per resource.
        resources: Array<AlterConfigsResource<'a>> [..],
        /// Check, but change nothing.
        validate_only: bool [..],
    }

    /// The configs to change on one resource.
    pub struct AlterConfigsResource<'a> {
        /// What the resource is: 2 a topic, 4 a broker (`ConfigResource.Type`).
        resource_type: i8 [..],
        /// The resource's name: a topic's name, or a broker's id in decimal.
        resource_name: &'a str [..],
        /// One entry per config.
        configs: Array<AlterableConfig<'a>> [..],
    }

    /// A config to change.
    pub struct AlterableConfig<'a> {
        /// The config's name.
        name: &'a str [..],
        /// What to do: 0 set, 1 delete, 2 append to a list, 3 subtract from a list.
        config_operation: i8 [..],
        /// The value; null to delete.
        value: Option<&'a str> [..],
    }

    /// What became of each resource.
    pub struct IncrementalAlterConfigsResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// One entry per resource.
        responses: Array<AlterConfigsResourceResponse<'a>> [..],
    }
}
