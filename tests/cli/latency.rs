//! `pinion latency`, and the pages that it reads.

use crate::support::broker::{Broker, BrokerOptions, free_port};
use crate::target::{OTHER_BROKER, Target, pinion, topic};

/// Goal: a running broker's latencies, metrics and health can be asked for.
#[test]
fn latencies_and_metrics_of_a_broker_are_shown() {
    if std::env::var_os(OTHER_BROKER).is_some() {
        return;
    }
    let metrics = format!("127.0.0.1:{}", free_port());
    let options = BrokerOptions::default().set("pinion.metrics.listen", &metrics);
    let broker = Broker::start(options);
    let target = Target::Other(broker.bootstrap());
    let name = &topic("latency");
    target.succeed(&["topic", "create", name, "-p", "1"], b"");
    target.succeed(&["produce", name], b"x\n");

    let url = format!("http://{metrics}");
    let json = pinion(&["latency", "--metrics", &url, "--json"]).output().expect("pinion runs");
    let readings: Vec<serde_json::Value> =
        serde_json::from_slice(&json.stdout).unwrap_or_else(|e| panic!("{e}: {json:?}"));
    let produce = readings.iter().find(|r| r["api"] == "Produce" && r["stage"] == "whole");
    assert_eq!(produce.map(|reading| &reading["count"]), Some(&1.into()), "{readings:?}");

    let get = |path: &str| {
        let mut response = ureq::get(format!("{url}{path}")).call().expect("an answer");
        response.body_mut().read_to_string().expect("text")
    };
    let text = get("/metrics");
    assert!(text.contains("pinion_requests_total{api=\"Produce\"} 1\n"), "{text}");
    assert_eq!(get("/healthz"), "ok\n");
}
