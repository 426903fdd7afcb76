import { eventSpecs, pushSpecs } from '../../contracts/events.ts'
import type { EventData, EventReply } from '../../contracts/events.ts'
import { KsiError } from '../../lib/errors.ts'
import { globMatcher } from '../../lib/glob.ts'
import { isoOrNull } from '../../lib/time.ts'
import type { EventHead } from '../../store/event-heads.ts'
import type { Core } from '../core.ts'
import { EventSearch } from './event-search.ts'
import { describeLog, logPlaces } from './log-stats.ts'
import type { Monitor } from './monitor.ts'

const listed = 1_000

/** What can be asked about events of the past and their followers (docs/ksi-clients.md). */
export function registerQueries(core: Core, monitor: Monitor): void {
  const { router } = core
  const search = new EventSearch(core)
  const service = { service: 'monitor' }
  router.on('monitor:get_events', (data) => getEvents(core, search, data), service)
  router.on('monitor:get_session_events', (data) => getSessionEvents(core, search, data), service)
  router.on('monitor:get_status', (data) => getStatus(core, search, data), service)
  router.on('monitor:get_subscriptions', () => getSubscriptions(monitor), service)
  router.on('monitor:broadcast_event', (data) => broadcast(core, data), service)
  router.on('event_log:query', (data) => query(core, search, data), service)
  router.on('event_log:stats', () => describeLog(core, search), service)
  const describeRouter = (): EventReply<'monitor:get_stats'>['router'] => ({
    events: Object.keys(eventSpecs).length + router.added.size,
    services: Object.keys(router.services()).length,
    subscriptions: monitor.followers().length,
  })
  router.on('monitor:get_stats', () => ({ event_log: logPlaces(core), router: describeRouter() }), service)
}

interface Asked {
  patterns: string[] | null | undefined
  agent: string | null | undefined
  since: number | null | undefined
  until: number | null | undefined
  before?: number | null | undefined
}

/** Which rows of the journal can be meant. */
function wantedOf(core: Core, { patterns, agent, since, until, before }: Asked) {
  const { eventHeads } = core.journal
  const fits = globMatcher(patterns ?? ['*'])
  const end = until == null ? Infinity : eventHeads.since(until + 1)
  return {
    matches: ({ name, agent_id }: EventHead) => fits(name) && (agent == null || agent_id === agent),
    byAgent: agent != null,
    from: since == null ? 0 : eventHeads.since(since),
    before: Math.min(end, before ?? Infinity, core.events.lastSeq() + 1),
  }
}

async function getEvents(
  core: Core,
  search: EventSearch,
  data: EventData<'monitor:get_events'>,
): Promise<EventReply<'monitor:get_events'>> {
  const { event_patterns, _agent_id, since, until, limit, reverse, before } = data
  const wanted = wantedOf(core, { patterns: event_patterns, agent: _agent_id, since, until, before })
  const { events, next } = await search.find({ ...wanted, limit, whole: data.resolve_references })
  return {
    events: reverse ? events : events.toReversed(),
    count: events.length,
    total_events: core.events.lastSeq() + 1 - core.events.firstSeq(),
    query: {
      event_patterns: event_patterns ?? null,
      _agent_id: _agent_id ?? null,
      since: since == null ? null : since / 1_000,
      until: until == null ? null : until / 1_000,
      limit,
      reverse,
    },
    next,
  }
}

async function getSessionEvents(
  core: Core,
  search: EventSearch,
  { session_id, limit, reverse, before }: EventData<'monitor:get_session_events'>,
): Promise<EventReply<'monitor:get_session_events'>> {
  const name = core.conversations.ofSession(session_id) ?? session_id
  const rows = core.requests.ofConversation(name, listed).filter((row) => row.session_id === session_id)
  const requests = new Set<string | null>(rows.map(({ request_id }) => request_id))
  const matches = (head: EventHead): boolean => head.request_id !== null && requests.has(head.request_id)
  const oldest = rows.reduce((least, { id }) => Math.min(least, id), Infinity)
  const last = core.events.lastSeq() + 1
  const { events, next } = await search.find({ matches, from: oldest, before: Math.min(before ?? last, last), limit })
  return {
    session_id,
    events: reverse ? events : events.toReversed(),
    count: events.length,
    sources: ['journal'],
    next,
  }
}

async function getStatus(
  core: Core,
  search: EventSearch,
  { event_patterns, since, limit, include_agents, include_events }: EventData<'monitor:get_status'>,
): Promise<EventReply<'monitor:get_status'>> {
  const wanted = wantedOf(core, { patterns: event_patterns, agent: null, since, until: null })
  const { events } = include_events ? await search.find({ ...wanted, limit }) : { events: [] }
  const agents = include_agents ? core.journal.agents.list('', listed) : []
  return {
    status: 'ok',
    events,
    event_count: events.length,
    agents: agents.map(({ agent_id, info, queued, busy, registered_at }) => ({
      agent_id,
      profile: typeof info['profile'] === 'string' ? info['profile'] : null,
      status: busy || queued > 0 ? 'active' : 'idle',
      created: isoOrNull(registered_at),
    })),
    agent_count: agents.length,
    total_identities: agents.filter(({ registered_at }) => registered_at !== null).length,
    timestamp: Date.now() / 1_000,
  }
}

async function query(
  core: Core,
  search: EventSearch,
  data: EventData<'event_log:query'>,
): Promise<EventReply<'event_log:query'>> {
  const { source_agent: agent, event_patterns: patterns, start_time: since, end_time: until, limit, offset } = data
  const wanted = wantedOf(core, { patterns, agent, since, until })
  const { events, matched, next } = await search.find({ ...wanted, limit, skip: offset })
  return { events, total: matched, has_more: next !== null, offset }
}

function getSubscriptions(monitor: Monitor): EventReply<'monitor:get_subscriptions'> {
  const followers = monitor.followers()
  const { length } = followers
  return {
    subscription_stats: {
      // A subscription belongs to its connection and ends with it: there is never one without the other.
      total_subscriptions: length,
      total_writers: length,
      clients_with_writers: length,
      clients_without_writers: 0,
      writers_without_subscriptions: 0,
      subscriptions: Object.fromEntries(followers.slice(0, listed).map(({ name, patterns }) => [name, patterns])),
      behind: followers.filter(({ behind }) => behind).length,
    },
    timestamp: Date.now() / 1_000,
  }
}

const ours = new Set([...Object.keys(eventSpecs), ...Object.keys(pushSpecs)].map(namespaceOf))

/** @throws KsiError KSI_BAD_REQUEST: what ksi or a module says nobody else can say; KSI_QUOTA_FULL */
function broadcast({ router, journal, quotas }: Core, data: EventData<'monitor:broadcast_event'>): undefined {
  const namespace = namespaceOf(data.event_name)
  const taken = [...router.added.keys(), ...router.pushes.keys()].some((name) => namespaceOf(name) === namespace)
  if (taken || ours.has(namespace))
    throw new KsiError('KSI_BAD_REQUEST', `The events ${namespace}:… are not a client's to tell. Take another name.`)
  quotas.take(JSON.stringify(data.event_data).length)
  journal.emitAny(data.event_name, data.event_data)
}

function namespaceOf(name: string): string {
  return name.slice(0, name.indexOf(':'))
}
