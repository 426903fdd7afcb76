import type { SupervisorStatus } from '../contracts/control.ts'
import type { BootRecord, JournalFacts, StatusDocument } from '../contracts/status.ts'
import { containerOf, isUp, stateOf } from './container-words.ts'
import { notesOn } from './notes.ts'
import type { Note } from './notes.ts'
import { firstLine, timeOf, withinSentence } from './phrases.ts'
import type { Readings } from './readings.ts'

/** What is the case, since when (epoch ms), and why, in words. */
export interface Verdict {
  status: StatusDocument['status']
  phase: string
  sinceMs: number
  /** what is the case */
  lead: string
  notes: Note[]
  /** since when (epoch ms) it is not known what the daemon does */
  unknownSinceMs: number | null
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
  const first = notes[0]
  const named = status.generation === null ? 'A generation' : `Generation ${status.generation}`
  const verdict = {
    status: first ? ('warn' as const) : ('pass' as const),
    phase: status.phase,
    notes,
    unknownSinceMs: null,
  }
  if (status.phase === 'swapping') {
    const lead = `${named} has been handing over to new code since ${timeOf(status.phase_since, nowMs)}.`
    return { ...verdict, sinceMs: status.phase_since, lead }
  }
  const sinceMs = status.generation_since ?? status.phase_since
  return { ...verdict, sinceMs: first?.atMs ?? sinceMs, lead: `${named} serves since ${timeOf(sinceMs, nowMs)}.` }
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
  const { phase, phase_since: sinceMs } = status
  const notes = phase === 'crashed' ? [nextStep(sinceMs, 'What it said before it went down:', 'ksi logs')] : []
  return { status: 'fail', phase, sinceMs, lead: `${what}${why}${next}.`, notes, unknownSinceMs: null }
}

function noAnswer(readings: Readings, nowMs: number): Verdict {
  const { daemon, journal, docker } = readings
  if (daemon.state === 'pending')
    return {
      status: 'fail',
      phase: 'unknown',
      sinceMs: daemon.sinceMs,
      lead: 'The daemon has not been asked yet: the sidecar has just started.',
      notes: [],
      unknownSinceMs: null,
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
    lead: `${parts.join('; ')}.`,
    notes: [stepWithout(readings, stopped)],
    unknownSinceMs: daemon.sinceMs,
  }
}

/** What to do about a daemon that does not answer. */
function stepWithout({ daemon, docker }: Readings, isStopped: boolean): Note {
  const { sinceMs, error, facts } = daemon
  const inDocker = docker.state !== 'off'
  if (!isStopped && error?.startsWith('connected') === true) {
    const text = 'Something can be connected to and does not answer: it hangs, is stopped, or stands at a breakpoint.'
    return nextStep(sinceMs, text, inDocker ? 'docker compose restart daemon' : 'ksi doctor')
  }
  if (inDocker) return nextStep(sinceMs, 'Start it:', 'docker compose up -d daemon')
  return nextStep(sinceMs, 'Start it:', facts?.mode === 'production' ? 'ksi start' : 'npm run dev')
}

function nextStep(atMs: number, text: string, command: string): Note {
  return { atMs, text, command, kind: 'note' }
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
