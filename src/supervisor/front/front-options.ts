import type { ConnectionInfo } from '../../contracts/relay.ts'
import type { Log } from '../../lib/log.ts'

/** Whom an event that the supervisor answers came from. */
export interface AnswerContext {
  connection: number
  transport: ConnectionInfo['transport']
}

export interface FrontOptions {
  socketPath: string
  host: string
  /** 0: any free port */
  port: number
  /** asked for on TCP, on the first line of a connection */
  token?: string | undefined
  /** with which nothing can be changed */
  readingToken?: string | undefined
  maxLineBytes: number
  maxConnections: number
  /** how long a line waits for a generation */
  holdMs: number
  log: Log
  /**
   * Answers `front: true` events, and `system:health` while no generation is live. What it throws becomes a data error.
   */
  answer: (event: string, data: Record<string, unknown>, context: AnswerContext) => unknown
}

export interface FrontStats {
  connections: number
  heldLines: number
  heldBytes: number
  unanswered: number
}
