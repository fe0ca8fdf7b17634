"""confluent-kafka: librdkafka under Python."""

from collections.abc import Iterable, Iterator

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from contract import Failure, TopicExists
from records import Record

TIMEOUT_S = 30.0


def connect(bootstrap: str) -> "ConfluentKafka":
    return ConfluentKafka(bootstrap)


class ConfluentKafka:
    profile = "full"

    def __init__(self, bootstrap: str):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        try:
            created = self.admin.create_topics([NewTopic(topic, partitions, 1, config=configs)])
            created[topic].result(TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicExists from error
            raise

    def produce(self, topic: str, codec: str, batch: Iterable[Record]) -> list[tuple[int, int]]:
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "compression.type": codec, "linger.ms": 5}
        )
        acks: dict[int, tuple[int, int]] = {}

        def delivered(i: int):
            def on_delivery(error, message):
                if error is not None:
                    raise KafkaException(error)
                acks[i] = (message.partition(), message.offset())

            return on_delivery

        for i, record in enumerate(batch):
            producer.produce(
                topic,
                partition=record.partition,
                timestamp=record.timestamp_ms,
                key=record.key,
                value=record.value,
                headers=list(record.headers),
                on_delivery=delivered(i),
            )
            producer.poll(0)
        if producer.flush(TIMEOUT_S):
            raise Failure(f"{topic}: some records were not acknowledged in {TIMEOUT_S} s")
        return [acks[i] for i in range(len(acks))]

    def read(self, topic: str, starts: dict[int, int], count: int) -> Iterator[Record]:
        consumer = self._consumer()
        consumer.assign([TopicPartition(topic, p, offset) for p, offset in starts.items()])
        for _ in range(count):
            message = consumer.poll(TIMEOUT_S)
            if message is None:
                raise Failure(f"{topic}: no record within {TIMEOUT_S} s")
            if message.error():
                raise KafkaException(message.error())
            yield Record(
                message.partition(),
                message.offset(),
                message.timestamp()[1],
                message.key(),
                message.value(),
                tuple(message.headers() or ()),
            )
        consumer.close()

    def offsets_for_time(self, topic: str, partitions: int, ms: int) -> dict[int, int | None]:
        consumer = self._consumer()
        asked = [TopicPartition(topic, p, ms) for p in range(partitions)]
        found = consumer.offsets_for_times(asked, TIMEOUT_S)
        consumer.close()
        return {f.partition: f.offset if f.offset >= 0 else None for f in found}

    def earliest(self, topic: str, partition: int) -> int:
        consumer = self._consumer()
        low, _ = consumer.get_watermark_offsets(TopicPartition(topic, partition), TIMEOUT_S)
        consumer.close()
        return low

    def partition_count(self, topic: str) -> int:
        return len(self.admin.list_topics(topic, TIMEOUT_S).topics[topic].partitions)

    def topics(self) -> set[str]:
        return set(self.admin.list_topics(timeout=TIMEOUT_S).topics)

    def config(self, topic: str, name: str) -> str:
        resource = ConfigResource(ResourceType.TOPIC, topic)
        described = self.admin.describe_configs([resource])[resource].result(TIMEOUT_S)
        return described[name].value

    def set_config(self, topic: str, name: str, value: str) -> None:
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
        self.admin.incremental_alter_configs([resource])[resource].result(TIMEOUT_S)

    def add_partitions(self, topic: str, total: int) -> None:
        self.admin.create_partitions([NewPartitions(topic, total)])[topic].result(TIMEOUT_S)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        place = TopicPartition(topic, partition, before)
        self.admin.delete_records([place])[place].result(TIMEOUT_S)

    def delete_topic(self, topic: str) -> None:
        self.admin.delete_topics([topic])[topic].result(TIMEOUT_S)

    def _consumer(self) -> Consumer:
        # The library wants a group id even from those that never join one.
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "unused",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
            }
        )
