//! Files and directories.

use crate::support::{Bench, directory, feature_sets, pattern};
use bytes::Bytes;
use pinion::io::{Gather, Op, OpenMode, Output, Startup};
use std::fs;

/// Goal: a write of more pieces than the kernel takes at once lands whole, at its position.
#[test]
fn writes_many_pieces_and_reads_them_back() {
    let directory = directory();
    let mut bench = Bench::new();
    let file = bench.open(&directory.path().join("log"), OpenMode::Create);
    let whole = Bytes::from(pattern(300_000));
    let mut data = Gather::default();
    for piece in 0..3000 {
        match piece % 3 {
            0 => data.push_copied(&whole[piece * 100..][..100]),
            _ => data.push_shared(whole.slice(piece * 100..(piece + 1) * 100)),
        }
    }
    match bench.run(Op::Write { file, position: 7, data }).unwrap() {
        Output::Written(data) => assert_eq!(data.len(), 300_000),
        other => panic!("{other:?}"),
    }
    bench.run(Op::Sync { file }).unwrap();
    let buffer = vec![1, 2, 3];
    match bench.run(Op::Read { file, position: 7, buffer, length: 1 << 20 }).unwrap() {
        Output::Read(buffer) => {
            assert_eq!(buffer[..3], [1, 2, 3]);
            assert!(buffer[3..] == whole[..]);
        }
        other => panic!("{other:?}"),
    }
    bench.run(Op::CloseFile { file }).unwrap();
}

/// Goal: everything that start-up and the log do to files works with every set of features.
#[test]
fn files_live_through_their_lives() {
    for allowed in feature_sets() {
        let directory = directory();
        let mut bench = Bench::allowing(allowed);
        let mut startup = Startup::new(&mut bench.uring);
        let logs = directory.path().join("logs");
        startup.make_directory(&logs).unwrap();
        startup.make_directory(&logs).unwrap();
        let path = logs.join("0.log");
        startup.replace_file(&path, b"first").unwrap();
        startup.replace_file(&path, b"second").unwrap();
        assert_eq!(startup.read_file(&path).unwrap().unwrap(), b"second");
        let file = startup.open(&path, OpenMode::ReadWrite).unwrap();
        startup.truncate(file, 3).unwrap();
        assert_eq!(startup.length(file).unwrap(), 3);
        startup.run(Op::Allocate { file, length: 1 << 20 }).unwrap();
        assert_eq!(startup.length(file).unwrap(), 3);
        startup.close(file).unwrap();
        let entries = startup.read_directory(&logs).unwrap();
        let [entry] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!((entry.name.as_str(), entry.length, entry.is_directory), ("0.log", 3, false));
        let renamed = logs.join("0.deleted");
        startup.rename(&path, &renamed).unwrap();
        startup.sync_directory(&logs).unwrap();
        assert_eq!(startup.read_file(&path).unwrap(), None);
        startup.unlink(&renamed).unwrap();
        startup.unlink(&renamed).unwrap();
        startup.remove_directory(&logs).unwrap();
        assert!(!logs.exists());
        match startup.run(Op::Space { path: directory.path().to_owned() }).unwrap() {
            Output::Space { total, available } => assert!(total > available && available > 0),
            other => panic!("{other:?}"),
        }
    }
}

/// Goal: failures carry the operation's name and the kernel's error.
#[test]
fn failures_say_what_and_why() {
    let directory = directory();
    let mut bench = Bench::new();
    let missing = directory.path().join("missing");
    let check = |bench: &mut Bench, op: Op, operation: &str, errno: i32| {
        let error = bench.run(op).unwrap_err();
        assert_eq!((error.operation, error.errno), (operation, errno));
    };
    let path = missing.clone();
    check(&mut bench, Op::Open { path, mode: OpenMode::Read }, "open", libc::ENOENT);
    let path = missing.clone();
    check(&mut bench, Op::Unlink { path }, "unlink", libc::ENOENT);
    let path = missing.clone();
    check(&mut bench, Op::SyncDirectory { path }, "fsync directory", libc::ENOENT);
    let path = "a\0b".into();
    check(&mut bench, Op::Open { path, mode: OpenMode::Create }, "open", libc::EINVAL);
    fs::write(&missing, b"here now").unwrap();
    let file = bench.open(&missing, OpenMode::Read);
    let mut data = Gather::default();
    data.push_copied(b"no");
    check(&mut bench, Op::Write { file, position: 0, data }, "write", libc::EBADF);
}

/// Goal: a pinned shard's workers are bound to its core, and do their work there.
#[test]
fn workers_of_a_pinned_shard_are_bound() {
    let directory = directory();
    let core = core_affinity::get_core_ids().unwrap()[0].id;
    let mut bench = Bench::with(|options| options.core = Some(core));
    let features = bench.uring.features();
    assert!(features.worker_affinity, "{features}");
    let path = directory.path().join("0.log");
    Startup::new(&mut bench.uring).replace_file(&path, b"by a worker").unwrap();
    let content = Startup::new(&mut bench.uring).read_file(&path).unwrap();
    assert_eq!(content.unwrap(), b"by a worker");
}
