import type { WirePush } from '../contracts/wire.ts'
import { isObject } from '../lib/ndjson.ts'

/**
 * A request as a line, without its end. `id` is unique everywhere, so it serves for the reply and for running it once.
 */
export function requestLine(request: {
  id: string
  event: string
  data: Record<string, unknown>
  clientId: string | undefined
}): string {
  const { id, event, data, clientId } = request
  const name = clientId === undefined ? {} : { _client_id: clientId }
  return JSON.stringify({ event, data, correlation_id: id, _event_id: id, _unordered: true, ...name })
}

/** True for what was pushed: a reply carries a correlation_id. */
export function isPush(message: Record<string, unknown>): message is Record<string, unknown> & WirePush {
  return typeof message['event'] === 'string' && isObject(message['data']) && !('correlation_id' in message)
}
