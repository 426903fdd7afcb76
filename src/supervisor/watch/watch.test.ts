import assert from 'node:assert/strict'
import { fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { silentLog } from '../../lib/log.ts'
import { ChangeScanner } from './change-scanner.ts'
import type { WatchedChange } from './change-scanner.ts'
import { SourceHashes } from './source-hashes.ts'
import { startWatch } from './watch.ts'

let dir: string
let root: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-watch-'))
  root = join(dir, 'src')
  mkdirSync(join(root, 'daemon'), { recursive: true })
  for (const name of ['a', 'b', 'c']) save(`daemon/${name}.ts`, `export const ${name} = 0\n`)
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

function save(path: string, text: string): void {
  writeFileSync(join(root, path), text)
}

interface Watched extends AsyncDisposable {
  changes: WatchedChange[]
  /** the next change nobody has waited for */
  next(): Promise<WatchedChange>
}

/** Collects changes; `how` is what is given the callback. */
function collect(how: (onChange: (change: WatchedChange) => void) => { stop(): Promise<void> | void }): Watched {
  const changes: WatchedChange[] = []
  let taken = 0
  let wake = (): void => {}
  const handle = how((change) => {
    changes.push(change)
    wake()
  })
  return {
    changes,
    next: async () => {
      while (changes.length <= taken) await new Promise<void>((resolve) => (wake = resolve))
      const change = changes[taken++]
      assert.ok(change)
      return change
    },
    [Symbol.asyncDispose]: async () => handle.stop(),
  }
}

/** A watch that is known to see changes. */
async function watching(poll = false): Promise<Watched> {
  const watched = collect((onChange) => startWatch({ root, poll, log: silentLog(), onChange }))
  const first = watched.next()
  for (let n = 0; watched.changes.length === 0; n++) {
    save('ready.ts', `// ${n}`)
    await Promise.race([first, wait(50)])
  }
  save('ready.ts', '// last')
  await watched.next()
  return watched
}

test('tells of each save once, whether written in place or moved into place, within milliseconds', async (t) => {
  await using watched = await watching()
  const took: number[] = []
  for (let n = 0; n < 20; n++) {
    const [text, started] = [`export const a = ${n + 1}\n`, Date.now()]
    const begin = performance.now()
    if (n % 2 === 0) save('daemon/a.ts', text)
    else {
      save('daemon/a.ts.tmp', text)
      renameSync(join(root, 'daemon/a.ts.tmp'), join(root, 'daemon/a.ts'))
    }
    const change = await watched.next()
    took.push(performance.now() - begin)
    assert.deepEqual(change.files, ['src/daemon/a.ts'])
    assert.ok(change.savedAt >= started - 20 && change.savedAt <= Date.now(), 'savedAt is the time of the save')
    assert.equal(Number.isInteger(change.watchMs) && change.watchMs >= 0, true)
    // chokidar is silent for 50 ms after a change; that case is a test of its own
    await wait(60)
  }
  const median = took.sort((a, b) => a - b)[10] ?? 0
  t.diagnostic(`save → onChange: median ${median.toFixed(1)} ms, worst ${took.at(-1)?.toFixed(1)} ms of 20`)
  assert.ok(median < 50)
})

test('says nothing of what is no change: same content, touch, tests, fixtures, editors’ own files', async () => {
  await using watched = await watching()
  save('daemon/a.ts', 'export const a = 0\n')
  utimesSync(join(root, 'daemon/b.ts'), new Date(), new Date())
  mkdirSync(join(root, 'daemon/testing'))
  for (const path of [
    'daemon/a.test.ts',
    'daemon/testing/x.ts',
    'daemon/a.ts~',
    'daemon/.a.ts.swp',
    'daemon/.#a.ts',
    'daemon/4913',
    'daemon/x.tmp',
  ])
    save(path, 'x')
  save('daemon/c.ts', 'export const c = 1\n')
  const { files } = await watched.next()
  assert.deepEqual(files, ['src/daemon/c.ts'])
})

test('sees deletions, renames and files in new folders', async () => {
  await using watched = await watching()
  unlinkSync(join(root, 'daemon/a.ts'))
  assert.deepEqual((await watched.next()).files, ['src/daemon/a.ts'])
  renameSync(join(root, 'daemon/b.ts'), join(root, 'daemon/d.ts'))
  assert.deepEqual((await watched.next()).files, ['src/daemon/b.ts', 'src/daemon/d.ts'])
  mkdirSync(join(root, 'store/migrations'), { recursive: true })
  save('store/migrations/0001.sql', 'select 1')
  assert.deepEqual((await watched.next()).files, ['src/store/migrations/0001.sql'])
  rmSync(join(root, 'store'), { recursive: true })
  assert.deepEqual((await watched.next()).files, ['src/store/migrations/0001.sql'])
})

test('sees the second of two saves of a file within chokidar’s silence', async () => {
  await using watched = await watching()
  save('daemon/a.ts', 'first!')
  await watched.next()
  save('daemon/a.ts', 'second')
  const begin = performance.now()
  await watched.next()
  assert.ok(performance.now() - begin < 1_000, 'not left to the sweep')
})

test('loses nothing in a storm of saves, and folds what it can', async () => {
  await using watched = await watching()
  const before = watched.changes.length
  const expected = new Set<string>()
  for (let n = 0; n < 100; n++) {
    save(`daemon/storm-${n}.ts`, `${n}`)
    expected.add(`src/daemon/storm-${n}.ts`)
  }
  const seen = new Set<string>()
  while (seen.size < expected.size) for (const file of (await watched.next()).files) seen.add(file)
  assert.deepEqual(seen, expected)
  assert.ok(watched.changes.length - before < 20, `${watched.changes.length - before} changes`)
})

test('works by polling too', async () => {
  await using watched = await watching(true)
  save('daemon/a.ts', 'polled')
  assert.deepEqual((await watched.next()).files, ['src/daemon/a.ts'])
})

test('does not tell of a file that is empty for an instant, but of what it contains then', async () => {
  let hint = (): void => {}
  await using watched = collect((onChange) => {
    const scanner = new ChangeScanner({ root, prefix: 'src', log: silentLog(), onChange })
    hint = () => scanner.hint()
    return scanner
  })
  save('daemon/a.ts', '')
  save('daemon/b.ts', 'saved with it')
  hint()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(watched.changes.length, 0)
  appendFileSync(join(root, 'daemon/a.ts'), 'whole')
  assert.deepEqual((await watched.next()).files, ['src/daemon/a.ts', 'src/daemon/b.ts'])
  save('daemon/a.ts', '')
  hint()
  assert.deepEqual((await watched.next()).files, ['src/daemon/a.ts'], 'emptied for good')
})

test('knows content, not time stamps: the same size and time with other content is a change', () => {
  const time = new Date(Date.now() - 60_000)
  utimesSync(join(root, 'daemon/a.ts'), time, time)
  const hashes = new SourceHashes(root)
  save('daemon/a.ts', 'export const a = 1\n')
  utimesSync(join(root, 'daemon/a.ts'), time, time)
  assert.deepEqual(hashes.compare().changed, ['daemon/a.ts'])
  save('daemon/a.ts', 'export const a = 0\n')
  assert.deepEqual(hashes.compare().changed, [], 'taken back before it was accepted')
})

test('leaves no child, timer or watcher behind, so that the process ends by itself', async () => {
  const code = `
    import { startWatch } from ${JSON.stringify(join(import.meta.dirname, 'watch.ts'))}
    import { silentLog } from ${JSON.stringify(join(import.meta.dirname, '../../lib/log.ts'))}
    const watch = startWatch({ root: ${JSON.stringify(root)}, poll: false, log: silentLog(), onChange: () => {} })
    if (process.argv[1] !== 'at once') await new Promise((resolve) => setTimeout(resolve, 100))
    await Promise.all([watch.stop(), watch.stop()])
    // pstree.remy, of nodemon, tries once on import whether there is a ps
    const left = () => process.getActiveResourcesInfo().filter((name) => /FSEvent|Process|Timeout|Stat/.test(name))
    while (left().includes('ProcessWrap') && performance.now() < 5_000)
      await new Promise((resolve) => setImmediate(resolve))
    process.stdout.write(JSON.stringify(left()))`
  for (const when of ['later', 'at once']) {
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code, when], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    const [status] = await once(child, 'exit')
    assert.deepEqual([status, out], [0, '[]'], when)
  }
})

test('refuses to watch in a process with an IPC channel', async () => {
  const file = join(dir, 'forked.ts')
  writeFileSync(
    file,
    `import { startWatch } from ${JSON.stringify(join(import.meta.dirname, 'watch.ts'))}
     try { startWatch({ root: ${JSON.stringify(root)} }) } catch (error) { process.send(error.code) }
     process.disconnect()`,
  )
  const child = fork(file)
  const [code] = await once(child, 'message')
  assert.equal(code, 'KSI_CONFIG_INVALID')
  await once(child, 'exit')
})
