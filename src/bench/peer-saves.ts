import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { signal } from '../testing/processes.ts'
import { freePort } from '../lib/free-port.ts'
import type { Project } from '../testing/project.ts'
import { saveConstant } from './edited-file.ts'
import { startProber } from './prober.ts'
import { countProbes, longestSilence, noSaves } from './save-figures.ts'
import type { SaveFigures } from './save-figures.ts'
import { progress } from './table.ts'

const script = 'src/bench/peer-daemon.ts'
const bunScript = 'src/bench/bun-server.ts'
const bun = process.env.PATH?.split(delimiter)
  .map((folder) => join(folder, 'bun'))
  .find((path) => existsSync(path))

interface Reloader {
  /** Node when there is none */
  program?: string
  args: readonly string[]
}

/** Each reloader as its own documentation says to start it, with its defaults; bun where it is installed. */
export const reloaders: Record<string, Reloader> = {
  nodemon: {
    args: ['node_modules/nodemon/bin/nodemon.js', '--watch', 'src', '--ext', 'ts', '--exec', 'node', script],
  },
  'node --watch': { args: ['--watch', script] },
  'tsx watch': { args: ['node_modules/tsx/dist/cli.mjs', 'watch', script] },
  ...(bun === undefined ? {} : { 'bun --hot, no store': { program: bun, args: ['--hot', bunScript] } }),
}

const pauseMs = 500
const limitMs = 10_000

/**
 * Saves `saves` times while this reloader runs the daemon's code, and watches an open connection and new ones.
 * @param options `from`: the constant before the first save
 */
export async function measurePeer(
  project: Project,
  options: { name: string; saves: number; from: number },
): Promise<SaveFigures> {
  const { name, saves, from } = options
  for (const file of [script, bunScript]) project.add(file)
  progress(`${name}: ${saves} saves of the same file`)
  const figures = noSaves(name)
  const port = await freePort()
  const { program = process.execPath, args = [] } = reloaders[name] ?? {}
  const reloader = spawn(program, [...args, String(port)], { cwd: project.root, stdio: 'ignore', detached: true })
  const exited = once(reloader, 'exit')
  let prober = startProber(port)
  try {
    await prober.untilBench(from, limitMs)
    prober.stop()
    // Reloaders begin to watch some time after the program runs.
    await delay(1_000)
    prober = startProber(port)
    for (let save = from + 1; save <= from + saves; save++) {
      const stream = await openStream(port)
      await delay(pauseMs)
      const saved = saveConstant(project, save)
      const fresh = await prober.untilBench(save, limitMs).catch(() => undefined)
      figures.streamsCut += Number(stream.isCut())
      stream.close()
      if (fresh === undefined) {
        figures.stuck++
        continue
      }
      figures.fresh.push(fresh.ended - saved)
      figures.silence.push(longestSilence(prober.probes, saved, fresh.ended))
    }
    countProbes(figures, prober.probes)
    return figures
  } finally {
    prober.stop()
    // The reloader and the program it started are one process group of ours.
    if (reloader.pid !== undefined) signal(-reloader.pid, 'SIGKILL')
    await exited
  }
}

/** A connection that stays open and says nothing. */
async function openStream(port: number): Promise<{ isCut(): boolean; close(): void }> {
  const socket = connect(port, '127.0.0.1')
  let cut = false
  socket.on('error', () => {})
  socket.on('close', () => {
    cut = true
  })
  socket.resume()
  await once(socket, 'connect')
  return { isCut: () => cut, close: () => socket.destroy() }
}
