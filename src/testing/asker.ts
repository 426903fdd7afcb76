import { setTimeout as delay } from 'node:timers/promises'
import { WireClient } from './wire-client.ts'

/*
 * A client that asks for the status of a request all the time, in a process of its own, so that what a test does itself
 * does not count. Started with a Unix socket's path; for each reply it tells its parent how long that took, in ms.
 */
const [, , socket = ''] = process.argv
process.once('disconnect', () => process.exit(0))
using client = await WireClient.connect(socket)
for (;;) {
  const begun = performance.now()
  await client.request('completion:status', { request_id: 'nobody' })
  process.send?.(performance.now() - begun)
  await delay(5)
}
