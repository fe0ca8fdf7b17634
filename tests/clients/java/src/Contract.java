import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The checks of the README beside this folder, on Kafka's own client. */
final class Contract implements AutoCloseable {
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    private static final int PARTITIONS = 3;
    private static final int MIDDLE = Records.COUNT / 2;
    private static final int TIMED = Records.COUNT * 3 / 4;
    private static final int ADMIN_RECORD_COUNT = 30;
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final Duration SOON = Duration.ofSeconds(10);

    /**
     * Keeps records whose timestamps lie far in the past; in segments of SEGMENT_BYTES where the
     * environment has that, as small as only tests may have them.
     */
    private static final Map<String, String> FOREVER = forever(System.getenv("SEGMENT_BYTES"));

    private final String bootstrap;
    private final Admin admin;

    Contract(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    @Override
    public void close() {
        admin.close();
    }

    /** Runs every check. */
    void check(String prefix) throws Exception {
        for (var codec : CODECS) {
            checkCodec(prefix + "-" + codec, codec);
        }
        checkAdmin(prefix + "-admin");
    }

    /** Reads topics that another client wrote. */
    void read(String profile, List<String> topics) throws Exception {
        for (var topic : topics) {
            readFrom(topic, Records.PROFILES.get(profile), partitionCount(topic), 0);
            passed(topic + ": read what another client wrote");
        }
    }

    private void checkCodec(String topic, String codec) throws Exception {
        create(topic, FOREVER);
        try {
            create(topic, Map.of());
            throw new Failure(topic + ": create again", "TopicExistsException", "success");
        } catch (ExecutionException error) {
            expect(topic + ": create again", TopicExistsException.class,
                    error.getCause().getClass());
        }
        passed(topic + ": create");

        produce(topic, codec, Records.COUNT);
        passed(topic + ": produce " + Records.COUNT + " records");
        readFrom(topic, Records::full, PARTITIONS, 0);
        passed(topic + ": read from the start");
        readFrom(topic, Records::full, PARTITIONS, MIDDLE);
        passed(topic + ": read from the middle");

        var between = Records.timestampMs(TIMED) - Records.TIMESTAMP_STEP_MS / 2;
        expect(topic + ": offsets for a time", starts(topic, PARTITIONS, TIMED),
                offsetsForTime(topic, between));
        readFrom(topic, Records::full, PARTITIONS, TIMED);
        expect(topic + ": offsets for a time after the last record", Map.of(),
                offsetsForTime(topic, Records.timestampMs(Records.COUNT)));
        passed(topic + ": read from a timestamp");
    }

    private void checkAdmin(String topic) throws Exception {
        create(topic, FOREVER);
        expectSoon(topic + ": partitions", PARTITIONS, () -> partitionCount(topic));
        expectSoon(topic + ": retention.ms", "-1", () -> config(topic, "retention.ms"));
        passed(topic + ": describe");

        var larger = new AlterConfigOp(
                new ConfigEntry("max.message.bytes", "2000000"), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(resource(topic), List.of(larger))).all().get();
        expectSoon(topic + ": changed config", "2000000",
                () -> config(topic, "max.message.bytes"));
        expect(topic + ": untouched config", "-1", config(topic, "retention.ms"));
        passed(topic + ": alter a config");

        produce(topic, "none", ADMIN_RECORD_COUNT);
        var shortened = new TopicPartition(topic, 1);
        admin.deleteRecords(Map.of(shortened, RecordsToDelete.beforeOffset(4))).all().get();
        checkStarts(topic, List.of(0L, 4L, 0L));
        var first = Records.full(4 * PARTITIONS + 1);
        consume(Map.of(shortened, 4L), 1, seen -> compare(topic, first, seen));
        passed(topic + ": delete records");

        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(PARTITIONS + 2))).all().get();
        expectSoon(topic + ": more partitions", PARTITIONS + 2, () -> partitionCount(topic));
        passed(topic + ": create partitions");

