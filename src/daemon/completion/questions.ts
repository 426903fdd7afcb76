import type { Core } from '../core.ts'
import { describeProviders } from './provider-status.ts'
import type { RunnerLinks } from './runner-links.ts'
import { describeSession, describeStatus } from './status.ts'
import { describeUsage } from './usage.ts'

/** What can be asked of the completion service and changes nothing. */
export function answerQuestions(core: Core, links: RunnerLinks): void {
  const { router } = core
  const service = { service: 'completion' }
  router.on('completion:status', ({ request_id: id }) => describeStatus(core, id), service)
  router.on('completion:session_status', (data) => describeSession(core, data.session_id), service)
  router.on('completion:token_usage', (data) => describeUsage(core, data), service)
  router.on('completion:provider_status', (data) => describeProviders(links, data.provider ?? undefined), service)
}
