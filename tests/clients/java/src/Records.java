import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** The records of a topic, by the rule in the README beside this folder. */
final class Records {
    static final int COUNT = 10_000;
    static final long TIMESTAMP_BASE_MS = 1_700_000_000_000L;
    static final long TIMESTAMP_STEP_MS = 10;

    /** Tells record i, whatever its place. */
    interface Profile {
        Content record(int i);
    }

    static final Map<String, Profile> PROFILES = Map.of(
            "full", Records::full,
            "no-null-headers", Records::noNullHeaders,
            "plain", Records::plain);

    /** What a record holds. A null timestamp matches any. */
    record Content(Long timestampMs, byte[] key, byte[] value, List<Header> headers) {
        static Content of(ConsumerRecord<byte[], byte[]> read) {
            var headers = StreamSupport.stream(read.headers().spliterator(), false).toList();
            return new Content(read.timestamp(), read.key(), read.value(), headers);
        }

        ProducerRecord<byte[], byte[]> at(String topic, int partition) {
            return new ProducerRecord<>(topic, partition, timestampMs, key, value, headers);
        }

        boolean matches(Content seen) {
            return (timestampMs == null || timestampMs.equals(seen.timestampMs))
                    && Arrays.equals(key, seen.key)
                    && Arrays.equals(value, seen.value)
                    && headers.equals(seen.headers);
        }

        @Override
        public String toString() {
            var text = new StringBuilder("timestamp " + timestampMs + " key " + quoted(key)
                    + " value " + quoted(value) + " headers");
            headers.forEach(h -> text.append(" " + h.key() + "=" + quoted(h.value())));
            return text.toString();
        }
    }

    static Content full(int i) {
        return new Content(timestampMs(i), key(i), value(i), headers(i));
    }

    static Content noNullHeaders(int i) {
        var headers = headers(i).stream()
                .map(h -> h.value() == null ? header(h.key(), "") : h)
                .toList();
        return new Content(timestampMs(i), key(i), value(i), headers);
    }

    static Content plain(int i) {
        var headers = List.of(header("written-by", "kcat"));
        return new Content(null, nullIfEmpty(key(i)), nullIfEmpty(value(i)), headers);
    }

    static long timestampMs(int i) {
        return TIMESTAMP_BASE_MS + TIMESTAMP_STEP_MS * i;
    }

    private static byte[] key(int i) {
        if (i % 7 == 0 && i % 11 != 0) {
            return null;
        }
        return bytes(i % 7 == 1 ? "" : "key-" + i % 100);
    }

    private static byte[] value(int i) {
        return switch (i % 11) {
            case 0 -> null;
            case 1 -> bytes("");
            default -> {
                var filler = i % 1000 == 999 ? "x".repeat(20_000) : "ü".repeat(i % 50);
                yield bytes("value-" + i + " " + filler);
            }
        };
    }

    private static List<Header> headers(int i) {
        var index = header("index", Integer.toString(i));
        return switch (i % 5) {
            case 0 -> List.of();
            case 1 -> List.of(index);
            case 2 -> List.of(index, header("repeat", "a"), header("repeat", "b"));
            case 3 -> List.of(index, new RecordHeader("null", (byte[]) null));
            default -> List.of(index, header("empty", ""));
        };
    }

    private static Header header(String key, String value) {
        return new RecordHeader(key, bytes(value));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] nullIfEmpty(byte[] bytes) {
        return bytes == null || bytes.length == 0 ? null : bytes;
    }

    private static String quoted(byte[] bytes) {
        if (bytes == null) {
            return "null";
        }
        var text = new String(bytes, StandardCharsets.UTF_8);
        return '"' + (text.length() > 200 ? text.substring(0, 200) + "…" : text) + '"';
    }

    private Records() {}
}
