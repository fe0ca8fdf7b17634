//! What the broker says on the wire: every API's answers and error codes, against a running
//! `pinion serve`, as Kafka's own broker gives them.

#[path = "../support/mod.rs"]
mod support;
#[path = "../wire_client/mod.rs"]
mod wire_client;

mod cluster;
mod configs;
mod connections;
mod fetch;
mod metrics;
mod offsets;
mod produce;
mod producers;
mod topics;
mod waiting;

use support::broker::{Broker, BrokerOptions};
use wire_client::WireClient;

/// A broker of two shards with default settings, and a connection to it.
fn start() -> (Broker, WireClient) {
    start_with(BrokerOptions::default())
}

fn start_with(options: BrokerOptions) -> (Broker, WireClient) {
    let broker = Broker::start(options);
    let client = WireClient::connect(&broker.bootstrap());
    (broker, client)
}
