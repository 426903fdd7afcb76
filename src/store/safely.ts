/**
 * Makes a call whose failure is nobody's to catch: what led to it is done, and what else waits must not suffer. It
 * shows
 * as an unhandled rejection.
 */
export function safely(call: () => void): void {
  try {
    call()
  } catch (error) {
    loudly(error)
  }
}

/** Shows an error where it cannot be overlooked. */
export function loudly(reason: unknown): void {
  void Promise.reject(reason)
}
