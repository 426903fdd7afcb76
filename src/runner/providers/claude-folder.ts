import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, rmSync, rmdirSync, statSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunInput } from '../../contracts/runner.ts'
import { KsiError } from '../../lib/errors.ts'

/** As long as claude keeps what it knows of a session. */
const keptMs = 30 * 24 * 3_600_000

/**
 * Where the working folders of one ksi are unless KSI_WORK_DIR says so: outside the checkout, whose CLAUDE.md would
 * reach the model from there, and always at the same path, by which claude finds its sessions again.
 */
export function defaultWorkDir(root: string): string {
  const uid = process.getuid?.() ?? 0
  return join(tmpdir(), `ksi-${uid}-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`)
}

/** The folder one call of claude works in. */
export interface WorkFolder {
  dir: string
  /** Takes it away again where nothing was left in it. */
  close(): void
}

/**
 * Makes the folder of a run: its agent's, else its conversation's.
 * @throws KsiError KSI_CONFIG_INVALID when the folder of all of them belongs to somebody else; the system's own error
 */
export function openFolder(workDir: string, input: RunInput): WorkFolder {
  mkdirSync(workDir, { recursive: true, mode: 0o700 })
  const { uid } = lstatSync(workDir)
  if (!lstatSync(workDir).isDirectory() || (process.getuid !== undefined && uid !== process.getuid()))
    throw new KsiError(
      'KSI_CONFIG_INVALID',
      `${workDir} is not this user's own folder. Set KSI_WORK_DIR to one that is.`,
    )
  const agent = input.agent_id
  const name =
    agent === undefined ? fileName('conversation', input.conversation ?? input.request_id) : fileName('agent', agent)
  const dir = join(workDir, name)
  mkdirSync(dir, { recursive: true })
  utimesSync(dir, new Date(), new Date())
  // An agent's may be in use by another conversation of it.
  return { dir, close: () => agent ?? removeEmpty(dir) }
}

/** Removes the folders that nobody has worked in for 30 days. */
export function removeOldFolders(workDir: string, now: number): void {
  let names: string[]
  try {
    names = readdirSync(workDir)
  } catch {
    return
  }
  for (const name of names.filter((entry) => /^(agent|conversation)-/.test(entry))) {
    const dir = join(workDir, name)
    try {
      if (statSync(dir).mtimeMs < now - keptMs) rmSync(dir, { recursive: true, force: true })
    } catch {
      // Gone already, or not ours to remove: the next start looks again.
    }
  }
}

function removeEmpty(dir: string): void {
  try {
    rmdirSync(dir)
  } catch {
    // Something is in it: it is the conversation's.
  }
}

/** A name that stays within its folder, whatever the id; a hash where the id has other characters than a plain name. */
function fileName(kind: string, id: string): string {
  return /^[A-Za-z0-9_-]{1,100}$/.test(id)
    ? `${kind}-${id}`
    : `${kind}-${createHash('sha256').update(id).digest('hex').slice(0, 24)}`
}
