//! Connections.

use crate::support::{Bench, feature_sets, pattern};
use bytes::Bytes;
use pinion::io::{Gather, Io, IoError, Op, Output, Portion, Socket, Token};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

fn gather(bytes: &[u8]) -> Gather {
    let mut gather = Gather::default();
    gather.push_copied(bytes);
    gather
}

/// Goal: bytes come, go, and end, whatever the kernel can do; one submission receives them all.
#[test]
fn echoes_until_the_peer_closes() {
    for allowed in feature_sets() {
        let mut bench = Bench::allowing(allowed);
        let (accept, address) = bench.listen();
        let (socket, mut theirs) = bench.connect(accept, address);
        let receive = bench.submit(Op::Receive { socket });
        for round in 0..100u8 {
            let message = vec![round; 1 + usize::from(round) * 10];
            theirs.write_all(&message).unwrap();
            let mut echoed = 0;
            while echoed < message.len() {
                let (bytes, more) = bench.received(receive);
                assert!(more);
                echoed += bytes.len();
                let mut data = Gather::default();
                data.push_shared(bytes);
                let output = bench.run(Op::Send { socket, data, portion: Portion::Whole }).unwrap();
                assert!(matches!(output, Output::Sent(_)));
            }
            let mut answer = vec![0; message.len()];
            theirs.read_exact(&mut answer).unwrap();
            assert_eq!(answer, message);
        }
        drop(theirs);
        let (end, more) = bench.received(receive);
        assert!(end.is_empty() && !more);
        bench.run(Op::CloseSocket { socket }).unwrap();
    }
}

/// Goal: accepted sockets answer without Nagle's delay and do not block sendfile.
#[test]
fn accepts_sockets_ready_for_use() {
    let mut bench = Bench::new();
    let (accept, address) = bench.listen();
    let (socket, _theirs) = bench.connect(accept, address);
    let status = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", socket.0)).unwrap();
    let flags = status.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    let flags = i32::from_str_radix(flags.trim(), 8).unwrap();
    assert_ne!(flags & libc::O_NONBLOCK, 0);
    assert_ne!(flags & libc::O_CLOEXEC, 0);
}

/// Goal: a large frame goes straight into its own buffer, after what is there already.
#[test]
fn receives_a_large_frame_into_its_buffer() {
    let mut bench = Bench::new();
    let (accept, address) = bench.listen();
    let (socket, mut theirs) = bench.connect(accept, address);
    let frame = pattern(8 << 20);
    let sent = frame.clone();
    let writer = std::thread::spawn(move || theirs.write_all(&sent[3..]));
    let mut received = frame[..3].to_vec();
    while received.len() < frame.len() {
        let before = received.len();
        let op = Op::ReceiveInto { socket, buffer: received, length_max: frame.len() };
        match bench.run(op).unwrap() {
            Output::ReceivedInto { buffer, count } => {
                assert_eq!(buffer.len(), before + count);
                assert!(count > 0);
                assert!(buffer.capacity() < frame.len() * 2, "no room beyond the frame");
                received = buffer;
            }
            other => panic!("{other:?}"),
        }
    }
    writer.join().unwrap().unwrap();
    assert!(received == frame);
    let buffer = Vec::new();
    let end = bench.run(Op::ReceiveInto { socket, buffer, length_max: 10 }).unwrap();
    assert!(matches!(end, Output::ReceivedInto { count: 0, .. }));
}

/// Goal: receives without a free buffer wait, without burning the CPU, and go on once buffers
/// come back, dropped by this thread or another.
#[test]
fn starved_receives_recover() {
    for allowed in feature_sets() {
        for elsewhere in [false, true] {
            let mut bench = Bench::with(|options| {
                options.allowed = allowed;
                options.receive_buffer_count = 2;
            });
            let (accept, address) = bench.listen();
            let (socket, mut theirs) = bench.connect(accept, address);
            let receive = bench.submit(Op::Receive { socket });
            let message = pattern(200_000);
            let sent = message.clone();
            let writer = std::thread::spawn(move || {
                theirs.write_all(&sent).unwrap();
                theirs
            });
            let held: Vec<Bytes> = (0..2).map(|_| bench.received(receive).0).collect();
            let before = bench.uring.counters();
            bench.idle(Duration::from_millis(50));
            let spent = bench.uring.counters().enters - before.enters;
            assert!(spent < 10, "a starved receive keeps the ring busy: {spent} enters");
            assert!(bench.poll(receive).is_none());

            let mut all = held.concat();
            if elsewhere {
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(20));
                    drop(held);
                });
            } else {
                drop(held);
            }
            while all.len() < message.len() {
                let (bytes, more) = bench.received(receive);
                assert!(more);
                all.extend_from_slice(&bytes);
            }
            assert!(all == message);
            drop(writer.join().unwrap());
            assert!(bench.received(receive).0.is_empty());
        }
    }
}

