//! The error codes of Kafka's protocol.

macro_rules! error_codes {
    ($( $code:literal $name:ident $retry:ident $message:literal, )*) => {
        /// An error code of a response. The names are Kafka's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(i16)]
        pub enum ErrorCode {
            $(
                #[doc = concat!("Code ", $code, ": ", $message, ".")]
                $name = $code,
            )*
        }

        impl ErrorCode {
            /// All of them, by ascending code.
            pub const ALL: &[ErrorCode] = &[$( ErrorCode::$name, )*];

            /// The error with this code, if there is one.
            pub const fn from_code(code: i16) -> Option<ErrorCode> {
                match code {
                    $( $code => Some(ErrorCode::$name), )*
                    _ => None,
                }
            }

            /// What is wrong, in words.
            pub const fn message(self) -> &'static str {
                match self {
                    $( ErrorCode::$name => $message, )*
                }
            }

            /// Kafka's name, as in `OffsetOutOfRange`.
            pub const fn name(self) -> &'static str {
                match self {
                    $( ErrorCode::$name => stringify!($name), )*
                }
            }

            /// Whether clients are expected to try again.
            pub const fn is_retriable(self) -> bool {
                match self {
                    $( ErrorCode::$name => error_codes!(@ $retry), )*
                }
            }
        }
    };
    (@ retriable) => { true };
    (@ final) => { false };
}

