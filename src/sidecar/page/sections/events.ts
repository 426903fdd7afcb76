import { html } from '../html.ts'
import { numberOf } from '../view.ts'
import type { Section } from '../view.ts'
import { count, empty, nothing, requestLink, table, when } from '../words.ts'
import { pager, searchForm } from './listing.ts'

const limit = 100
/** What of an event's data is shown in its row, in characters. */
const shown = 400

/** The journal's events as they come. */
export const events: Section = {
  tab: 'Events',
  path: '/page/events',
  title: () => 'Events',
  content: true,
  json: () => '/events',
  render: ({ query, knowledge }) => {
    const page = knowledge.journal((reader) =>
      reader.events.list({ q: query.get('q') || undefined, before: numberOf(query.get('before')), limit }),
    )
    return html`${searchForm({ action: '/page/events', query, label: 'Search names and request ids' })}
      <p class="scripted"><button type="button" data-pause aria-pressed="false">Pause</button></p>
      ${table({
        label: 'Events',
        rows: page.found,
        key: ({ seq }) => String(seq),
        none: empty('No event fits. Follow them in a terminal:', 'ksi watch'),
        columns: [
          { title: 'Seq', kind: 'number', cell: (row) => row.seq },
          { title: 'When', kind: 'time', cell: (row) => when(row.at) },
          { title: 'Event', kind: 'id', cell: (row) => html`<span class="mono">${row.name}</span>` },
          {
            title: 'Request',
            kind: 'id',
            cell: (row) => (row.request_id === null ? nothing : requestLink(row.request_id)),
          },
          {
            title: 'Data',
            kind: 'wide',
            cell: ({ data, bytes }) =>
              html`<span class="clip mono"
                >${data === null ? `${count(bytes)} bytes` : JSON.stringify(data).slice(0, shown)}</span
              >`,
          },
        ],
      })}
      ${pager({ ...page, query, path: '/page/events', what: 'events' })}
      <p class="hint">In a terminal: <code>ksi watch</code></p>`
  },
}
