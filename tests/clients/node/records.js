// The records of a topic, by the rule in the README beside this folder, profile
// `no-null-headers`, as kafkajs wants them for its producer.

export const RECORD_COUNT = 10_000
export const TIMESTAMP_STEP_MS = 10
const TIMESTAMP_BASE_MS = 1_700_000_000_000

export function message(i, partitions) {
  return {
    partition: i % partitions,
    timestamp: String(timestampMs(i)),
    key: key(i),
    value: value(i),
    headers: headers(i),
  }
}

export function timestampMs(i) {
  return TIMESTAMP_BASE_MS + TIMESTAMP_STEP_MS * i
}

function key(i) {
  if (i % 7 === 0 && i % 11 !== 0) return null
  return i % 7 === 1 ? '' : `key-${i % 100}`
}

function value(i) {
  if (i % 11 === 0) return null
  if (i % 11 === 1) return ''
  const filler = i % 1000 === 999 ? 'x'.repeat(20_000) : 'ü'.repeat(i % 50)
  return `value-${i} ${filler}`
}

function headers(i) {
  const index = String(i)
  switch (i % 5) {
    case 0:
      return {}
    case 1:
      return { index }
    case 2:
      return { index, repeat: ['a', 'b'] }
    case 3:
      return { index, null: '' }
    default:
      return { index, empty: '' }
  }
}
