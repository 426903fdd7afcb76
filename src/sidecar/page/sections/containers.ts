import { html } from '../html.ts'
import type { Section, View } from '../view.ts'
import { state, table, when } from '../words.ts'

/** The containers of this Compose project, by the engine's word: something else than the daemon's own. */
export const containers: Section = {
  tab: 'Containers',
  path: '/page/containers',
  title: () => 'Containers',
  json: () => '/status',
  render: ({ document }) => {
    const { ok, facts, error, at } = document.docker
    if (facts === null)
      return html`<p class="none">${error}</p>
        ${sources(document)}`
    return html`<p class="hint">
        What the engine says of the containers. Whether the daemon in them serves is said above, by the daemon itself.
      </p>
      <section class="${ok ? '' : 'old'}" aria-label="Containers">
        ${!ok && html`<p class="unknown">unknown since ${when(at)}: ${error}</p>`}
        ${table({
          label: 'Containers of this project',
          rows: facts.containers,
          key: ({ id }) => id,
          none: html`<p class="none">There is none.</p>`,
          columns: [
            { title: 'Service', cell: (row) => row.service },
            { title: 'State', kind: 'state', cell: (row) => state(row.state) },
            { title: 'Health', kind: 'state', cell: (row) => row.health && state(row.health) },
            { title: 'Started', kind: 'time', cell: (row) => when(row.started_at) },
            { title: 'Restarts', kind: 'number', cell: (row) => row.restart_count },
            { title: 'Exit code', cell: (row) => `${row.exit_code ?? '–'}${row.oom_killed ? ', out of memory' : ''}` },
            { title: 'Name', kind: 'id', cell: (row) => html`<span class="mono">${row.name}</span>` },
          ],
        })}
        <h2>What happened to them</h2>
        ${table({
          label: 'Engine events',
          rows: facts.events.toReversed().map((event, n) => ({ ...event, n: facts.events.length - n })),
          key: ({ n, at: time }) => `${time}-${n}`,
          none: html`<p class="none">Nothing in the last hour.</p>`,
          columns: [
            { title: 'When', kind: 'time', cell: (row) => when(row.at) },
            { title: 'Service', cell: (row) => row.service },
            { title: 'What', cell: (row) => row.action },
            { title: 'Detail', kind: 'wide', cell: (row) => row.detail },
          ],
        })}
      </section>
      ${sources(document)}`
  },
}

function sources({ daemon, journal, docker }: View['document']) {
  return html`<h2>Where this page knows it from</h2>
    ${table({
      label: 'Sources',
      rows: Object.entries({ daemon, journal, docker }),
      key: ([name]) => name,
      none: html``,
      columns: [
        { title: 'Source', cell: ([name]) => name },
        {
          title: 'State',
          kind: 'state',
          cell: ([, { ok }]) => (ok ? state('answers', 'good') : state('does not answer', 'bad')),
        },
        { title: 'Facts of', kind: 'time', cell: ([, { ok, at }]) => (ok ? 'now' : when(at)) },
        { title: 'Why', kind: 'wide', cell: ([, { error }]) => error },
      ],
    })}`
}