error_codes! {
     -1 UnknownServerError final "the broker failed in a way it did not foresee",
      0 None final "no error",
      1 OffsetOutOfRange final "the offset is outside the range of the log",
      2 CorruptMessage retriable "the records fail their checksum or are damaged otherwise",
      3 UnknownTopicOrPartition retriable "the broker has no such topic or partition",
      4 InvalidFetchSize final "the fetch size is not valid",
      5 LeaderNotAvailable retriable "the partition has no leader at the moment",
      6 NotLeaderOrFollower retriable "the broker neither leads nor holds the partition",
      7 RequestTimedOut retriable "the request took too long",
      8 BrokerNotAvailable final "the broker is not there",
      9 ReplicaNotAvailable retriable "the replica is not there",
     10 MessageTooLarge final "the record batch is larger than the topic allows",
     11 StaleControllerEpoch final "the controller has moved to another broker",
     12 OffsetMetadataTooLarge final "the metadata of the offset commit is too large",
     13 NetworkException retriable "the connection broke before the answer came",
     14 CoordinatorLoadInProgress retriable "the coordinator is still loading its state",
     15 CoordinatorNotAvailable retriable "the coordinator is not there",
     16 NotCoordinator retriable "the broker is not the coordinator",
     17 InvalidTopicException final "the topic name is not valid",
     18 RecordListTooLarge final "the record batch is larger than a segment",
     19 NotEnoughReplicas retriable "too few replicas are in sync to take the records",
     20 NotEnoughReplicasAfterAppend retriable "the records are written, but to too few replicas",
     21 InvalidRequiredAcks final "acks must be 0, 1 or -1",
     22 IllegalGeneration final "the group is in another generation",
     23 InconsistentGroupProtocol final "the protocols of the member and of the group do not match",
     24 InvalidGroupId final "the group id is not valid",
     25 UnknownMemberId final "the coordinator does not know the member",
     26 InvalidSessionTimeout final "the session timeout is outside what the broker allows",
     27 RebalanceInProgress final "the group is rebalancing, the member must join again",
     28 InvalidCommitOffsetSize final "the offset commit is too large",
     29 TopicAuthorizationFailed final "access to the topic is denied",
     30 GroupAuthorizationFailed final "access to the group is denied",
     31 ClusterAuthorizationFailed final "access to the cluster is denied",
     32 InvalidTimestamp final "the timestamp is outside what the topic allows",
     33 UnsupportedSaslMechanism final "the broker does not have this SASL mechanism",
     34 IllegalSaslState final "the request does not fit the state of the SASL exchange",
     35 UnsupportedVersion final "the broker does not have this version of the API",
     36 TopicAlreadyExists final "the topic exists already",
     37 InvalidPartitions final "the number of partitions is not valid",
     38 InvalidReplicationFactor final "the replication factor is not valid",
     39 InvalidReplicaAssignment final "the assignment of replicas is not valid",
     40 InvalidConfig final "the config is not valid",
     41 NotController retriable "the broker is not the controller",
     42 InvalidRequest final "the request is not valid",
     43 UnsupportedForMessageFormat final "the record format does not support the request",
     44 PolicyViolation final "a policy forbids it",
     45 OutOfOrderSequenceNumber final "a sequence number is missing before this one",
     46 DuplicateSequenceNumber final "the sequence number was seen before",
     47 InvalidProducerEpoch final "the producer's epoch is old",
     48 InvalidTxnState final "the transaction is not in a state that allows this",
     49 InvalidProducerIdMapping final "the producer id does not belong to the transactional id",
     50 InvalidTransactionTimeout final "the transaction timeout is longer than the broker allows",
     51 ConcurrentTransactions retriable "another operation on the same transaction is going on",
     52 TransactionCoordinatorFenced final "another transaction coordinator has taken over",
     53 TransactionalIdAuthorizationFailed final "access to the transactional id is denied",
     54 SecurityDisabled final "security is not enabled",
     55 OperationNotAttempted final "not attempted, since another part of the request failed",
     56 KafkaStorageError retriable "the disk of the log failed",
     57 LogDirNotFound final "the broker has no such log directory",
     58 SaslAuthenticationFailed final "SASL authentication failed",
     59 UnknownProducerId final "the broker no longer knows the producer id",
     60 ReassignmentInProgress final "a reassignment of the partition is going on",
     61 DelegationTokenAuthDisabled final "delegation tokens are not enabled",
     62 DelegationTokenNotFound final "there is no such delegation token",
     63 DelegationTokenOwnerMismatch final "the delegation token belongs to someone else",
     64 DelegationTokenRequestNotAllowed final "this connection may not request delegation tokens",
     65 DelegationTokenAuthorizationFailed final "access to the delegation token is denied",
     66 DelegationTokenExpired final "the delegation token has expired",
     67 InvalidPrincipalType final "the type of principal is not supported",
     68 NonEmptyGroup final "the group is not empty",
     69 GroupIdNotFound final "there is no such group",
     70 FetchSessionIdNotFound retriable "there is no such fetch session",
     71 InvalidFetchSessionEpoch retriable "the epoch of the fetch session is not valid",
     72 ListenerNotFound retriable "the leader has no listener of that name",
     73 TopicDeletionDisabled final "topics may not be deleted",
     74 FencedLeaderEpoch retriable "the leader epoch is older than the broker's",
     75 UnknownLeaderEpoch retriable "the leader epoch is newer than the broker's",
     76 UnsupportedCompressionType final "the records' compression is not supported",
     77 StaleBrokerEpoch final "the broker's epoch has changed",
     78 OffsetNotAvailable retriable "the high watermark is not known yet after an election",
     79 MemberIdRequired final "the member must join with the id that it was given",
     80 PreferredLeaderNotAvailable retriable "the preferred leader is not there",
     81 GroupMaxSizeReached final "the group is full",
     82 FencedInstanceId final "another member has taken over the instance id",
     83 EligibleLeadersNotAvailable retriable "no replica that may lead is there",
     84 ElectionNotNeeded retriable "the partition has the right leader already",
     85 NoReassignmentInProgress final "no reassignment of the partition is going on",
     86 GroupSubscribedToTopic final "the group is subscribed to the topic",
     87 InvalidRecord final "a record is not valid",
     88 UnstableOffsetCommit retriable "a transaction with offset commits is still open",
     89 ThrottlingQuotaExceeded retriable "a quota is used up",
     90 ProducerFenced final "a newer producer with the same transactional id has taken over",
     91 ResourceNotFound final "there is no such resource",
     92 DuplicateResource final "the resource is named twice",
     93 UnacceptableCredential final "the credential is not acceptable",
     94 InconsistentVoterSet final "the sender or the receiver is not a voter",
     95 InvalidUpdateVersion final "the version of the update is not valid",
     96 FeatureUpdateFailed final "the features could not be updated",
     97 PrincipalDeserializationFailure final "the forwarded principal could not be read",
     98 SnapshotNotFound final "there is no such snapshot",
     99 PositionOutOfRange final "the position is outside the snapshot",
    100 UnknownTopicId retriable "the broker has no topic with this id",
    101 DuplicateBrokerRegistration final "the broker id is in use",
    102 BrokerIdNotRegistered final "the broker id is not registered",
    103 InconsistentTopicId retriable "the topic id is not the one of the log",
    104 InconsistentClusterId final "the cluster id is not the broker's",
    105 TransactionalIdNotFound final "there is no such transactional id",
    106 FetchSessionTopicIdError retriable "the fetch session mixes topic names and topic ids",
    107 IneligibleReplica final "a replica may not join the in-sync set",
    108 NewLeaderElected final "the partition has changed, and has a new leader",
    109 OffsetMovedToTieredStorage final "the offset is in tiered storage",
    110 FencedMemberEpoch final "the member's epoch is fenced, it must join again",
    111 UnreleasedInstanceId final "another member still uses the instance id",
    112 UnsupportedAssignor final "the group does not support the assignor",
    113 StaleMemberEpoch final "the member's epoch is old",
    114 MismatchedEndpointType final "the request went to the wrong kind of endpoint",
    115 UnsupportedEndpointType final "the kind of endpoint is not supported",
    116 UnknownControllerId final "there is no such controller",
    117 UnknownSubscriptionId final "the telemetry subscription is not known",
    118 TelemetryTooLarge final "the telemetry is too large",
    119 InvalidRegistration final "the registration of the broker is not valid",
    120 TransactionAbortable final "the transaction failed, and can be aborted",
    121 InvalidRecordState final "the record is not in a state that allows this",
    122 ShareSessionNotFound retriable "there is no such share session",
    123 InvalidShareSessionEpoch retriable "the epoch of the share session is not valid",
    124 FencedStateEpoch final "the epoch of the share group's state is fenced",
    125 InvalidVoterKey final "the key of the voter does not match",
    126 DuplicateVoter final "the voter is one already",
    127 VoterNotFound final "there is no such voter",
    128 InvalidRegularExpression final "the regular expression is not valid",
    129 RebootstrapRequired final "the client must start anew from its bootstrap servers",
    130 StreamsInvalidTopology final "the topology is not valid",
    131 StreamsInvalidTopologyEpoch final "the epoch of the topology is not valid",
    132 StreamsTopologyFenced final "the epoch of the topology is old",
    133 ShareSessionLimitReached retriable "there are too many share sessions",
}

impl ErrorCode {
    /// The code on the wire.
    pub const fn code(self) -> i16 {
        self as i16
    }
}

impl From<ErrorCode> for i16 {
    fn from(error: ErrorCode) -> i16 {
        error.code()
    }
}

impl From<i16> for ErrorCode {
    /// A code from a newer release is an unknown server error, as Kafka's clients take it.
    fn from(code: i16) -> ErrorCode {
        ErrorCode::from_code(code).unwrap_or(ErrorCode::UnknownServerError)
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_errors_match() {
        for &error in ErrorCode::ALL {
            assert_eq!(ErrorCode::from(error.code()), error);
        }
        assert_eq!(ErrorCode::from(9999), ErrorCode::UnknownServerError);
        assert_eq!(ErrorCode::ALL.len(), 135);
    }

    #[test]
    fn clients_retry_what_passes_by_itself() {
        assert!(ErrorCode::NotLeaderOrFollower.is_retriable());
        assert!(ErrorCode::KafkaStorageError.is_retriable());
        assert!(!ErrorCode::InvalidRecord.is_retriable());
        assert!(!ErrorCode::None.is_retriable());
    }
}
