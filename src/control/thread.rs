//! The control thread's life: listen, run beside the shards, stop after them.

use super::error::ControlError;
use super::fleet::{Fleet, ShardHandle};
use super::http::{Shared, router};
use super::log_output::LogOutput;
use super::signals::Signals;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// Threads that wait for shards' answers; one collects, others wait for the same answers.
const BLOCKING_THREADS_MAX: usize = 2;

/// How long requests that are being served may hold up the end.
const STOP_WAIT_MAX: Duration = Duration::from_millis(500);

/// The socket for metrics, bound before the shards start so that a taken port shows at once.
#[derive(Debug)]
pub struct MetricsListener(TcpListener);

impl MetricsListener {
    /// Binds to an address; port 0 takes any that is free.
    ///
    /// # Errors
    /// [`ControlError::Listen`] with the address and the kernel's reason.
    pub fn bind(address: SocketAddr) -> Result<MetricsListener, ControlError> {
        TcpListener::bind(address)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| MetricsListener(listener)))
            .map_err(|source| ControlError::Listen { address, source })
    }

    /// The address, with the port that the kernel chose where 0 was asked for.
    ///
    /// # Errors
    /// The kernel's.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

/// The running control thread. Ends with [`ControlThread::stop`], after the shards.
pub struct ControlThread {
    shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl ControlThread {
    /// Takes over the process's signals, and serves HTTP if there is a listener. From here on
    /// SIGTERM and SIGINT reach the shards as [`ShardHandle::begin_shutdown`], in the order given
    /// here, shard 0 first.
    ///
    /// # Errors
    /// [`ControlError::Start`].
    pub fn start(
        listener: Option<MetricsListener>,
        shards: Vec<Box<dyn ShardHandle>>,
        log_output: Arc<LogOutput>,
    ) -> Result<ControlThread, ControlError> {
        let shared = Arc::new(Shared {
            fleet: Fleet::new(shards),
            log_output,
            started: Instant::now(),
            is_starting: AtomicBool::new(true),
            is_stopping: AtomicBool::new(false),
        });
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .build()
            .map_err(ControlError::Start)?;
        let (listener, signals) = {
            let _guard = runtime.enter();
            let listener = listener.map(|listener| tokio::net::TcpListener::from_std(listener.0));
            let listener = listener.transpose().map_err(ControlError::Start)?;
            (listener, Signals::install().map_err(ControlError::Start)?)
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new()
            .name("control".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || run(runtime, listener, signals, shared, stopped)
            })
            .map_err(ControlError::Start)?;
        Ok(ControlThread { shared, stop, thread })
    }

    /// Takes note that the shards serve: until then no shard is asked, and health is `starting`.
    pub fn note_serving(&self) {
        self.shared.is_starting.store(false, Ordering::Relaxed);
    }

    /// Ends the thread, once the shards have ended.
    pub fn stop(self) {
        // The thread is gone already if it panicked; its message is on standard error then.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

fn run(
    runtime: Runtime,
    listener: Option<tokio::net::TcpListener>,
    signals: Signals,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) {
    runtime.block_on(async {
        tokio::spawn(signals.watch(Arc::clone(&shared)));
        if let Some(listener) = listener {
            tokio::spawn(serve(listener, shared));
        }
        // A dropped sender means the same as a message: there is nothing left to run beside.
        let _ = stopped.await;
    });
    runtime.shutdown_timeout(STOP_WAIT_MAX);
}

async fn serve(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    if let Err(error) = axum::serve(listener, router(shared)).await {
        tracing::error!("metrics are no longer served: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::fleet::tests::Fake;
    use super::*;

    fn bind_anywhere() -> MetricsListener {
        MetricsListener::bind("127.0.0.1:0".parse().unwrap()).unwrap()
    }

    fn no_log() -> Arc<LogOutput> {
        Arc::new(LogOutput::to(io::sink()).0)
    }

    fn start(shards: Vec<Fake>) -> (ControlThread, String) {
        let listener = bind_anywhere();
        let address = listener.local_address().unwrap();
        let shards = shards.into_iter().map(|s| Box::new(s) as Box<dyn ShardHandle>).collect();
        let control = ControlThread::start(Some(listener), shards, no_log()).unwrap();
        let url = format!("http://{address}");
        assert_eq!(get(&format!("{url}/healthz")), (503, "starting\n".into()));
        assert_eq!(get(&format!("{url}/metrics")).0, 503);
        control.note_serving();
        (control, url)
    }

    fn get(url: &str) -> (u16, String) {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent.get(url).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    /// Goal: what Prometheus, `pinion latency` and a load balancer ask for is served.
    #[test]
    fn serves_metrics_latency_and_health() {
        let (control, url) = start(vec![Fake::Answers(Arc::default())]);
        let (status, text) = get(&format!("{url}/metrics"));
        assert_eq!(status, 200);
        assert!(text.contains("pinion_partitions{shard=\"0\"} 7\n"), "{text}");
        assert!(text.contains("\npinion_shards_unresponsive 0\n"), "{text}");
        assert!(text.contains("\npinion_log_lines_dropped_total 0\n"), "{text}");
        assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
        assert!(get(&format!("{url}/latency")).1.contains("Tag=Produce.whole,"));
        assert_eq!(get(&format!("{url}/healthz")), (200, "ok\n".into()));
        control.stop();
    }

    /// Goal: a shard that is stuck makes the broker unhealthy, and the others' metrics still come
    /// under their own numbers.
    #[test]
    fn a_silent_shard_is_unhealthy() {
        let (control, url) = start(vec![Fake::Refuses, Fake::Answers(Arc::default())]);
        assert_eq!(get(&format!("{url}/healthz")), (503, "no answer from shard 0\n".into()));
        let (_, text) = get(&format!("{url}/metrics"));
        assert!(text.contains("pinion_partitions{shard=\"1\"} 7\n"), "{text}");
        assert!(!text.contains("shard=\"0\""), "{text}");
        control.stop();
    }

    #[test]
    fn a_taken_port_is_one_clear_line() {
        let taken = bind_anywhere();
        let address = taken.local_address().unwrap();
        let error = MetricsListener::bind(address).unwrap_err().to_string();
        let start = format!("pinion.metrics.listen: cannot listen on {address}: Address already");
        assert!(error.starts_with(&start), "{error}");
    }

    /// Goal: without metrics the thread still runs, for the signals, and ends when it should.
    #[test]
    fn stops_without_a_listener() {
        ControlThread::start(None, Vec::new(), no_log()).unwrap().stop();
    }
}
