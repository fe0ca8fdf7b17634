//! Files to sockets.

use crate::support::{Bench, directory, feature_sets, pattern_file};
use pinion::base::limits::SEND_FILE_CHUNK;
use pinion::io::{File, Op, OpenMode, Output, Residency, Socket};
use std::io::Read;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

/// Throws a file's pages out of the page cache.
fn evict(path: &Path) {
    let name = format!("of={}", path.display());
    let arguments = [&name, "oflag=nocache", "conv=notrunc,fdatasync", "count=0", "status=none"];
    assert!(Command::new("dd").args(arguments).status().unwrap().success());
}

/// Sends a whole file and gives the number of operations that took.
fn send_whole(
    bench: &mut Bench,
    socket: Socket,
    file: File,
    length: u64,
    residency: Residency,
) -> u64 {
    let mut position = 0;
    let mut operations = 0;
    while position < length {
        let rest = (length - position) as u32;
        let op = Op::SendFile { socket, file, position, length: rest, residency };
        match bench.run(op).unwrap() {
            Output::SentFile { count } => {
                assert!(count > 0 && count <= rest.min(SEND_FILE_CHUNK));
                position += u64::from(count);
            }
            other => panic!("{other:?}"),
        }
        operations += 1;
    }
    operations
}

fn reader(mut theirs: TcpStream, length: usize) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut got = vec![0; length];
        theirs.read_exact(&mut got).unwrap();
        got
    })
}

/// Goal: hot and cold ranges arrive as they are in the file, by the lane that is theirs.
#[test]
fn sends_what_the_file_holds() {
    const LENGTH: usize = 5_000_001;
    for allowed in feature_sets() {
        let directory = directory();
        let path = directory.path().join("0.log");
        let content = pattern_file(&path, LENGTH);
        let mut bench = Bench::allowing(allowed);
        let (accept, address) = bench.listen();
        let file = bench.open(&path, OpenMode::Read);
        for (residency, cold) in
            [(Residency::Resident, false), (Residency::Unknown, false), (Residency::Unknown, true)]
        {
            if cold {
                evict(&path);
            }
            let before = bench.uring.counters();
            let (socket, theirs) = bench.connect(accept, address);
            let reader = reader(theirs, LENGTH);
            send_whole(&mut bench, socket, file, LENGTH as u64, residency);
            assert!(reader.join().unwrap() == content);
            let after = bench.uring.counters();
            let hot_bytes = after.hot_bytes - before.hot_bytes;
            let cold_bytes = after.cold_bytes - before.cold_bytes;
            assert_eq!(hot_bytes + cold_bytes, LENGTH as u64);
            assert_eq!(cold_bytes > 0, cold, "{cold_bytes} bytes went by the cold lane");
            bench.run(Op::CloseSocket { socket }).unwrap();
        }
        let (socket, _theirs) = bench.connect(accept, address);
        let past = LENGTH as u64;
        for residency in [Residency::Resident, Residency::Unknown] {
            let op = Op::SendFile { socket, file, position: past, length: 10, residency };
            assert!(matches!(bench.run(op).unwrap(), Output::SentFile { count: 0 }));
        }
        bench.run(Op::CloseFile { file }).unwrap();
    }
}

/// Goal: a hot range waits for other work a few turns only, however much of that there is, and can
/// be cancelled while it waits.
#[test]
fn hot_ranges_are_not_put_off_for_ever() {
    const TURNS_MAX: usize = 10;
    let directory = directory();
    let path = directory.path().join("0.log");
    pattern_file(&path, 1000);
    let mut bench = Bench::new();
    let (accept, address) = bench.listen();
    let file = bench.open(&path, OpenMode::Read);
    let (socket, _theirs) = bench.connect(accept, address);
    let residency = Residency::Resident;
    let op = || Op::SendFile { socket, file, position: 0, length: 1000, residency };
    let hot = bench.submit(op());
    for _ in 0..TURNS_MAX {
        bench.run(Op::Length { file }).unwrap();
    }
    assert_eq!(bench.uring.counters().hot_bytes, 1000);
    assert!(matches!(bench.next(hot).result.unwrap(), Output::SentFile { count: 1000 }));

    let hot = bench.submit(op());
    bench.run(Op::Cancel { target: hot }).unwrap();
    assert!(bench.next(hot).result.unwrap_err().is_cancelled());
    bench.run(Op::CloseSocket { socket }).unwrap();
}

/// Goal: more cold readers than the lane takes at a time all get what they asked for, in turns.
#[test]
fn cold_readers_take_turns() {
    const LENGTH: usize = 2 << 20;
    let directory = directory();
    let mut bench = Bench::with(|options| options.cold_reads_max = 1);
    let (accept, address) = bench.listen();
    let mut readers = Vec::new();
    let mut sendings = Vec::new();
    for index in 0..6 {
        let path = directory.path().join(format!("{index}.log"));
        let content = pattern_file(&path, LENGTH + index);
        evict(&path);
        let file = bench.open(&path, OpenMode::Read);
        let (socket, theirs) = bench.connect(accept, address);
        readers.push((reader(theirs, content.len()), content));
        sendings.push((socket, file, 0, LENGTH as u64 + index as u64));
    }
    while !sendings.is_empty() {
        let submit = |&(socket, file, position, length): &(Socket, File, u64, u64)| {
            let (length, residency) = ((length - position) as u32, Residency::Unknown);
            bench.submit(Op::SendFile { socket, file, position, length, residency })
        };
        let tokens: Vec<_> = sendings.iter().map(submit).collect();
        for (token, sending) in tokens.into_iter().zip(&mut sendings) {
            match bench.next(token).result.unwrap() {
                Output::SentFile { count } => sending.2 += u64::from(count),
                other => panic!("{other:?}"),
            }
        }
        sendings.retain(|(_, _, position, length)| position < length);
    }
    assert!(bench.uring.counters().cold_bytes > 0);
    readers.into_iter().for_each(|(reader, content)| assert!(reader.join().unwrap() == content));
}

