import { html } from '../html.ts'
import type { Html } from '../html.ts'
import type { Section, View } from '../view.ts'
import { clock, conversationLink, count, empty, facts, lasting, requestLink, table, when } from '../words.ts'
import { bootRow, legend } from './boot-bar.ts'

/** Requests whose text is shown as it comes, and rows of the lists. */
const followed = 12
const rows = 25

/** What runs now: state, what is running with its text as it comes, the last change. */
export const now: Section = {
  tab: 'Now',
  path: '/',
  title: () => 'Now',
  json: () => '/status',
  follows: ({ document, mayRead }) =>
    mayRead && document.daemon.ok ? shownRunning(document).map(({ request_id }) => request_id) : [],
  render: (view) => html`
    ${counters(view)}
    ${block(
      view,
      'Running',
      html`${running(view)}
        <p class="hint">Cancel one: <code>ksi send completion:cancel --request-id ID</code></p>`,
    )}
    ${lastChange(view)} ${block(view, 'Waiting', waiting(view))}
  `,
}

function shownRunning({ journal }: View['document']): { request_id: string }[] {
  return (journal.facts?.running ?? []).slice(0, followed)
}

/** A part of the page whose facts may be old: it says so, and is grey. */
function block({ document }: View, title: string, content: Html): Html {
  const { unknown_since: since } = document
  return html`<section class="${since === null ? '' : 'old'}" aria-label="${title}">
    <h2>
      ${title}${since !== null && html` <span class="unknown">unknown since ${clock(since)}; this was before</span>`}
    </h2>
    ${content}
  </section>`
}

function counters({ document }: View): Html {
  const { daemon, journal, unknown_since: since } = document
  const counts = journal.facts?.counts
  const isOld = since !== null || !journal.ok
  const status = daemon.facts
  return html`<div class="${isOld ? 'old' : ''}" id="counters">
    ${facts([
      ['Queued', count(counts?.queued)],
      [since === null ? 'Running' : 'Ran then', count(counts?.processing)],
      ['Completed', count(counts?.completed)],
      ['Failed', html`${count(counts?.failed)}${(journal.facts?.lost ?? 0) > 0 && ` (${journal.facts?.lost} lost)`}`],
      ['Cancelled', count(counts?.cancelled)],
      ['Generation', document.generation ?? '–'],
      ['Saves', status === null ? '–' : `${status.swaps} live, ${status.failed_swaps} not`],
      ['Crashes', count(status?.crashes)],
      ['Connections', count(status?.connections)],
      ['Runners', status === null ? '–' : runnersOf(status)],
    ])}
  </div>`
}

function runnersOf({ runners, runner_host: host }: NonNullable<View['document']['daemon']['facts']>): string {
  if (host.state === 'down') return 'none: the host is down'
  return `${runners.length}${host.state === 'draining' ? ', ending' : ''}${host.elsewhere ? ', own container' : ''}`
}

function running({ document, mayRead }: View): Html {
  const all = document.journal.facts?.running ?? []
  const shown = all.slice(0, rows)
  const follows = new Set(shownRunning(document).map(({ request_id }) => request_id))
  return html`${table({
    label: 'Running requests',
    rows: shown,
    key: ({ request_id }) => request_id,
    none: empty('Nothing runs.', 'ksi send completion:async --prompt "Hello" --stream'),
    columns: [
      { title: 'Request', kind: 'id', cell: (row) => requestLink(row.request_id) },
      { title: 'Conversation', kind: 'id', cell: (row) => conversationLink(row.conversation) },
      { title: 'Model', cell: (row) => row.model },
      { title: 'Try', kind: 'number', cell: (row) => row.attempts },
      { title: 'For', kind: 'time', cell: (row) => lasting(row.started_at) },
      {
        title: 'Text',
        kind: 'wide',
        cell: ({ request_id: id }) =>
          mayRead && follows.has(id) && html`<span class="tail" id="text-${id}" data-text="${id}"></span>`,
      },
    ],
  })}
  ${all.length > shown.length && html`<p class="hint">${count(all.length - shown.length)} more run.</p>`}`
}

function waiting({ document }: View): Html {
  const queues = document.journal.facts?.queues.filter(({ queued }) => queued > 0) ?? []
  const shown = queues.slice(0, rows)
  return html`${table({
    label: 'Conversations with something queued',
    rows: shown,
    key: ({ conversation }) => conversation,
    none: html`<p class="none">Nothing is queued.</p>`,
    columns: [
      { title: 'Conversation', kind: 'id', cell: (row) => conversationLink(row.conversation) },
      { title: 'Agent', kind: 'id', cell: (row) => row.agent_id },
      { title: 'Queued', kind: 'number', cell: (row) => count(row.queued) },
      { title: 'Running', kind: 'id', cell: (row) => row.running && requestLink(row.running) },
      { title: 'Not before', kind: 'time', cell: (row) => when(row.not_before) },
    ],
  })}
  ${
    queues.length > shown.length &&
    html`<p class="hint"><a href="/page/conversations">All conversations</a>: these are ${shown.length} of more.</p>`
  }`
}

function lastChange(view: View): Html {
  const [newest] = view.document.journal.facts?.boots ?? []
  if (newest === undefined) return html``
  return html`<section aria-label="Last change">
    <h2>Last change</h2>
    ${legend}
    <ol class="boots">
      ${bootRow(newest, { document: view.document, longest: newest.phases.total ?? 1 })}
    </ol>
  </section>`
}
