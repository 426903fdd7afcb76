import { providerName, providers } from '../../contracts/providers.ts'
import type { EventReply } from '../../contracts/events.ts'
import type { ServiceStatus } from '../../contracts/events/completion.ts'
import { iso } from '../../lib/time.ts'
import type { RequestRow } from '../../store/rows.ts'
import type { Core } from '../core.ts'
import { maxAttempts } from './settle.ts'

const counted = 10_000
const listed = 1_000
const hourMs = 3_600_000

type Counts = Pick<ServiceStatus, 'sessions' | 'providers' | 'token_usage' | 'retry_manager'>

/** What of `completion:status` KSI's clients look for beside the queues. */
export function describeCounts({ conversations, requests, journal, settings }: Core, running: RequestRow[]): Counts {
  const { sessions, agents, waiting } = conversations.counts(counted)
  const names = Object.keys(providers)
  const runningBy = Map.groupBy(running, ({ model }) => providerName(model))
  const limit = (name: string): number | null => settings.KSI_PROVIDER_CONCURRENT.get(name) ?? null
  const standing = (name: string) => ({ running: runningBy.get(name)?.length ?? 0, limit: limit(name) })
  return {
    sessions: {
      total_sessions: sessions,
      locked_sessions: running.length,
      active_sessions: running.length,
      recovery_data_size: running.length,
      agents_with_sessions: agents,
      active_requests: requests.total('queued') + running.length,
      pending_session_assignments: running.filter(({ session_id }) => session_id === null).length,
    },
    providers: {
      total_providers: names.length,
      available_providers: names.length,
      providers: Object.fromEntries(names.map((name) => [name, standing(name)])),
    },
    token_usage: {
      hours: 1,
      total: journal.runs.usage.recent(Math.floor((Date.now() - hourMs) / hourMs), counted),
    },
    retry_manager: { total_retrying: waiting, pending_timers: waiting, policy: { max_attempts: maxAttempts } },
  }
}

/** `completion:retry_status`. */
export function describeRetries({ conversations, requests, journal }: Core): EventReply<'completion:retry_status'> {
  const rows = conversations.waiting(listed).flatMap((id) => requests.get(id) ?? [])
  return {
    retry_manager: 'active',
    stats: { total_retrying: conversations.counts(counted).waiting, max_attempts: maxAttempts },
    retrying_requests: rows.map(({ request_id, attempts, not_before, queued_at }) => ({
      request_id,
      retry_attempt: attempts,
      max_retries: maxAttempts,
      last_error: 'the last try failed',
      next_retry_in: Math.max(0, (journal.clock.toWall(not_before ?? 0) - Date.now()) / 1_000),
      created_at: iso(queued_at),
    })),
  }
}
