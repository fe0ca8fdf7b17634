//! `pinion produce`, and what comes back.

use crate::target::{Target, numbered_lines, topic};

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
