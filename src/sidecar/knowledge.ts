import type { ProviderState } from '../contracts/providers.ts'
import type { StreamPiece } from '../client/stream.ts'
import type { JournalReader } from '../store/reader.ts'
import type { Access } from './access.ts'
import type { Reading } from './reading.ts'
import type { LogTail } from './sources/log-tail.ts'
import type { StatusHub } from './status-hub.ts'
import type { Streams } from './streams.ts'

/** What routes and page are made from. */
export interface Knowledge {
  hub: StatusHub
  streams: Streams
  access: Access
  /** Reads the journal. @throws KsiError KSI_UNREACHABLE when it cannot be read, with why */
  journal: <T>(what: (reader: JournalReader) => T) => T
  /** How the providers stand by the daemon's newest word; asking makes it ask for a newer one. */
  providers: () => Reading<ProviderState[]>
  /** A request's output as it comes. */
  output: (
    requestId: string,
    from: { attempt: number; from: number; signal: AbortSignal },
  ) => AsyncIterable<StreamPiece>
  log: LogTail
  /** the root of this ksi, for the code an error is about */
  root: string
  /** the source lies on the machine the browser is on, by the same path */
  bare: boolean
  /** this machine's clock, epoch ms */
  now: () => number
}
