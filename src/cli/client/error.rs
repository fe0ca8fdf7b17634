//! What can go wrong between a command and a broker.

use crate::wire::{ApiKey, DecodeError, ErrorCode};
use std::io;
use std::time::Duration;
use thiserror::Error;

/// A failed question to a broker.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No connection to a broker could be made.
    #[error("cannot reach the broker at {address}: {source}")]
    Unreachable {
        /// The broker, as it was named.
        address: String,
        /// The reason.
        source: io::Error,
    },
    /// A connection broke.
    #[error("lost the connection to {address}: {source}")]
    Lost {
        /// The broker.
        address: String,
        /// The reason.
        source: io::Error,
    },
    /// A broker did not answer in time.
    #[error("{address} did not answer {api} within {wait:?}")]
    Timeout {
        /// The broker.
        address: String,
        /// What was asked.
        api: ApiKey,
        /// How long it had.
        wait: Duration,
    },
    /// A broker's answer could not be read.
    #[error("{address} answered {api} with bytes that do not fit: {reason}")]
    Malformed {
        /// The broker.
        address: String,
        /// What was asked.
        api: ApiKey,
        /// What does not fit.
        reason: String,
    },
    /// A broker speaks no version of an API that this client speaks.
    #[error("{address} has no version of {api} that this client speaks")]
    Unsupported {
        /// The broker.
        address: String,
        /// The API.
        api: ApiKey,
    },
    /// A broker answered with an error.
    #[error("{subject}: {message} ({code_name})")]
    Refused {
        /// What was asked for, such as `topic "a"`.
        subject: String,
        /// Kafka's error code.
        code: i16,
        /// The error's name in Kafka's protocol.
        code_name: String,
        /// The broker's own words, or what the code means.
        message: String,
    },
}

impl ClientError {
    /// Whether to try again: the protocol says so, or the connection failed.
    pub fn is_retriable(&self) -> bool {
        match self {
            ClientError::Unreachable { .. } | ClientError::Lost { .. } => true,
            ClientError::Refused { code, .. } => {
                ErrorCode::from_code(*code).is_some_and(ErrorCode::is_retriable)
            }
            _ => false,
        }
    }

    /// Whether the broker refused with this code.
    pub fn is_code(&self, expected: ErrorCode) -> bool {
        matches!(self, ClientError::Refused { code, .. } if *code == expected as i16)
    }

    /// The error of a broken connection, or of one that was silent for too long.
    pub fn of_stream(address: &str, api: ApiKey, wait: Duration, source: io::Error) -> Self {
        let address = address.to_owned();
        match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                ClientError::Timeout { address, api, wait }
            }
            _ => ClientError::Lost { address, source },
        }
    }

    /// The error of an answer that could not be decoded.
    pub fn malformed(address: &str, api: ApiKey, error: DecodeError) -> Self {
        ClientError::Malformed { address: address.to_owned(), api, reason: error.to_string() }
    }

    /// Fails if `code` is an error; `message` is what the broker said about it, if anything.
    pub fn check(subject: &str, code: i16, message: Option<&str>) -> Result<(), ClientError> {
        if code == 0 {
            return Ok(());
        }
        let known = ErrorCode::from_code(code);
        let meaning = known.map_or("an error that this client does not know", ErrorCode::message);
        Err(ClientError::Refused {
            subject: subject.to_owned(),
            code,
            code_name: known.map_or_else(|| code.to_string(), |known| known.name().to_owned()),
            message: message.filter(|text| !text.is_empty()).unwrap_or(meaning).to_owned(),
        })
    }

    /// The error that a broker would give where its answer lacks what was asked for.
    pub fn missing(subject: &str) -> ClientError {
        let code = ErrorCode::UnknownTopicOrPartition;
        ClientError::Refused {
            subject: subject.to_owned(),
            code: code as i16,
            code_name: code.name().to_owned(),
            message: code.message().to_owned(),
        }
    }
}
