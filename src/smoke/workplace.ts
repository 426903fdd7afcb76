import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { birthOf } from '../lib/birth-of.ts'
import { KsiError, messageOf, systemCodeOf } from '../lib/errors.ts'
import { parseObject } from '../lib/ndjson.ts'
import { copySource, copyStackFiles } from './source-copy.ts'
import type { Kind } from './stage.ts'

/** The beginning of all names a smoke gives: its folder, its Compose project, its images. */
export const namePrefix = 'ksi-smoke-'

/** Who works in a folder. */
interface Note {
  kind: Kind
  pid: number
  /** tells the process from any other that ever had its id */
  birth: string
  host: string
  /** `--keep`: it is the user's to remove */
  kept: boolean
}

/** The folder of one smoke: a copy of the source, which is run and edited there. */
export interface Workplace {
  /** also that of the Compose project */
  readonly name: string
  readonly root: string
  /** Leaves it to the user. */
  keep(): void
  remove(): void
}

const noteFile = 'smoke.json'
/** Sockets lie deep in the folder, and the system takes a path of so many bytes in all. */
const longestRoot = 70

/**
 * Makes a folder in the temporary folder, with a copy of a checkout as it lies there, what is not committed included.
 * @throws KsiError KSI_DISK_FULL, KSI_CONFIG_INVALID
 */
export function makeWorkplace(from: string, kind: Kind): Workplace {
  const parent = placesFor(kind)[0] ?? tmpdir()
  const name = namePrefix + randomBytes(4).toString('hex')
  const root = join(parent, name)
  const write = (kept: boolean): void => {
    const note: Note = { kind, pid: process.pid, birth: birthOf(process.pid) ?? '', host: hostname(), kept }
    writeFileSync(join(root, noteFile), JSON.stringify(note))
  }
  const remove = (): void => rmSync(root, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  try {
    mkdirSync(root, { mode: 0o700 })
    write(false)
    copySource(from, root)
    if (kind === 'compose') copyStackFiles(from, root)
    else symlinkSync(join(from, 'node_modules'), join(root, 'node_modules'))
  } catch (error) {
    remove()
    throw noCopy(error, { from, parent })
  }
  return { name, root, keep: () => write(true), remove }
}

/** A smoke that has ended without clearing up. */
export interface Leftover {
  name: string
  root: string
  kind: Kind
}

/** Folders of smokes whose process is gone, and which nobody was to keep. Those of other machines are let be. */
export function findLeftovers(): Leftover[] {
  return [...new Set([...placesFor('local'), ...placesFor('compose')])].flatMap((parent) =>
    readdirSync(parent)
      .filter((name) => /^ksi-smoke-[0-9a-f]{8}$/.test(name))
      .flatMap((name) => leftoverIn(join(parent, name), name) ?? []),
  )
}

/** Whether a smoke works, or has left something, under this name on this machine. */
export function isHere(name: string): boolean {
  return [...placesFor('local'), ...placesFor('compose')].some((parent) => readdirSync(parent).includes(name))
}

function leftoverIn(root: string, name: string): Leftover | undefined {
  const note = readNote(root)
  if (note === undefined || note.kept || note.host !== hostname()) return undefined
  return birthOf(note.pid) === note.birth ? undefined : { name, root, kind: note.kind }
}

function readNote(root: string): Note | undefined {
  try {
    return parseObject(readFileSync(join(root, noteFile), 'utf8')) as Note | undefined
  } catch {
    // Just being made, or another user's.
    return undefined
  }
}

/** Folders that copies may lie in: the first is the one to use. */
function placesFor(kind: Kind): string[] {
  const short = Buffer.byteLength(join(tmpdir(), `${namePrefix}00000000`)) <= longestRoot
  return kind === 'compose' || short ? [tmpdir()] : ['/tmp', tmpdir()]
}

function noCopy(error: unknown, { from, parent }: { from: string; parent: string }): unknown {
  const code = systemCodeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new KsiError(
      'KSI_DISK_FULL',
      `There is no room in ${parent} for a copy of the source. Set TMPDIR to a place with room.`,
    )
  if (code === undefined) return error
  const what = statSync(join(from, 'src'), { throwIfNoEntry: false }) === undefined ? ' (no src folder)' : ''
  return new KsiError(
    'KSI_CONFIG_INVALID',
    `The source in ${from}${what} cannot be copied to ${parent}: ${messageOf(error)}. TMPDIR names another place.`,
    { cause: error },
  )
}
