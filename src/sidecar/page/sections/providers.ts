import type { ProviderState } from '../../../contracts/providers.ts'
import type { JournalFacts } from '../../../contracts/status.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'
import type { Section } from '../view.ts'
import { count, empty, state, table, when, whenMs } from '../words.ts'

const dayMs = 86_400_000

/** How the providers stand, and what was used today. */
export const providers: Section = {
  tab: 'Providers',
  path: '/page/providers',
  title: () => 'Providers',
  json: () => '/providers',
  render: ({ knowledge, document }) => {
    const { state: reading, facts, error, sinceMs } = knowledge.providers()
    const usage = knowledge.journal((reader) => reader.usageSince(knowledge.now() - dayMs))
    const isOld = reading !== 'fine' && reading !== 'pending'
    return html`<section class="${isOld ? 'old' : ''}">
        ${isOld && html`<p class="unknown">unknown since ${whenMs(sinceMs)}: ${error}</p>`}
        ${table({
          label: 'Providers',
          rows: facts ?? [],
          key: ({ provider }) => provider,
          none: html`<p class="none">Not known yet.</p>`,
          columns: [
            { title: 'Provider', cell: (row) => row.provider },
            { title: 'State', kind: 'state', cell: (row) => stateOf(row) },
            { title: 'Completed', kind: 'number', cell: (row) => count(row.completed) },
            { title: 'Failed', kind: 'number', cell: (row) => count(row.failed) },
            { title: 'Last success', kind: 'time', cell: (row) => when(row.last_success) },
            { title: 'Last failure', kind: 'time', cell: (row) => when(row.last_failure) },
            { title: 'Why', kind: 'wide', cell: (row) => row.problem ?? row.last_error },
          ],
        })}
      </section>
      <h2>Held</h2>
      ${holdTable(document.journal.facts?.holds ?? [])}
      <h2>Used in the last 24 hours</h2>
      ${table({
        label: 'Tokens by model',
        rows: Object.entries(usage),
        key: ([model]) => model,
        none: empty('No provider has told of any use.', 'ksi send completion:token_usage'),
        columns: [
          { title: 'Model', cell: ([model]) => model },
          { title: 'Runs', kind: 'number', cell: ([, sum]) => count(sum.runs) },
          { title: 'Input tokens', kind: 'number', cell: ([, sum]) => count(sum.input_tokens) },
          { title: 'Output tokens', kind: 'number', cell: ([, sum]) => count(sum.output_tokens) },
          { title: 'From cache', kind: 'number', cell: ([, sum]) => count(sum.cache_read_tokens) },
          {
            title: 'Cost',
            kind: 'number',
            cell: ([, { cost_usd: cost }]) => (cost === null ? '–' : `$${cost.toFixed(4)}`),
          },
        ],
      })}`
  },
}

function stateOf({ configured, healthy }: ProviderState) {
  if (!configured) return state('not set up', 'idle')
  if (healthy === null) return state('not used yet', 'idle')
  return healthy ? state('healthy', 'good') : state('failing', 'bad')
}

type Hold = JournalFacts['holds'][number]

/** What is held, by whom and until when: a person, a limit, a circuit, a budget. */
function holdTable(holds: readonly Hold[]): Html {
  return table({
    label: 'Holds',
    rows: holds,
    key: ({ scope, name, cause }) => `${scope}-${name}-${cause}`,
    none: empty('Nothing is held. To let something wait:', 'ksi hold'),
    columns: [
      { title: 'What', cell: ({ scope, name }) => `${scope} ${scope === 'all' ? '' : name}` },
      { title: 'Cause', cell: ({ cause }) => cause },
      { title: 'Why', kind: 'wide', cell: ({ reason }) => reason },
      { title: 'Since', kind: 'time', cell: ({ since }) => when(since) },
      { title: 'Until', cell: (row) => endOf(row) },
    ],
  })
}

function endOf({ phase, until, probe }: Hold): Html | string {
  if (phase === 'held') return until === null ? 'it is released: ksi release' : when(until)
  return probe === null ? 'the next request is answered' : `${probe} is answered`
}
