import type { WirePush } from '../contracts/wire.ts'
import { isObject } from '../lib/ndjson.ts'
import { printable } from '../lib/printable.ts'
import { brief, clock, duration, paint } from './output.ts'

type Data = Record<string, unknown>

const text = (value: unknown): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
const list = (value: unknown): string => (Array.isArray(value) ? value.map(text).join(', ') : '')
const about = (data: Data): string =>
  [text(data['request_id']), text(data['session_id'] ?? data['conversation'])].filter(Boolean).join('  ')

/** How each event is told, in words; those not here as their data. */
const tellers: Record<string, (data: Data) => string> = {
  'completion:queued': (data) => `${about(data)}${data['again'] === true ? '  again, at the head' : ''}`,
  'completion:progress': (data) =>
    `${about(data)}  ${text(data['status'])}${data['error'] === undefined ? '' : `: ${text(data['error'])}`}`,
  'completion:result': (data) => `${about(data)}  ${tellResult(data['result'])}`,
  'completion:failed': (data) => `${about(data)}  ${text(data['reason'])}: ${text(data['message'])}`,
  'completion:error': (data) => `${about(data)}  ${text(data['error'])}`,
  'completion:cancelled': about,
  'checkpoint:saved': (data) =>
    `${text(data['reason'])}, generation ${text(data['generation'])}: ${text(data['queued'])} queued, ${text(data['active'])} running`,
  'system:reloading': (data) =>
    `generation ${text(data['generation'])} hands over${list(data['files']) === '' ? '' : ` (${list(data['files'])})`}`,
  'system:reloaded': tellLive,
  'system:recovered': tellLive,
  'system:reload_failed': (data) =>
    `${list(data['files']) || text(data['cause'])}: ${isObject(data['error']) ? text(data['error']['message']) : text(data['error'])}; the old code serves on`,
  'monitor:gap': (data) => `events ${text(data['from'])} to ${text(data['to'])} are no longer kept`,
}

const styles: [RegExp, Parameters<typeof paint>[0]][] = [
  [/(failed|error|gap)$/, 'red'],
  [/(result|reloaded|recovered)$/, 'green'],
  [/(reloading|saved)$/, 'cyan'],
]

/** An event as one line for people: time, name, what it says. */
export function eventLine(push: WirePush): string {
  const tell = Object.hasOwn(tellers, push.event) ? tellers[push.event] : undefined
  const said = tell?.(push.data) ?? JSON.stringify(push.data)
  const style = styles.find(([pattern]) => pattern.test(push.event))?.[1]
  const name = printable(push.event).padEnd(20)
  return `${clock(push.timestamp * 1_000)}  ${style === undefined ? name : paint(style, name)}  ${brief(said, 300)}`
}

function tellResult(result: unknown): string {
  if (!isObject(result) || !isObject(result['ksi'])) return ''
  const { provider, duration_ms: ms } = result['ksi']
  const answer = isObject(result['response']) ? text(result['response']['result'] ?? result['response']['text']) : ''
  return `${text(provider)} ${typeof ms === 'number' ? duration(ms) : ''}${answer === '' ? '' : `  ${brief(answer, 80)}`}`
}

function tellLive(data: Data): string {
  const { restored, files } = data
  const took = typeof data['total_ms'] === 'number' ? ` after ${duration(data['total_ms'])}` : ''
  const kept = isObject(restored)
    ? `: ${text(restored['queued'])} queued, ${text(restored['adopted'])} running on, ${text(restored['lost'])} lost`
    : ''
  return `generation ${text(data['generation'])} is live${took}${list(files) === '' ? '' : ` (${list(files)})`}${kept}`
}
