import { isAbsolute } from 'node:path'
import { z } from 'zod'
import type { Message, RunInput } from '../../contracts/runner.ts'
import { asText } from '../../lib/as-text.ts'
import { isObject } from '../../lib/ndjson.ts'
import { bringsHistory } from '../../lib/prompt.ts'
import { blocksOf, splitInstructions } from './messages.ts'
import { refusal } from './provider.ts'

const path = z.string().refine(isAbsolute, 'an absolute path')
const names = z.array(z.string().regex(/^[^\n]+$/)).min(1)

/** What `extra_body.claude` may ask for. */
const claudeOptions = z.strictObject({
  system_prompt: z.string().optional(),
  append_system_prompt: z.string().optional(),
  /** the tools there are; none with [] */
  tools: z.array(z.string()).optional(),
  allowed_tools: names.optional(),
  disallowed_tools: names.optional(),
  permission_mode: z
    .string()
    .regex(/^[A-Za-z]+$/)
    .optional(),
  max_turns: z.number().int().min(1).optional(),
  max_budget_usd: z.number().positive().optional(),
  /** files: what is in them may be secret, what is in a request is kept in the journal */
  mcp_config: z.union([path, z.array(path)]).optional(),
  strict_mcp_config: z.boolean().optional(),
  add_dir: z.union([path, z.array(path)]).optional(),
  fallback_model: z
    .string()
    .regex(/^[A-Za-z0-9][\w.,:@/[\]-]*$/)
    .optional(),
  setting_sources: z.array(z.enum(['user', 'project', 'local'])).optional(),
})

/** How claude is called: anew, or going on from a session without touching it. */
export interface ClaudeCall {
  /** the id this turn's session will have */
  session: string
  resume: string | undefined
}

/** The arguments of a call. @throws ProviderError when the request asks for what claude does not know */
export function claudeArgs(input: RunInput, { session, resume }: ClaudeCall): string[] {
  const format = ['--input-format', 'stream-json', '--output-format', 'stream-json']
  const args = ['-p', ...format, '--verbose', '--include-partial-messages', '--model', claudeAlias(input.model)]
  // Under a new id of our own, so that a turn that is cancelled, times out or dies leaves the session before as it was.
  const from = resume === undefined ? [] : ['--resume', resume, '--fork-session']
  return [...args, '--session-id', session, ...from, ...optionArgs(input)]
}

/** Each as `--name=value`: whatever a value is, it cannot be taken for an option. */
function optionArgs(input: RunInput): string[] {
  const options = readOptions(input)
  const { reasoning_effort: effort, response_format: format } = input.parameters
  const system = [...instructionsOf(input), options.append_system_prompt].filter((text) => text !== undefined)
  const values: Record<string, string | number | undefined> = {
    'system-prompt': options.system_prompt,
    'append-system-prompt': system.length === 0 ? undefined : system.join('\n\n'),
    tools: options.tools?.join(','),
    allowedTools: options.allowed_tools?.join(','),
    disallowedTools: options.disallowed_tools?.join(','),
    'permission-mode': options.permission_mode,
    'max-turns': options.max_turns,
    'max-budget-usd': options.max_budget_usd,
    'fallback-model': options.fallback_model,
    'setting-sources': options.setting_sources?.join(','),
    effort: effort == null ? undefined : asText(effort),
    'json-schema': format == null ? undefined : JSON.stringify(schemaOf(format)),
  }
  return [
    ...Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`])),
    ...[options.mcp_config ?? []].flat().map((file) => `--mcp-config=${file}`),
    ...(options.strict_mcp_config === true ? ['--strict-mcp-config'] : []),
    ...[options.add_dir ?? []].flat().map((dir) => `--add-dir=${dir}`),
  ]
}

function readOptions(input: RunInput): z.infer<typeof claudeOptions> {
  const parsed = claudeOptions.safeParse(input.extra_body?.['claude'] ?? {})
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map((issue) => [...issue.path, issue.message].join(': '))
  throw refusal(`extra_body.claude is not valid: ${problems.join('; ')}.`)
}

/** @throws ProviderError for a format claude cannot be held to */
function schemaOf(format: unknown): unknown {
  if (isObject(format) && format['type'] === 'json_schema')
    return isObject(format['json_schema']) ? format['json_schema']['schema'] : format['schema']
  throw refusal('claude-cli takes no other response_format than json_schema.')
}

/** Instructions of the request: its `system`, and those its messages begin with. */
function instructionsOf(input: RunInput): string[] {
  const { system } = input.parameters
  const [leading] = splitInstructions(input.messages ?? [])
  const blocks = [...(system == null ? [] : blocksOf(system)), ...leading.flatMap(({ content }) => blocksOf(content))]
  return blocks.map((block) => asText(block['text'] ?? block))
}

/**
 * What claude is to read: one message of its input format. Turns it does not know from its session come before what is
 * asked, as a text, since claude would answer each of them anew.
 * @param earlier turns that are to be told of
 * @throws ProviderError when there is nothing to answer
 */
export function claudeInput(input: RunInput, earlier: readonly Message[]): string {
  const [, given] = splitInstructions(input.messages ?? [{ role: 'user', content: input.prompt }])
  const last = given.findLastIndex(({ role }) => role === 'assistant' || role === 'tool')
  const asked = given.slice(last + 1)
  if (asked.length === 0) throw refusal('The last message is no question: claude-cli answers what a user says.')
  const before = bringsHistory(given) ? given.slice(0, last + 1) : earlier
  const told = before.flatMap(({ role, ...rest }) => [
    { type: 'text', text: `<turn from="${role}">` },
    ...blocksOf(rest.content ?? JSON.stringify(rest)),
    { type: 'text', text: '</turn>' },
  ])
  const frame = (text: string) => ({ type: 'text', text })
  const history =
    told.length === 0
      ? []
      : [frame('The conversation so far:'), ...told, frame('That was the conversation so far. Now:')]
  const content = [...history, ...asked.flatMap((message) => blocksOf(message.content))]
  return `${JSON.stringify({ type: 'user', message: { role: 'user', content } })}\n`
}

/** `claude-cli/claude-sonnet-4-20250514` → `sonnet`; names of no known family are handed on as they are. */
export function claudeAlias(model: string): string {
  const name = model.replace(/^claude-cli\//, '')
  const family = /^claude-(?:[\d.-]+-)?(sonnet|opus|haiku)\b/.exec(name)?.[1]
  if (family !== undefined) return family
  if (/^[A-Za-z0-9][\w.:@/[\]-]*$/.test(name)) return name
  throw refusal(`"${model}" names no claude model. Use claude-cli/sonnet, claude-cli/opus or claude-cli/haiku.`)
}
