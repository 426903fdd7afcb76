import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Settings } from '../contracts/settings.ts'
import { KsiError } from '../lib/errors.ts'
import type { Journal } from '../store/journal.ts'
import { usedBytes } from '../store/used-bytes.ts'

/** From this share of a quota on it is said that it fills up. */
const saidFrom = 0.8
/** The journal is measured anew after so many bytes of requests; between that they are added up. */
const measuredEvery = 1_048_576
/** The response files are measured anew this often, in ms: their owner may move some away. */
const scannedEveryMs = { calm: 600_000, filling: 10_000 } as const
/** Where the bytes of the response files are noted, so that a new generation need not look. */
const noted = 'responses:bytes'

interface Quota {
  name: string
  setting: 'KSI_MAX_JOURNAL_BYTES' | 'KSI_MAX_RESPONSE_BYTES'
  bytes: number
  most: number
  remedy: string
}

/**
 * How many bytes the journal and the response files have, and may have. A request that would be too much is refused;
 * outcomes of what was accepted always find room. Nothing is scanned when a request comes.
 */
export class Quotas {
  readonly #journal: Journal
  readonly #settings: Settings
  #measured = 0
  /** bytes of requests since then */
  #added = Infinity
  #responses: number
  #noted: number
  #scannedAt = -Infinity
  #isScanning = false

  constructor(journal: Journal, settings: Settings) {
    this.#journal = journal
    this.#settings = settings
    const { seq, note } = journal.cursors.get(noted)
    this.#responses = seq
    this.#noted = seq
    if (note !== null && this.filling.length === 0) this.#scannedAt = performance.now()
  }

  /**
   * Counts in a request of so many bytes.
   * @throws KsiError KSI_QUOTA_FULL when there is no room for it
   */
  take(bytes: number): void {
    const full = this.#all(bytes).find((quota) => quota.bytes > quota.most)
    if (full !== undefined)
      throw new KsiError('KSI_QUOTA_FULL', `${said(full)} This request was not taken. ${full.remedy}`)
    this.#added += bytes
  }

  /** So many bytes were appended to response files. */
  wrote(bytes: number): void {
    this.#responses += bytes
  }

  /** What fills up, or is full, in sentences. */
  get filling(): string[] {
    return this.#all(0)
      .filter(({ bytes, most }) => bytes >= most * saidFrom)
      .map((quota) => {
        const then = quota.bytes < quota.most ? 'At 100 % new requests are refused.' : 'New requests are refused.'
        return `${said(quota)} ${then} ${quota.remedy}`
      })
  }

  /** Notes the response files' bytes for the next generation. Call within a transaction. */
  note(): void {
    if (this.#noted === this.#responses || this.#scannedAt === -Infinity) return
    this.#noted = this.#responses
    this.#journal.cursors.set(noted, this.#responses, 'measured')
  }

  /** Measures the journal now, and the response files when it is time to. */
  async measure(): Promise<void> {
    this.#added = Infinity
    const every = this.filling.length > 0 ? scannedEveryMs.filling : scannedEveryMs.calm
    if (this.#isScanning || performance.now() - this.#scannedAt < every) return
    this.#isScanning = true
    try {
      const before = this.#responses
      const found = await bytesIn(this.#settings.paths.responses)
      // What was written while they were looked at may have been seen, or not: rather too much than too little.
      this.#responses = found + (this.#responses - before)
    } finally {
      this.#isScanning = false
      this.#scannedAt = performance.now()
    }
  }

  #all(more: number): Quota[] {
    const { KSI_MAX_JOURNAL_BYTES, KSI_MAX_RESPONSE_BYTES } = this.#settings
    return [
      {
        name: 'The journal',
        setting: 'KSI_MAX_JOURNAL_BYTES',
        bytes: this.#journalBytes() + more,
        most: KSI_MAX_JOURNAL_BYTES,
        remedy: 'Raise it, or lower KSI_REQUESTS_KEPT and KSI_EVENTS_KEPT, and restart.',
      },
      {
        name: 'The folder of response files',
        setting: 'KSI_MAX_RESPONSE_BYTES',
        bytes: this.#responses + more,
        most: KSI_MAX_RESPONSE_BYTES,
        remedy: 'Move old files out of var/logs/responses, or raise it and restart.',
      },
    ]
  }

  #journalBytes(): number {
    if (this.#added > measuredEvery) {
      this.#measured = usedBytes(this.#journal)
      this.#added = 0
    }
    return this.#measured + this.#added
  }
}

function said({ name, setting, bytes, most }: Quota): string {
  return `${name} has ${bytes} bytes of the ${most} it may have (${setting}).`
}

/** @throws the system's error; a folder or file that is gone has none */
async function bytesIn(folder: string): Promise<number> {
  let bytes = 0
  try {
    for await (const { name } of await opendir(folder))
      bytes += await stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      )
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  return bytes
}
