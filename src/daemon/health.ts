import type { EventReply } from '../contracts/events.ts'
import { version } from '../contracts/version.ts'
import type { Core } from './core.ts'

/** `system:health`: small, since KSI's own control program reads at most 4,096 bytes of it. */
export function registerHealth(core: Core, liveAt: number): void {
  core.router.on(
    'system:health',
    (): EventReply<'system:health'> => {
      const services = core.router.services()
      const troubles = core.troubles.list()
      return {
        status: troubles.some(({ grave }) => grave) ? 'unhealthy' : 'healthy',
        generation: core.generation,
        boot_id: core.bootId,
        pid: process.pid,
        uptime: (Date.now() - liveAt) / 1000,
        version,
        daemon_version: version,
        mode: core.settings.KSI_MODE,
        queued: core.requests.total('queued'),
        processing: core.requests.total('processing'),
        modules_loaded: Object.keys(services).length,
        modules: Object.keys(services),
        losses: core.journal.losses.list.length,
        filling: core.quotas.filling,
        troubles,
      }
    },
    { service: 'health' },
  )
}
