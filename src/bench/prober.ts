import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { isObject, parseObject } from '../lib/ndjson.ts'
import { systemCodeOf } from '../lib/errors.ts'
import { testToken } from '../testing/ksi.ts'

/** One new connection that asks `system:health` once. Times are `performance.now()`. */
export interface Probe {
  begun: number
  ended: number
  outcome: 'answered' | 'refused' | 'cut'
  /** the constant of the edited file, as the reply had it */
  bench: number | undefined
}

export interface Prober {
  /** every probe that has ended, in order of its end */
  readonly probes: Probe[]
  /** Resolves with the first answer that carries this constant. @throws Error after `limitMs` */
  untilBench(bench: number, limitMs: number): Promise<Probe>
  stop(): void
}

/** So many may be open at once; past it a turn is left out. */
const maxOpen = 200

/** Opens a new connection to a TCP port of this machine every `everyMs`, whatever happened to the ones before. */
export function startProber(port: number, everyMs = 5): Prober {
  const probes: Probe[] = []
  const open = new Set<Socket>()
  const watchers = new Set<(probe: Probe) => void>()
  let stopped = false
  const onEnd = (probe: Probe): void => {
    if (stopped) return
    probes.push(probe)
    for (const watch of watchers) watch(probe)
  }
  const timer = setInterval(() => {
    if (open.size < maxOpen) probeOnce(port, open, onEnd)
  }, everyMs)
  return {
    probes,
    untilBench(bench, limitMs) {
      return new Promise((resolve, reject) => {
        const limit = setTimeout(() => {
          watchers.delete(watch)
          reject(new Error(`no new connection was answered by the code of save ${bench} within ${limitMs} ms`))
        }, limitMs)
        const watch = (probe: Probe): void => {
          if (probe.bench !== bench) return
          clearTimeout(limit)
          watchers.delete(watch)
          resolve(probe)
        }
        watchers.add(watch)
      })
    },
    stop() {
      stopped = true
      clearInterval(timer)
      for (const socket of open) socket.destroy()
    },
  }
}

function probeOnce(port: number, open: Set<Socket>, onEnd: (probe: Probe) => void): void {
  const begun = performance.now()
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let text = ''
  let code: string | undefined
  open.add(socket)
  socket.write(`${JSON.stringify({ event: 'system:health', data: {}, _token: testToken })}\n`)
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString()
    if (text.endsWith('\n')) socket.destroy()
  })
  socket.on('error', (error) => {
    code = systemCodeOf(error)
  })
  socket.on('close', () => {
    open.delete(socket)
    const outcome = text.endsWith('\n') ? 'answered' : code === 'ECONNREFUSED' ? 'refused' : 'cut'
    onEnd({ begun, ended: performance.now(), outcome, bench: outcome === 'answered' ? benchOf(text) : undefined })
  })
}

/** The constant of the edited file in a reply line. */
function benchOf(line: string): number | undefined {
  const data = parseObject(line)?.['data']
  return isObject(data) && typeof data['bench'] === 'number' ? data['bench'] : undefined
}
