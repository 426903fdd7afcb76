import { isObject } from '../../lib/ndjson.ts'
import { ProviderError } from './provider.ts'

/** The longest answer: what is to be kept in the journal and pushed as one line must have an end. */
const maxAnswerBytes = 16 * 1024 * 1024

/** An answer of an API: a stream of events, or one JSON body. */
export type HttpAnswer = { events: Response } | { body: Record<string, unknown> }

/**
 * Looks at what an API answers before it is read: a page of HTML is no answer, and no answer is without an end. A
 * server that does not stream though it was asked to is taken at its word.
 * @param heard called when a part of it comes
 * @throws ProviderError
 */
export async function openAnswer(response: Response, name: string, heard: () => void): Promise<HttpAnswer> {
  const type = (response.headers.get('content-type') ?? 'text/event-stream').split(';', 1)[0]?.trim().toLowerCase()
  const bounded = new Response(response.body?.pipeThrough(bounds(name, heard)), { headers: response.headers })
  if (type === 'text/event-stream' || type === 'application/octet-stream') return { events: bounded }
  const text = await bounded.text()
  if (type?.endsWith('json')) {
    const body: unknown = JSON.parse(text)
    if (isObject(body)) return { body }
  }
  throw new ProviderError(
    `${name} answered ${type} where a completion was to come: ${JSON.stringify(text.slice(0, 200))}. ` +
      'Check the address it is called at.',
    { retryable: false },
  )
}

function bounds(name: string, heard: () => void): TransformStream<Uint8Array, Uint8Array> {
  let bytes = 0
  return new TransformStream({
    transform(part, controller) {
      heard()
      bytes += part.length
      if (bytes <= maxAnswerBytes) controller.enqueue(part)
      else
        controller.error(
          new ProviderError(`${name} answered more than ${maxAnswerBytes / 1024 / 1024} MiB. Ask it for less.`, {
            retryable: false,
          }),
        )
    },
  })
}

/** A stream that ended before its last event. */
export function cutOff(name: string, characters: number): ProviderError {
  return new ProviderError(`${name} broke off in the middle of its answer, after ${characters} characters.`, {
    retryable: true,
    outage: true,
  })
}

/** A JSON body that is no completion; of some servers it says what is wrong. */
export function noCompletion(name: string, body: unknown): ProviderError {
  return new ProviderError(`${name} answered no completion: ${JSON.stringify(body).slice(0, 1_000)}`, {
    retryable: false,
  })
}
