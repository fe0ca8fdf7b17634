"""aiokafka: the asyncio client. Each method of the contract runs its own coroutine to the end."""

import asyncio
from collections.abc import Iterable, Iterator

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from contract import Failure, TopicExists
from pure_python import (
    CONSUMER_OPTIONS,
    TIMEOUT_S,
    as_record,
    compression_type,
    offsets_of,
    send_arguments,
)
from records import Record


def connect(bootstrap: str) -> "AioKafka":
    return AioKafka(bootstrap)


class AioKafka:
    profile = "full"

    def __init__(self, bootstrap: str):
        self.bootstrap = bootstrap
        self.loop = asyncio.new_event_loop()

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        async def create(admin: AIOKafkaAdminClient) -> None:
            new = NewTopic(topic, partitions, 1, topic_configs=configs)
            answer = await admin.create_topics([new])
            for _, code, *_ in answer.topic_errors:
                if for_code(code) is TopicAlreadyExistsError:
                    raise TopicExists
                raise_error(code)

        self._admin(create)

    def produce(self, topic: str, codec: str, batch: Iterable[Record]) -> list[tuple[int, int]]:
        async def produce() -> list[tuple[int, int]]:
            async with AIOKafkaProducer(
                bootstrap_servers=self.bootstrap,
                compression_type=compression_type(codec),
                linger_ms=5,
                enable_idempotence=True,
            ) as producer:
                pending = [
                    await producer.send(topic, **send_arguments(record)) for record in batch
                ]
                acks = await asyncio.wait_for(asyncio.gather(*pending), TIMEOUT_S)
                return [(ack.partition, ack.offset) for ack in acks]

        return self.loop.run_until_complete(produce())

    def read(self, topic: str, starts: dict[int, int], count: int) -> Iterator[Record]:
        async def read(consumer: AIOKafkaConsumer) -> list[Record]:
            consumer.assign([TopicPartition(topic, p) for p in starts])
            for partition, offset in starts.items():
                consumer.seek(TopicPartition(topic, partition), offset)
            seen: list[Record] = []
            while len(seen) < count:
                fetched = await consumer.getmany(timeout_ms=TIMEOUT_S * 1000)
                if not fetched:
                    raise Failure(f"{topic}: no record within {TIMEOUT_S} s")
                seen.extend(as_record(m) for messages in fetched.values() for m in messages)
            return seen[:count]

        return iter(self._consume(read))

    def offsets_for_time(self, topic: str, partitions: int, ms: int) -> dict[int, int | None]:
        async def find(consumer: AIOKafkaConsumer) -> dict[int, int | None]:
            found = await consumer.offsets_for_times(
                {TopicPartition(topic, p): ms for p in range(partitions)}
            )
            return offsets_of(found)

        return self._consume(find)

    def earliest(self, topic: str, partition: int) -> int:
        async def find(consumer: AIOKafkaConsumer) -> int:
            place = TopicPartition(topic, partition)
            return (await consumer.beginning_offsets([place]))[place]

        return self._consume(find)

    def partition_count(self, topic: str) -> int:
        async def describe(admin: AIOKafkaAdminClient) -> int:
            return len((await admin.describe_topics([topic]))[0]["partitions"])

        return self._admin(describe)

    def topics(self) -> set[str]:
        async def listed(admin: AIOKafkaAdminClient) -> set[str]:
            return set(await admin.list_topics())

        return self._admin(listed)

    def config(self, topic: str, name: str) -> str:
        async def describe(admin: AIOKafkaAdminClient) -> str:
            resource = ConfigResource(ConfigResourceType.TOPIC, topic, {name: None})
            answer = (await admin.describe_configs([resource]))[0]
            code, _, _, _, entries = answer.resources[0]
            raise_error(code)
            return next(entry[1] for entry in entries if entry[0] == name)

        return self._admin(describe)

    def set_config(self, topic: str, name: str, value: str) -> None:
        async def alter(admin: AIOKafkaAdminClient) -> None:
            # AlterConfigs replaces the whole configuration: what should stay is sent as well.
            configs = {"retention.ms": "-1", name: value}
            resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs)
            for answer in await admin.alter_configs([resource]):
                for code, *_ in answer.resources:
                    raise_error(code)

        self._admin(alter)

    def add_partitions(self, topic: str, total: int) -> None:
        async def add(admin: AIOKafkaAdminClient) -> None:
            answer = await admin.create_partitions({topic: NewPartitions(total)})
            for _, code, *_ in answer.topic_errors:
                raise_error(code)

        self._admin(add)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        async def delete(admin: AIOKafkaAdminClient) -> None:
            place = TopicPartition(topic, partition)
            await admin.delete_records({place: RecordsToDelete(before_offset=before)})

        self._admin(delete)

    def delete_topic(self, topic: str) -> None:
        async def delete(admin: AIOKafkaAdminClient) -> None:
            answer = await admin.delete_topics([topic])
            for _, code, *_ in answer.topic_error_codes:
                raise_error(code)

        self._admin(delete)

    def _admin(self, use):
        async def run():
            admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
            await admin.start()
            try:
                return await use(admin)
            finally:
                await admin.close()

        return self.loop.run_until_complete(run())

    def _consume(self, use):
        async def run():
            async with AIOKafkaConsumer(
                bootstrap_servers=self.bootstrap, **CONSUMER_OPTIONS
            ) as consumer:
                return await use(consumer)

        return self.loop.run_until_complete(run())


def raise_error(code: int) -> None:
    if code:
        raise for_code(code)
