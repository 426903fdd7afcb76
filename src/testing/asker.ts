import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { WireClient } from './wire-client.ts'

/** What an asker says of each reply. */
export interface Asked {
  /** ms until the reply was there */
  took: number
  /** ms that it waited for its own turn, in the slowest of a hundred: what the machine makes any process wait */
  own: number
  /** what the reply names */
  pid: number | undefined
}

/*
 * A client that asks for something small all the time, in a process of its own, so that what a test does itself does
 * not count. Started with a Unix socket's path, an event, and its data as JSON. It ends when its connection does.
 */
const [, , socket = '', event = '', data = '{}'] = process.argv
process.once('disconnect', () => process.exit(0))
const ownDelay = monitorEventLoopDelay({ resolution: 5 })
ownDelay.enable()
using client = await WireClient.connect(socket)
for (;;) {
  const begun = performance.now()
  const { pid } = await client.request(event, JSON.parse(data))
  const own = ownDelay.percentile(99) / 1e6
  const asked: Asked = {
    took: performance.now() - begun,
    own: own > 5_000 ? 0 : own,
    pid: typeof pid === 'number' ? pid : undefined,
  }
  process.send?.(asked)
  await delay(5)
}
