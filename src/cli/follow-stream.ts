import type { KsiClient } from '../client/client.ts'
import type { StreamOptions, StreamPiece } from '../client/stream.ts'
import type { RequestStatus } from '../contracts/completion.ts'
import { exitCodes } from '../lib/errors.ts'
import { escapedJson, printable } from '../lib/printable.ts'
import { print, say } from './output.ts'
import { whenReaderGoes } from './reader.ts'

/**
 * Prints a request's output as it comes: its text, or with `json` every piece as a line of JSON. A new attempt is said.
 * Ends with the outcome, or on Ctrl-C.
 * @returns the exit code: 0 when the request completed
 */
export async function followStream(
  client: KsiClient,
  requestId: string,
  { json, ...options }: StreamOptions & { json: boolean },
): Promise<number> {
  const pieces = client.stream(requestId, options)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => pieces.close())
  const rest = whenReaderGoes(() => pieces.close())
  const writer = json ? { write: printPiece } : new TextWriter()
  let outcome: RequestStatus | undefined
  for await (const piece of pieces) {
    writer.write(piece)
    if (piece.event === 'completion:stream_end') outcome = piece.data
  }
  rest()
  if (outcome === undefined) return exitCodes.ok
  if (outcome.status !== 'completed') say(`ksi: ${endOf(outcome)}`)
  return outcome.status === 'completed' ? exitCodes.ok : exitCodes.failed
}

/** How a request that did not complete ended, in words. */
export function endOf({ status, reason, message }: RequestStatus): string {
  const why = reason === undefined ? '' : `, ${reason}`
  return `the request ${status}${why}${message === undefined ? '' : `: ${message}`}`
}

function printPiece(piece: StreamPiece): void {
  print(escapedJson(JSON.stringify(piece)))
}

/** The text as it comes, and nothing else; at the end one line end. */
class TextWriter {
  #attempt = 1
  #atStart = true

  write({ event, data }: StreamPiece): void {
    if (event === 'completion:stream_end') return this.#endLine()
    if (data.attempt !== this.#attempt) {
      this.#attempt = data.attempt
      this.#endLine()
      say(`ksi: attempt ${data.attempt} begins, what came before is void.`)
    }
    if (data.kind !== 'text' || data.text === '') return
    process.stdout.write(printable(data.text))
    this.#atStart = data.text.endsWith('\n')
  }

  #endLine(): void {
    if (!this.#atStart) process.stdout.write('\n')
    this.#atStart = true
  }
}
