import type { Message, RunInput } from '../../contracts/runner.ts'
import { asText } from '../../lib/as-text.ts'
import { isObject, parseObject } from '../../lib/ndjson.ts'
import { bringsHistory } from '../../lib/prompt.ts'
import { refusal } from './provider.ts'

type Part = Record<string, unknown>

/**
 * What a provider without memory is sent: the turns before and what is asked now; what the client gives as a whole
 * conversation stands instead of all. Instructions come first.
 * @throws ProviderError when the turns before are more than is sent along
 */
export function conversationOf(input: RunInput): Message[] {
  const asked = input.messages ?? [{ role: 'user', content: input.prompt }]
  if (bringsHistory(asked)) return asked
  if (input.history_left_out !== undefined)
    throw refusal(
      `The conversation is too long to be sent along: ${input.history_left_out} turns do not fit. Send those that ` +
        'matter as `messages`, or begin a new conversation.',
    )
  const [instructions, rest] = splitInstructions(asked)
  return [...instructions, ...(input.history ?? []), ...rest]
}

/** Messages as OpenAI's API takes them: pictures written for Anthropic's are rewritten, all else stays as it is. */
export function forOpenAi(messages: readonly Message[]): Message[] {
  return messages.map((message) => ({
    ...message,
    content: mapParts(message.content, (part) => {
      const { type, source } = part
      if (type !== 'image' || !isObject(source)) return part
      const url = source['type'] === 'url' ? source['url'] : inline(source)
      return { type: 'image_url', image_url: { url } }
    }),
  }))
}

/**
 * Messages as Anthropic's API takes them: pictures, tool calls and their results written for OpenAI's are rewritten,
 * all else stays as it is. `system` are the instructions they begin with.
 */
export function forAnthropic(messages: readonly Message[]): { system: Part[]; messages: Message[] } {
  const [instructions, rest] = splitInstructions(messages)
  return { system: instructions.flatMap(({ content }) => blocksOf(content)), messages: rest.map(anthropicMessage) }
}

/** The instructions that messages begin with, and the others. */
export function splitInstructions(messages: readonly Message[]): [instructions: Message[], rest: Message[]] {
  const begin = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer')
  return begin === -1 ? [[...messages], []] : [messages.slice(0, begin), messages.slice(begin)]
}

function anthropicMessage(message: Message): Message {
  const { role, content, tool_calls: calls, tool_call_id: callId, ...rest } = message
  if (role === 'tool')
    return {
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: callId, content: mapParts(content, picture) }],
    }
  if (!Array.isArray(calls)) return { ...rest, role, content: mapParts(content, picture) }
  const said = content === null || content === '' ? [] : blocksOf(content)
  return { ...rest, role, content: [...said, ...calls.filter(isObject).map(toolUse)] }
}

function toolUse(call: Part): Part {
  const { name, arguments: given } = isObject(call['function']) ? call['function'] : {}
  return { type: 'tool_use', id: call['id'], name, input: parseObject(asText(given)) ?? {} }
}

function inline(source: Part): string {
  return `data:${asText(source['media_type'])};base64,${asText(source['data'])}`
}

/** A picture's block; any other part as it is. */
function picture(part: Part): Part {
  const image = part['image_url']
  const url = isObject(image) ? image['url'] : image
  if (part['type'] !== 'image_url' || typeof url !== 'string') return part
  const inline = /^data:([\w/+.-]+);base64,(.*)$/s.exec(url)
  const source = inline ? { type: 'base64', media_type: inline[1], data: inline[2] } : { type: 'url', url }
  return { type: 'image', source }
}

/** A content as a list of parts. */
export function blocksOf(content: unknown): Part[] {
  const parts = mapParts(content, picture)
  return Array.isArray(parts) ? parts.filter(isObject) : [{ type: 'text', text: asText(parts) }]
}

function mapParts(content: unknown, map: (part: Part) => Part): unknown {
  return Array.isArray(content) ? content.map((part: unknown) => (isObject(part) ? map(part) : part)) : content
}
