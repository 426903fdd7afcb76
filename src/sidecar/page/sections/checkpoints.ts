import { KsiError } from '../../../lib/errors.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'
import { numberOf } from '../view.ts'
import type { Section } from '../view.ts'
import { count, empty, facts, files, requestLink, table, when } from '../words.ts'

const shown = 100

/** Checkpoints, newest first. */
export const checkpoints: Section = {
  tab: 'Checkpoints',
  path: '/page/checkpoints',
  title: () => 'Checkpoints',
  json: () => '/checkpoints',
  render: ({ knowledge }) => {
    const rows = knowledge.journal(({ cuts }) => cuts.list(shown))
    const before = new Map(rows.map(({ id }, at) => [id, rows[at + 1]?.id]))
    return html`${table({
        label: 'Checkpoints',
        rows,
        key: ({ id }) => String(id),
        none: empty('There is no checkpoint. A save takes one; so does:', 'ksi checkpoint create'),
        columns: [
          { title: 'No.', kind: 'number', cell: ({ id }) => html`<a href="/page/checkpoints/${id}">${id}</a>` },
          { title: 'When', kind: 'time', cell: (row) => when(row.at) },
          { title: 'Reason', cell: (row) => row.reason },
          { title: 'Generation', kind: 'number', cell: (row) => row.generation },
          { title: 'Queued', kind: 'number', cell: (row) => count(row.queued) },
          { title: 'Running', kind: 'number', cell: (row) => count(row.active) },
          { title: 'Files', kind: 'wide', cell: (row) => files(row.files) },
          { title: 'Restored', kind: 'time', cell: (row) => when(row.restored_at) },
          {
            title: 'Since the one before',
            cell: ({ id }) =>
              before.get(id) && html`<a href="/page/checkpoints/${before.get(id)}/diff/${id}">what changed</a>`,
          },
        ],
      })}
      <p class="hint">Take one: <code>ksi checkpoint create</code></p>`
  },
}

/** One checkpoint: what was queued and what ran. */
export const checkpoint: Section = {
  tab: 'Checkpoints',
  path: '/page/checkpoints/:id',
  title: ({ params }) => `Checkpoint ${params['id'] ?? ''}`,
  json: ({ params }) => `/checkpoints/${encodeURIComponent(params['id'] ?? '')}`,
  render: ({ knowledge, params }) => {
    const id = numberOf(params['id']) ?? 0
    const found = knowledge.journal(({ cuts }) => cuts.get(id))
    if (found === undefined) throw new KsiError('KSI_NOT_FOUND', `There is no checkpoint ${params['id'] ?? ''}.`)
    return html`${facts([
        ['Taken', when(found.at)],
        ['Reason', found.reason],
        ['Generation', found.generation],
        ['Tick', count(found.tick)],
        ['Files', files(found.files)],
        ['Restored', when(found.restored_at)],
      ])}
      <p class="hint">
        All of it, with what was asked: <code>ksi send dev:checkpoint --action show --checkpoint ${id}</code>
      </p>
      ${ids('Ran then', found.running_ids)} ${ids('Queued then', found.queued_ids)}
      ${found.cut_short && html`<p class="hint">There were more: the newest are shown.</p>`}`
  },
}

/** What changed between two checkpoints. */
export const difference: Section = {
  tab: 'Checkpoints',
  path: '/page/checkpoints/:a/diff/:b',
  title: ({ params }) => `From checkpoint ${params['a'] ?? ''} to ${params['b'] ?? ''}`,
  json: ({ params }) => `/checkpoints/${params['a'] ?? ''}/diff/${params['b'] ?? ''}`,
  render: ({ knowledge, params }) => {
    const [a, b] = [numberOf(params['a']) ?? 0, numberOf(params['b']) ?? 0]
    const found = knowledge.journal(({ cuts }) => cuts.compare(a, b))
    if (found === undefined) throw new KsiError('KSI_NOT_FOUND', 'One of these checkpoints is not there.')
    return html`${ids('Added', found.added)} ${ids('Finished', found.finished)} ${ids('Started', found.started)}
    ${ids('Queued again', found.queued_again)}
    ${found.cut_short && html`<p class="hint">There are more: 500 of each are shown.</p>`}`
  },
}

function ids(title: string, list: readonly string[]): Html {
  return html`<section aria-label="${title}">
    <h2>${title} <span class="hint">${count(list.length)}</span></h2>
    ${
      list.length === 0
        ? html`<p class="none">None.</p>`
        : html`<ul class="ids">
            ${list.map((id) => html`<li>${requestLink(id)}</li>`)}
          </ul>`
    }
  </section>`
}
