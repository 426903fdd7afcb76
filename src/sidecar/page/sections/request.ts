import type { RequestDetail } from '../../../contracts/listed.ts'
import { KsiError } from '../../../lib/errors.ts'
import { answerText } from '../../../lib/prompt.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'
import type { Section, View } from '../view.ts'
import {
  command,
  conversationLink,
  count,
  duration,
  facts,
  idText,
  lasting,
  longText,
  nothing,
  state,
  table,
  when,
} from '../words.ts'
import { waterfall } from './waterfall.ts'

/** One request: what was asked and answered, and all that happened to it. */
export const request: Section = {
  tab: 'Requests',
  path: '/page/requests/:id',
  title: ({ params }) => `Request ${params['id'] ?? ''}`,
  content: true,
  json: ({ params }) => `/requests/${encodeURIComponent(params['id'] ?? '')}`,
  follows: (view) => {
    const found = read(view)
    return found?.state === 'processing' ? [found.request_id] : []
  },
  render: (view) => {
    const found = read(view)
    if (found === undefined)
      throw new KsiError(
        'KSI_NOT_FOUND',
        `There is no request ${view.params['id'] ?? ''}: it never was, or is no longer kept.`,
      )
    return html`${summary(found)} ${todo(found)}
      <h2>Asked</h2>
      ${longText(found.prompt, 'What was asked')}
      <h2>Answered</h2>
      ${answer(found)}
      <h2>Course</h2>
      ${waterfall(found, generationsOf(view, found), view.knowledge.now())} ${history(found)}
      <h2>Runs</h2>
      ${runs(found)}`
  },
}

function read({ knowledge, params }: View): RequestDetail | undefined {
  return knowledge.journal((reader) => reader.requests.get(params['id'] ?? ''))
}

function generationsOf({ knowledge }: View, { queued_at, finished_at }: RequestDetail) {
  const end = finished_at === null ? knowledge.now() : Date.parse(finished_at)
  return knowledge.journal((reader) => reader.boots.within(Date.parse(queued_at), end))
}

function summary(found: RequestDetail): Html {
  const { usage } = found
  return facts([
    ['State', state(found.state)],
    ['Conversation', conversationLink(found.conversation)],
    ['Session', idText(found.session_id) || nothing],
    ['Agent', found.agent_id ?? '–'],
    ['Model', found.model],
    ['Priority', found.priority],
    ['Accepted', when(found.queued_at)],
    ['Ended', when(found.finished_at)],
    ['Tries', found.attempts],
    ['Tokens', usage === null ? '–' : `${count(usage.input_tokens)} in, ${count(usage.output_tokens)} out`],
    ['Cost', usage?.cost_usd == null ? '–' : `$${usage.cost_usd.toFixed(4)}`],
    ['Client', found.client?.client_id ?? found.client?.transport ?? '–'],
  ])
}

function todo({ request_id: id, state: name, next_try_at: next }: RequestDetail): Html {
  if (name === 'queued' || name === 'processing')
    return html`<p>
      ${next !== null && html`It is tried again at ${when(next)}. `}Cancel it:
      ${command(`ksi send completion:cancel --request-id ${id}`)}
    </p>`
  if (name === 'completed') return html``
  return html`<p>Queue it once more: ${command(`ksi send completion:retry --request-id ${id}`)}</p>`
}

function answer(found: RequestDetail): Html {
  const { state: name, result, reason, message, partial, request_id: id } = found
  if (result !== null) return longText(answerText(result.response), 'What was answered')
  if (name === 'processing')
    return html`<p class="hint">As it comes, ${lasting(found.started_at)}:</p>
      <pre
        class="text"
        id="text-${id}"
        data-text="${id}"
        data-whole
        role="region"
        aria-label="The answer as it comes"
        tabindex="0"
      ></pre>`
  if (name === 'queued') return html`<p class="none">It has not begun.</p>`
  return html`<p class="message">${[reason, message].filter(Boolean).join(': ') || name}</p>
    ${partial !== null && longText(partial, 'What had come of it')}`
}

function history({ history: entries }: RequestDetail): Html {
  return table({
    label: 'History',
    rows: entries.map((entry, at) => ({ ...entry, at, when: entry.at })),
    key: ({ at }) => String(at),
    none: html``,
    columns: [
      { title: 'Tick', kind: 'number', cell: (row) => row.tick ?? nothing },
      { title: 'When', kind: 'time', cell: (row) => when(row.when) },
      { title: 'What', cell: (row) => row.what },
      { title: 'Detail', kind: 'wide', cell: (row) => row.detail },
    ],
  })
}

function runs({ runs: rows }: RequestDetail): Html {
  return table({
    label: 'Runs',
    rows,
    key: ({ tick }) => String(tick),
    none: html`<p class="none">No run has begun.</p>`,
    columns: [
      { title: 'Try', kind: 'number', cell: (run) => run.attempt },
      { title: 'Run', kind: 'id', cell: (run) => idText(run.run_id) },
      { title: 'Runner', kind: 'id', cell: (run) => run.runner_id },
      { title: 'Generation', kind: 'number', cell: (run) => run.generation },
      { title: 'Began', kind: 'time', cell: (run) => when(run.started_at) },
      { title: 'Took', kind: 'number', cell: ({ started_at, ended_at }) => tookOf(started_at, ended_at) },
      { title: 'End', cell: (run) => run.end ?? 'runs' },
    ],
  })
}

function tookOf(from: string, to: string | null): string {
  return to === null ? '–' : duration(Date.parse(to) - Date.parse(from))
}
