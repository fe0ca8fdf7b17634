//! `pinion produce`, and what comes back.

use crate::target::{Target, numbered_lines, refusal, topic};

/// Goal: ten thousand lines come back, each once, with every codec and every acks.
#[test]
fn lines_come_back_with_every_codec_and_acks() {
    let target = Target::start();
    let lines = numbered_lines(10_000);
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"].map(|codec| (codec, "all"));
    for (codec, acks) in codecs.into_iter().chain([("lz4", "1"), ("none", "0")]) {
        let name = &topic(&format!("{codec}-{acks}"));
        target.succeed(&["topic", "create", name, "-p", "1"], b"");
        let produce = ["produce", name, "-z", codec, "--acks", acks, "--batch-size", "20000"];
        target.succeed(&produce, lines.as_bytes());
        let consume = ["consume", name, "--count", "10000"];
        assert!(target.succeed(&consume, b"") == lines, "{codec}, acks {acks}");
    }
}

/// Goal: keys, null values, headers and offsets are kept, and shown as asked.
#[test]
fn records_keep_keys_nulls_and_headers() {
    let target = Target::start();
    let name = &topic("fields");
    target.succeed(&["topic", "create", name, "-p", "1"], b"");
    let produce = ["produce", name, "-k", ":", "-n", "NULL", "-H", "a=1", "-H", "b"];
    target.succeed(&produce, b"k1:v1\nk1:NULL\n:\nplain\n");
    let consume = ["consume", name, "-e", "-n", "NULL", "-f", "%p/%o %k=%s(%S) %h\\n"];
    let shown = target.succeed(&consume, b"");
    let expected = "0/0 k1=v1(2) a=1,b=NULL\n0/1 k1=NULL(-1) a=1,b=NULL\n\
                    0/2 =(0) a=1,b=NULL\n0/3 NULL=plain(5) a=1,b=NULL\n";
    assert_eq!(shown, expected);

    let json = target.succeed(&["consume", name, "-e", "--json", "--from", "1", "-c", "1"], b"");
    let record: serde_json::Value = serde_json::from_str(&json).expect("a line of JSON");
    assert_eq!((&record["offset"], &record["key"]), (&1.into(), &"k1".into()));
    assert!(record["payload"].is_null(), "{record}");
}

/// Goal: what is too large for the topic is refused before it is sent, with its size and the limit;
/// what compression makes small enough is not.
#[test]
fn records_above_the_limit_are_refused_with_their_size() {
    let target = Target::start();
    let name = &topic("limit");
    target.succeed(&["topic", "create", name, "-p", "1", "-c", "max.message.bytes=100000"], b"");
    let long_line = [b"short\n", &vec![b'x'; 300_000][..], b"\nafter\n"].concat();
    let nearly = [b"short\n", &vec![b'x'; 99_990][..]].concat();
    for (input, size) in
        [(&long_line, "line 2 of standard input: 300000 bytes, "), (&nearly, "a batch of 100")]
    {
        let line = refusal(target.feed(&["produce", name], input), 1);
        assert!(line.contains(size), "{line}");
        let limit = format!("above the limit of 100000 (max.message.bytes of topic \"{name}\")");
        assert!(line.contains(&limit), "{line}");
    }
    let consume = ["consume", name, "-e", "-f", "%S "];
    assert_eq!(target.succeed(&consume, b""), "5 5 ", "the lines before them are written");
    target.succeed(&["produce", name, "-z", "zstd"], &long_line);
    assert_eq!(target.succeed(&consume, b""), "5 5 5 300000 5 ");
}

/// Goal: lines that each are within the topic's limit are never refused for being together.
#[test]
fn batches_end_at_the_limit() {
    let target = Target::start();
    let name = &topic("full");
    target.succeed(&["topic", "create", name, "-p", "1", "-c", "max.message.bytes=100000"], b"");
    let lines = numbered_lines(30_000) + &format!("{}\n", "x".repeat(99_000));
    let produce = ["produce", name, "--batch-size", "300000", "--linger", "1h", "-H", "a=b"];
    target.succeed(&produce, lines.as_bytes());
    assert!(target.succeed(&["consume", name, "-e"], b"") == lines);
}
