//! The APIs: one file each, with the tables of its request and its response.
//!
//! Structs and fields have the names of Kafka's message schemas, in Rust's spelling, so that
//! Kafka's documentation applies. A nullable field whose schema names no default is null by
//! default. A struct with nothing borrowed in it has no lifetime.

use super::Message;
use std::ops::RangeInclusive;

macro_rules! api_keys {
    ($( $key:ident = $code:literal: $module:ident::$request:ident, )*) => {
        $( pub mod $module; )*

        /// An API that the codec knows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(i16)]
        pub enum ApiKey {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                $key = $code,
            )*
        }

        impl ApiKey {
            /// All of them, by ascending code.
            pub const ALL: &[ApiKey] = &[$( ApiKey::$key, )*];

            /// The API with this code in a request's header.
            pub const fn from_code(code: i16) -> Option<ApiKey> {
                match code {
                    $( $code => Some(ApiKey::$key), )*
                    _ => None,
                }
            }

            /// Kafka's name, as in `Produce`.
            pub const fn name(self) -> &'static str {
                match self {
                    $( ApiKey::$key => stringify!($key), )*
                }
            }

            /// The versions that the codec knows.
            pub const fn versions(self) -> RangeInclusive<i16> {
                match self {
                    $( ApiKey::$key => <$module::$request as Message>::VERSIONS, )*
                }
            }

            /// The first version with compact lengths and tagged fields (KIP-482).
            pub const fn flexible_from(self) -> i16 {
                match self {
                    $( ApiKey::$key => <$module::$request as Message>::FLEXIBLE, )*
                }
            }
        }
    };
}

api_keys! {
    Produce = 0: produce::ProduceRequest,
    Fetch = 1: fetch::FetchRequest,
    ListOffsets = 2: list_offsets::ListOffsetsRequest,
    Metadata = 3: metadata::MetadataRequest,
    FindCoordinator = 10: find_coordinator::FindCoordinatorRequest,
    ApiVersions = 18: api_versions::ApiVersionsRequest,
    CreateTopics = 19: create_topics::CreateTopicsRequest,
    DeleteTopics = 20: delete_topics::DeleteTopicsRequest,
    DeleteRecords = 21: delete_records::DeleteRecordsRequest,
    InitProducerId = 22: init_producer_id::InitProducerIdRequest,
    OffsetForLeaderEpoch = 23: offset_for_leader_epoch::OffsetForLeaderEpochRequest,
    DescribeConfigs = 32: describe_configs::DescribeConfigsRequest,
    AlterConfigs = 33: alter_configs::AlterConfigsRequest,
    DescribeLogDirs = 35: describe_log_dirs::DescribeLogDirsRequest,
    CreatePartitions = 37: create_partitions::CreatePartitionsRequest,
    IncrementalAlterConfigs = 44: incremental_alter_configs::IncrementalAlterConfigsRequest,
    DescribeCluster = 60: describe_cluster::DescribeClusterRequest,
    DescribeProducers = 61: describe_producers::DescribeProducersRequest,
    DescribeTopicPartitions = 75: describe_topic_partitions::DescribeTopicPartitionsRequest,
}

impl ApiKey {
    /// The code in a request's header.
    pub const fn code(self) -> i16 {
        self as i16
    }

    /// Whether this version has compact lengths and tagged fields (KIP-482).
    pub const fn is_flexible(self, version: i16) -> bool {
        version >= self.flexible_from()
    }

    /// How the broker serves it, if it does.
    pub fn supported(self) -> Option<&'static SupportedApi> {
        SUPPORTED.iter().find(|api| api.key == self)
    }
}

impl std::fmt::Display for ApiKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The versions of an API that the broker serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupportedApi {
    /// The API.
    pub key: ApiKey,
    /// The least version that ApiVersions tells clients.
    pub advertised_min: i16,
    /// The least version that is served.
    pub min: i16,
    /// The greatest version that is told and served.
    pub max: i16,
}

impl SupportedApi {
    const fn new(key: ApiKey) -> Self {
        let versions = key.versions();
        let (min, max) = (*versions.start(), *versions.end());
        Self { key, advertised_min: min, min, max }
    }

    /// Whether a request of this version is served.
    pub const fn serves(&self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }
}

/// What the broker serves, by ascending code.
///
/// Produce is advertised from 0, since older librdkafka reads a least version above 0 as a broker
/// that knows only gzip and snappy; 0 to 2, which may carry older record formats, are refused.
pub const SUPPORTED: [SupportedApi; 18] = [
    SupportedApi { advertised_min: 0, ..SupportedApi::new(ApiKey::Produce) },
    SupportedApi::new(ApiKey::Fetch),
    SupportedApi::new(ApiKey::ListOffsets),
    SupportedApi::new(ApiKey::Metadata),
    SupportedApi::new(ApiKey::ApiVersions),
    SupportedApi::new(ApiKey::CreateTopics),
    SupportedApi::new(ApiKey::DeleteTopics),
    SupportedApi::new(ApiKey::DeleteRecords),
    SupportedApi::new(ApiKey::InitProducerId),
    SupportedApi::new(ApiKey::OffsetForLeaderEpoch),
    SupportedApi::new(ApiKey::DescribeConfigs),
    SupportedApi::new(ApiKey::AlterConfigs),
    SupportedApi::new(ApiKey::DescribeLogDirs),
    SupportedApi::new(ApiKey::CreatePartitions),
    SupportedApi::new(ApiKey::IncrementalAlterConfigs),
    SupportedApi::new(ApiKey::DescribeCluster),
    SupportedApi::new(ApiKey::DescribeProducers),
    SupportedApi::new(ApiKey::DescribeTopicPartitions),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_codes_match() {
        for &key in ApiKey::ALL {
            assert_eq!(ApiKey::from_code(key.code()), Some(key));
        }
        assert_eq!(ApiKey::from_code(-1), None);
        assert_eq!(ApiKey::from_code(4), None);
    }

    #[test]
    fn everything_known_but_find_coordinator_is_served() {
        let served: Vec<ApiKey> = SUPPORTED.iter().map(|api| api.key).collect();
        let known: Vec<ApiKey> =
            ApiKey::ALL.iter().copied().filter(|key| *key != ApiKey::FindCoordinator).collect();
        assert_eq!(served, known);
    }

    #[test]
    fn produce_is_advertised_below_what_is_served() {
        let produce = ApiKey::Produce.supported().expect("Produce is served");
        assert_eq!((produce.advertised_min, produce.min, produce.max), (0, 3, 13));
        assert!(!produce.serves(2) && produce.serves(3));
        assert!(SUPPORTED[1..].iter().all(|api| api.advertised_min == api.min));
    }
}
