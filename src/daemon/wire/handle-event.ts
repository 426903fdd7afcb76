import { hash } from 'node:crypto'
import type { z } from 'zod'
import { eventSpec, eventSpecs } from '../../contracts/events.ts'
import type { EventData } from '../../contracts/events.ts'
import { unknownParameter } from '../../contracts/unknown-parameter.ts'
import type { ErrorData } from '../../contracts/wire.ts'
import type { EventSpec } from '../../contracts/events/spec.ts'
import { KsiError, messageOf, systemCodeOf } from '../../lib/errors.ts'
import { explainStoreError } from '../../store/open.ts'
import type { Core } from '../core.ts'
import { emitEvent } from './emit.ts'
import { parametersOf } from './parameters.ts'
import type { EventContext } from './router.ts'
import { similarNames } from '../../lib/nearest-names.ts'

/** A request line, taken apart. */
export interface IncomingEvent {
  event: string
  data: Record<string, unknown>
  context: EventContext
  /** An earlier generation was given it and may have run it. */
  again: boolean
  /** The client gave it its `_event_id`, and may have sent it before on a connection it lost. */
  ownId?: boolean
}

/**
 * Runs one event for a client: checks its data, runs it (once per `_event_id` if it changes the journal) and gives the
 * results, errors included: a client's mistake is data, not an exception (docs/wire.md, "Errors").
 */
export function handleEvent(core: Core, incoming: IncomingEvent): unknown[] | Promise<unknown[]> {
  const { event, context } = incoming
  // What the daemon says to itself has no spec: from a client it would restore or overwrite the state of services.
  const spec = eventSpec(event) ?? core.router.added.get(event)
  if (event === '') return [toErrorData(core, event, new KsiError('KSI_BAD_REQUEST', 'Invalid JSON: not an object'))]
  if (spec === undefined) return [unknownEvent(core, event)]
  try {
    const data = parseData(event, spec, incoming.data)
    if (event === 'event:emit') {
      const handle = (event: string, data: Record<string, unknown>) => handleEvent(core, { ...incoming, event, data })
      return guard(core, event, emitEvent(core, data as EventData<'event:emit'>, handle))
    }
    const mutates = typeof spec.mutates === 'function' ? spec.mutates(data) : spec.mutates === true
    if (!mutates) return guard(core, event, core.router.emit(event, data, context))
    const replyKey = `${context.eventId} ${event}`
    const content = incoming.ownId === true ? contentMark(incoming) : undefined
    if (incoming.again || incoming.ownId === true) {
      const known = core.replies.get(replyKey)
      if (known !== undefined) return sameContent(known, content, context.eventId)
    }
    return core.journal.tx(() => {
      const results = core.router.emit(event, data, context)
      if (results instanceof Promise)
        throw new KsiError('KSI_INTERNAL', `${event} changes the journal, so its handlers must not be asynchronous.`)
      core.replies.put(replyKey, content === undefined ? results : [content, ...results])
      return results
    })
  } catch (error) {
    return [toErrorData(core, event, error)]
  }
}

const markPrefix = 'content:'

/** What tells two requests under one `_event_id` apart. Kept as the first of the results, which are never text. */
function contentMark({ event, data }: IncomingEvent): string {
  return `${markPrefix}${hash('sha1', `${event} ${JSON.stringify(data)}`, 'base64url')}`
}

/** @throws KsiError when what is known under this id is the reply to something else */
function sameContent(known: unknown[], content: string | undefined, eventId: string): unknown[] {
  const [mark, ...results] = known
  if (typeof mark !== 'string' || !mark.startsWith(markPrefix)) return known
  if (content === undefined || mark === content) return results
  throw new KsiError(
    'KSI_DUPLICATE_REQUEST',
    `The _event_id ${eventId} was used for other content before, and this was not taken. ` +
      'Give each request an id of its own.',
  )
}

function guard(core: Core, event: string, results: unknown[] | Promise<unknown[]>): unknown[] | Promise<unknown[]> {
  return results instanceof Promise ? results.catch((error: unknown) => [toErrorData(core, event, error)]) : results
}

function parseData(event: string, spec: EventSpec, data: Record<string, unknown>): Record<string, unknown> {
  const unknown = unknownParameter(event, spec.data, data)
  if (unknown !== undefined) throw unknown
  const parsed = spec.data.safeParse(data)
  if (parsed.success) return parsed.data as Record<string, unknown>
  throw badData(event, spec, data, parsed.error.issues)
}

function badData(event: string, spec: EventSpec, data: Record<string, unknown>, issues: z.core.$ZodIssue[]): KsiError {
  const parameters = parametersOf(spec.data)
  const first = issues[0]
  const name = String(first?.path[0] ?? '')
  const missing = first?.path.length === 1 && data[name] === undefined
  const problem = missing
    ? `Missing required parameter: ${name} (${parameters[name]?.type ?? 'Any'})`
    : `Invalid parameter ${first?.path.join('.') ?? ''}: ${first?.message ?? ''}`
  return new KsiError('KSI_BAD_REQUEST', problem, {
    details: { available: Object.keys(parameters), help: `system:help {"event": "${event}"}` },
  })
}

function unknownEvent(core: Core, event: string): ErrorData {
  const names = [...Object.keys(eventSpecs), ...core.router.added.keys()]
  const similar = similarNames(event, names)
  const namespaces = [...new Set(names.map((name) => name.slice(0, name.indexOf(':'))))].sort()
  // KSI nests the hints under details; its command line looks for them at the top.
  const hints = { ...(similar.length > 0 ? { similar } : {}), namespaces }
  return { status: 'error', error: `Unknown event: ${event}`, ...hints, details: hints }
}

/** An error as reply data. A programming error is logged too: the client alone cannot mend it. */
export function toErrorData(core: Pick<Core, 'log'>, event: string, error: unknown): ErrorData {
  if (error instanceof KsiError)
    return {
      status: 'error',
      error: error.message,
      code: error.code,
      ...(error.details ? { details: error.details, ...pickAvailable(error.details) } : {}),
    }
  const explained = explainStoreError(error, 'this was not taken')
  if (explained instanceof KsiError) {
    core.log.error({ event, err: error }, explained.message)
    return { status: 'error', error: `${explained.message} Then send it again.`, code: explained.code }
  }
  core.log.error({ event, err: error }, 'a handler failed')
  const code = systemCodeOf(error) ?? 'KSI_INTERNAL'
  // SQLite's codes are the store's own affair.
  return { status: 'error', error: messageOf(error), code: code.startsWith('SQLITE_') ? 'KSI_INTERNAL' : code }
}

function pickAvailable({ available }: Record<string, unknown>): Pick<ErrorData, 'available'> {
  return Array.isArray(available) ? { available: available.map(String) } : {}
}
