import type { RequestStatus } from '../../contracts/completion.ts'
import type { EventData, EventReply } from '../../contracts/events.ts'
import type { Core } from '../core.ts'
import type { EventContext } from '../wire/router.ts'
import { acceptRequest } from './accept.ts'
import type { Submission } from './accept.ts'
import { placeHold, releaseHold } from './hold-events.ts'
import { describePolicy } from './policy.ts'
import { describeProviders } from './provider-status.ts'
import { retryRequest } from './retry.ts'
import type { RunnerLinks } from './runner-links.ts'
import { describeSession, describeStatus } from './status.ts'
import { describeUsage } from './usage.ts'

/** What the events of the completion service do besides reading the journal. */
interface Doing {
  /** There may be work. */
  kick: () => void
  cancel: (requestId: string) => EventReply<'completion:cancel'>
  wait: (requestId: string, limitMs: number) => RequestStatus | Promise<RequestStatus>
}

/** Registers the events of the completion service (docs/wire.md, "Completion events"). */
export function registerCompletion(core: Core, links: RunnerLinks, { kick, cancel, wait }: Doing): void {
  const { router, journal } = core
  const service = { service: 'completion' }
  const begin = <A>(acknowledgement: A): A => {
    journal.afterCommit(kick)
    return acknowledgement
  }
  const accept =
    (event: Submission['event'], priority: Submission['priority']) =>
    (data: EventData<'completion:async'>, context: EventContext): EventReply<'completion:async'> =>
      begin(acceptRequest(core, { event, priority, data, context }))
  router.on('completion:async', accept('completion:async', 'ASYNC'), service)
  router.on('completion:inject', accept('completion:inject', 'INJECT'), service)
  router.on('completion:status', ({ request_id: id }) => describeStatus(core, id), service)
  router.on('completion:session_status', (data) => describeSession(core, data.session_id), service)
  router.on('completion:token_usage', (data) => describeUsage(core, data), service)
  router.on('completion:provider_status', (data) => describeProviders(core, links, data.provider ?? undefined), service)
  router.on('completion:cancel', (data) => cancel(data.request_id), service)
  router.on('completion:retry', (data, context) => begin(retryRequest(core, data, context)), service)
  router.on('completion:hold', (data) => placeHold(core, data), service)
  router.on('completion:release', (data) => begin(releaseHold(core, data)), service)
  router.on('completion:holds', ({ limit }) => core.holds.list(limit), service)
  router.on('completion:policy', (data) => begin(describePolicy(core, data)), service)
  router.on('completion:wait', (data) => wait(data.request_id, data.timeout_ms), service)
}
