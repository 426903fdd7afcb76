import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { iso } from '../../contracts/completion.ts'
import { promptOf } from '../../contracts/prompt.ts'
import { isDiskFull } from '../../store/open.ts'
import type { RequestRow } from '../../store/rows.ts'
import { messageOf } from '../../lib/errors.ts'
import { parseObject } from '../../lib/ndjson.ts'
import type { Core } from '../core.ts'

const retryMs = 5_000

/**
 * `var/logs/responses/{session_id}.jsonl`: the prompt's line, then the response's (ksi-wire §3.9), each once. The
 * outcome is committed first, with a mark that the lines are due; a crash in between is mended by looking what is
 * there.
 */
export class ResponseFiles {
  readonly #core: Core
  /** Requests whose lines are written, but not yet marked so in the journal. */
  readonly #written = new Set<string>()
  /** Sessions whose file could not be written. */
  readonly #waiting = new Set<string>()
  #retry: NodeJS.Timeout | undefined
  #marking: NodeJS.Immediate | undefined

  constructor(core: Core) {
    this.#core = core
    mkdirSync(core.settings.paths.responses, { recursive: true })
  }

  /** Appends the lines of a request just completed. */
  append(requestId: string): void {
    const row = this.#core.requests.get(requestId)
    if (row === undefined || row.file_due === 0 || row.session_id === null) return
    // An earlier one waits for its file, and may have left a torn line there: this one takes its turn behind it.
    if (this.#waiting.has(row.session_id)) return
    this.#write(row, (path, lines) => appendFileSync(path, lines.map((line) => `${line}\n`).join('')))
  }

  /** Writes whatever a crash or a full disk left out. Lines that are there already are not written again. */
  catchUp(): void {
    clearTimeout(this.#retry)
    this.#retry = undefined
    this.#waiting.clear()
    for (const row of this.#core.requests.filesDue())
      if (!this.#waiting.has(row.session_id ?? '')) this.#write(row, appendMissing)
  }

  /** Notes in the journal which lines are written. */
  markWritten(): void {
    clearImmediate(this.#marking)
    this.#marking = undefined
    if (this.#written.size === 0) return
    this.#core.journal.tx(() => {
      for (const requestId of this.#written) this.#core.requests.fileDone(requestId)
    })
    this.#written.clear()
  }

  close(): void {
    clearTimeout(this.#retry)
    this.#markQuietly()
  }

  #write(row: RequestRow, write: (path: string, lines: string[]) => void): void {
    if (this.#written.has(row.request_id)) return
    try {
      write(fileOf(this.#core, row.session_id ?? ''), this.#linesOf(row))
      this.#written.add(row.request_id)
      this.#marking ??= setImmediate(() => this.#markQuietly())
    } catch (error) {
      const what = isDiskFull(error) ? 'no room left for the response file' : 'the response file cannot be written'
      this.#core.log.error({ request_id: row.request_id, err: error }, `${what}, trying again: ${messageOf(error)}`)
      this.#waiting.add(row.session_id ?? '')
      this.#retry ??= setTimeout(() => this.catchUp(), retryMs)
    }
  }

  #markQuietly(): void {
    try {
      this.markWritten()
    } catch (error) {
      // The marks stay due; at worst the next boot looks into the files.
      this.#core.log.error({ err: error }, 'response files could not be marked as written')
    }
  }

  #linesOf(row: RequestRow): string[] {
    const data = this.#core.requests.payload(row.request_id)
    const prompt = {
      type: 'user',
      timestamp: iso(row.queued_at),
      content: promptOf(data),
      request_id: row.request_id,
      model: row.model,
      agent_id: row.agent_id,
      ...(data.messages === undefined ? {} : { messages: data.messages }),
    }
    return [JSON.stringify(prompt), JSON.stringify(this.#core.requests.outcome(row.request_id)?.result ?? {})]
  }
}

function fileOf(core: Core, sessionId: string): string {
  const name = /^[A-Za-z0-9._:@-]+$/.test(sessionId) ? sessionId : encodeURIComponent(sessionId)
  // File systems take names of up to 255 bytes; a provider may hand out anything.
  const short = name.length <= 200 ? name : createHash('sha256').update(sessionId).digest('hex')
  return join(core.settings.paths.responses, `${short}.jsonl`)
}

/** Appends those of the lines that the file lacks; a line torn by a crash is cut off first. */
function appendMissing(path: string, lines: string[]): void {
  const present = new Set<string>()
  if (existsSync(path)) {
    const text = readFileSync(path, 'utf8')
    const whole = text.lastIndexOf('\n') + 1
    if (whole < text.length) truncateSync(path, Buffer.byteLength(text.slice(0, whole)))
    for (const line of text.slice(0, whole).split('\n')) present.add(identityOf(line))
  }
  const missing = lines.filter((line) => !present.has(identityOf(line)))
  if (missing.length > 0) appendFileSync(path, missing.map((line) => `${line}\n`).join(''))
}

/** Whose line it is: the prompt's or the response's of a request. */
function identityOf(line: string): string {
  const value = parseObject(line) as { type?: string; request_id?: string; ksi?: { request_id?: string } } | undefined
  return value?.ksi === undefined ? `prompt ${value?.request_id}` : `response ${value.ksi.request_id}`
}
