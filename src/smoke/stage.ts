import type { PlainClient } from './plain-client.ts'

export type Kind = 'compose' | 'local'

/** A ksi of its own, that is stopped, killed and replaced while it works. Faults are sentences. */
export interface Stage {
  readonly kind: Kind
  /** the copy of the source that it runs */
  readonly root: string
  connect(): Promise<PlainClient>
  /** what runners and their host have logged since the beginning, as far as it is there by now */
  runnerLog(): Promise<Record<string, unknown>[]>
  killGeneration(pid: number): Promise<void>
  killRunner(pid: number): Promise<void>
  /** kills what the generations run in: the container, or the supervisor */
  killDaemon(): Promise<void>
  /** stops all of it in an orderly way. @returns faults */
  stop(): Promise<string[]>
  /** starts what is not there; it need not serve yet */
  start(): Promise<void>
  /** another container of the daemon, or another supervisor, for the one that runs */
  recreate(): Promise<void>
  /** starts it once more while it runs. @returns faults: what that has touched */
  startAgain(): Promise<string[]>
  /** stops and removes all but what is kept. @returns faults: what is still there */
  down(): Promise<string[]>
  /** saves what tells of a failure into a folder, then kills all of it, to save the journal as it is */
  keepEvidence(folder: string): Promise<void>
  /** ends and removes all of it, whatever state it is in. @returns what could not be removed */
  end(): Promise<string[]>
}

/** The reason of an orderly stop's checkpoint, on this stage. */
export const stopReason = { compose: 'pre-stop', local: 'shutdown' } as const
