import type { FromGeneration, Phases } from '../contracts/control.ts'
import type { SupervisorStatus } from '../contracts/control.ts'

type Live = Extract<FromGeneration, { type: 'live' }>

const ends: Record<Live['previous_end'], string> = {
  none: 'there was none before',
  clean: 'it was stopped and left a checkpoint',
  handover: 'it handed over',
  crash: 'it crashed',
  'never-ended': 'it was cut off: container, machine or supervisor went away',
}

const journalIs = {
  kept: 'state is kept over restarts',
  notKept: 'not kept, since KSI_CHECKPOINT is off: each start begins empty',
}

/** What a person wants to know when ksi is up: where it is, what it keeps, what it restored, how the last run ended. */
export function bannerLines(
  status: SupervisorStatus,
  live: Live,
  doors: { token: string; debug: string | undefined },
): string[] {
  const { restored } = live
  const interrupted =
    restored.adopted + restored.requeued + restored.lost + restored.poisoned + restored.recovered_outcomes
  const total = restored.queued + interrupted
  const kept = total - restored.lost - restored.poisoned
  const rows: [string, string][] = [
    ['status page', status.sidecar?.url ?? '(KSI_SIDECAR=off)'],
    ['tcp', status.addresses.tcp],
    ['token', doors.token],
    ...(doors.debug === undefined
      ? []
      : [['debugger', `${doors.debug}: attach there, and again after a save`] as [string, string]]),
    ['socket', status.addresses.socket],
    ['journal', `${status.journal.path} (${journalIs[status.journal.kept ? 'kept' : 'notKept']})`],
    ['generation', String(live.generation)],
    [
      'restored',
      total === 0
        ? 'nothing to restore'
        : `${kept} of ${total} requests${restored.lost > 0 ? `, ${restored.lost} lost and told` : ''}`,
    ],
    ['last run', ends[live.previous_end]],
    [
      'watching',
      status.mode === 'dev'
        ? 'src: save a file and the new code takes over'
        : 'no: production mode, "ksi reload" takes new code',
    ],
  ]
  return [`ksi is up (${status.mode})`, ...rows.map(([name, value]) => `  ${name.padEnd(12)} ${value}`)]
}

/** Files named in a line. */
const named = 3

/** What a person wants to know of a reload: that it went live, in which time, with which files, and what was kept. */
export function liveLine({ generation, restored }: Live, files: readonly string[], { total = 0 }: Phases): string {
  const { queued, adopted, requeued, lost, poisoned } = restored
  const more = files.length > named ? ` and ${files.length - named} more` : ''
  const rest = [
    requeued > 0 ? `${requeued} queued again` : '',
    lost > 0 ? `${lost} lost and told` : '',
    poisoned > 0 ? `${poisoned} put aside` : '',
  ]
  const kept = [`${queued} queued, ${adopted} running kept`, ...rest].filter((part) => part !== '').join(', ')
  const changed = files.length === 0 ? '' : ` · ${files.slice(0, named).join(', ')}${more}`
  return `generation ${generation} is live in ${Math.round(total)} ms${changed} · ${kept}`
}
