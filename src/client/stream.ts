import type { PushData } from '../contracts/events.ts'
import { PushReader } from './push-reader.ts'
import type { PushSource, ReaderOf } from './push-reader.ts'
import { errorOfData } from './reply-errors.ts'

export interface StreamOptions {
  /** The attempt of the last chunk you have; default 1. */
  attempt?: number
  /** The offset in it of the first chunk you want; default 0. */
  from?: number
  signal?: AbortSignal
}

/** A chunk of a request's output, or at last its outcome. A new attempt begins again at offset 0. */
export type StreamPiece =
  | { event: 'completion:delta'; data: PushData<'completion:delta'> }
  | { event: 'completion:stream_end'; data: PushData<'completion:stream_end'> }

/** A request's output, chunk by chunk, each once, also over restarts of the daemon; the last piece is its outcome. */
export type RequestStream = PushReader<StreamPiece>

/** Follows the output of a request. */
export function streamRequest(requestId: string, options: StreamOptions, client: ReaderOf): RequestStream {
  const { attempt = 1, from = 0, signal } = options
  const next = { attempt, from }
  const source: PushSource<StreamPiece> = {
    async ask(request) {
      const error = errorOfData(await request('completion:stream', { request_id: requestId, ...next }))
      if (error !== undefined) throw error
    },
    take({ event, data }) {
      if (event === 'completion:stream_end')
        return { value: { event, data: data as PushData<'completion:stream_end'> }, last: true }
      if (event !== 'completion:delta') return undefined
      const chunk = data as PushData<'completion:delta'>
      if (chunk.attempt < next.attempt || (chunk.attempt === next.attempt && chunk.offset < next.from)) return undefined
      Object.assign(next, { attempt: chunk.attempt, from: chunk.offset + 1 })
      return { value: { event, data: chunk } }
    },
  }
  return new PushReader(source, client, signal)
}
