package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	recordCount     = 10_000
	timestampBaseMs = 1_700_000_000_000
	timestampStepMs = 10
)

// A profile tells record i of a topic with this number of partitions, at its place in it.
type profile func(i, partitions int) *kgo.Record

var profiles = map[string]profile{
	"full":            full,
	"no-null-headers": noNullHeaders,
	"plain":           plain,
}

func full(i, partitions int) *kgo.Record {
	return &kgo.Record{
		Partition: int32(i % partitions),
		Offset:    int64(i / partitions),
		Timestamp: timestamp(i),
		Key:       key(i),
		Value:     value(i),
		Headers:   headers(i),
	}
}

func noNullHeaders(i, partitions int) *kgo.Record {
	record := full(i, partitions)
	for n := range record.Headers {
		if record.Headers[n].Value == nil {
			record.Headers[n].Value = []byte{}
		}
	}
	return record
}

// plain leaves the timestamp zero, which matches any.
func plain(i, partitions int) *kgo.Record {
	record := full(i, partitions)
	record.Timestamp = time.Time{}
	record.Headers = []kgo.RecordHeader{{Key: "written-by", Value: []byte("kcat")}}
	if len(record.Key) == 0 {
		record.Key = nil
	}
	if len(record.Value) == 0 {
		record.Value = nil
	}
	return record
}

func timestamp(i int) time.Time {
	return time.UnixMilli(timestampBaseMs + timestampStepMs*int64(i))
}

func key(i int) []byte {
	switch {
	case i%7 == 0 && i%11 != 0:
		return nil
	case i%7 == 1:
		return []byte{}
	default:
		return fmt.Appendf(nil, "key-%d", i%100)
	}
}

func value(i int) []byte {
	switch {
	case i%11 == 0:
		return nil
	case i%11 == 1:
		return []byte{}
	case i%1000 == 999:
		return fmt.Appendf(nil, "value-%d %s", i, strings.Repeat("x", 20_000))
	default:
		return fmt.Appendf(nil, "value-%d %s", i, strings.Repeat("ü", i%50))
	}
}

func headers(i int) []kgo.RecordHeader {
	index := kgo.RecordHeader{Key: "index", Value: fmt.Append(nil, i)}
	switch i % 5 {
	case 0:
		return nil
	case 1:
		return []kgo.RecordHeader{index}
	case 2:
		a, b := []byte("a"), []byte("b")
		return []kgo.RecordHeader{index, {Key: "repeat", Value: a}, {Key: "repeat", Value: b}}
	case 3:
		return []kgo.RecordHeader{index, {Key: "null", Value: nil}}
	default:
		return []kgo.RecordHeader{index, {Key: "empty", Value: []byte{}}}
	}
}

// compare gives an error that tells both records if they differ.
func compare(expected, seen *kgo.Record) error {
	same := expected.Partition == seen.Partition && expected.Offset == seen.Offset &&
		(expected.Timestamp.IsZero() || expected.Timestamp.Equal(seen.Timestamp)) &&
		sameBytes(expected.Key, seen.Key) && sameBytes(expected.Value, seen.Value) &&
		len(expected.Headers) == len(seen.Headers)
	for n := range expected.Headers {
		same = same && expected.Headers[n].Key == seen.Headers[n].Key &&
			sameBytes(expected.Headers[n].Value, seen.Headers[n].Value)
	}
	if same {
		return nil
	}
	return fmt.Errorf("expected %s, seen %s", show(expected), show(seen))
}

// sameBytes tells null from empty, as bytes.Equal does not.
func sameBytes(a, b []byte) bool {
	return (a == nil) == (b == nil) && bytes.Equal(a, b)
}

func show(r *kgo.Record) string {
	text := fmt.Sprintf("partition %d offset %d timestamp %d key %s value %s headers",
		r.Partition, r.Offset, r.Timestamp.UnixMilli(), quoted(r.Key), quoted(r.Value))
	for _, header := range r.Headers {
		text += fmt.Sprintf(" %s=%s", header.Key, quoted(header.Value))
	}
	return text
}

func quoted(b []byte) string {
	if b == nil {
		return "null"
	}
	return fmt.Sprintf("%.200q", b)
}
