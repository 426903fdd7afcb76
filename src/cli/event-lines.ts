import type { Trouble } from '../contracts/control.ts'
import type { PushData, PushName } from '../contracts/events.ts'
import type { WirePush } from '../contracts/wire.ts'
import { printable } from '../lib/printable.ts'
import { heldThing, holdLine } from './hold-lines.ts'
import { brief, clock, duration, paint } from './output.ts'

type Tellers = { [N in PushName]: (data: PushData<N>) => string }

/** How each event of ksi is told, in words. */
const tellers: Tellers = {
  'completion:queued': (data) => `${about(data)}${data.again === true ? '  again, at the head' : ''}`,
  'completion:progress': (data) =>
    `${about(data)}  ${data.status}${data.status === 'retrying' ? `: ${data.error}` : ''}`,
  'completion:result': (data) => `${about(data)}  ${tellResult(data)}`,
  'completion:failed': (data) => `${about(data)}  ${data.reason}: ${data.message}`,
  'completion:error': (data) => `${about(data)}  ${data.error}`,
  'completion:cancelled': about,
  'completion:held': (hold) => holdLine(hold),
  'completion:released': ({ why, ...hold }) => `${heldThing(hold)} is released: ${why}`,
  'checkpoint:saved': ({ reason, generation, queued, active }) =>
    `${reason}, generation ${generation}: ${queued} queued, ${active} running`,
  'system:reloading': ({ generation, files }) => `generation ${generation} hands over${inBrackets(files)}`,
  'completion:delta': ({ request_id, ...chunk }) =>
    'text' in chunk ? `${request_id}  ${brief(chunk.text, 80)}` : `${request_id}  ${chunk.kind}`,
  'completion:stream_end': ({ request_id, status }) => `${request_id}  ${status}`,
  'system:reloaded': tellLive,
  'system:recovered': tellLive,
  'system:reload_failed': (failure) => `${failureLine(failure)}; the old code serves on`,
  'system:shutdown_notification': ({ reason }) => reason,
  'conversation:reset': ({ agent_id, conversation }) => `${agent_id} has left ${conversation}`,
  'monitor:gap': ({ from, to }) => `events ${from} to ${to} are no longer kept`,
}

const styles: [RegExp, Parameters<typeof paint>[0]][] = [
  [/(failed|error|gap)$/, 'red'],
  [/(result|reloaded|recovered)$/, 'green'],
  [/(reloading|saved)$/, 'cyan'],
]

/** An event as one line for people: time, name, what it says. */
export function eventLine(push: WirePush): string {
  const style = styles.find(([pattern]) => pattern.test(push.event))?.[1]
  const name = printable(push.event).padEnd(20)
  const painted = style === undefined ? name : paint(style, name)
  return `${clock(push.timestamp * 1_000)}  ${painted}  ${brief(tell(push), 300)}`
}

/** Events nobody has words for, as those of modules, are told as their data. */
function tell({ event, data }: WirePush): string {
  const byName: Record<string, ((data: never) => string) | undefined> = tellers
  const teller = Object.hasOwn(byName, event) ? byName[event] : undefined
  try {
    return teller?.(data as never) ?? JSON.stringify(data)
  } catch {
    // A daemon of another version may tell it differently.
    return JSON.stringify(data)
  }
}

/** What kept a change from going live: the place, where the error names it, else the files. */
export function failureLine({ files, cause, error }: PushData<'system:reload_failed'>): string {
  const namesPlace = /^src\/\S+: /.test(error.message)
  return namesPlace ? error.message : `${files.join(', ') || cause}: ${error.message}`
}

/** What goes wrong while a generation serves, with the line of the code and the file of the disk, where known. */
export function troubleLine({ what, message, file, path, times }: Trouble): string {
  const often = times > 1 ? `, ${times} times` : ''
  const places = [file, path].filter((place) => place !== null)
  return `${what}${often}: ${message}${inBrackets(places)}`
}

function about(data: { request_id: string; session_id?: unknown; conversation: string }): string {
  return `${data.request_id}  ${typeof data.session_id === 'string' ? data.session_id : data.conversation}`
}

function inBrackets(files: string[]): string {
  return files.length === 0 ? '' : ` (${files.join(', ')})`
}

function tellResult({ result: { ksi, response } }: PushData<'completion:result'>): string {
  const answer = response['result'] ?? response['text']
  const told = typeof answer === 'string' || typeof answer === 'number' ? `  ${brief(String(answer), 80)}` : ''
  return `${ksi.provider} ${duration(ksi.duration_ms)}${told}`
}

function tellLive({ generation, total_ms, files, restored }: PushData<'system:reloaded'>): string {
  const { queued, adopted, lost } = restored
  const kept = `${queued} queued, ${adopted} running on, ${lost} lost`
  return `generation ${generation} is live after ${duration(total_ms)}${inBrackets(files)}: ${kept}`
}
