import { usage } from '../../contracts/usage.ts'
import { isObject } from '../../lib/ndjson.ts'
import type { JournalEvent } from '../../store/events.ts'
import type { Core } from '../core.ts'
import { LineFile } from './line-file.ts'

/** From so many bytes on the file is put aside, in place of the one before. */
const maxBytes = 20_971_520

/** `var/logs/daemon/tool_usage.jsonl`: a line for each completion whose provider told what it used. */
export class ToolUsage {
  readonly #core: Core
  readonly #file: LineFile
  #last: number | undefined

  constructor(core: Core) {
    this.#core = core
    this.#file = new LineFile(core.settings.paths.toolUsage)
  }

  /** The event its last line tells of. @throws the system's error */
  lastSeq(): number | undefined {
    return (this.#last ??= this.#file.lastSeq())
  }

  /** Appends the lines of those completions among the events that it lacks. @throws the system's error */
  write(events: JournalEvent[]): void {
    const last = this.lastSeq() ?? 0
    const lines = events.filter(({ seq }) => seq > last).flatMap((event) => this.#toLine(event) ?? [])
    const newest = lines.at(-1)
    if (newest === undefined) return
    if (this.#file.bytes > maxBytes) this.#file.moveTo(`${this.#file.path}.1`)
    this.#file.append(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    this.#last = newest.seq
  }

  #toLine({ seq, name, data }: JournalEvent): ({ seq: number } & Record<string, unknown>) | undefined {
    if (name !== 'completion:result' || !isObject(data['result'])) return undefined
    const { ksi } = data['result']
    if (!isObject(ksi)) return undefined
    const used = usage().safeParse(ksi['usage'])
    if (!used.success) return undefined
    const { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd } = used.data
    const requestId = String(data['request_id'])
    return {
      event: 'token_usage',
      timestamp: ksi['timestamp'],
      request_id: requestId,
      session_id: data['session_id'],
      agent_id: data['agent_id'],
      model: this.#core.requests.get(requestId)?.model ?? null,
      provider: ksi['provider'],
      input_tokens,
      output_tokens,
      total_tokens: input_tokens + output_tokens,
      cache_creation_tokens: cache_write_tokens,
      cache_read_tokens,
      has_mcp: this.#hasMcp(requestId),
      estimated_cost: cost_usd ?? null,
      seq,
    }
  }

  #hasMcp(requestId: string): boolean {
    const claude = this.#core.requests.payload(requestId)?.extra_body?.['claude']
    return isObject(claude) && claude['mcp_config'] != null
  }
}
