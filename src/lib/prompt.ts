import { isObject } from './ndjson.ts'

/** A prompt, or chat messages in its place. */
interface Prompted {
  prompt?: string | undefined
  messages?: readonly { content: unknown }[] | undefined
}

/** The text of a message's content: a string, or the text parts of a list; anything else as JSON. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return JSON.stringify(content ?? '')
  return content
    .map((part: unknown) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : JSON.stringify(part)))
    .join('\n')
}

/** What is to be answered: the last message's content, or the prompt where there are no messages. */
export function lastText({ prompt = '', messages }: Prompted): string {
  const last = messages?.at(-1)
  return last ? textOf(last.content) : prompt
}

/** All the text a provider is given. */
export function allText({ prompt = '', messages }: Prompted): string {
  return messages ? messages.map((message) => textOf(message.content)).join('\n') : prompt
}

/** Whether messages are a whole conversation, rather than its next turn: an answer is among them. */
export function bringsHistory(messages: readonly { role: string }[] | undefined): boolean {
  return messages?.some(({ role }) => role === 'assistant' || role === 'tool') ?? false
}

/** The text of an answer; of one that only calls tools, which. */
export function answerText(response: Record<string, unknown>): string {
  const { result, choices, content } = response
  if (typeof result === 'string' && result !== '') return result
  return `(no text: ${JSON.stringify(choices ?? content ?? result ?? response).slice(0, 4_000)})`
}
