//! Requests that are split by partition, answered by the owners, and put together again.

use super::Shard;
use super::ask::{Answer, PartitionKey, Question, QuestionIndex, Refusal};
use super::connection::{RequestContext, RequestKey};
use super::work::Work;
use crate::base::ShardId;
use crate::wire::ErrorCode;
use bytes::Bytes;
use std::collections::HashSet;

/// A request whose owners have not all answered.
///
/// Its body is kept, so that the response is written from the request itself, read once more:
/// the answers come in the order of the questions.
#[derive(Debug)]
pub struct Collect {
    context: RequestContext,
    body: Bytes,
    answers: Vec<Option<Answer>>,
    missing: usize,
    finish: Finish,
}

/// Writes the response of a request out of its body and the answers, in the order of asking.
pub type Finish = fn(&mut Shard, &RequestContext, &Bytes, Answers);

/// The answers of a request.
pub type Answers = std::vec::IntoIter<Answer>;

/// A question and whom to ask, or why there is nobody to ask.
pub type Asking = Result<(ShardId, Question), ErrorCode>;

/// Asks `questions`, and calls `finish` when all are answered; one that has nobody to ask counts
/// as refused, and so does one about a partition that was asked about before: a small request must
/// not ask for the same large thing again and again.
pub(super) fn start(
    shard: &mut Shard,
    context: &RequestContext,
    body: &Bytes,
    mut questions: Vec<Asking>,
    finish: Finish,
) {
    if questions.len() > 1 {
        refuse_repetitions(&mut questions);
    }
    let refused = |asking: &Asking| asking.as_ref().err().map(|code| Answer::from(*code));
    let answers: Vec<Option<Answer>> = questions.iter().map(refused).collect();
    let missing = answers.iter().filter(|answer| answer.is_none()).count();
    if missing == 0 {
        let answers: Vec<Answer> = answers.into_iter().flatten().collect();
        return finish(shard, context, body, answers.into_iter());
    }
    let collect = Collect { context: *context, body: body.clone(), answers, missing, finish };
    shard.set_work(context.key, Work::Collect(collect));
    for (asking, index) in questions.into_iter().zip(QuestionIndex::all()) {
        if let Ok((owner, question)) = asking {
            shard.ask(owner, context.key, index, question);
        }
    }
}

fn refuse_repetitions(questions: &mut [Asking]) {
    let mut seen = HashSet::new();
    for asking in questions {
        let partition = asking.as_ref().ok().and_then(|(_, question)| question.partition());
        if partition.is_some_and(|partition| !seen.insert(partition)) {
            *asking = Err(ErrorCode::InvalidRequest);
        }
    }
}

/// Takes one answer, and finishes once it was the last.
pub(super) fn on_answer(
    shard: &mut Shard,
    key: RequestKey,
    question: QuestionIndex,
    answer: Answer,
) {
    let Some(Work::Collect(collect)) = shard.work(key) else { return };
    let place = &mut collect.answers[question.place()];
    assert!(place.is_none(), "a question is answered once");
    *place = Some(answer);
    collect.missing -= 1;
    if collect.missing == 0
        && let Some(Work::Collect(collect)) = shard.take_work(key)
    {
        let answers: Vec<Answer> = collect.answers.into_iter().flatten().collect();
        (collect.finish)(shard, &collect.context, &collect.body, answers.into_iter());
    }
}

impl Shard {
    /// A question about one partition of a topic, if there is such a partition.
    pub(super) fn asking(
        &self,
        topic: &str,
        index: i32,
        question: impl FnOnce(PartitionKey) -> Question,
    ) -> Asking {
        let key = self.partition_key(topic, index)?;
        Ok((self.owner_of(key), question(key)))
    }
}

impl From<ErrorCode> for Answer {
    fn from(code: ErrorCode) -> Self {
        Answer::Refused(Refusal::from(code))
    }
}

impl Answer {
    /// An answer of the kind that `make` makes, or a refusal.
    pub(super) fn of<T>(result: Result<T, Refusal>, make: impl FnOnce(T) -> Answer) -> Answer {
        result.map_or_else(Answer::Refused, make)
    }
}
