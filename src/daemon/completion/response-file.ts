import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { systemCodeOf } from '../../lib/errors.ts'
import { parseObject } from '../../lib/ndjson.ts'

/** Where the lines of a session lie: never outside the folder, whatever its id is. */
export function responseFilePath(dir: string, sessionId: string): string {
  const name = /^[A-Za-z0-9._:@-]+$/.test(sessionId) ? sessionId : encodeURIComponent(sessionId.toWellFormed())
  // File systems take names of up to 255 bytes; a provider may hand out anything.
  const short = name.length <= 200 ? name : createHash('sha256').update(sessionId).digest('hex')
  return join(dir, `${short}.jsonl`)
}

/** The file of one session. */
export class ResponseFile {
  readonly #path: string
  /** Whose lines it holds, once they have been looked at. */
  #present: Set<string> | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** @throws the system's error; a part of a line may be left then */
  append(lines: string[]): void {
    const text = lines.map((line) => `${line}\n`).join('')
    try {
      appendFileSync(this.#path, text, { mode: 0o600 })
    } catch (error) {
      // Somebody has removed the folder: it is made again.
      if (systemCodeOf(error) !== 'ENOENT') throw error
      mkdirSync(dirname(this.#path), { recursive: true })
      appendFileSync(this.#path, text, { mode: 0o600 })
    }
  }

  /** Appends those of the lines that it lacks; a line torn by a crash is cut off first. @throws the system's error */
  appendMissing(lines: string[]): void {
    const present = (this.#present ??= this.#look())
    const missing = lines.filter((line) => !present.has(identityOf(line)))
    if (missing.length > 0) this.append(missing)
    for (const line of missing) present.add(identityOf(line))
  }

  #look(): Set<string> {
    const present = new Set<string>()
    if (!existsSync(this.#path)) return present
    const text = readFileSync(this.#path, 'utf8')
    const whole = text.lastIndexOf('\n') + 1
    if (whole < text.length) truncateSync(this.#path, Buffer.byteLength(text.slice(0, whole)))
    for (const line of text.slice(0, whole).split('\n')) present.add(identityOf(line))
    return present
  }
}

/** Whose line it is: the prompt's or the response's of a request. */
function identityOf(line: string): string {
  const value = parseObject(line) as { type?: string; request_id?: string; ksi?: { request_id?: string } } | undefined
  return value?.ksi === undefined ? `prompt ${value?.request_id}` : `response ${value.ksi.request_id}`
}
