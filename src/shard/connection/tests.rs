//! The parts of a connection together: the order of replies, and what an end leaves undone.

use super::*;
use crate::shard::slots::Slots;

const NOW: Monotonic = Monotonic(0);

pub(super) fn context(number: u64) -> RequestContext {
    RequestContext {
        key: RequestKey { connection: Slots::default().insert(()), number },
        api: ApiKey::Produce,
        version: 9,
        correlation_id: number as i32,
        received: NOW,
    }
}

fn connection_with(requests: u64) -> Connection {
    let mut connection = Connection::new(Socket(1), ([127, 0, 0, 1], 1).into(), 1000, NOW);
    for number in 0..requests {
        connection.begin(context(number), 10);
    }
    connection
}

fn answer(connection: &mut Connection, number: u64) {
    let reply = Reply::Encoded(vec![number as u8]);
    connection.answer(number, reply, NOW, Gather::default, |_, _| {});
}

fn sent(connection: &mut Connection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(op) = connection.next_send() {
        let Op::Send { data, .. } = op else { panic!("only bytes were queued") };
        bytes.extend(data.slices().flatten());
        connection.on_sent(NOW);
    }
    bytes
}

/// Goal: replies leave in the order of requests, whatever the order in which they are made.
#[test]
fn replies_keep_the_order_of_requests() {
    let mut connection = connection_with(4);
    let mut done = Vec::new();
    for (number, reply) in [(2, Reply::Encoded(vec![2])), (1, Reply::Silent)] {
        let note = |c: &RequestContext, _: Option<RequestTimes>| done.push(c.correlation_id);
        connection.answer(number, reply, NOW, Gather::default, note);
    }
    assert!(sent(&mut connection).is_empty());
    let note = |c: &RequestContext, _: Option<RequestTimes>| done.push(c.correlation_id);
    let answered = connection.answer_with(0, NOW, Gather::default, note, |bytes| {
        bytes.push(0);
        Ok::<(), ()>(())
    });
    assert_eq!(answered, Ok(()));
    assert_eq!(sent(&mut connection), [0, 2]);
    assert_eq!(done, [0, 1, 2]);
    assert_eq!((connection.unanswered().count(), connection.unanswered().bytes()), (1, 10));
    answer(&mut connection, 3);
    assert_eq!(sent(&mut connection), [3]);
}

/// Goal: from the request on that is not to be answered, nothing is, whether its reply is made
/// later or cannot be made; what is owed is what came before.
#[test]
fn nothing_is_answered_from_a_bad_request_on() {
    let mut connection = connection_with(4);
    answer(&mut connection, 3);
    connection.answer_only_below(2);
    answer(&mut connection, 2);
    answer(&mut connection, 1);
    assert!(connection.owes_replies() && sent(&mut connection).is_empty());
    let refuse = |_: &mut Vec<u8>| Err("too long");
    let refused = connection.answer_with(0, NOW, Gather::default, |_, _| {}, refuse);
    assert_eq!(refused, Err("too long"));
    connection.answer_only_below(0);
    assert!(!connection.owes_replies());
    assert!(connection.next_send().is_none(), "an answer that failed leaves nothing to send");
}

/// Goal: a connection that ends sends what it owes and reads nothing; one that is cut does
/// neither.
#[test]
fn an_end_sends_what_is_owed_and_a_cut_does_not() {
    let memory = ReceiveMemory::new(1000);
    let mut connection = connection_with(2);
    let frame = Bytes::from_static(&[0, 0, 0, 1, 7]);
    connection.on_received(frame.clone(), true, NOW);
    let fact = connection.on(Event::Finish(CloseReason::BadRequest), NOW);
    assert!(matches!(fact, Some(Fact::Finish { .. })));
    connection.on_received(frame, true, NOW);
    assert_eq!(connection.next_frame(&memory), Ok(None));
    answer(&mut connection, 0);
    assert_eq!(sent(&mut connection), [0]);
    assert!(connection.owes_replies());
    answer(&mut connection, 1);
    assert_eq!(connection.on(Event::Cut(CloseReason::Peer), NOW), Some(Fact::Cut));
    assert!(sent(&mut connection).is_empty());
}
