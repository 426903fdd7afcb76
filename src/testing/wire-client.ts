import type { HistoryEvent } from '../history/event.ts'
import { PlainClient, dial } from '../smoke/plain-client.ts'
import { assertPush, assertReply } from './contract-check.ts'

export type Data = Record<string, unknown>

/** A push as it came over the wire. */
export type Push = HistoryEvent

/** A plain client; a reply or push that is not what the contract says fails what waits for it. */
export class WireClient extends PlainClient {
  /** Whether replies and pushes are held to the contract; not where their speed is measured. */
  checked = true

  /** Connects to a Unix socket's path or a TCP port of this machine; its first line then carries the token, if any. */
  static async connect(to: string | number, token?: string): Promise<WireClient> {
    return new WireClient(await dial(to), token)
  }

  protected override inspect(message: Data, event?: string): void {
    if (!this.checked || 'error' in message || message.count === 0) return
    if (event === undefined) assertPush(String(message.event_name), message.data)
    else assertReply(event, message.data)
  }
}
