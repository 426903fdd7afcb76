import type { BootFailure, SupervisorStatus } from '../contracts/control.ts'
import type { BootRecord, JournalFacts, StatusDocument } from '../contracts/status.ts'
import { containerOf, isUp, stateOf } from './container-words.ts'
import type { DockerFacts } from './container-words.ts'
import type { Reading } from './reading.ts'

/** Everything the sidecar knows, source by source. */
export interface Readings {
  daemon: Reading<SupervisorStatus>
  journal: Reading<JournalFacts>
  docker: Reading<DockerFacts>
}

/** What is the case, since when (epoch ms), and why, in words. */
export interface Verdict {
  status: StatusDocument['status']
  phase: string
  sinceMs: number
  summary: string
}

/** Something a person should know although the daemon serves. */
interface Note {
  atMs: number
  text: string
}

/** Judges the whole. Facts that are only the last known ones are never taken for the present. */
export function judge(readings: Readings, nowMs: number): Verdict {
  const { daemon } = readings
  if (daemon.state !== 'fine' || daemon.facts === null) return noAnswer(readings, nowMs)
  const status = daemon.facts
  if (status.phase === 'live' || status.phase === 'swapping') return serving(status, readings, nowMs)
  return down(
    status,
    `The daemon has been ${notServing[status.phase]} since ${timeOf(status.phase_since, nowMs)}`,
    nowMs,
  )
}

const notServing = { starting: 'starting', crashed: 'down', stopping: 'stopping' } as const

function serving(status: SupervisorStatus, readings: Readings, nowMs: number): Verdict {
  const notes = notesOn(status, readings, nowMs)
  const text = (first: string): string => [first, ...notes.map((note) => note.text)].join(' ')
  const first = notes[0]
  const named = status.generation === null ? 'A generation' : `Generation ${status.generation}`
  if (status.phase === 'swapping') {
    const swapping = `${named} has been handing over to new code since ${timeOf(status.phase_since, nowMs)}.`
    return {
      status: first ? 'warn' : 'pass',
      phase: status.phase,
      sinceMs: status.phase_since,
      summary: text(swapping),
    }
  }
  const sinceMs = status.generation_since ?? status.phase_since
  return {
    status: first ? 'warn' : 'pass',
    phase: status.phase,
    sinceMs: first?.atMs ?? sinceMs,
    summary: text(`${named} serves since ${timeOf(sinceMs, nowMs)}.`),
  }
}

function notesOn(status: SupervisorStatus, { journal, docker }: Readings, nowMs: number): Note[] {
  const notes: Note[] = []
  const { last_failure: failure, trouble, waiting_for_restart: waiting } = status
  if (status.problem !== null)
    notes.push(
      failure
        ? { atMs: failure.at, text: failedChange(failure) }
        : { atMs: status.phase_since, text: sentence(withRunner(status.problem, status, docker)) },
    )
  if (trouble)
    notes.push({
      atMs: trouble.at,
      text: sentence(
        `It met an error nobody caught at ${timeOf(trouble.at, nowMs)}: ${firstLine(trouble.error.message)}`,
      ),
    })
  const debugged = 'A debugger is attached to the live generation: no heartbeat and no deadline applies to it.'
  if (status.debugged) notes.push({ atMs: status.phase_since, text: debugged })
  for (const { what, message, file, path, since } of status.troubles)
    notes.push({ atMs: since, text: sentence(`${capital(what)}: ${message}${where(file, path)}`) })
  for (const text of status.missing) notes.push({ atMs: status.phase_since, text })
  for (const { at, message } of status.losses)
    notes.push({ atMs: at, text: `${sentence(message)} Once this is known: ksi losses acknowledge.` })
  for (const text of [...status.filling, status.watch_problem ?? []].flat())
    notes.push({ atMs: status.phase_since, text })
  if (journal.state === 'fine') notes.push(...heldNotes(journal.facts))
  if (waiting.length > 0) notes.push({ atMs: status.phase_since, text: waitingChanges(waiting) })
  if (journal.state !== 'fine' && journal.state !== 'pending')
    notes.push({ atMs: journal.sinceMs, text: sentence(journal.error ?? 'The journal cannot be read') })
  if (docker.state === 'failed')
    notes.push({ atMs: docker.sinceMs, text: sentence(`Container facts are missing: ${docker.error ?? 'no answer'}`) })
  return notes
}

/** What is held for many at once, by whatever cause; a conversation that waits is its own affair. */
function heldNotes(facts: JournalFacts | null): Note[] {
  const wide = (facts?.holds ?? []).filter(({ scope }) => scope === 'all' || scope === 'provider' || scope === 'model')
  return wide.map(({ scope, name, cause, reason, since, until }) => {
    const what = scope === 'all' ? 'Everything' : name
    const end = until === null ? '' : ` until ${until}`
    return { atMs: Date.parse(since), text: sentence(`${what} is held${end}: ${cause}, ${firstLine(reason)}`) }
  })
}

