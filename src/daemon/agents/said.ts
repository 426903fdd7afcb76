import type { ConversationMessage } from '../../contracts/events/conversations.ts'
import { isObject, parseObject } from '../../lib/ndjson.ts'
import { answerText } from '../../lib/prompt.ts'

/** Characters of one message: KSI's clients read no reply of more than 10 MiB. */
export const maxContent = 6_291_456

/** A line of a response file as a message; undefined where it is none. */
export function toMessage(text: string): ConversationMessage | undefined {
  const line = parseObject(text)
  if (line === undefined) return undefined
  const { ksi, response } = line
  if (isObject(ksi) && isObject(response))
    return message({
      timestamp: String(ksi['timestamp']),
      sender: senderOf(String(ksi['provider'])),
      content: answerText(response),
      type: 'claude',
      request_id: String(ksi['request_id']),
    })
  if (line['type'] !== 'user') return undefined
  return message({
    timestamp: String(line['timestamp']),
    sender: 'You',
    content: String(line['content']),
    type: 'user',
    request_id: String(line['request_id']),
  })
}

/** Who answers, as KSI's clients show it. */
function senderOf(provider: string): string {
  return provider === 'claude-cli' || provider === 'anthropic' ? 'Claude' : provider
}

function message(whole: ConversationMessage): ConversationMessage {
  const { content } = whole
  return content.length > maxContent ? { ...whole, content: content.slice(0, maxContent), truncated: true } : whole
}
