import { KsiError } from '../lib/errors.ts'
import { isObject } from '../lib/ndjson.ts'
import type { RequestStatus } from '../contracts/completion.ts'
import type { DaemonConnection } from './connection.ts'
import { errorOfData } from './reply-errors.ts'

// Short enough that a lost wait is noticed, long enough to cost nothing.
const sliceMs = 30_000
const graceMs = 10_000
const running = new Set(['queued', 'processing'])

/**
 * Asks `completion:wait` on a connection of its own, in slices, until there is an outcome.
 * @param limits `patient`: go on over time-outs and lost connections
 * @throws KsiError KSI_TIMEOUT, KSI_NOT_FOUND, KSI_UNREACHABLE; or the signal's reason
 */
export async function waitForOutcome(
  connection: DaemonConnection,
  requestId: string,
  limits: { timeoutMs: number; signal?: AbortSignal | undefined; patient: boolean },
): Promise<RequestStatus> {
  const { timeoutMs, signal, patient } = limits
  const giveUpAt = performance.now() + timeoutMs
  await connection.start(patient ? timeoutMs : 0)
  for (;;) {
    const leftMs = Math.round(giveUpAt - performance.now())
    if (leftMs <= 0) throw noOutcome(requestId, timeoutMs)
    const timeout_ms = Math.min(sliceMs, leftMs)
    try {
      const status = await connection.request(
        'completion:wait',
        { request_id: requestId, timeout_ms },
        { timeoutMs: Math.min(timeout_ms + graceMs, leftMs + 1_000), signal },
      )
      const error = errorOfData(status)
      if (error !== undefined) throw error
      if (isOutcome(status)) return status
    } catch (error) {
      if (!patient || connection.closed || !isPassing(error)) throw error
    }
  }
}

function isOutcome(status: unknown): status is RequestStatus {
  return isObject(status) && typeof status['status'] === 'string' && !running.has(status['status'])
}

function isPassing(error: unknown): boolean {
  return error instanceof KsiError && (error.code === 'KSI_TIMEOUT' || error.code === 'KSI_UNREACHABLE')
}

function noOutcome(requestId: string, timeoutMs: number): KsiError {
  return new KsiError(
    'KSI_TIMEOUT',
    `Request ${requestId} has no outcome after ${timeoutMs} ms; it goes on. Wait again, or ask completion:status.`,
    {
      details: { request_id: requestId },
    },
  )
}
