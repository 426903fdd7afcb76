import type { BootFailure, SupervisorStatus } from '../contracts/control.ts'
import type { JournalFacts } from '../contracts/status.ts'
import { containerOf, stateOf } from './container-words.ts'
import type { DockerFacts } from './container-words.ts'
import { capital, firstLine, listed, sentence, timeOf, where, withoutStop } from './phrases.ts'
import type { Reading } from './reading.ts'
import type { Readings } from './readings.ts'

/** Something a person should know although the daemon serves, and the command that is the next step, if one is. */
export interface Note {
  /** epoch ms */
  atMs: number
  text: string
  command: string | null
  kind: 'failure' | 'note'
}

/** What a person should know of a daemon that serves. */
export function notesOn(status: SupervisorStatus, readings: Readings, nowMs: number): Note[] {
  const { journal } = readings
  const held = journal.state === 'fine' ? ofHolds(journal.facts) : []
  return [...ofCode(status, readings, nowMs), ...ofWork(status, readings), ...held, ...ofSources(readings)]
}

function ofCode(status: SupervisorStatus, { docker }: Readings, nowMs: number): Note[] {
  const { last_failure: failure, trouble, problem } = status
  const notes: Note[] = []
  if (problem !== null && failure)
    notes.push({ atMs: failure.at, text: failedChange(failure), command: 'ksi rollback', kind: 'failure' })
  else if (problem !== null)
    notes.push(note(status.phase_since, sentence(withRunner(problem, status, docker)), stepFor(status, docker)))
  if (trouble) {
    const text = `It met an error nobody caught at ${timeOf(trouble.at, nowMs)}: ${firstLine(trouble.error.message)}`
    notes.push({ ...note(trouble.at, sentence(text), 'ksi logs'), kind: 'failure' })
  }
  const debugged =
    'A debugger is attached to the live generation: no heartbeat and no deadline applies to it. ' +
    'If it stands at a breakpoint, nothing goes on until you let it.'
  if (status.debugged) notes.push(note(status.phase_since, debugged))
  return notes
}

function ofWork(status: SupervisorStatus, { docker }: Readings): Note[] {
  const { phase_since: since, waiting_for_restart: waiting } = status
  return [
    ...status.troubles.map(({ what, message, file, path, since: at }) =>
      note(at, sentence(`${capital(what)}: ${message}${where(file, path)}`), 'ksi doctor'),
    ),
    ...status.missing.map((text) => note(since, text, 'ksi doctor')),
    ...status.losses.map(({ at, message }) =>
      note(at, `${sentence(message)} Once this is known: ksi losses acknowledge.`, 'ksi losses acknowledge'),
    ),
    ...[...status.filling, status.watch_problem ?? []].flat().map((text) => note(since, text)),
    ...(waiting.length === 0 ? [] : [note(since, waitingChanges(waiting), restartFor(waiting, docker))]),
  ]
}

/** What is held for many at once, by whatever cause; a conversation that waits is its own affair. */
function ofHolds(facts: JournalFacts | null): Note[] {
  const wide = (facts?.holds ?? []).filter(({ scope }) => scope === 'all' || scope === 'provider' || scope === 'model')
  return wide.map(({ scope, name, cause, reason, since, until }) => {
    const what = scope === 'all' ? 'Everything' : name
    const end = until === null ? '' : ` until ${until}`
    return note(Date.parse(since), sentence(`${what} is held${end}: ${cause}, ${firstLine(reason)}`), 'ksi providers')
  })
}

function ofSources({ journal, docker }: Readings): Note[] {
  const notes: Note[] = []
  if (journal.state !== 'fine' && journal.state !== 'pending')
    notes.push(note(journal.sinceMs, sentence(journal.error ?? 'The journal cannot be read'), 'ksi doctor'))
  if (docker.state === 'failed') {
    const text = sentence(`Container facts are missing: ${docker.error ?? 'no answer'}`)
    notes.push(note(docker.sinceMs, text, 'docker compose up -d docker-proxy'))
  }
  return notes
}

function note(atMs: number, text: string, command: string | null = null): Note {
  return { atMs, text, command, kind: 'note' }
}

/** What brings the runner host back, or shows what is wrong. */
function stepFor({ runner_host: host }: SupervisorStatus, docker: Reading<DockerFacts>): string {
  return host.state === 'down' && host.elsewhere && docker.state !== 'off'
    ? 'docker compose up -d runner'
    : 'ksi doctor'
}

/** What of the two does not reload itself has changed. */
function restartFor(files: readonly string[], docker: Reading<DockerFacts>): string {
  if (docker.state === 'off') return 'ksi restart'
  const isOfHost = (file: string): boolean => file.startsWith('src/runner/')
  const services = [files.every(isOfHost) ? '' : 'daemon', files.some(isOfHost) ? 'runner' : '']
  return `docker compose restart ${services.filter((name) => name !== '').join(' ')}`
}

/** A problem, with what the engine says of the runner's container when nothing is heard from it. */
function withRunner(problem: string, { runner_host }: SupervisorStatus, docker: Reading<DockerFacts>): string {
  if (runner_host.state !== 'down' || !runner_host.elsewhere || docker.state !== 'fine') return problem
  const container = containerOf(docker.facts, 'runner')
  return container === undefined ? problem : `${withoutStop(problem)} (${stateOf(container)})`
}

function waitingChanges(files: readonly string[]): string {
  return `Changes of what does not reload itself (${listed(files)}) wait for a restart.`
}

function failedChange(failure: BootFailure): string {
  const what = failure.files.length > 0 ? `The last change (${listed(failure.files)})` : 'The last change'
  return sentence(`${what} did not become live: ${firstLine(failure.error.message)}`)
}
