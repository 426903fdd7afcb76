import type { WirePush } from '../contracts/wire.ts'
import { isObject } from '../lib/ndjson.ts'
import { PushReader } from './push-reader.ts'
import type { PushSource, ReaderOf } from './push-reader.ts'
import { errorOfData } from './reply-errors.ts'

export interface SubscribeOptions {
  /** Shell patterns of event names; default `['*']`. */
  patterns?: readonly string[]
  /** The last seq you have seen: first come all that are kept after it. Without it, only what happens from now on. */
  since?: number
  signal?: AbortSignal
}

/** Pushed events, in order, each once, also over restarts of the daemon. */
export type Subscription = PushReader<WirePush>

/** Subscribes to events. */
export function subscribe(options: SubscribeOptions, client: ReaderOf): Subscription {
  const patterns = [...(options.patterns ?? ['*'])]
  let last = options.since
  const source: PushSource<WirePush> = {
    async ask(request) {
      for (;;) {
        const since = last
        const reply = await request('monitor:subscribe', {
          event_patterns: patterns,
          ...(since === undefined ? {} : { since }),
        })
        const error = errorOfData(reply)
        if (error !== undefined) throw error
        const lastSeq = isObject(reply) && typeof reply['last_seq'] === 'number' ? reply['last_seq'] : undefined
        // So that a connection lost before the first push misses nothing either.
        last ??= lastSeq
        if (lastSeq === undefined || since === undefined || lastSeq >= since) return
        // The journal began anew (it was put aside, or its state was dropped): all it has is new to us.
        last = 0
      }
    },
    take(push) {
      if (Number.isInteger(push.seq) && push.event !== 'monitor:gap') {
        if (last !== undefined && push.seq <= last) return undefined
        last = push.seq
      }
      return { value: push }
    },
  }
  return new PushReader(source, client, options.signal)
}
