import childProcess from 'node:child_process'
import fs from 'node:fs'
import { createRequire, syncBuiltinESMExports } from 'node:module'
import { Socket } from 'node:net'

/*
 * Points at which a process of ksi can be killed, for `--import` in every one of them: before and after each commit,
 * rename, line added to a file, message over IPC, and piece written to a socket, be it a reply, a push or a line to
 * another process. A point is named by what is done and where in our code that is; so none is forgotten, and nothing of
 * it is in the code itself. `KSI_TEST_POINTS` names a folder: in `armed` stand the points to be killed at, one after
 * the other, and while there is a file `record`, `seen` gets each that is passed.
 */

const folder = process.env['KSI_TEST_POINTS'] ?? ''
const [armed, record, seen] = ['armed', 'record', 'seen'].map((name) => `${folder}/${name}`) as [string, string, string]
const kind =
  /src\/(\w+)\/(\w+)\.ts$/
    .exec(process.argv[1] ?? '')
    ?.slice(1)
    .join('/') ?? 'other'
const { readFileSync, writeFileSync, appendFileSync, existsSync, renameSync } = fs
const told = new Set<string>()

/** The first places in our code that led here, the journal's own left out: everything passes through that. */
function where(): string {
  const frames = (new Error().stack ?? '').split('\n').flatMap((line) => {
    const [, fn = '', file] = /at (?:async )?(?:(\S+) .*)?\(?file:\/\/.*\/src\/([^?:]+\.ts)/.exec(line) ?? []
    return file === undefined || file.startsWith('testing/') || file === 'store/journal.ts' ? [] : [`${file} ${fn}`]
  })
  return frames.slice(0, 3).join(' < ')
}

function reach(what: string): void {
  if (!existsSync(armed) && !existsSync(record)) return
  const point = `${kind}: ${what} ${where()}`
  if (existsSync(record)) {
    if (!told.has(point)) appendFileSync(seen, `${point}\n`)
    told.add(point)
    return
  }
  const [next, ...later] = readFileSync(armed, 'utf8').split('\n')
  if (next !== point) return
  if (later.length === 0) fs.rmSync(armed)
  else writeFileSync(armed, later.join('\n'))
  process.kill(process.pid, 'SIGKILL')
  // The signal takes effect before anything else is done here.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

function around<T>(what: string, act: () => T): T {
  reach(`before ${what}`)
  const result = act()
  reach(`after ${what}`)
  return result
}

if (folder !== '') {
  fs.appendFileSync = (...args) => around('append', () => appendFileSync(...args))
  fs.renameSync = (from, to) => around('rename', () => renameSync(from, to))
  const typeOf = (message: unknown): string => String((message as { type?: unknown } | null)?.type)
  const parts: { send?: ((message: unknown, ...more: unknown[]) => boolean) | undefined }[] = [
    process as never,
    childProcess.ChildProcess.prototype as never,
  ]
  for (const part of parts) {
    const { send } = part
    if (send === undefined) continue
    part.send = function (this: unknown, message, ...more) {
      return around(`send ${typeOf(message)}`, () => send.call(this, message, ...more))
    }
  }
  const prototype = Socket.prototype as { write: (this: unknown, ...args: unknown[]) => boolean }
  const { write } = prototype
  prototype.write = function (...args) {
    return around('write', () => write.apply(this, args))
  }
  syncBuiltinESMExports()
  if (kind === 'daemon/main') patchCommits()
}

type Transaction = ((...args: unknown[]) => unknown) & { immediate: (...args: unknown[]) => unknown }
interface Sqlite {
  prototype: { transaction: (this: { inTransaction: boolean }, work: (...args: unknown[]) => unknown) => Transaction }
}

function patchCommits(): void {
  const { prototype } = createRequire(import.meta.url)('better-sqlite3') as Sqlite
  const { transaction } = prototype
  prototype.transaction = function (work) {
    let outermost = false
    const run = transaction.call(this, (...args) => {
      const mine = outermost
      const result = work(...args)
      if (mine) reach('before commit')
      return result
    })
    const wrap =
      (call: (...args: unknown[]) => unknown) =>
      (...args: unknown[]): unknown => {
        outermost = !this.inTransaction
        const mine = outermost
        const result = call(...args)
        if (mine) reach('after commit')
        return result
      }
    return Object.assign(wrap(run), { immediate: wrap(run.immediate) })
  }
}
