import type { SupervisorStatus } from '../contracts/control.ts'
import type { JournalFacts } from '../contracts/status.ts'
import type { DockerFacts } from './container-words.ts'
import type { Reading } from './reading.ts'

/** Everything the sidecar knows, source by source. */
export interface Readings {
  daemon: Reading<SupervisorStatus>
  journal: Reading<JournalFacts>
  docker: Reading<DockerFacts>
}
