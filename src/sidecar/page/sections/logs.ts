import type { LogLine } from '../../../contracts/listed.ts'
import { html } from '../html.ts'
import type { Html } from '../html.ts'
import { numberOf, queryText } from '../view.ts'
import type { Section } from '../view.ts'
import { empty } from '../words.ts'
import { searchForm } from './listing.ts'

const limit = 300
const levels = ['debug', 'info', 'warn', 'error'] as const
const processes = ['supervisor', 'daemon', 'runner-host', 'runner', 'sidecar']

/** The end of the log, by boot, process and level. */
export const logs: Section = {
  tab: 'Logs',
  path: '/page/logs',
  title: ({ query }) => (query.get('boot') ? `Log of generation ${query.get('boot') ?? ''}` : 'Logs'),
  content: true,
  json: ({ query }) => `/logs${queryText(query)}`,
  render: ({ query, knowledge }) => {
    const boot = numberOf(query.get('boot'))
    const process = query.get('process') || undefined
    const level = levels.find((name) => name === query.get('level'))
    const { found, cut } = knowledge.log.last({ boot, process, level, q: query.get('q') || undefined, limit })
    return html`${searchForm({
        action: '/page/logs',
        query,
        label: 'Search the lines',
        kept: { ...(boot === undefined ? {} : { boot: String(boot) }), ...(process === undefined ? {} : { process }) },
        choices: { name: 'level', label: 'From level', values: levels },
      })}
      <p class="choices">
        ${[undefined, ...processes].map(
          (name) =>
            html`<a
              href="/page/logs${queryText(query, { process: name ?? null })}"
              ${name === process ? html`aria-current="true"` : html``}
              >${name ?? 'all processes'}</a
            >`,
        )}
      </p>
      <p class="scripted"><button type="button" data-pause aria-pressed="false">Pause</button></p>
      ${logTable(found.toReversed(), 'No line fits.')}
      <p class="hint">${cut && 'Older lines are left out. '}In a terminal: <code>ksi logs --follow</code></p>`
  },
}

/** Lines of the log. */
export function logTable(lines: readonly LogLine[], none: string): Html {
  if (lines.length === 0) return empty(none, 'ksi logs --follow')
  return html`<div class="log" id="log" role="region" aria-label="Log" tabindex="0">
    <ol>
      ${lines.map(
        ({ at, level, process, message, more }) =>
          html`<li class="${level}">
            <span class="log-time">${at?.slice(11, 23)}</span> <span class="log-level">${level}</span>
            <span class="log-process">${process}</span> <span class="log-text">${message}${rest(more)}</span>
          </li>`,
      )}
    </ol>
  </div>`
}

/** What else a line has, without what only tells where it comes from. */
function rest(more: Record<string, unknown>): Html | false {
  const text = Object.keys(more).length === 0 ? '' : JSON.stringify(more)
  return text !== '' && html` <span class="log-more">${text.slice(0, 400)}</span>`
}