/// Goal: a reader of old records does not fill the page cache with them: what was cold before it
/// came is cold again after it.
#[test]
fn cold_reads_leave_the_page_cache_as_it_was() {
    const LENGTH: usize = 24 << 20;
    let directory = directory();
    let path = directory.path().join("0.log");
    pattern_file(&path, LENGTH);
    evict(&path);
    let mut bench = Bench::new();
    let (accept, address) = bench.listen();
    let file = bench.open(&path, OpenMode::Read);
    for _ in 0..2 {
        let before = bench.uring.counters().cold_bytes;
        let (socket, theirs) = bench.connect(accept, address);
        let reader = reader(theirs, LENGTH);
        send_whole(&mut bench, socket, file, LENGTH as u64, Residency::Unknown);
        reader.join().unwrap();
        let cold_bytes = bench.uring.counters().cold_bytes - before;
        assert!(cold_bytes > LENGTH as u64 / 2, "{cold_bytes} bytes were cold");
    }
}

/// Goal: looking for a batch before each range is sent starts no read-ahead; and neither that, nor
/// reading the whole range to test it, nor ranges that begin within a page keep what was read in
/// the page cache.
#[test]
fn look_ups_leave_cold_reads_cold() {
    const LENGTH: u64 = 24 << 20;
    const RANGE: u64 = (1 << 20) + 61;
    let directory = directory();
    let path = directory.path().join("0.log");
    pattern_file(&path, LENGTH as usize);
    evict(&path);
    let mut bench = Bench::new();
    let (accept, address) = bench.listen();
    let file = bench.open(&path, OpenMode::ReadWrite);
    for (pass, look_up) in [8 << 10, RANGE as usize, 8 << 10].into_iter().enumerate() {
        let before = bench.uring.counters().cold_bytes;
        let (socket, theirs) = bench.connect(accept, address);
        let reader = reader(theirs, LENGTH as usize);
        let mut position = 0;
        while position < LENGTH {
            let end = LENGTH.min(position + RANGE);
            bench.run(Op::Read { file, position, buffer: Vec::new(), length: look_up }).unwrap();
            while position < end {
                let (length, residency) = ((end - position) as u32, Residency::Unknown);
                match bench.run(Op::SendFile { socket, file, position, length, residency }) {
                    Ok(Output::SentFile { count }) => position += u64::from(count),
                    other => panic!("{other:?}"),
                }
            }
        }
        reader.join().unwrap();
        let cold_bytes = bench.uring.counters().cold_bytes - before;
        match look_up as u64 == RANGE {
            true => assert!(cold_bytes < LENGTH / 4, "{cold_bytes} bytes were read twice"),
            // The end of the pass before is still in memory.
            false => {
                assert!(cold_bytes > LENGTH / 4 * 3, "{cold_bytes} bytes were cold in pass {pass}");
            }
        }
    }
}

/// Goal: peers that read nothing hold up their own sendfiles only, hot or cold, however many
/// they are; once they read, they get everything; and a waiting sendfile can be cancelled.
#[test]
fn slow_readers_delay_only_themselves() {
    const LENGTH: usize = 16 << 20;
    let directory = directory();
    let path = directory.path().join("0.log");
    let content = pattern_file(&path, LENGTH);
    let mut bench = Bench::new();
    let (accept, address) = bench.listen();
    let file = bench.open(&path, OpenMode::Read);
    let mut stuck = Vec::new();
    for index in 0..12 {
        evict(&path);
        let (socket, theirs) = bench.connect(accept, address);
        let residency = if index % 2 == 0 { Residency::Unknown } else { Residency::Resident };
        let mut position = 0;
        loop {
            let op = Op::SendFile { socket, file, position, length: u32::MAX, residency };
            let token = bench.submit(op);
            bench.idle(std::time::Duration::from_millis(20));
            match bench.poll(token).map(|completion| completion.result.unwrap()) {
                Some(Output::SentFile { count }) => position += u64::from(count),
                Some(other) => panic!("{other:?}"),
                None => break stuck.push((token, socket, theirs, position)),
            }
        }
    }
    evict(&path);
    let (socket, theirs) = bench.connect(accept, address);
    let quick = reader(theirs, LENGTH);
    send_whole(&mut bench, socket, file, LENGTH as u64, Residency::Unknown);
    assert!(quick.join().unwrap() == content);

    let (token, socket, theirs, mut position) = stuck.pop().unwrap();
    let slow = reader(theirs, LENGTH);
    match bench.next(token).result.unwrap() {
        Output::SentFile { count } => position += u64::from(count),
        other => panic!("{other:?}"),
    }
    while position < LENGTH as u64 {
        let residency = Residency::Unknown;
        let op = Op::SendFile { socket, file, position, length: u32::MAX, residency };
        match bench.run(op).unwrap() {
            Output::SentFile { count } => position += u64::from(count),
            other => panic!("{other:?}"),
        }
    }
    assert!(slow.join().unwrap() == content);

    let (token, socket, _theirs, _) = stuck.pop().unwrap();
    bench.run(Op::Cancel { target: token }).unwrap();
    assert!(bench.next(token).result.unwrap_err().is_cancelled());
    bench.run(Op::CloseSocket { socket }).unwrap();

    let (token, _, theirs, _) = stuck.pop().unwrap();
    drop(theirs);
    let error = bench.next(token).result.unwrap_err();
    assert!(matches!(error.errno, libc::EPIPE | libc::ECONNRESET), "{error}");
}
