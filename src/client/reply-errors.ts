import { errorCodes, KsiError } from '../lib/errors.ts'
import type { ErrorCode } from '../lib/errors.ts'
import { isObject } from '../lib/ndjson.ts'

/** The envelope error of a reply: the request could not be taken at all (docs/wire.md, "Errors"). */
export function errorOfReply(message: Record<string, unknown>): KsiError | undefined {
  const { error } = message
  return typeof error === 'string' ? new KsiError(codeOf(message), error, { details: message }) : undefined
}

/** The error a handler put into the reply's data; `data` becomes its details. */
export function errorOfData(data: unknown): KsiError | undefined {
  if (!isObject(data) || typeof data['error'] !== 'string') return undefined
  return new KsiError(codeOf(data), data['error'], { details: data })
}

/** True when there was no generation to take the request, wherever the reply says so. */
export function isRestarting(message: Record<string, unknown>): boolean {
  const said = typeof message['error'] === 'string' ? message : message['data']
  return isObject(said) && typeof said['error'] === 'string' && said['code'] === 'KSI_RESTARTING'
}

function codeOf(carrier: Record<string, unknown>): ErrorCode {
  const { code } = carrier
  return typeof code === 'string' && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'KSI_BAD_REQUEST'
}

/** Why a request has no reply after `timeoutMs`: nobody could be reached, or nobody answered. */
export function noReplyError(
  event: string,
  timeoutMs: number,
  daemon: { where: string; connected: boolean },
): KsiError {
  if (!daemon.connected)
    return new KsiError(
      'KSI_UNREACHABLE',
      `No ksi could be reached at ${daemon.where} for ${event} within ${timeoutMs} ms. ` +
        'Start it (`ksi start` or `npm run dev`), or wait longer.',
    )
  return new KsiError(
    'KSI_TIMEOUT',
    `${event} had no reply within ${timeoutMs} ms; it may have been taken all the same. ` +
      'Ask for its state, or wait longer.',
  )
}