/// Goal: no buffer gets lost in however a connection ends, so that two are enough for ever.
#[test]
fn buffers_outlive_connections() {
    for allowed in feature_sets() {
        let mut bench = Bench::with(|options| {
            options.allowed = allowed;
            options.receive_buffer_count = 2;
        });
        let (accept, address) = bench.listen();
        for round in 0..300 {
            let (socket, mut theirs) = bench.connect(accept, address);
            let receive = bench.submit(Op::Receive { socket });
            theirs.write_all(b"hello").unwrap();
            assert_eq!(bench.received(receive).0, "hello");
            match round % 3 {
                0 => drop(theirs),
                1 => {
                    socket2::SockRef::from(&theirs).set_linger(Some(Duration::ZERO)).unwrap();
                    drop(theirs);
                }
                _ => {
                    bench.run(Op::Cancel { target: receive }).unwrap();
                }
            }
            assert!(!bench.next(receive).more);
            bench.run(Op::CloseSocket { socket }).unwrap();
        }
        assert_eq!(bench.uring.operations_in_flight(), 1, "the accept");
        assert_eq!(bench.uring.counters().receives_starved, 0);
    }
}

/// Goal: a send larger than the socket's buffer, of more pieces than the kernel takes at once,
/// completes once, whole, and gives its gather back.
#[test]
fn sends_more_than_fits() {
    let mut bench = Bench::new();
    let (accept, address) = bench.listen();
    let (socket, mut theirs) = bench.connect(accept, address);
    let whole = Bytes::from(pattern(12 << 20));
    let mut data = Gather::default();
    for piece in 0..3000 {
        let start = piece * whole.len() / 3000;
        data.push_shared(whole.slice(start..(piece + 1) * whole.len() / 3000));
    }
    let length = whole.len();
    let reader = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        let mut got = vec![0; length];
        theirs.read_exact(&mut got).unwrap();
        got
    });
    match bench.run(Op::Send { socket, data, portion: Portion::BeforeRange }).unwrap() {
        Output::Sent(data) => assert_eq!(data.piece_count(), 3000),
        other => panic!("{other:?}"),
    }
    assert!(reader.join().unwrap() == whole);
}

/// Goal: the peer's resets and our own shutdown are told apart from data.
#[test]
fn tells_resets_and_broken_pipes() {
    let mut bench = Bench::new();
    let (accept, address) = bench.listen();
    let (socket, theirs) = bench.connect(accept, address);
    let receive = bench.submit(Op::Receive { socket });
    let linger = Some(Duration::ZERO);
    socket2::SockRef::from(&theirs).set_linger(linger).unwrap();
    drop(theirs);
    let completion = bench.next(receive);
    assert!(!completion.more);
    assert_eq!(completion.result.unwrap_err().errno, libc::ECONNRESET);
    let data = gather(b"to nobody");
    let error = bench.run(Op::Send { socket, data, portion: Portion::Whole }).unwrap_err();
    assert_eq!((error.operation, error.errno), ("send", libc::EPIPE));

    let (socket, _theirs) = bench.connect(accept, address);
    let receive = bench.submit(Op::Receive { socket });
    bench.run(Op::Shutdown { socket }).unwrap();
    assert!(bench.received(receive).0.is_empty());
}

/// Goal: an end that sends no more still receives, and the peer sees that end behind the bytes.
#[test]
fn receives_after_the_end_of_sending() {
    let mut bench = Bench::new();
    let (accept, address) = bench.listen();
    let (socket, mut theirs) = bench.connect(accept, address);
    bench.run(Op::Send { socket, data: gather(b"last"), portion: Portion::Whole }).unwrap();
    bench.run(Op::EndSending { socket }).unwrap();
    let mut heard = Vec::new();
    theirs.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"last");
    theirs.write_all(b"late").unwrap();
    let receive = bench.submit(Op::Receive { socket });
    assert_eq!(bench.received(receive).0, "late");
    let data = gather(b"x");
    let error = bench.run(Op::Send { socket, data, portion: Portion::Whole }).unwrap_err();
    assert_eq!(error.errno, libc::EPIPE);
}

/// Goal: a cancelled operation ends with that error, and the connection is of use afterwards.
#[test]
fn cancels_what_waits() {
    for allowed in feature_sets() {
        let mut bench = Bench::allowing(allowed);
        let (accept, address) = bench.listen();
        let (socket, mut theirs) = bench.connect(accept, address);
        for _ in 0..2 {
            let receive = bench.submit(Op::Receive { socket });
            bench.run(Op::Cancel { target: receive }).unwrap();
            let completion = bench.next(receive);
            assert!(!completion.more);
            assert!(completion.result.unwrap_err().is_cancelled());
        }
        theirs.write_all(b"still here").unwrap();
        let receive = bench.submit(Op::Receive { socket });
        assert_eq!(bench.received(receive).0, "still here");
        bench.run(Op::Cancel { target: accept }).unwrap();
        assert!(bench.next(accept).result.unwrap_err().is_cancelled());
        assert_eq!(bench.uring.operations_in_flight(), 1, "the second receive");
    }
}

