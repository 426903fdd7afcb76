import type { Readable } from 'node:stream'

/**
 * Reads a stream as text; the returned function resolves with the next piece that fits and forgets what came before.
 */
export function textOf(stream: Readable): (pattern: RegExp) => Promise<RegExpExecArray> {
  let text = ''
  let wake = (): void => {}
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
    wake()
  })
  return async (pattern) => {
    for (;;) {
      const found = pattern.exec(text)
      if (found) {
        text = text.slice(found.index + found[0].length)
        return found
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }
}
