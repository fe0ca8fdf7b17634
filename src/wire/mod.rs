//! Kafka bytes to types and back.
