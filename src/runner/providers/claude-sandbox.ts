import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { RunInput } from '../../contracts/runner.ts'

/** The folder a call of claude works in. */
export interface Sandbox {
  dir: string
  /** Notes that this session goes on in this folder. */
  belongsTo(sessionId: string): void
}

/**
 * Makes the folder of a run: that of its session, else its agent's, else a new one named by the request. claude finds
 * a session again only from the folder it was begun in, so each session id it hands out becomes a link to that folder.
 * @throws the system's own error when the folder cannot be made
 */
export function openSandbox(root: string, input: RunInput): Sandbox {
  const dir =
    (input.session_id === undefined ? undefined : folderOfSession(root, input.session_id)) ??
    join(root, newFolder(input))
  mkdirSync(dir, { recursive: true })
  return {
    dir,
    belongsTo(sessionId) {
      const link = sessionLink(root, sessionId)
      if (folderOfSession(root, sessionId) === dir) return
      mkdirSync(join(root, 'sessions'), { recursive: true })
      rmSync(link, { force: true })
      symlinkSync(join('..', basename(dir)), link)
    },
  }
}

function newFolder(input: RunInput): string {
  if (input.agent_id !== undefined) return fileName('agent', input.agent_id)
  return input.session_id === undefined ? fileName('request', input.request_id) : fileName('session', input.session_id)
}

function sessionLink(root: string, sessionId: string): string {
  return join(root, 'sessions', fileName('session', sessionId))
}

function folderOfSession(root: string, sessionId: string): string | undefined {
  const link = sessionLink(root, sessionId)
  return existsSync(link) ? join(root, basename(readlinkSync(link))) : undefined
}

/** A name that stays within its folder, whatever the id; a hash where the id has other characters than a plain name. */
function fileName(kind: string, id: string): string {
  return /^[A-Za-z0-9_-]{1,100}$/.test(id)
    ? `${kind}-${id}`
    : `${kind}-${createHash('sha256').update(id).digest('hex').slice(0, 24)}`
}
