import { html } from '../html.ts'
import { numberOf, queryText } from '../view.ts'
import type { Section } from '../view.ts'
import { conversationLink, count, empty, idText, requestLink, table, when } from '../words.ts'
import { pager, searchForm } from './listing.ts'

const limit = 100

/** Conversations, those asked last first. */
export const conversations: Section = {
  tab: 'Conversations',
  path: '/page/conversations',
  title: () => 'Conversations',
  json: ({ query }) => `/conversations${queryText(query)}`,
  render: ({ query, knowledge }) => {
    const { page, total } = knowledge.journal(({ conversations: view }) => ({
      page: view.list({ q: query.get('q') || undefined, before: numberOf(query.get('before')), limit }),
      total: view.count(),
    }))
    return html`${searchForm({ action: '/page/conversations', query, label: 'Search names of all kinds' })}
      <p class="hint">${total.more && 'more than '}${count(total.conversations)} in the journal</p>
      ${table({
        label: 'Conversations',
        rows: page.found,
        key: ({ conversation }) => conversation,
        none: empty('No conversation fits. Begin one:', 'ksi send completion:async --prompt "Hello" --wait'),
        columns: [
          { title: 'Conversation', kind: 'id', cell: (row) => conversationLink(row.conversation) },
          { title: 'Agent', kind: 'id', cell: (row) => row.agent_id },
          {
            title: 'Session',
            kind: 'id',
            cell: (row) => idText(row.session_id),
          },
          { title: 'Model', cell: (row) => row.model },
          { title: 'Requests', kind: 'number', cell: (row) => count(row.requests) },
          { title: 'Queued', kind: 'number', cell: (row) => count(row.queued) },
          { title: 'Running', kind: 'id', cell: (row) => row.running && requestLink(row.running) },
          { title: 'Not before', kind: 'time', cell: (row) => when(row.not_before) },
          { title: 'Last used', kind: 'time', cell: (row) => when(row.last_used_at) },
        ],
      })}
      ${pager({ ...page, query, path: '/page/conversations', what: 'conversations' })}`
  },
}