        admin.deleteTopics(List.of(topic)).all().get();
        expectSoon(topic + ": listed after deletion", false,
                () -> admin.listTopics().names().get().contains(topic));
        passed(topic + ": delete");
    }

    private static Map<String, String> forever(String segmentBytes) {
        var retention = "retention.ms";
        return segmentBytes == null ? Map.of(retention, "-1")
                : Map.of(retention, "-1", "internal.segment.bytes", segmentBytes);
    }

    private void create(String topic, Map<String, String> configs) throws Exception {
        var created = new NewTopic(topic, PARTITIONS, (short) 1).configs(configs);
        admin.createTopics(List.of(created)).all().get();
    }

    private int partitionCount(String topic) throws Exception {
        var described = admin.describeTopics(List.of(topic)).allTopicNames().get();
        return described.get(topic).partitions().size();
    }

    private String config(String topic, String name) throws Exception {
        var described = admin.describeConfigs(List.of(resource(topic))).all().get();
        return described.get(resource(topic)).get(name).value();
    }

    private static ConfigResource resource(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    /** Writes the first records of the profile full, and compares each ack with its place. */
    private void produce(String topic, String codec, int count) throws Exception {
        // Idempotence and acks=all are the library's defaults.
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", bootstrap, "compression.type", codec, "linger.ms", "5");
        var pending = new ArrayList<Future<RecordMetadata>>();
        var bytes = new ByteArraySerializer();
        try (var producer = new KafkaProducer<>(settings, bytes, bytes)) {
            for (var i = 0; i < count; i++) {
                pending.add(producer.send(Records.full(i).at(topic, i % PARTITIONS)));
            }
        }
        for (var i = 0; i < count; i++) {
            var ack = pending.get(i).get();
            var place = i % PARTITIONS + "@" + i / PARTITIONS;
            expect(topic + ": ack of record " + i, place, ack.partition() + "@" + ack.offset());
        }
    }

    /** Reads the records {@code first} and later, and compares each with its rule. */
    private void readFrom(String topic, Records.Profile profile, int partitions, int first) {
        var next = new HashMap<>(starts(topic, partitions, first));
        consume(Map.copyOf(next), Records.COUNT - first, seen -> {
            var place = new TopicPartition(topic, seen.partition());
            var offset = next.put(place, next.get(place) + 1);
            expect(place + ": offset", offset, seen.offset());
            var i = Math.toIntExact(offset * partitions + seen.partition());
            compare(place + " offset " + offset, profile.record(i), seen);
        });
    }

    /** Reads this many records from these offsets. */
    private void consume(Map<TopicPartition, Long> starts, int count,
            Consumer<ConsumerRecord<byte[], byte[]>> each) {
        try (var consumer = consumer()) {
            consumer.assign(starts.keySet());
            starts.forEach(consumer::seek);
            for (var left = count; left > 0; ) {
                var records = consumer.poll(TIMEOUT);
                if (records.isEmpty()) {
                    throw new Failure("read " + starts, left + " more records", "none in 30 s");
                }
                for (var record : records) {
                    if (left-- > 0) {
                        each.accept(record);
                    }
                }
            }
        }
    }

    private Map<TopicPartition, Long> offsetsForTime(String topic, long timestampMs) {
        var asked = new HashMap<TopicPartition, Long>();
        places(topic, PARTITIONS).forEach(place -> asked.put(place, timestampMs));
        var found = new HashMap<TopicPartition, Long>();
        try (var consumer = consumer()) {
            consumer.offsetsForTimes(asked, TIMEOUT).forEach((place, at) -> {
                if (at != null) {
                    found.put(place, at.offset());
                }
            });
        }
        return found;
    }

    private void checkStarts(String topic, List<Long> expected) {
        try (var consumer = consumer()) {
            var seen = consumer.beginningOffsets(places(topic, PARTITIONS), TIMEOUT);
            for (var place : places(topic, PARTITIONS)) {
                expect(place + ": log start", expected.get(place.partition()), seen.get(place));
            }
        }
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        Map<String, Object> settings = Map.of("bootstrap.servers", bootstrap,
                "enable.auto.commit", false, "auto.offset.reset", "none");
        var bytes = new ByteArrayDeserializer();
        return new KafkaConsumer<>(settings, bytes, bytes);
    }

    /** The place in each partition of the first record that is not before {@code first}. */
    private static Map<TopicPartition, Long> starts(String topic, int partitions, int first) {
        var starts = new HashMap<TopicPartition, Long>();
        for (var place : places(topic, partitions)) {
            starts.put(place, (first - place.partition() + partitions - 1L) / partitions);
        }
        return starts;
    }

    private static Collection<TopicPartition> places(String topic, int partitions) {
        return IntStream.range(0, partitions).mapToObj(p -> new TopicPartition(topic, p)).toList();
    }

    private static void compare(String what, Records.Content expected,
            ConsumerRecord<byte[], byte[]> read) {
        var seen = Records.Content.of(read);
        if (!expected.matches(seen)) {
            throw new Failure(what, expected, seen);
        }
    }

    private static void expect(String what, Object expected, Object seen) {
        if (!expected.equals(seen)) {
            throw new Failure(what, expected, seen);
        }
    }

    /** Looks again and again, since a broker may answer before all of it knows a change. */
    private static void expectSoon(String what, Object expected, Callable<Object> see)
            throws Exception {
        var deadline = System.nanoTime() + SOON.toNanos();
        while (true) {
            try {
                expect(what, expected, see.call());
                return;
            } catch (Failure | ExecutionException error) {
                if (System.nanoTime() > deadline) {
                    throw error;
                }
                Thread.sleep(50);
            }
        }
    }

    private static void passed(String what) {
        System.out.println("ok " + what);
    }

    /** A check that saw something else than it expected. */
    static final class Failure extends RuntimeException {
        private static final long serialVersionUID = 1;

        Failure(String what, Object expected, Object seen) {
            super(what + ": expected " + expected + ", seen " + seen);
        }
    }
}
