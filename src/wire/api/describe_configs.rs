//! DescribeConfigs (key 32).

use crate::wire::schema::{api, structs};
use crate::wire::Array;

api! {
    DescribeConfigs, versions 1..=4, flexible 4:
    DescribeConfigsRequest<'a> => DescribeConfigsResponse<'a>
}

structs! {
    /// Whose configs to list.
    pub struct DescribeConfigsRequest<'a> {
        /// One entry per resource.
        resources: Array<DescribeConfigsResource<'a>> [..],
        /// Whether the places that a value could come from are wanted.
        include_synonyms: bool [..],
        /// Whether the documentation of each config is wanted.
        include_documentation: bool [3..],
    }

    /// The resource whose configs to list.
    pub struct DescribeConfigsResource<'a> {
        /// What the resource is: 2 a topic, 4 a broker (`ConfigResource.Type`).
        resource_type: i8 [..],
        /// The resource's name: a topic's name, or a broker's id in decimal.
        resource_name: &'a str [..],
        /// The names of the configs; null for all.
        configuration_keys: Option<Array<&'a str>> [..],
    }

    /// The configs.
    pub struct DescribeConfigsResponse<'a> {
        /// How long the client is asked to hold back, in milliseconds.
        throttle_time_ms: i32 [..],
        /// One entry per resource.
        results: Array<DescribeConfigsResult<'a>> [..],
    }

    /// The configs of one resource.
    pub struct DescribeConfigsResult<'a> {
        /// 0, or why the broker did not do it ([`ErrorCode`](crate::wire::ErrorCode)).
        error_code: i16 [..],
        /// The error in words.
        error_message: Option<&'a str> [..],
        /// What the resource is: 2 a topic, 4 a broker (`ConfigResource.Type`).
        resource_type: i8 [..],
        /// The resource's name: a topic's name, or a broker's id in decimal.
        resource_name: &'a str [..],
        /// One entry per config.
        configs: Array<DescribeConfigsResourceResult<'a>> [..],
    }

    /// One config.
    pub struct DescribeConfigsResourceResult<'a> {
        /// The config's name.
        name: &'a str [..],
        /// The config's value; null if it is sensitive.
        value: Option<&'a str> [..],
        /// Whether it cannot be changed.
        read_only: bool [..],
        /// Where the value comes from: 1 the topic, 2 to 4 the brokers, 5 the default
        /// (`DescribeConfigsResponse.ConfigSource`); −1 if it is not known.
        config_source: i8 [..] = -1,
        /// Whether the value is secret.
        is_sensitive: bool [..],
        /// The places that the value could come from, most specific first.
        synonyms: Array<DescribeConfigsSynonym<'a>> [..],
        /// The value's type: 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list,
        /// 8 class, 9 password; 0 if it is not known.
        config_type: i8 [3..],
        /// What the config does.
        documentation: Option<&'a str> [3..],
    }

    /// A place that a value could come from.
    pub struct DescribeConfigsSynonym<'a> {
        /// The config's name there.
        name: &'a str [..],
        /// The value there.
        value: Option<&'a str> [..],
        /// Which place it is, numbered as in `config_source`.
        source: i8 [..],
    }
}
