import type { StatusDocument } from '../../contracts/status.ts'
import type { Knowledge } from '../knowledge.ts'
import type { Html } from './html.ts'

/** What a section is made from. */
export interface View {
  document: StatusDocument
  knowledge: Knowledge
  /** whether prompts and answers may be shown */
  mayRead: boolean
  params: Readonly<Record<string, string>>
  query: URLSearchParams
}

/** A section of the page, with an address of its own. */
export interface Section {
  /** of the tab it stands under */
  tab: string
  /** as URLPattern takes it */
  path: string
  title: (view: View) => string
  /** it shows prompts, answers or the data of events */
  content?: true
  /** the same as JSON */
  json: (view: View) => string
  render: (view: View) => Html
  /** ids of requests whose output is shown as it comes */
  follows?: (view: View) => string[]
}

/** The query as the API takes it, without what is empty. */
export function queryText(query: URLSearchParams, changes: Record<string, string | null> = {}): string {
  const next = new URLSearchParams([...query].filter(([, value]) => value !== ''))
  for (const [name, value] of Object.entries(changes))
    if (value === null) next.delete(name)
    else next.set(name, value)
  const text = next.toString()
  return text === '' ? '' : `?${text}`
}

/** A number of the address, if it is one. */
export function numberOf(text: string | null | undefined): number | undefined {
  return text != null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
