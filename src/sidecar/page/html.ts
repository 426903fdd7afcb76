/** A piece of HTML. Only `html` makes one, so that nothing that somebody else wrote is taken for it. */
export class Html {
  readonly text: string

  /** @internal use `html` */
  constructor(text: string) {
    this.text = text
  }
}

/** What can stand in a piece of HTML: texts are escaped, `false` and what is not there is left out. */
export type Content = Html | string | number | false | null | undefined | readonly Content[]

/** Makes HTML: html`<p title="${title}">${text}</p>`. */
export function html(strings: TemplateStringsArray, ...values: Content[]): Html {
  return new Html(strings.map((part, at) => part + textOf(values[at])).join(''))
}

function textOf(value: Content): string {
  if (value === undefined || value === null || value === false) return ''
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map(textOf).join('')
  return escaped(String(value))
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
/** Control characters, and those that turn the direction of writing, are shown as what they are. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const odd = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (found) => entities[found] ?? found).replaceAll(odd, '\ufffd')
}
