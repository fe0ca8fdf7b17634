//! Everything that one shard measures, and the copy of it that leaves the shard.

use super::{Counters, Latency, Stage};
use crate::wire::ApiKey;

/// Slots for API keys; Kafka's highest is 92.
const API_COUNT_MAX: usize = 128;

/// Slots for error codes, from −1 on; Kafka's highest is 133.
const ERROR_COUNT_MAX: usize = 160;

/// The measurements of one shard, written by that shard's thread only.
///
/// The first request of an API, and the first duration of a stage of it, allocates; nothing does
/// after that. An API key or an error code beyond the slots is counted in the last slot.
#[derive(Debug, Default)]
pub struct ShardMetrics {
    /// Counters and gauges, raised in place.
    pub counters: Counters,
    apis: ApiSlots,
}

#[derive(Debug)]
struct ApiSlots(Vec<Option<Box<ApiMetrics>>>);

#[derive(Debug)]
struct ApiMetrics {
    requests: u64,
    errors: [u64; ERROR_COUNT_MAX],
    stages: [Option<Latency>; Stage::COUNT],
}

impl Default for ApiSlots {
    fn default() -> Self {
        ApiSlots((0..API_COUNT_MAX).map(|_| None).collect())
    }
}

impl Default for ApiMetrics {
    fn default() -> Self {
        ApiMetrics { requests: 0, errors: [0; ERROR_COUNT_MAX], stages: Default::default() }
    }
}

impl ShardMetrics {
    /// Nothing measured yet.
    pub fn new() -> ShardMetrics {
        ShardMetrics::default()
    }

    /// Counts a request. `api` is Kafka's API key.
    pub fn request(&mut self, api: i16) {
        self.api(api).requests += 1;
    }

    /// Counts an error that a reply carries; `code` is Kafka's error code. 0, no error, is not
    /// counted.
    pub fn error(&mut self, api: i16, code: i16) {
        if code != 0 {
            self.api(api).errors[slot(code.saturating_add(1), ERROR_COUNT_MAX)] += 1;
        }
    }

    /// Counts the duration of a stage, in nanoseconds.
    pub fn record(&mut self, api: i16, stage: Stage, nanos: u64) {
        self.api(api).stages[stage as usize].get_or_insert_default().record(nanos);
    }

    /// A copy to hand to another thread.
    pub fn snapshot(&self) -> Snapshot {
        let seen = self.apis.0.iter().enumerate();
        let apis = seen.filter_map(|(key, api)| Some(ApiSnapshot::of(key, api.as_deref()?)));
        Snapshot { counters: self.counters, apis: apis.collect() }
    }

    fn api(&mut self, key: i16) -> &mut ApiMetrics {
        self.apis.0[slot(key, API_COUNT_MAX)].get_or_insert_default()
    }
}

fn slot(number: i16, count: usize) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX).min(count - 1)
}

/// What a shard had measured at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// Counters and gauges.
    pub counters: Counters,
    /// The APIs that were called, in the order of their keys.
    pub apis: Vec<ApiSnapshot>,
}

/// What a shard had measured of one API.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiSnapshot {
    /// Kafka's API key.
    pub key: i16,
    /// Requests received.
    pub requests: u64,
    /// Error codes and how often a reply carried them, in the order of the codes.
    pub errors: Vec<(i16, u64)>,
    /// The durations of those stages that had any.
    pub stages: Vec<(Stage, Latency)>,
}

impl ApiSnapshot {
    /// Kafka's name of the API; `Unknown` for a key that the codec lacks.
    pub fn name(&self) -> &'static str {
        ApiKey::from_code(self.key).map_or("Unknown", ApiKey::name)
    }

    fn of(key: usize, api: &ApiMetrics) -> ApiSnapshot {
        let errors = (-1i16..).zip(api.errors).filter(|(_, count)| *count > 0);
        let stages = Stage::ALL.into_iter().zip(&api.stages);
        ApiSnapshot {
            key: key as i16,
            requests: api.requests,
            errors: errors.collect(),
            stages: stages.filter_map(|(stage, l)| Some((stage, l.clone()?))).collect(),
        }
    }

    fn merge(&mut self, other: &ApiSnapshot) {
        self.requests += other.requests;
        merge_sorted(&mut self.errors, &other.errors, |sum, count| *sum += count);
        merge_sorted(&mut self.stages, &other.stages, Latency::merge);
    }
}

impl Snapshot {
    /// Adds what another shard had measured.
    pub fn merge(&mut self, other: &Snapshot) {
        self.counters.merge(&other.counters);
        for api in &other.apis {
            match self.apis.binary_search_by_key(&api.key, |own| own.key) {
                Ok(index) => self.apis[index].merge(api),
                Err(index) => self.apis.insert(index, api.clone()),
            }
        }
    }

    /// The sum of several shards.
    pub fn sum<'a>(shards: impl IntoIterator<Item = &'a Snapshot>) -> Snapshot {
        shards.into_iter().fold(Snapshot::default(), |mut sum, shard| {
            sum.merge(shard);
            sum
        })
    }
}

fn merge_sorted<K: Ord + Copy, V: Clone>(
    into: &mut Vec<(K, V)>,
    from: &[(K, V)],
    add: impl Fn(&mut V, &V),
) {
    for (key, value) in from {
        match into.binary_search_by_key(key, |(own, _)| *own) {
            Ok(index) => add(&mut into[index].1, value),
            Err(index) => into.insert(index, (*key, value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRODUCE: i16 = 0;
    const FETCH: i16 = 1;

    /// Goal: two shards' numbers add up, whichever APIs each of them saw.
    #[test]
    fn snapshots_merge() {
        let (mut a, mut b) = (ShardMetrics::new(), ShardMetrics::new());
        a.request(FETCH);
        a.error(FETCH, 3);
        a.record(FETCH, Stage::Whole, 1_000);
        b.request(PRODUCE);
        b.request(FETCH);
        b.error(FETCH, -1);
        b.error(FETCH, 3);
        b.error(FETCH, 0);
        b.record(FETCH, Stage::Parse, 2_000);
        b.record(FETCH, Stage::Whole, 2_000);

        let sum = Snapshot::sum([&a.snapshot(), &b.snapshot()]);
        let [produce, fetch] = &sum.apis[..] else { panic!("two APIs: {sum:?}") };
        assert_eq!((produce.key, produce.requests), (PRODUCE, 1));
        assert_eq!((fetch.key, fetch.requests), (FETCH, 2));
        assert_eq!(fetch.errors, [(-1, 1), (3, 2)]);
        let counts: Vec<_> = fetch.stages.iter().map(|(s, l)| (*s, l.count())).collect();
        assert_eq!(counts, [(Stage::Parse, 1), (Stage::Whole, 2)]);
    }

    /// Goal: keys and codes that no table knows are counted, and reach no memory beyond it.
    #[test]
    fn strange_keys_and_codes_are_bounded() {
        let mut metrics = ShardMetrics::new();
        for number in [i16::MIN, -2, 127, 200, i16::MAX] {
            metrics.request(number);
            metrics.error(number, number);
            metrics.record(number, Stage::Reply, 1);
        }
        assert_eq!(metrics.snapshot().apis.len(), 1);
    }
}