/** A problem, with what the engine says of the runner's container when nothing is heard from it. */
function withRunner(problem: string, { runner_host }: SupervisorStatus, docker: Reading<DockerFacts>): string {
  if (runner_host.state !== 'down' || !runner_host.elsewhere || docker.state !== 'fine') return problem
  const container = containerOf(docker.facts, 'runner')
  return container === undefined ? problem : `${withoutStop(problem)} (${stateOf(container)})`
}

function withoutStop(text: string): string {
  return text.replace(/\.$/, '')
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** A line of the code, a file of the disk. */
function where(...files: (string | null)[]): string {
  const known = files.filter((file) => file !== null)
  return known.length === 0 ? '' : ` (${known.join(', ')})`
}

const waitingChanges = (files: readonly string[]): string =>
  `Changes of what does not reload itself (${listed(files)}) wait for a restart.`

function failedChange(failure: BootFailure): string {
  const what = failure.files.length > 0 ? `The last change (${listed(failure.files)})` : 'The last change'
  return sentence(`${what} did not become live: ${firstLine(failure.error.message)}`)
}

function down(status: SupervisorStatus, what: string, nowMs: number): Verdict {
  const why = status.problem === null ? '' : ` (${firstLine(status.problem).replace(/\.$/, '')})`
  const waitMs = status.next_try_at === null ? undefined : status.next_try_at - nowMs
  const next =
    waitMs === undefined
      ? ''
      : waitMs <= 0
        ? '; the next try is under way'
        : `; next try in ${Math.ceil(waitMs / 1_000)} s`
  return { status: 'fail', phase: status.phase, sinceMs: status.phase_since, summary: `${what}${why}${next}.` }
}

function noAnswer({ daemon, journal, docker }: Readings, nowMs: number): Verdict {
  if (daemon.state === 'pending')
    return {
      status: 'fail',
      phase: 'unknown',
      sinceMs: daemon.sinceMs,
      summary: 'The daemon has not been asked yet: the sidecar has just started.',
    }
  const boot = lastBoot(journal.facts)
  const container = docker.state === 'fine' ? containerOf(docker.facts, 'daemon') : undefined
  const stopped = container === undefined ? endedWell(boot) : !isUp(container)
  const parts = [
    `No answer from the daemon since ${timeOf(daemon.sinceMs, nowMs)} ` +
      `(${firstLine(daemon.error ?? 'no reason given').replace(/\.$/, '')})`,
  ]
  if (boot) parts.push(endOf(boot, nowMs))
  else if (journal.error !== null) parts.push(withinSentence(journal.error))
  if (container) parts.push(stateOf(container))
  const runner = docker.state === 'fine' ? containerOf(docker.facts, 'runner') : undefined
  if (runner !== undefined && isUp(runner)) parts.push('what was running goes on in the container of the runner')
  return {
    status: 'fail',
    phase: stopped ? 'stopped' : 'unreachable',
    sinceMs: daemon.sinceMs,
    summary: `${parts.join('; ')}.`,
  }
}

/** The generation that was live last, by the journal. */
function lastBoot(facts: JournalFacts | null): BootRecord | undefined {
  return facts?.boots
    .filter((boot) => boot.generation !== null)
    .reduce<BootRecord | undefined>(
      (newest, boot) => ((newest?.generation ?? -1) < (boot.generation ?? -1) ? boot : newest),
      undefined,
    )
}

function endedWell(boot: BootRecord | undefined): boolean {
  return boot?.end?.startsWith('clean') ?? false
}

function endOf(boot: BootRecord, nowMs: number): string {
  const named = `generation ${boot.generation ?? '?'}`
  const at = boot.ended_at === null ? '' : ` at ${timeOf(Date.parse(boot.ended_at), nowMs)}`
  if (boot.end === null) return `the journal has no end for ${named}: it was cut off, or hangs`
  if (endedWell(boot)) return `the journal says ${named} ended cleanly${at}`
  if (boot.end.startsWith('handover')) return `the journal says ${named} handed over${at} and none has gone live since`
  return `the journal says ${named} ended${at}: ${boot.end}`
}

/** Time of day in UTC, with the date when it is not today's. */
function timeOf(ms: number, nowMs: number): string {
  const text = new Date(ms).toISOString()
  const [day, time] = [text.slice(0, 10), text.slice(11, 19)]
  return day === new Date(nowMs).toISOString().slice(0, 10) ? `${time} UTC` : `${day} ${time} UTC`
}

function listed(files: readonly string[]): string {
  return files.length <= 3 ? files.join(', ') : `${files.slice(0, 3).join(', ')} and ${files.length - 3} more`
}

function firstLine(text: string): string {
  return (text.trim().split('\n', 1)[0] ?? '').slice(0, 300)
}

/** A sentence as a part of another one. */
function withinSentence(text: string): string {
  return firstLine(text.charAt(0).toLowerCase() + text.slice(1)).replace(/\.$/, '')
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`
}
