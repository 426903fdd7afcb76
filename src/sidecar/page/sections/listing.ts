import { html } from '../html.ts'
import type { Html } from '../html.ts'
import { queryText } from '../view.ts'
import { count } from '../words.ts'

/** A form that narrows a listing; it works without a script. */
export function searchForm(options: {
  action: string
  query: URLSearchParams
  label: string
  /** goes along unseen */
  kept?: Record<string, string>
  choices?: { name: string; label: string; values: readonly string[] }
}): Html {
  const { action, query, label, kept = {}, choices } = options
  return html`<form action="${action}" method="get" role="search" id="search">
    ${Object.entries(kept).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`)}
    <label
      ><span>${label}</span
      ><input type="search" name="q" id="q" value="${query.get('q')}" maxlength="200" autocomplete="off"
    /></label>
    ${
      choices &&
      html`<label
        ><span>${choices.label}</span
        ><select name="${choices.name}" id="${choices.name}">
          <option value="">any</option>
          ${choices.values.map((value) => option(value, query.get(choices.name) === value))}
        </select></label
      >`
    }
    <button type="submit">Search</button>
  </form>`
}

function option(value: string, isChosen: boolean): Html {
  return isChosen
    ? html`<option value="${value}" selected>${value}</option>`
    : html`<option value="${value}">${value}</option>`
}

/** What the page holds, whether it was cut, and where to go on. */
export function pager(options: {
  found: readonly unknown[]
  next: number | null
  looked: number
  query: URLSearchParams
  path: string
  what: string
}): Html {
  const { found, next, looked, query, path, what } = options
  const isLater = query.has('before')
  const cut = next === null ? 'no more' : `of ${count(looked)} looked at; there is more`
  return html`<nav class="pager" aria-label="Pages of ${what}">
    <span>${count(found.length)} ${what}, ${cut}</span>
    ${isLater && html`<a href="${path}${queryText(query, { before: null })}">Newest</a>`}
    ${next !== null && html`<a rel="next" href="${path}${queryText(query, { before: String(next) })}">Older</a>`}
  </nav>`
}
