import type { StatusDocument } from '../../contracts/status.ts'
import { version } from '../../contracts/version.ts'
import { KsiError, messageOf } from '../../lib/errors.ts'
import type { Knowledge } from '../knowledge.ts'
import { html } from './html.ts'
import type { Html } from './html.ts'
import { sectionAt, tabs } from './sections.ts'
import { alerts } from './sections/alerts.ts'
import type { Section, View } from './view.ts'
import { clock, command } from './words.ts'

/** A page: what stands in its tab, and its parts by their ids, each of which can replace the one before. */
export interface Rendered {
  /** of the answer */
  status: number
  title: string
  icon: string
  parts: Record<'top' | 'nav' | 'alerts' | 'main' | 'foot', string>
  /** ids of requests whose output is shown as it comes */
  follows: readonly string[]
}

interface Asked {
  address: string
  document: StatusDocument
  knowledge: Knowledge
  mayRead: boolean
}

/** Makes the page of an address: for the first paint, for the live page and for who has no script. */
export function render({ address, document, knowledge, mayRead }: Asked): Rendered {
  const found = sectionAt(address)
  const view: View = {
    document,
    knowledge,
    mayRead,
    params: found?.params ?? {},
    query: found?.query ?? new URLSearchParams(),
  }
  const { status, title, body, json, follows } = found === undefined ? missing : sectionBody(found.section, view)
  const parts = {
    top: top(document),
    nav: nav(found?.section.tab),
    alerts: alerts(view),
    main: html`<main id="main" tabindex="-1">
      <h1>${title}</h1>
      ${body}
    </main>`,
    foot: foot(json, document, knowledge),
  }
  return {
    status,
    title: `${marks[document.status]} ${title} · ksi ${phaseName(document.phase)}`,
    icon: iconOf(document.status),
    parts: mapped(parts),
    follows,
  }
}

interface Body {
  status: number
  title: string
  body: Html
  json: string | undefined
  follows: readonly string[]
}

const missing: Body = {
  status: 404,
  title: 'There is nothing here',
  body: html`<p>This address is none of the page. <a href="/">To what is the case now</a></p>`,
  json: undefined,
  follows: [],
}

function sectionBody(section: Section, view: View): Body {
  const title = section.title(view)
  const json = section.json(view)
  if (section.content === true && !view.mayRead)
    return { status: 401, title, body: locked, json: undefined, follows: [] }
  try {
    return { status: 200, title, body: section.render(view), json, follows: section.follows?.(view) ?? [] }
  } catch (error) {
    if (!(error instanceof KsiError)) throw error
    const status = error.code === 'KSI_NOT_FOUND' ? 404 : 503
    return { status, title, body: html`<p class="message">${messageOf(error)}</p>`, json: undefined, follows: [] }
  }
}

const locked = html`<div class="empty">
  <p>This shows what was asked and answered. Open the page by the link that this prints:</p>
  <p>${command('ksi page')}</p>
</div>`

function top({ status, phase, generation, lead, unknown_since: since }: StatusDocument): Html {
  return html`<header id="top" data-status="${status}">
    <a class="brand" href="/">ksi</a>
    <span class="pill ${status}"
      ><span aria-hidden="true">${marks[status]}</span> ${phaseName(phase)}${
        generation !== null && ` · generation ${generation}`
      }</span
    >
    <p id="summary" role="status">${lead}</p>
    ${since !== null && html`<p class="unknown">unknown since ${clock(since)}</p>`}
    <p id="link" class="scripted">connecting…</p>
  </header>`
}

function nav(tab: string | undefined): Html {
  return html`<nav id="nav" aria-label="Sections">
    ${tabs.map(
      (section) =>
        html`<a href="${section.path}" ${section.tab === tab ? html`aria-current="page"` : html``}>${section.tab}</a>`,
    )}
  </nav>`
}

function foot(json: string | undefined, { daemon }: StatusDocument, { root }: Knowledge): Html {
  return html`<footer id="foot">
    <p>
      ${
        json !== undefined &&
        html`<a href="${json}">The same as JSON</a>
          <button type="button" class="scripted" data-copy-from="${json}">Copy as JSON</button>`
      }
      <a href="/diagnostics" download>Diagnostics, without prompts and secrets</a>
      <a href="/openapi.json">API</a>
    </p>
    <p class="hint">ksi ${version} · ${daemon.facts?.journal.path ?? root}</p>
  </footer>`
}

const marks = { pass: '●', warn: '▲', fail: '✖' } as const
const colors = { pass: '#1a7f37', warn: '#bf8700', fail: '#cf222e' } as const

function phaseName(phase: string): string {
  return phase === 'swapping' ? 'handing over' : phase
}

const shapes = {
  pass: '<circle cx="8" cy="8" r="7"/>',
  warn: '<path d="M8 1l7.5 14h-15z"/>',
  fail: '<path d="M1 1h14v14h-14z"/>',
} as const

/** A shape for each state: its colour is not all that tells them apart. */
function iconOf(status: StatusDocument['status']): string {
  const head = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"'
  const svg = `${head} fill="${colors[status]}">${shapes[status]}</svg>`
  return `data:image/svg+xml,${encodeURIComponent(svg)}`
}

function mapped<K extends string>(parts: Record<K, Html>): Record<K, string> {
  const pairs = Object.entries<Html>(parts).map(([name, part]) => [name, part.text] as const)
  return Object.fromEntries(pairs) as Record<K, string>
}

/** The whole of it as a document. Without a script it comes again by itself every few seconds. */
export function pageText({ title, icon, parts }: Rendered): string {
  const head = html`<!doctype html>
    <html lang="en" class="plain">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <link rel="icon" href="${icon}" />
        <link rel="stylesheet" href="/style.css" />
        <noscript><meta http-equiv="refresh" content="5" /></noscript>
        <script type="module" src="/app.js"></script>
      </head>
    </html>`
  const body = `<a class="skip" href="#main">To the content</a>${Object.values(parts).join('\n')}`
  return head.text.replace(/<\/html>\s*$/, `<body>${body}</body></html>`)
}
