import { randomUUID } from 'node:crypto'

/** A UUID of version 7, which grows with time: node's own is too new for programs that use the client. */
export function newUuid(now = Date.now()): string {
  const time = now.toString(16).padStart(12, '0')
  // Of the random one the variant stays; its version and what stands before become the time.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
