import type { TimeSource } from './forward-clock.ts'
import type { SyncFile } from './wal-sync.ts'

/** How a journal is opened. */
export interface JournalOptions {
  /** true after a crash: the file is checked page by page if it is not too large */
  suspect: boolean
  /** epoch ms */
  now: number
  /** the folder of the numbered migrations; given by tests */
  migrations?: string
  /** `disk`: what is told is on disk; `process` (when not given): it outlives the process, not a power cut */
  durability?: 'disk' | 'process'
  /** in the place of the system's own; given by tests */
  sync?: SyncFile
  syncNow?: (fd: number) => void
  time?: TimeSource
  /** told that the disk fails; otherwise it shows as an unhandled rejection */
  onTrouble?: (error: Error) => void
  /** told that the journal was carried over into a new file, and what had become of the old one */
  onCarried?: (missing: string) => void
  /** the highest epoch anybody knows of: the new one is above it */
  floor?: number
  /** the last epoch that is known to have been written to this journal: should it not be there, that is a loss */
  known?: number
  /** nobody of this ksi has had the file open before: a WAL is looked through for holes */
  cold?: boolean
  /** another process has just let go of it, and can take it back */
  handedOver?: boolean
}
