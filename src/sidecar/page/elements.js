// Data reaches the page only as text nodes and attributes made here: nothing from a prompt, a file name or an error is
// ever parsed as HTML.
export const byId = (id) => document.getElementById(id)

/** An element with children: strings become text, null is left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value)
  element.append(
    ...children
      .filter((child) => child !== null && child !== undefined)
      .map((child) => (child instanceof Node ? child : String(child))),
  )
  return element
}

/** A time as "3 s ago", with the whole of it on hover; kept up to date by `tick`. */
export function when(iso) {
  if (!iso) return '–'
  return make('time', { datetime: iso, title: `${new Date(iso).toLocaleString()} (${iso})` }, ago(iso))
}

export function ago(iso) {
  const seconds = Math.round((Date.now() - Date.parse(iso)) / 1_000)
  const size = Math.abs(seconds)
  const text =
    size < 90
      ? `${size} s`
      : size < 5_400
        ? `${Math.round(size / 60)} min`
        : size < 129_600
          ? `${Math.round(size / 3_600)} h`
          : `${Math.round(size / 86_400)} d`
  return seconds < 0 ? `in ${text}` : `${text} ago`
}

export function table(columns, rows, none) {
  if (rows.length === 0) return make('p', { class: 'none' }, none)
  const head = make('tr', {}, ...columns.map(([title]) => make('th', { scope: 'col' }, title)))
  const body = rows.map((row) => make('tr', {}, ...columns.map(([, cell]) => make('td', {}, cell(row) ?? '–'))))
  return make('div', { class: 'scroll' }, make('table', {}, make('thead', {}, head), make('tbody', {}, ...body)))
}

export function show(id, ...children) {
  byId(id).replaceChildren(...children)
}

export const files = (list) => (list.length === 0 ? '–' : list.join(', '))
export const fromMs = (ms) => (ms === null || ms === undefined ? null : new Date(ms).toISOString())
