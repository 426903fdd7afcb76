import type { PlainClient } from './plain-client.ts'

/** Work that a scenario has running and waiting when it acts. */
export interface Share {
  /** request ids by session, in the order in which they were acknowledged; the first of each is to be running */
  sent: ReadonlyMap<string, readonly string[]>
  /** sessions whose requests ask to be run again where their run is lost */
  again: ReadonlySet<string>
}

export interface ShareSize {
  conversations: number
  /** requests that wait behind the first of each */
  waiting: number
  /** how long the first of each takes, in ms; those that wait take `shortMs` */
  longMs: number
  shortMs: number
}

/**
 * Sends a scenario's share of work, round robin: every other conversation asks for `on_restart: "requeue"`. Resolves
 * when all is acknowledged. @throws Error when something is refused
 */
export async function sendShare(client: PlainClient, tag: string, size: ShareSize): Promise<Share> {
  const sent = new Map<string, string[]>()
  const again = new Set<string>()
  for (let i = 0; i <= size.waiting; i++)
    for (let c = 0; c < size.conversations; c++) {
      const session = `${tag}-${c}`
      const request_id = `${session}-${i}`
      if (c % 2 === 1) again.add(session)
      const reply = await client.request('completion:async', {
        prompt: `say ${request_id}`,
        session_id: session,
        request_id,
        model: 'echo/echo',
        on_restart: c % 2 === 1 ? 'requeue' : 'fail',
        extra_body: { echo: { latency_ms: i === 0 ? size.longMs : size.shortMs } },
      })
      if (reply['request_id'] !== request_id) throw new Error(`${request_id} was refused: ${JSON.stringify(reply)}`)
      sent.set(session, [...(sent.get(session) ?? []), request_id])
    }
  return { sent, again }
}

/** All requests of a share. */
export function idsOf({ sent }: Share): string[] {
  return [...sent.values()].flat()
}

/** The first of each conversation, which are to be running. */
export function firstsOf({ sent }: Share): string[] {
  return [...sent.values()].flatMap(([first]) => first ?? [])
}
