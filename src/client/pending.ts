import { KsiError } from '../lib/errors.ts'

interface Pending {
  event: string
  line: string
  resolve: (data: unknown) => void
  reject: (error: unknown) => void
  release: () => void
}

/** What `add` is told of a request. */
export interface NewRequest {
  id: string
  event: string
  line: string
  timeoutMs: number
  signal?: AbortSignal | undefined
  timeoutError: () => KsiError
}

const maxPending = 100_000
// setTimeout takes a signed 32-bit number; above it, it fires at once.
const maxTimerMs = 2_147_483_647

/**
 * The requests of one connection that have no reply yet, in the order they were made, and which of them are to be sent.
 */
export class PendingRequests {
  readonly #all = new Map<string, Pending>()
  #unsent = new Set<Pending>()

  /**
   * Adds a request and resolves to the data of its reply.
   * @throws KsiError KSI_QUEUE_FULL, `timeoutError()`, or the signal's reason
   */
  add(request: NewRequest): Promise<unknown> {
    const { id, line, signal } = request
    if (this.#all.size >= maxPending) {
      return Promise.reject(
        new KsiError(
          'KSI_QUEUE_FULL',
          `${maxPending} requests of this client have no reply yet. Wait for some before sending ${request.event}.`,
        ),
      )
    }
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const timer = setTimeout(() => this.reject(id, request.timeoutError()), Math.min(request.timeoutMs, maxTimerMs))
      const aborted = (): void => this.reject(id, signal?.reason)
      signal?.addEventListener('abort', aborted)
      const release = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', aborted)
      }
      const pending: Pending = { event: request.event, line, resolve, reject, release }
      this.#all.set(id, pending)
      this.#unsent.add(pending)
    })
  }

  resolve(id: string, data: unknown): void {
    this.#take(id)?.resolve(data)
  }

  reject(id: string, error: unknown): void {
    this.#take(id)?.reject(error)
  }

  failAll(error: unknown): void {
    for (const id of this.#all.keys()) this.reject(id, error)
  }

  /** The lines to be sent, in order; they count as sent from now on. */
  takeUnsent(): string[] {
    const lines = Array.from(this.#unsent, (pending) => pending.line)
    this.#unsent.clear()
    return lines
  }

  /**
   * A new connection knows nothing of what an earlier one was told: all is sent again, but for what must not hit twice.
   */
  allUnsent(): void {
    const unsent = this.#unsent
    this.#unsent = new Set()
    for (const [id, pending] of this.#all) {
      if (pending.event !== 'system:shutdown' || unsent.has(pending)) this.#unsent.add(pending)
      // Whoever answers now is the next daemon, which nobody wants to end.
      else
        this.reject(
          id,
          new KsiError(
            'KSI_UNREACHABLE',
            'The connection ended before the reply to system:shutdown; the daemon has most likely ended.',
          ),
        )
    }
  }

  /** To be sent again; false when nobody waits for it any more. */
  markUnsent(id: string): boolean {
    const pending = this.#all.get(id)
    if (pending === undefined) return false
    this.#unsent.add(pending)
    return true
  }

  #take(id: string): Pending | undefined {
    const pending = this.#all.get(id)
    if (pending === undefined) return undefined
    this.#all.delete(id)
    this.#unsent.delete(pending)
    pending.release()
    return pending
  }
}
