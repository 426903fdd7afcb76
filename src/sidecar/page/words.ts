import { html } from './html.ts'
import type { Content, Html } from './html.ts'

/** A time: of day, and how long ago once the script runs. */
export function when(iso: string | null | undefined): Html {
  if (!iso) return nothing
  return html`<time datetime="${iso}" title="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC</time>`
}

/** A time of day. */
export function clock(iso: string): Html {
  return html`<time data-clock datetime="${iso}" title="${iso}">${iso.slice(11, 19)} UTC</time>`
}

/** When, for epoch ms. */
export function whenMs(ms: number | null): Html {
  return ms === null ? nothing : when(new Date(ms).toISOString())
}

/** How long something lasts by now. */
export function lasting(iso: string | null): Html {
  if (iso === null) return nothing
  return html`<time data-lasting datetime="${iso}" title="since ${iso}">since ${iso.slice(11, 19)} UTC</time>`
}

/** A place where there is nothing to say. */
export const nothing = html`<span class="none">–</span>`

/** A duration: 84 ms, 1.2 s, 3 min. */
export function duration(ms: number | null | undefined): string {
  if (ms == null || !Number.isFinite(ms)) return '–'
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`
  return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`
}

/** A number with its thousands apart. */
export function count(n: number | null | undefined): string {
  return n == null ? '–' : n.toLocaleString('en-US')
}

/** A command to copy. */
export function command(text: string): Html {
  return html`<span class="command"
    ><code>${text}</code><button type="button" data-copy="${text}" aria-label="Copy: ${text}">Copy</button></span
  >`
}

/** What is said where there is nothing yet: what it would be, and what to do first. */
export function empty(text: string, ...commands: string[]): Html {
  return html`<div class="empty">
    <p>${text}</p>
    ${commands.map((line) => html`<p>${command(line)}</p>`)}
  </div>`
}

export interface Column<T> {
  title: string
  cell: (row: T) => Content
  /** how wide, and whether it holds numbers: a class of the style sheet */
  kind?: 'id' | 'number' | 'time' | 'wide' | 'state'
}

/**
 * A table. It scrolls sideways within itself, and can be reached by the keyboard for that.
 * @param options.key what each row is known by, so that it stays the same element
 */
export function table<T>(options: {
  label: string
  columns: readonly Column<T>[]
  rows: readonly T[]
  key: (row: T) => string
  none: Html
  tone?: (row: T) => string | undefined
}): Html {
  const { label, columns, rows, key, none, tone } = options
  if (rows.length === 0) return none
  const name = label.toLowerCase().replaceAll(/\W+/g, '-')
  return html`<div class="scroll" id="table-${name}" role="region" aria-label="${label}" tabindex="0">
    <table>
      <thead>
        <tr>
          ${columns.map(({ title, kind = 'plain' }) => html`<th scope="col" class="col-${kind}">${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr id="${name}-${key(row)}" class="${tone?.(row) ?? ''}">
              ${columns.map(({ cell, kind = 'plain' }) => html`<td class="col-${kind}">${cell(row)}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`
}

/** Facts, each with its name. */
export function facts(rows: readonly (readonly [string, Content])[]): Html {
  return html`<dl class="facts">
    ${rows.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`
}

/** A state of a request, of a boot, of a container. */
export function state(name: string, tone: 'good' | 'bad' | 'busy' | 'idle' = toneOf(name)): Html {
  return html`<span class="state ${tone}">${name}</span>`
}

function toneOf(name: string): 'good' | 'bad' | 'busy' | 'idle' {
  if (['completed', 'live', 'running', 'healthy'].includes(name)) return 'good'
  if (['failed', 'crashed', 'unhealthy', 'dead'].includes(name)) return 'bad'
  return name === 'processing' ? 'busy' : 'idle'
}

/** A text that may be long and have lines of its own. */
export function longText(text: string, label: string, most = 20_000): Html {
  const rest = text.length - most
  return html`<pre class="text" role="region" aria-label="${label}" tabindex="0">${text.slice(0, most)}</pre>
    ${rest > 0 && html`<p class="hint">${count(rest)} characters more: see the same as JSON.</p>`}`
}

/** Ids that are made here begin alike: their end tells them apart. */
function short(id: string): string {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) ? `…${id.slice(-12)}` : id
}

/** An id, short where it is one of ours; the whole of it on hover. */
export const idText = (id: string | null): Content =>
  id !== null && html`<span class="mono" title="${id}">${short(id)}</span>`

export const requestLink = (id: string): Html =>
  html`<a class="mono" href="/page/requests/${encodeURIComponent(id)}" title="${id}">${short(id)}</a>`

export const conversationLink = (name: string): Html =>
  html`<a class="mono" href="/page/requests?conversation=${encodeURIComponent(name)}" title="${name}"
    >${short(name)}</a
  >`

export const files = (list: readonly string[]): Content =>
  list.length === 0
    ? nothing
    : html`<span class="mono" title="${list.join('\n')}"
        >${list.slice(0, 3).join(', ')}${list.length > 3 && ` and ${list.length - 3} more`}</span
      >`
