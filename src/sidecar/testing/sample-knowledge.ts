import type { JournalFacts } from '../../contracts/status.ts'
import { KsiError } from '../../lib/errors.ts'
import { openJournalReader } from '../../store/reader.ts'
import { Access } from '../access.ts'
import type { Knowledge } from '../knowledge.ts'
import { LogTail } from '../sources/log-tail.ts'
import { JournalSource } from '../sources/journal.ts'
import { NewestReading } from '../reading.ts'
import { StatusHub } from '../status-hub.ts'
import { allWell, unread } from './sample-facts.ts'

type Given = Omit<Knowledge, 'streams'>

/** What routes and page are made from, where the test says nothing else: all is well, and no journal can be read. */
export function sampleKnowledge(changes: Partial<Given> = {}): Given {
  return {
    hub: new StatusHub({ readings: allWell }),
    access: new Access({ open: true, token: () => undefined }),
    journal: () => {
      throw new KsiError('KSI_UNREACHABLE', 'The journal cannot be read.')
    },
    providers: () => unread('failed', 'connection refused'),
    output: async function* () {},
    log: new LogTail('/nowhere/daemon.log'),
    root: '/nowhere',
    bare: true,
    now: Date.now,
    ...changes,
  }
}

/** Reads a journal that a test has. */
export function journalAt(path: string): Knowledge['journal'] {
  const newest = new NewestReading<JournalFacts>({ onReading: () => {} })
  const source = new JournalSource({ path, keepsState: true, open: openJournalReader, newest })
  return (what) => source.read(what)
}
