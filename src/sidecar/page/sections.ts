import { checkpoint, checkpoints, difference } from './sections/checkpoints.ts'
import { containers } from './sections/containers.ts'
import { conversations } from './sections/conversations.ts'
import { events } from './sections/events.ts'
import { logs } from './sections/logs.ts'
import { now } from './sections/now.ts'
import { providers } from './sections/providers.ts'
import { reload, reloads } from './sections/reloads.ts'
import { request } from './sections/request.ts'
import { requests } from './sections/requests.ts'
import type { Section } from './view.ts'

/** All sections, each with an address of its own. */
const sections: readonly Section[] = [
  now,
  reloads,
  reload,
  requests,
  request,
  conversations,
  providers,
  checkpoints,
  checkpoint,
  difference,
  events,
  logs,
  containers,
]

/** The sections that have a tab. */
export const tabs: readonly Section[] = sections.filter(({ path }) => !path.includes(':'))

const patterns = sections.map((section) => ({ section, pattern: new URLPattern({ pathname: section.path }) }))

/** What an address of the page shows. @returns undefined when it is none */
export function sectionAt(
  address: string,
): { section: Section; params: Record<string, string>; query: URLSearchParams } | undefined {
  const url = URL.parse(address, 'http://page')
  if (url === null || !address.startsWith('/') || address.startsWith('//')) return undefined
  for (const { section, pattern } of patterns) {
    const groups = pattern.exec({ pathname: url.pathname })?.pathname.groups
    if (groups === undefined) continue
    const params = Object.entries(groups).map(([name, value]) => [name, decoded(value ?? '')] as const)
    return { section, params: Object.fromEntries(params), query: url.searchParams }
  }
  return undefined
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
