import type { BootRecord } from '../../../contracts/status.ts'
import { html } from '../html.ts'
import { KsiError } from '../../../lib/errors.ts'
import { errorText } from './alerts.ts'
import { bootRow, legend, phaseList } from './boot-bar.ts'
import { logTable } from './logs.ts'
import type { Section } from '../view.ts'
import { empty, facts, files, when } from '../words.ts'

const shown = 50
const logLines = 200

/** Every boot, newest first, each with its phases to scale. */
export const reloads: Section = {
  tab: 'Reloads',
  path: '/page/reloads',
  title: () => 'Reloads',
  json: () => '/boots',
  render: (view) => {
    const boots = view.knowledge.journal((reader) => reader.boots.list(shown))
    const longest = scaleOf(boots)
    return html`${boots.length === 0 ? empty('No boot is on record. Save a file under src, or:', 'ksi reload') : legend}
      <ol class="boots">
        ${boots.map((boot) => bootRow(boot, { document: view.document, longest }))}
      </ol>
      <p class="hint">Take new code without a save: <code>ksi reload</code>. Go back: <code>ksi rollback</code>.</p>`
  },
}

/** One that took very long must not make all others too small to see: its bar is cut, and its number is not. */
function scaleOf(boots: readonly BootRecord[]): number {
  const totals = boots.flatMap(({ phases }) => phases.total ?? []).sort((a, b) => a - b)
  const middle = totals[Math.floor(totals.length / 2)] ?? 1
  return Math.max(1, Math.min(totals.at(-1) ?? 1, middle * 4))
}

/** One boot: phases, error with its code, what was logged while it was live. */
export const reload: Section = {
  tab: 'Reloads',
  path: '/page/reloads/:id',
  title: ({ params }) => `Boot ${params['id'] ?? ''}`,
  json: ({ params }) => `/boots/${encodeURIComponent(params['id'] ?? '')}`,
  render: ({ knowledge, document, params, mayRead }) => {
    const id = params['id'] ?? ''
    const boot = knowledge.journal((reader) => reader.boots.get(id))
    if (boot === undefined) throw new KsiError('KSI_NOT_FOUND', `There is no boot ${id} on record.`)
    const { generation, error, restored } = boot
    return html`<ol class="boots">
        ${bootRow(boot, { document, longest: boot.phases.total ?? 1 })}
      </ol>
      ${error !== null && html`<section class="alert fail">${errorText(error, knowledge)}</section>`}
      <h2>Phases</h2>
      ${phaseList(boot)}
      <h2>What it did</h2>
      ${facts([
        ['Cause', boot.cause],
        ['Files', files(boot.files)],
        ['Began', when(boot.at)],
        ['Live', when(boot.live_at)],
        ['Ended', when(boot.ended_at)],
        ['Restored', restored === null ? '–' : `${restored.queued} queued, ${restored.adopted} running kept`],
        ['Lost', restored?.lost ?? '–'],
      ])}
      ${
        generation !== null &&
        mayRead &&
        html`<h2>Log</h2>
          ${logTable(knowledge.log.last({ boot: generation, limit: logLines }).found, 'Nothing of it is in the log.')}`
      }`
  },
}
