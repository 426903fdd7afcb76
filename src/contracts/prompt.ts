import type { EventData } from './events.ts'
import type { RunInput } from './runner.ts'
import { isObject } from '../lib/ndjson.ts'

/** The text of a message's content: a string, or the text parts of a list; anything else as JSON. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return JSON.stringify(content ?? '')
  return content
    .map((part: unknown) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : JSON.stringify(part)))
    .join('\n')
}

/** What is to be answered: the last message's content, or the prompt where there are no messages. */
export function lastText(input: Pick<RunInput, 'messages' | 'prompt'>): string {
  const last = input.messages?.at(-1)
  return last ? textOf(last.content) : input.prompt
}

/** What is to be answered, from a request as it was sent. */
export function promptOf({ prompt = '', messages }: EventData<'completion:async'>): string {
  return lastText({ prompt, messages })
}

/** All the text a provider is given. */
export function allText(input: RunInput): string {
  return input.messages ? input.messages.map((message) => textOf(message.content)).join('\n') : input.prompt
}
