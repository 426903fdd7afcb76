/*
 * The relay: the stream between front and live generation (file descriptor 4 of the generation, a socket pair).
 * One frame a line: a letter, its fields separated by single spaces, then (for some) raw JSON to the end of the line,
 * so that no line is parsed and written anew on its way through.
 *
 * front → generation
 *   C conn json            a connection is there: {transport, connected_at}
 *   S conn seq json        subscribe this connection as the data of its last monitor:subscribe (json) said, after event
 *                          `seq`; no reply. Sent for each subscriber when a generation takes over.
 *   Q conn relay again eventId json   a request line. `again` is 1 when an earlier generation may have run it already.
 *   X conn                 the connection is gone
 *   Z conn / W conn        the connection cannot take more pushes now / can again
 * generation → front
 *   R conn relay json      the reply to request `relay`
 *   T conn relay           request `relay` was run and goes on beside others; its reply comes when it comes
 *   P conn seq json        a pushed event; the front remembers `seq`
 *   U conn seq             this connection's subscription has seen everything up to `seq` (-1: it has none);
 *                          also the answer to `S`
 */

/** Index of the character after the n-th space, or the length of the line. */
function afterSpaces(line: string, count: number): number {
  let at = 0
  for (let i = 0; i < count; i++) {
    const next = line.indexOf(' ', at)
    if (next === -1) return line.length
    at = next + 1
  }
  return at
}

/** A frame taken apart: `fields` are the numbers and ids after the letter, `json` the rest. */
export interface Frame {
  kind: string
  fields: string[]
  json: string
}

const fieldCounts: Record<string, number> = { C: 1, S: 2, Q: 4, X: 1, Z: 1, W: 1, R: 2, T: 2, P: 2, U: 2 }

/** Takes a frame apart; the fields are where the letter says they are. */
export function readFrame(line: string): Frame {
  const kind = line[0] ?? ''
  const count = fieldCounts[kind] ?? 0
  const rest = afterSpaces(line, count + 1)
  const head = line.slice(2, rest === line.length ? undefined : rest - 1)
  return { kind, fields: head === '' ? [] : head.split(' ', count), json: line.slice(rest) }
}

/** What a generation is told about a connection, and what a request's record keeps of its client. */
export interface ConnectionInfo {
  transport: 'unix' | 'tcp'
  /** epoch ms */
  connected_at: number
}
