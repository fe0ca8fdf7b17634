package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions       = 3
	middle           = recordCount / 2
	timed            = recordCount * 3 / 4
	adminRecordCount = 30
)

var codecs = []struct {
	name  string
	codec kgo.CompressionCodec
}{
	{"none", kgo.NoCompression()},
	{"gzip", kgo.GzipCompression()},
	{"snappy", kgo.SnappyCompression()},
	{"lz4", kgo.Lz4Compression()},
	{"zstd", kgo.ZstdCompression()},
}

// forever keeps records whose timestamps lie far in the past.
var forever = map[string]*string{"retention.ms": kadm.StringPtr("-1")}

// check runs every check.
func (c *contract) check(ctx context.Context, prefix string) error {
	for _, codec := range codecs {
		topic := prefix + "-" + codec.name
		if err := c.checkCodec(ctx, topic, codec.codec); err != nil {
			return fmt.Errorf("%s: %w", topic, err)
		}
	}
	topic := prefix + "-admin"
	if err := c.checkAdmin(ctx, topic); err != nil {
		return fmt.Errorf("%s: %w", topic, err)
	}
	return nil
}

// read reads topics that another client wrote.
func (c *contract) read(ctx context.Context, profile profile, topics []string) error {
	for _, topic := range topics {
		count, err := c.partitionCount(ctx, topic)
		if err != nil {
			return fmt.Errorf("%s: %w", topic, err)
		}
		if err := c.readFrom(ctx, topic, profile, count, 0); err != nil {
			return fmt.Errorf("%s: %w", topic, err)
		}
		passed("%s: read what another client wrote", topic)
	}
	return nil
}

func (c *contract) checkCodec(ctx context.Context, topic string, codec kgo.CompressionCodec) error {
	if _, err := c.admin.CreateTopic(ctx, partitions, 1, forever, topic); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	_, err := c.admin.CreateTopic(ctx, partitions, 1, nil, topic)
	if !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create again: expected TOPIC_ALREADY_EXISTS, seen %v", err)
	}
	passed("%s: create", topic)

	if err := c.produce(ctx, topic, codec, recordCount); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	passed("%s: produce %d records", topic, recordCount)

	if err := c.readFrom(ctx, topic, full, partitions, 0); err != nil {
		return fmt.Errorf("read from the start: %w", err)
	}
	passed("%s: read from the start", topic)

	if err := c.readFrom(ctx, topic, full, partitions, middle); err != nil {
		return fmt.Errorf("read from the middle: %w", err)
	}
	passed("%s: read from the middle", topic)

	if err := c.checkTimestamp(ctx, topic); err != nil {
		return fmt.Errorf("read from a timestamp: %w", err)
	}
	passed("%s: read from a timestamp", topic)
	return nil
}

func (c *contract) checkTimestamp(ctx context.Context, topic string) error {
	between := timestamp(timed).UnixMilli() - timestampStepMs/2
	found, err := c.admin.ListOffsetsAfterMilli(ctx, between, topic)
	if err := errors.Join(err, found.Error()); err != nil {
		return err
	}
	for partition := range partitions {
		offset, _ := found.Lookup(topic, int32(partition))
		if expected := firstOffset(partition, partitions, timed); offset.Offset != expected {
			return fmt.Errorf("partition %d: expected %d, seen %d", partition, expected, offset.Offset)
		}
	}
	if err := c.readFrom(ctx, topic, full, partitions, timed); err != nil {
		return err
	}
	// The library turns the broker's "none" into the end of the partition.
	after := timestamp(recordCount).UnixMilli()
	found, err = c.admin.ListOffsetsAfterMilli(ctx, after, topic)
	if err := errors.Join(err, found.Error()); err != nil {
		return err
	}
	for partition := range partitions {
		offset, _ := found.Lookup(topic, int32(partition))
		if offset.Timestamp != -1 {
			return fmt.Errorf("after the last record: expected timestamp -1, seen %v", offset)
		}
	}
	return nil
}

func (c *contract) checkAdmin(ctx context.Context, topic string) error {
	if _, err := c.admin.CreateTopic(ctx, partitions, 1, forever, topic); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if err := soon(func() error { return c.expectPartitions(ctx, topic, partitions) }); err != nil {
		return err
	}
	if err := c.expectConfig(ctx, topic, "retention.ms", "-1"); err != nil {
		return err
	}
	passed("%s: describe", topic)

	larger := kadm.AlterConfig{Name: "max.message.bytes", Value: kadm.StringPtr("2000000")}
	altered, err := c.admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{larger}, topic)
	if err != nil {
		return fmt.Errorf("alter a config: %w", err)
	}
	if _, err := altered.On(topic, nil); err != nil {
		return fmt.Errorf("alter a config: %w", err)
	}
	changed := func() error { return c.expectConfig(ctx, topic, "max.message.bytes", "2000000") }
	if err := soon(changed); err != nil {
		return err
	}
	if err := c.expectConfig(ctx, topic, "retention.ms", "-1"); err != nil {
		return err
	}
	passed("%s: alter a config", topic)

	if err := c.checkDeleteRecords(ctx, topic); err != nil {
		return fmt.Errorf("delete records: %w", err)
	}
	passed("%s: delete records", topic)

	if _, err := c.admin.UpdatePartitions(ctx, partitions+2, topic); err != nil {
		return fmt.Errorf("create partitions: %w", err)
	}
	if err := soon(func() error { return c.expectPartitions(ctx, topic, partitions+2) }); err != nil {
		return err
	}
	passed("%s: create partitions", topic)

	deleted, err := c.admin.DeleteTopics(ctx, topic)
	if err := errors.Join(err, deleted.Error()); err != nil {
		return fmt.Errorf("delete: %w", err)
	}
	if err := soon(func() error { return c.expectGone(ctx, topic) }); err != nil {
		return err
	}
	passed("%s: delete", topic)
	return nil
}

