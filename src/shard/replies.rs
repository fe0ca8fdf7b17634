//! From a response to the connection's outbox.

use super::Shard;
use super::connection::{Reply, RequestContext, RequestKey};
use super::stages::{RequestTimes, TurnStages};
use crate::io::Gather;
use crate::log::ReadPlan;
use crate::metrics::Counters;
use crate::wire::frame::{FrameTooLong, write_response};
use crate::wire::header::ResponseHeader;
use crate::wire::{Cut, Message};

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
///
/// # Errors
/// [`FrameTooLong`]; nothing is appended then.
pub(super) fn encode_frame<'a, M: Message<'a>>(
    buffer: &mut Vec<u8>,
    cuts: &mut Vec<Cut>,
    context: &RequestContext,
    response: &M,
) -> Result<(), FrameTooLong> {
    let header = ResponseHeader { correlation_id: context.correlation_id };
    write_response(buffer, cuts, context.version, header, response).map(drop)
}

impl Shard {
    /// Answers a request with `response`, or ends the connection if that is too long to be sent.
    pub(super) fn respond<'a, M: Message<'a>>(&mut self, context: &RequestContext, response: &M) {
        let Some(connection) = self.connections.get_mut(context.key.connection) else { return };
        let (gathers, metrics) = (&mut self.gathers, &mut self.metrics);
        let stages = &mut self.turn_stages;
        let answered = connection.answer_with(
            context.key.number,
            self.now.monotonic,
            || gathers.take(),
            |done, silent| note_done(&mut metrics.counters, stages, done, silent),
            |buffer| encode_frame(buffer, &mut Vec::new(), context, response),
        );
        match answered {
            Ok(()) => self.mark_connection(context.key.connection),
            Err(error) => self.refuse_to_answer(context.key, error),
        }
    }

    /// Answers a request whose response has files' ranges in it.
    pub(super) fn respond_spliced<'a, M: Message<'a>>(
        &mut self,
        context: &RequestContext,
        response: &M,
        plans: Vec<ReadPlan>,
    ) {
        let (mut head, mut cuts) = (Vec::new(), Vec::new());
        if let Err(error) = encode_frame(&mut head, &mut cuts, context, response) {
            return self.refuse_to_answer(context.key, error);
        }
        assert_eq!(cuts.len(), plans.len(), "a cut for each range");
        let ranges = cuts.into_iter().zip(plans).collect();
        self.reply(context.key, Reply::Spliced { head, ranges });
    }

    /// Ends a connection whose client asked for more than a response can hold.
    pub(super) fn refuse_to_answer(&mut self, key: RequestKey, error: FrameTooLong) {
        self.refuse(key, &format!("its request cannot be answered: {error}"));
    }

    /// Answers a request with a reply that is made already.
    pub(super) fn reply(&mut self, key: RequestKey, reply: Reply) {
        let Some(connection) = self.connections.get_mut(key.connection) else { return };
        let (gathers, metrics) = (&mut self.gathers, &mut self.metrics);
        let stages = &mut self.turn_stages;
        connection.answer(
            key.number,
            reply,
            self.now.monotonic,
            || gathers.take(),
            |done, silent| note_done(&mut metrics.counters, stages, done, silent),
        );
        self.mark_connection(key.connection);
    }
}

fn note_done(
    counters: &mut Counters,
    stages: &mut TurnStages,
    done: &RequestContext,
    silent: Option<RequestTimes>,
) {
    counters.requests_in_flight -= 1;
    if let Some(times) = silent {
        stages.note_silent(done.api, times);
    }
}
