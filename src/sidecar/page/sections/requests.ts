import { requestState } from '../../../contracts/words.ts'
import type { RequestState } from '../../../contracts/words.ts'
import type { ListedRequest } from '../../../contracts/listed.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'
import type { Column } from '../words.ts'
import { numberOf, queryText } from '../view.ts'
import type { Section, View } from '../view.ts'
import { conversationLink, count, duration, empty, requestLink, state, table, when } from '../words.ts'
import { pager, searchForm } from './listing.ts'

const limit = 50
const first = 'ksi send completion:async --prompt "Hello" --wait'

/** Every request there is, by state, conversation and what was asked. */
export const requests: Section = {
  tab: 'Requests',
  path: '/page/requests',
  title: ({ query }) => (query.get('conversation') ? 'Requests of a conversation' : 'Requests'),
  content: true,
  json: ({ query }) => `/requests${queryText(query)}`,
  render: (view) => {
    const { query, knowledge } = view
    const conversation = query.get('conversation') || undefined
    const page = knowledge.journal((reader) =>
      reader.requests.list({
        state: stateOf(query),
        q: query.get('q') || undefined,
        conversation,
        before: numberOf(query.get('before')),
        limit,
      }),
    )
    return html`${searchForm({
      action: '/page/requests',
      query,
      label: 'Search ids, names and what was asked',
      kept: conversation === undefined ? {} : { conversation },
      choices: { name: 'state', label: 'State', values: requestState.options },
    })}
    ${conversation !== undefined && chosen(view, conversation)} ${requestTable(page.found)}
    ${pager({ ...page, query, path: '/page/requests', what: 'requests' })}`
  },
}

function stateOf(query: URLSearchParams): RequestState | undefined {
  const parsed = requestState.safeParse(query.get('state'))
  return parsed.success ? parsed.data : undefined
}

function chosen({ query, knowledge }: View, name: string): Html {
  const found = knowledge.journal((reader) => reader.conversations.get(name))
  const about =
    found === undefined
      ? 'It is not in the journal.'
      : `${count(found.requests)} requests, ${count(found.queued)} queued, agent ${found.agent_id ?? '–'}`
  return html`<p>
    Conversation <span class="mono">${name}</span> · ${about} ·
    <a href="/page/requests${queryText(query, { conversation: null, before: null })}">all conversations</a>
  </p>`
}

const columns: Column<ListedRequest>[] = [
  { title: 'State', kind: 'state', cell: (row) => state(row.state) },
  { title: 'Request', kind: 'id', cell: (row) => requestLink(row.request_id) },
  { title: 'Conversation', kind: 'id', cell: (row) => conversationLink(row.conversation) },
  { title: 'Asked', kind: 'wide', cell: (row) => html`<span class="clip">${row.prompt}</span>` },
  { title: 'Model', cell: (row) => row.model },
  { title: 'When', kind: 'time', cell: (row) => when(row.queued_at) },
  { title: 'Took', kind: 'number', cell: (row) => took(row) },
]

/** Requests as rows. */
function requestTable(rows: readonly ListedRequest[]): Html {
  return table({
    label: 'Requests',
    rows,
    key: ({ request_id }) => request_id,
    none: empty('No request fits. Ask something:', first),
    columns,
  })
}

function took({ queued_at, finished_at }: ListedRequest): string {
  return finished_at === null ? '–' : duration(Date.parse(finished_at) - Date.parse(queued_at))
}
