import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { systemCodeOf } from './errors.ts'

const secretBytes = 32
const leastCharacters = 8

/** Compares in constant time, whatever the lengths. */
export function sameSecret(given: string, secret: string): boolean {
  return timingSafeEqual(digest(given), digest(secret))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** The secret in a file; `undefined` when there is none, or what is there is too short to be one. */
export function readSecret(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim()
    return text.length < leastCharacters ? undefined : text
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * The secret in a file; makes one when there is none, for its owner alone. Of two that make one at once both get the
 * same.
 * @throws the system's own error when the file cannot be read or made
 */
export function ensureSecret(path: string): string {
  const there = readSecret(path)
  if (there !== undefined) return there
  const draft = writeDraft(path)
  try {
    // What is there and is no secret goes; what another process has made meanwhile stays.
    if (readSecret(path) === undefined) rmSync(path, { force: true })
    linkSync(draft, path)
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
  return readSecret(path) ?? replaceSecret(path)
}

/** Puts a new secret into the file. @throws the system's own error when it cannot be written */
export function replaceSecret(path: string): string {
  renameSync(writeDraft(path), path)
  return readFileSync(path, 'utf8').trim()
}

function writeDraft(path: string): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${process.pid}.new`
  rmSync(draft, { force: true })
  writeFileSync(draft, `${randomBytes(secretBytes).toString('base64url')}\n`, { mode: 0o600, flag: 'wx', flush: true })
  return draft
}

/** A secret whose file may be replaced while it is in use: looked at anew whenever it is asked for. */
export class SecretFile {
  readonly path: string
  #value: string | undefined
  #seen = ''

  constructor(path: string) {
    this.path = path
  }

  /** The secret as it stands now. @throws the system's own error when the file cannot be read */
  get value(): string | undefined {
    const stats = statSync(this.path, { throwIfNoEntry: false })
    const seen = stats === undefined ? 'none' : `${stats.ino} ${stats.mtimeMs} ${stats.size}`
    if (seen !== this.#seen) this.#value = readSecret(this.path)
    this.#seen = seen
    return this.#value
  }
}
