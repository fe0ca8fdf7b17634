//! From a response to the connection's outbox.

use super::Shard;
use super::connection::{Reply, RequestContext, RequestKey};
use crate::io::Gather;
use crate::log::ReadPlan;
use crate::metrics::{ShardMetrics, Stage};
use crate::wire::header::ResponseHeader;
use crate::wire::{Cut, Message, frame};

/// Gathers kept for the next send.
const SPARE_GATHERS_MAX: usize = 256;

/// Emptied gathers, so that sending does not allocate in steady state.
#[derive(Debug, Default)]
pub struct SpareGathers(Vec<Gather>);

impl SpareGathers {
    /// An empty gather.
    pub fn take(&mut self) -> Gather {
        self.0.pop().unwrap_or_default()
    }

    /// Takes an emptied gather back.
    pub fn give(&mut self, gather: Gather) {
        assert!(gather.is_empty(), "a spare gather holds nothing");
        if self.0.len() < SPARE_GATHERS_MAX {
            self.0.push(gather);
        }
    }
}

/// Appends a whole response frame; says where records are to be spliced in.
///
/// Cut positions count from the start of `buffer`.
pub(super) fn encode_frame<'a, M: Message<'a>>(
    buffer: &mut Vec<u8>,
    cuts: &mut Vec<Cut>,
    context: &RequestContext,
    response: &M,
) {
    let header = ResponseHeader { correlation_id: context.correlation_id };
    frame::write_response(buffer, cuts, context.version, header, response);
}

impl Shard {
    /// Answers a request with `response`.
    pub(super) fn respond<'a, M: Message<'a>>(&mut self, context: &RequestContext, response: &M) {
        let Some(connection) = self.connections.get_mut(context.key.connection) else { return };
        let (gathers, metrics, now) = (&mut self.gathers, &mut self.metrics, self.now.monotonic);
        connection.answer_with(
            context.key.number,
            now,
            || gathers.take(),
            |done| note_done(metrics, done, now),
            |buffer| encode_frame(buffer, &mut Vec::new(), context, response),
        );
        self.mark_connection(context.key.connection);
    }

    /// Answers a request whose response has files' ranges in it.
    pub(super) fn respond_spliced<'a, M: Message<'a>>(
        &mut self,
        context: &RequestContext,
        response: &M,
        plans: Vec<ReadPlan>,
    ) {
        let (mut head, mut cuts) = (Vec::new(), Vec::new());
        encode_frame(&mut head, &mut cuts, context, response);
        assert_eq!(cuts.len(), plans.len(), "a cut for each range");
        let ranges = cuts.into_iter().zip(plans).collect();
        self.reply(context.key, Reply::Spliced { head, ranges });
    }

    /// Answers a request with a reply that is made already.
    pub(super) fn reply(&mut self, key: RequestKey, reply: Reply) {
        let Some(connection) = self.connections.get_mut(key.connection) else { return };
        let (gathers, metrics, now) = (&mut self.gathers, &mut self.metrics, self.now.monotonic);
        let spare = || gathers.take();
        connection.answer(key.number, reply, now, spare, |done| note_done(metrics, done, now));
        self.mark_connection(key.connection);
    }
}

fn note_done(metrics: &mut ShardMetrics, done: &RequestContext, now: crate::base::Monotonic) {
    metrics.counters.requests_in_flight -= 1;
    let whole = now.since(done.received).as_nanos() as u64;
    metrics.record(done.api.code(), Stage::Whole, whole);
}
