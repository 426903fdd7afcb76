import { existsSync, readFileSync } from 'node:fs'
import type { CompletionResult } from '../../contracts/completion.ts'
import type { Message } from '../../contracts/runner.ts'
import { isObject, parseObject } from '../../lib/ndjson.ts'
import { answerText, bringsHistory } from '../../lib/prompt.ts'
import type { Core } from '../core.ts'
import { responseFilePath } from './response-file.ts'
import { promptLine } from './response-lines.ts'

/** No model reads more, and what is sent along is written and parsed four times on its way. */
const maxCharacters = 4 * 1024 * 1024
/** Sessions and requests looked at: each of them a turn, or more. */
const maxTurns = 1_000

/** A question and its answer, as their two lines stand in a response file. */
interface Turn {
  at: string
  asked: Record<string, unknown>
  result: CompletionResult
}

export interface History {
  messages: Message[]
  /** Turns before those, which are too much to be sent along. */
  leftOut: number
}

/**
 * What was said in a conversation so far, for a provider that does not know it: from the response files of its
 * sessions, which outlive the journal, and from the journal, which is ahead of the files by a moment.
 */
export function historyOf(core: Core, conversation: string): History {
  const turns = new Map<string, Turn>()
  for (const session of core.conversations.sessionsOf(conversation, maxTurns)) readFile(core, session, turns)
  for (const row of core.requests.completedOf(conversation, maxTurns)) {
    const result = turns.has(row.request_id) ? undefined : core.requests.outcome(row.request_id)?.result
    if (result !== undefined)
      turns.set(row.request_id, {
        at: result.ksi.timestamp,
        asked: promptLine(row, core.requests.payload(row.request_id)),
        result,
      })
  }
  return within([...turns.values()].toSorted((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)))
}

function readFile(core: Core, session: string, turns: Map<string, Turn>): void {
  const path = responseFilePath(core.settings.paths.responses, session)
  if (!existsSync(path)) return
  const asked = new Map<string, Record<string, unknown>>()
  const answered = new Map<string, CompletionResult>()
  for (const text of readFileSync(path, 'utf8').split('\n')) {
    const line = parseObject(text)
    if (line === undefined) continue
    // A line is what completionResult says; KSI's own daemon, whose files these may be, wrote the answer first.
    if (isObject(line['ksi'])) answered.set(String(line['ksi']['request_id']), line as CompletionResult)
    else asked.set(String(line['request_id']), line)
  }
  for (const [id, result] of answered) {
    const question = asked.get(id)
    if (question !== undefined) turns.set(id, { at: result.ksi.timestamp, asked: question, result })
  }
}

/** The newest turns that fit; one that brought a whole conversation stands for all before it. */
function within(turns: Turn[]): History {
  const messages: Message[] = []
  let characters = 0
  for (const [index, turn] of turns.toReversed().entries()) {
    const own = messagesOf(turn)
    characters += JSON.stringify(own).length
    if (characters > maxCharacters) return { messages, leftOut: turns.length - index }
    messages.unshift(...own)
    if (bringsHistory(own.slice(0, -1))) break
  }
  return { messages, leftOut: 0 }
}

function messagesOf({ asked, result }: Turn): Message[] {
  const given = Array.isArray(asked['messages']) ? asked['messages'].filter(isMessage) : []
  const said = given.filter(({ role }) => role !== 'system' && role !== 'developer')
  const question = said.length > 0 ? said : [{ role: 'user', content: asked['content'] }]
  return [...question, { role: 'assistant', content: answerText(result.response) }]
}

function isMessage(value: unknown): value is Message {
  return isObject(value) && typeof value['role'] === 'string'
}
