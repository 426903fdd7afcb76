import type { ConnectionInfo } from '../../contracts/relay.ts'

/** Whom an event that the supervisor answers came from. */
export interface AnswerContext {
  connection: number
  transport: ConnectionInfo['transport']
}