func (c *contract) expectGone(ctx context.Context, topic string) error {
	listed, err := c.admin.ListTopics(ctx)
	if err != nil || listed.Has(topic) {
		return fmt.Errorf("delete: expected the topic to be gone, seen %v, %v", listed[topic], err)
	}
	return nil
}

// soon looks again and again, since a broker may answer before all of it knows a change.
func soon(look func() error) error {
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := look()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (c *contract) checkDeleteRecords(ctx context.Context, topic string) error {
	if err := c.produce(ctx, topic, kgo.NoCompression(), adminRecordCount); err != nil {
		return err
	}
	before := kadm.Offsets{}
	before.Add(kadm.Offset{Topic: topic, Partition: 1, At: 4})
	deleted, err := c.admin.DeleteRecords(ctx, before)
	if err := errors.Join(err, deleted.Error()); err != nil {
		return err
	}
	starts, err := c.admin.ListStartOffsets(ctx, topic)
	if err := errors.Join(err, starts.Error()); err != nil {
		return err
	}
	for partition, expected := range []int64{0, 4, 0} {
		if offset, _ := starts.Lookup(topic, int32(partition)); offset.Offset != expected {
			return fmt.Errorf("start of partition %d: expected %d, seen %d",
				partition, expected, offset.Offset)
		}
	}
	first := full(4*partitions+1, partitions)
	return c.consume(ctx, topic, map[int32]int64{1: 4}, 1, func(seen *kgo.Record) error {
		return compare(first, seen)
	})
}

func (c *contract) expectPartitions(ctx context.Context, topic string, expected int) error {
	seen, err := c.partitionCount(ctx, topic)
	if err != nil || seen != expected {
		return fmt.Errorf("partitions: expected %d, seen %d, %v", expected, seen, err)
	}
	return nil
}

func (c *contract) partitionCount(ctx context.Context, topic string) (int, error) {
	topics, err := c.admin.ListTopics(ctx, topic)
	return len(topics[topic].Partitions), errors.Join(err, topics.Error())
}

func (c *contract) expectConfig(ctx context.Context, topic, name, expected string) error {
	described, err := c.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return fmt.Errorf("describe configs: %w", err)
	}
	resource, err := described.On(topic, nil)
	if err != nil {
		return fmt.Errorf("describe configs: %w", err)
	}
	for _, config := range resource.Configs {
		if config.Key == name && config.MaybeValue() == expected {
			return nil
		}
	}
	return fmt.Errorf("config %s: expected %s, seen %v", name, expected, resource.Configs)
}

// produce writes the first records of the profile full, and compares each ack with its place.
func (c *contract) produce(
	ctx context.Context, topic string, codec kgo.CompressionCodec, count int,
) error {
	client, err := c.client(
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codec),
		kgo.ProducerLinger(5*time.Millisecond),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	batch := make([]*kgo.Record, count)
	for i := range batch {
		batch[i] = full(i, partitions)
		batch[i].Topic, batch[i].Offset = topic, -1
	}
	if err := client.ProduceSync(ctx, batch...).FirstErr(); err != nil {
		return err
	}
	for i, acked := range batch {
		if err := compare(full(i, partitions), acked); err != nil {
			return fmt.Errorf("ack of record %d: %w", i, err)
		}
	}
	return nil
}

// readFrom reads the records `first` and later, and compares each with its rule.
func (c *contract) readFrom(
	ctx context.Context, topic string, rule profile, partitions, first int,
) error {
	next := map[int32]int64{}
	for partition := range partitions {
		next[int32(partition)] = firstOffset(partition, partitions, first)
	}
	return c.consume(ctx, topic, next, recordCount-first, func(seen *kgo.Record) error {
		i := int(next[seen.Partition])*partitions + int(seen.Partition)
		next[seen.Partition]++
		return compare(rule(i, partitions), seen)
	})
}

// consume reads `count` records of partitions from these offsets.
func (c *contract) consume(
	ctx context.Context, topic string, starts map[int32]int64, count int,
	each func(*kgo.Record) error,
) error {
	offsets := map[int32]kgo.Offset{}
	for partition, offset := range starts {
		offsets[partition] = kgo.NewOffset().At(offset)
	}
	client, err := c.client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	for count > 0 {
		fetches := client.PollRecords(ctx, count)
		for _, fault := range fetches.Errors() {
			return fmt.Errorf("partition %d: %w", fault.Partition, fault.Err)
		}
		for _, record := range fetches.Records() {
			if err := each(record); err != nil {
				return err
			}
			count--
		}
	}
	return nil
}

// firstOffset is the place in a partition of the first record that is not before record `first`.
func firstOffset(partition, partitions, first int) int64 {
	return int64((first - partition + partitions - 1) / partitions)
}
