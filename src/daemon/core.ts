import { providers } from '../contracts/providers.ts'
import type { Settings } from '../contracts/settings.ts'
import type { Log } from '../lib/log.ts'
import type { Conversations } from '../store/conversations.ts'
import type { Events } from '../store/events.ts'
import type { Journal } from '../store/journal.ts'
import type { Replies } from '../store/replies.ts'
import type { Requests } from '../store/requests.ts'
import { Budgets } from './completion/budgets.ts'
import { HoldDesk } from './completion/hold-desk.ts'
import { ModuleHost } from './module-host/module-host.ts'
import type { ModuleHostOptions } from './module-host/module-host.ts'
import { Quotas } from './quotas.ts'
import { Troubles } from './troubles.ts'
import { EventRouter } from './wire/router.ts'

/** What every service of a live generation works with. */
export interface Core {
  readonly settings: Settings
  readonly log: Log
  readonly journal: Journal
  readonly requests: Requests
  readonly conversations: Conversations
  readonly events: Events
  readonly replies: Replies
  readonly router: EventRouter
  readonly modules: ModuleHost
  readonly quotas: Quotas
  readonly holds: HoldDesk
  readonly budgets: Budgets
  readonly troubles: Troubles
  readonly bootId: string
  /** The number of this generation: its epoch in the journal. */
  readonly generation: number
}

/** Puts the core together around an open journal. */
export function createCore(parts: {
  settings: Settings
  log: Log
  journal: Journal
  bootId: string
  modules?: ModuleHostOptions
}): Core {
  const { settings, log, journal, bootId } = parts
  const held = journal.holds.wide().flatMap(({ scope, name }) => (scope === 'model' ? [name] : []))
  const lanes = new Set([...Object.keys(providers), ...settings.KSI_PROVIDER_CONCURRENT.keys(), ...held])
  const holds = new HoldDesk(journal, settings)
  const budgets = new Budgets(journal, settings, holds)
  journal.tx(() => {
    journal.lanes.set([...lanes])
    budgets.begin()
  })
  return {
    settings,
    log,
    journal,
    requests: journal.requests,
    conversations: journal.conversations,
    events: journal.events,
    replies: journal.replies,
    router: new EventRouter(),
    modules: new ModuleHost(parts.modules),
    quotas: new Quotas(journal, settings),
    holds,
    budgets,
    troubles: new Troubles(),
    bootId,
    generation: journal.epoch,
  }
}
