import type { Core } from '../core.ts'
import { handleEvent } from '../wire/handle-event.ts'
import { internalContext } from '../wire/router.ts'
import type { EventContext } from '../wire/router.ts'

type Reply = Record<string, unknown>

/** Sends an event as a client does. @returns its first result, an error's data included; `{}` when there is none */
export async function ask(
  core: Core,
  event: string,
  data: Reply = {},
  context: Partial<EventContext> = {},
): Promise<Reply> {
  const results = await handleEvent(core, { event, data, context: { ...internalContext, ...context }, again: false })
  return (results[0] ?? {}) as Reply
}
