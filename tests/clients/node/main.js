// Runs the contract of the README beside this folder on kafkajs, as far as its producer and admin
// go. Its consumer needs a group, so other clients read what it wrote.
//
//   node main.js check BOOTSTRAP PREFIX

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'

import kafkajs from 'kafkajs'

import { CODECS, register } from './codecs.js'
import { message, RECORD_COUNT, timestampMs, TIMESTAMP_STEP_MS } from './records.js'

const { ConfigResourceTypes, Kafka, logLevel } = kafkajs

const PARTITIONS = 3
const TIMED = (RECORD_COUNT * 3) / 4
const ADMIN_RECORD_COUNT = 30
const SEND_SIZE = 1000
const SOON_MS = 10_000
const FOREVER = [{ name: 'retention.ms', value: '-1' }]

class Contract {
  constructor(bootstrap) {
    const kafka = new Kafka({ brokers: [bootstrap], logLevel: logLevel.ERROR })
    this.admin = kafka.admin()
    this.producer = kafka.producer({ idempotent: true })
  }

  async check(prefix) {
    await Promise.all([this.admin.connect(), this.producer.connect()])
    for (const [name, codec] of Object.entries(CODECS)) {
      await this.checkCodec(`${prefix}-${name}`, codec)
    }
    await this.checkAdmin(`${prefix}-admin`)
  }

  close() {
    return Promise.all([this.admin.disconnect(), this.producer.disconnect()])
  }

  async checkCodec(topic, codec) {
    expect(`${topic}: create`, true, await this.create(topic))
    expect(`${topic}: create again`, false, await this.create(topic))
    passed(`${topic}: create`)

    await this.produce(topic, codec, RECORD_COUNT)
    expect(`${topic}: ends`, starts(RECORD_COUNT), await this.offsets(topic, 'high'))
    passed(`${topic}: produce ${RECORD_COUNT} records`)

    const between = timestampMs(TIMED) - TIMESTAMP_STEP_MS / 2
    const found = await this.admin.fetchTopicOffsetsByTimestamp(topic, between)
    expect(`${topic}: offsets for a time`, starts(TIMED), byPartition(found, 'offset'))
    passed(`${topic}: find a timestamp`)
  }

  async checkAdmin(topic) {
    await this.create(topic)
    await expectSoon(`${topic}: partitions`, PARTITIONS, () => this.partitionCount(topic))
    await expectSoon(`${topic}: retention.ms`, '-1', () => this.config(topic, 'retention.ms'))
    passed(`${topic}: describe`)

    // AlterConfigs replaces the whole configuration: what should stay is sent as well.
    const configEntries = [...FOREVER, { name: 'max.message.bytes', value: '2000000' }]
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic, configEntries }
    await this.admin.alterConfigs({ resources: [resource] })
    const changed = () => this.config(topic, 'max.message.bytes')
    await expectSoon(`${topic}: changed config`, '2000000', changed)
    expect(`${topic}: untouched config`, '-1', await this.config(topic, 'retention.ms'))
    passed(`${topic}: alter a config`)

    await this.produce(topic, CODECS.none, ADMIN_RECORD_COUNT)
    // kafkajs finds the partition's leader only for topics whose offsets it has asked for before.
    expect(`${topic}: log starts`, starts(0), await this.offsets(topic, 'low'))
    await this.admin.deleteTopicRecords({ topic, partitions: [{ partition: 1, offset: '4' }] })
    expect(`${topic}: log starts`, ['0', '4', '0'], await this.offsets(topic, 'low'))
    passed(`${topic}: delete records`)

    const count = PARTITIONS + 2
    await this.admin.createPartitions({ topicPartitions: [{ topic, count }] })
    await expectSoon(`${topic}: more partitions`, count, () => this.partitionCount(topic))
    passed(`${topic}: create partitions`)

    await this.admin.deleteTopics({ topics: [topic] })
    const listed = async () => (await this.admin.listTopics()).includes(topic)
    await expectSoon(`${topic}: listed after deletion`, false, listed)
    passed(`${topic}: delete`)
  }

  // True if the topic is new.
  create(topic) {
    const wanted = { topic, numPartitions: PARTITIONS, configEntries: FOREVER }
    return this.admin.createTopics({ topics: [wanted], waitForLeaders: true })
  }

  // Writes the first records in several sends, and compares each ack with its place.
  async produce(topic, compression, count) {
    for (let first = 0; first < count; first += SEND_SIZE) {
      const length = Math.min(SEND_SIZE, count - first)
      const messages = Array.from({ length }, (_, n) => message(first + n, PARTITIONS))
      const acks = await this.producer.send({ topic, compression, messages })
      const expected = starts(first)
      expect(`${topic}: acks from record ${first}`, expected, byPartition(acks, 'baseOffset'))
    }
  }

  async partitionCount(topic) {
    const { topics } = await this.admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0].partitions.length
  }

  async config(topic, name) {
    const asked = { type: ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }
    const { resources } = await this.admin.describeConfigs({ resources: [asked] })
    return resources[0].configEntries.find((entry) => entry.configName === name)?.configValue
  }

  async offsets(topic, end) {
    return byPartition(await this.admin.fetchTopicOffsets(topic), end)
  }
}

// The offset in each partition of the first record that is not before record `first`.
function starts(first) {
  const offset = (_, partition) => Math.floor((first - partition + PARTITIONS - 1) / PARTITIONS)
  return Array.from({ length: PARTITIONS }, offset).map(String)
}

function byPartition(entries, field) {
  return [...entries].sort((a, b) => a.partition - b.partition).map((entry) => entry[field])
}

function expect(what, expected, seen) {
  const show = JSON.stringify
  assert.deepEqual(seen, expected, `${what}: expected ${show(expected)}, seen ${show(seen)}`)
}

// Looks again and again, since a broker may answer before all of it knows a change.
async function expectSoon(what, expected, see) {
  const deadline = Date.now() + SOON_MS
  for (;;) {
    try {
      return expect(what, expected, await see())
    } catch (error) {
      if (Date.now() > deadline) throw error
      await sleep(50)
    }
  }
}

function passed(what) {
  console.log(`ok ${what}`)
}

const [mode, bootstrap, prefix] = process.argv.slice(2)
assert.equal(mode, 'check', 'kafkajs reads only in a group')
await register()
const contract = new Contract(bootstrap)
try {
  await contract.check(prefix)
} catch (error) {
  const cause = error instanceof assert.AssertionError ? error.message : inspect(error)
  console.log(`FAILED kafkajs: ${cause}`)
  process.exitCode = 1
} finally {
  await contract.close()
}