/// Goal: a connection may change between the two ways to receive at any time: the bytes that come
/// while a receive is being cancelled are neither lost nor out of order.
#[test]
fn changing_the_way_to_receive_loses_nothing() {
    for allowed in feature_sets() {
        let mut bench = Bench::allowing(allowed);
        let (accept, address) = bench.listen();
        let (socket, mut theirs) = bench.connect(accept, address);
        let message = pattern(6 << 20);
        let sent = message.clone();
        let writer = std::thread::spawn(move || {
            sent.chunks(5000).for_each(|chunk| theirs.write_all(chunk).unwrap());
            theirs
        });
        let mut all: Vec<u8> = Vec::new();
        while all.len() < message.len() {
            let receive = bench.submit(Op::Receive { socket });
            all.extend_from_slice(&bench.received(receive).0);
            let cancel = bench.submit(Op::Cancel { target: receive });
            loop {
                let completion = bench.next(receive);
                match completion.result {
                    Ok(Output::Received(bytes)) => all.extend_from_slice(&bytes),
                    Err(error) => break assert!(error.is_cancelled() && !completion.more),
                    other => panic!("{other:?}"),
                }
            }
            assert!(matches!(bench.next(cancel).result, Ok(Output::Done)));
            if all.len() < message.len() {
                let length_max = all.len() + 3000;
                match bench.run(Op::ReceiveInto { socket, buffer: all, length_max }).unwrap() {
                    Output::ReceivedInto { buffer, .. } => all = buffer,
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(all == message);
        drop(writer.join().unwrap());
    }
}

/// Goal: dropping a ring with operations in flight ends, and the bytes it lent stay readable.
#[test]
fn dropped_rings_leave_lent_bytes_alone() {
    for allowed in feature_sets() {
        let mut bench = Bench::allowing(allowed);
        let (accept, address) = bench.listen();
        let (socket, mut theirs) = bench.connect(accept, address);
        let receive = bench.submit(Op::Receive { socket });
        theirs.write_all(b"kept").unwrap();
        let (bytes, _) = bench.received(receive);
        theirs.write_all(b"unread").unwrap();
        drop(bench);
        assert_eq!(bytes, "kept");
    }
}

/// Goal: what a tick submits goes to the kernel in one call, which also fetches what completed.
#[test]
fn a_tick_takes_one_system_call() {
    const CONNECTIONS: usize = 16;
    let mut bench = Bench::new();
    let (accept, address) = bench.listen();
    let connections: Vec<_> = (0..CONNECTIONS).map(|_| bench.connect(accept, address)).collect();
    let before = bench.uring.counters();
    for (index, (socket, _)) in connections.iter().enumerate() {
        let op = Op::Send { socket: *socket, data: gather(b"reply"), portion: Portion::Whole };
        bench.uring.submit(Token(1000 + index as u64), op);
    }
    let mut completions = Vec::new();
    bench.uring.wait(None, &mut completions);
    assert_eq!(completions.len(), CONNECTIONS);
    let after = bench.uring.counters();
    assert_eq!(after.enters - before.enters, 1);
    assert_eq!(after.system_calls, before.system_calls);
}

/// Goal: without a descriptor left an accept ends with that error, and works once submitted again.
#[test]
fn accepts_again_after_running_out_of_descriptors() {
    let test = "sockets::child_without_descriptors";
    let script = format!("ulimit -n 24; exec \"$0\" --exact {test} --ignored --nocapture");
    let program = std::env::current_exe().unwrap();
    let output = Command::new("sh").arg("-c").arg(script).arg(program).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "wants a process of its own, with few descriptors"]
fn child_without_descriptors() {
    let mut bench = Bench::new();
    let (accept, address) = bench.listen();
    let connection = bench.connect(accept, address);
    let mut files = Vec::new();
    let theirs = TcpStream::connect(address).unwrap();
    let (first, _) = accepted(&mut bench, accept).unwrap();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    files.pop();
    let late = TcpStream::connect(address).unwrap();
    let error = accepted(&mut bench, accept).unwrap_err();
    assert!(error.is_out_of_descriptors(), "{error}");
    drop((files, theirs, connection));
    bench.run(Op::CloseSocket { socket: first }).unwrap();
    let listener = bench.listener;
    let accept = bench.submit(Op::Accept { listener });
    let (_, peer) = accepted(&mut bench, accept).unwrap();
    assert_eq!(peer, late.local_addr().unwrap());
}

fn accepted(bench: &mut Bench, accept: Token) -> Result<(Socket, SocketAddr), IoError> {
    match bench.next(accept).result? {
        Output::Accepted { socket, peer } => Ok((socket, peer)),
        other => panic!("accept gave {other:?}"),
    }
}
