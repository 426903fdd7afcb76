import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { z } from 'zod'
import { lossRecord } from '../contracts/control.ts'
import type { LossRecord } from '../contracts/control.ts'
import { systemCodeOf } from '../lib/errors.ts'

/** What a salvage could not save; see there. */
interface Unsaved {
  lost: Record<string, string>
  lostRequests: readonly string[]
  lostOpen: number | null
}

const records = z.array(lossRecord)

/** Where the losses of the journal at `path` are noted: beside it, since a journal that is damaged can be so again. */
function fileOf(path: string): string {
  return `${path}-losses`
}

/** What of a journal was lost and nobody has acknowledged. @throws the system's error when it cannot be read */
export function readLosses(path: string): LossRecord[] {
  try {
    return records.parse(JSON.parse(readFileSync(fileOf(path), 'utf8')))
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return []
    if (systemCodeOf(error) !== undefined) throw error
    const message = `The list of what was lost before, ${fileOf(path)}, cannot be read.`
    return [{ at: 0, message, requests: null, failed: 0 }]
  }
}

/** Adds a loss to what is noted. @throws the system's error */
export function noteLoss(path: string, loss: LossRecord): void {
  writeLosses(path, [...readLosses(path), loss])
}

const unreadable = 'Requests whose content cannot be read in the journal, told as failed by their names:'

/** The losses of an open journal. */
export class Losses {
  readonly #path: string
  #list: readonly LossRecord[]

  constructor(path: string) {
    this.#path = path
    this.#list = readLosses(path)
  }

  /** What was lost and is not acknowledged. */
  get list(): readonly LossRecord[] {
    return this.#list
  }

  /** Somebody knows of them. @returns what they were. @throws the system's error */
  acknowledge(): readonly LossRecord[] {
    const known = this.#list
    writeLosses(this.#path, [])
    this.#list = []
    return known
  }

  /** One more request was told as failed since its content cannot be read. @throws the system's error */
  addUnreadable(now: number): void {
    const last = this.#list.at(-1)
    const more = last?.message.startsWith(unreadable) === true
    const failed = 1 + (more ? last.failed : 0)
    const loss = { at: now, message: `${unreadable} ${failed}. The others go on.`, requests: 0, failed }
    this.#list = [...(more ? this.#list.slice(0, -1) : this.#list), loss]
    writeLosses(this.#path, this.#list)
  }

  /** The file they are noted in may have been removed. @throws the system's error */
  keep(): void {
    writeLosses(this.#path, this.#list)
  }
}

/** @throws the system's error */
function writeLosses(path: string, losses: readonly LossRecord[]): void {
  const file = fileOf(path)
  if (losses.length === 0) return rmSync(file, { force: true })
  writeFileSync(`${file}.new`, JSON.stringify(losses), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** A journal is not there that was written to. @param epoch the last generation that is known to have done so */
export function lossOfAll(path: string, epoch: number, now: number): LossRecord {
  const message =
    `The journal ${path}, which generation ${epoch} wrote to, was not there any more, so an empty one was made. ` +
    'What waited or ran then is lost; nobody can say how many requests that were.'
  return { at: now, message, requests: null, failed: 0 }
}

/** What a salvage could not save, in words. */
export function lossOfSalvage(path: string, { lostOpen, lostRequests, lost }: Unsaved, now: number): LossRecord {
  const named = lostRequests.length
  const parts = [
    `The journal ${path} was damaged; what could be read of it was saved, and the damaged file kept beside it.`,
    lostOpen === null
      ? 'How many requests that waited or ran are gone without a trace cannot be told.'
      : `Requests that waited or ran and are gone without a trace: ${lostOpen}.`,
    ...(named === 0 ? [] : [`Told as failed, since what they were to do is gone: ${named}.`]),
    ...(Object.keys(lost).length === 0 ? [] : ['Of what had ended before an unknown part is gone.']),
  ]
  return { at: now, message: parts.join(' '), requests: lostOpen, failed: named }
}
