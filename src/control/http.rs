//! `/metrics`, `/latency` and `/healthz`.

use super::fleet::{Answers, Fleet};
use super::log_output::LogOutput;
use super::process;
use crate::metrics::{Snapshot, hdr_log, prometheus};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What the handlers share with the rest of the control thread.
pub struct Shared {
    /// The shards.
    pub fleet: Fleet,
    /// Where log lines go.
    pub log_output: Arc<LogOutput>,
    /// When the process began to measure.
    pub started: Instant,
    /// Cleared once the shards serve.
    pub is_starting: AtomicBool,
    /// Set by the first signal: the broker is on its way out and should get no more traffic.
    pub is_stopping: AtomicBool,
}

/// The routes.
pub fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/latency", get(latency))
        .route("/healthz", get(healthz))
        .with_state(shared)
}

/// Prometheus text. Shards that did not answer are left out and counted.
async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    if shared.is_starting.load(Ordering::Relaxed) {
        // No shard can answer yet.
        return starting();
    }
    let Some(answers) = collect(&shared).await else { return unavailable() };
    let silent = answers.iter().filter(|answer| answer.is_none()).count();
    let mut text = prometheus::render(&answers);
    text.push_str(&prometheus::gauge(
        "shards_unresponsive",
        "Shards that did not answer the control thread in time.",
        silent as u64,
    ));
    text.push_str(&prometheus::gauge(
        "uptime_seconds",
        "Seconds since the process started.",
        shared.started.elapsed().as_secs(),
    ));
    text.push_str(&prometheus::counter(
        "log_lines_dropped_total",
        "Log lines dropped because the reader of standard error was too slow.",
        shared.log_output.dropped_line_count(),
    ));
    text.push_str(&process::render());
    ([(CONTENT_TYPE, prometheus::CONTENT_TYPE)], text).into_response()
}

/// An HdrHistogram interval log, summed over the shards.
async fn latency(State(shared): State<Arc<Shared>>) -> Response {
    if shared.is_starting.load(Ordering::Relaxed) {
        return starting();
    }
    let Some(answers) = collect(&shared).await else { return unavailable() };
    let sum = Snapshot::sum(answers.iter().flatten());
    hdr_log::render(&sum, shared.started.elapsed()).into_response()
}

/// 200 while every shard answers and the broker is neither starting nor stopping; otherwise 503 and
/// the reason.
async fn healthz(State(shared): State<Arc<Shared>>) -> Response {
    if shared.is_stopping.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    if shared.is_starting.load(Ordering::Relaxed) {
        return starting();
    }
    let Some(answers) = collect(&shared).await else { return unavailable() };
    match silent_shards(&answers).as_slice() {
        [] => "ok\n".into_response(),
        silent => {
            let text = format!("no answer from shard {}\n", silent.join(", "));
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

fn silent_shards(answers: &Answers) -> Vec<String> {
    let numbered = answers.iter().enumerate();
    numbered.filter(|(_, answer)| answer.is_none()).map(|(shard, _)| shard.to_string()).collect()
}

/// Waits for the shards on a thread that may block.
async fn collect(shared: &Arc<Shared>) -> Option<Arc<Answers>> {
    let shared = Arc::clone(shared);
    tokio::task::spawn_blocking(move || shared.fleet.answers()).await.ok()
}

fn starting() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "starting\n").into_response()
}

fn unavailable() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the control thread is ending\n").into_response()
}
