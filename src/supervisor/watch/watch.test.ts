import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { silentLog } from '../../lib/log.ts'
import { childrenOf } from '../../testing/processes.ts'
import { ChangeScanner } from './change-scanner.ts'
import { SourceHashes } from '../../lib/source-hashes.ts'
import { Watch } from './watch.ts'
import type { WatchedChange } from './watch.ts'

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

function startWatch(onChange: (change: WatchedChange) => void, poll = false): Watch {
  const watch = new Watch({ root, poll, keep: join(dir, 'keep'), env: {}, log: silentLog(), onChange })
  watch.start()
  return watch
}

/** A watch that is known to see changes. */
async function watching(poll = false): Promise<Watched & { watch: Watch }> {
  let watch: Watch | undefined
  const watched = collect((onChange) => (watch = startWatch(onChange, poll)))
  assert.ok(watch)
  await until(() => watch?.isReady === true)
  save('ready.ts', '// now')
  await watched.next()
  return Object.assign(watched, { watch })
}

async function until(isSo: () => boolean, limitMs = 10_000): Promise<void> {
  for (const limit = performance.now() + limitMs; !isSo(); await wait(5))
    assert.ok(performance.now() < limit, 'it does not come to pass')
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
    // A file's time comes from the kernel's coarse clock, which lags when the machine is busy.
    assert.ok(change.savedAt >= started - 200 && change.savedAt <= Date.now(), 'savedAt is the time of the save')
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
    const scanner = new ChangeScanner({
      root,
      onChange: ({ changed }) => onChange({ files: changed.map(([path]) => path).sort(), savedAt: 0, watchMs: 0 }),
    })
    hint = () => scanner.hint()
    return scanner
  })
  save('daemon/a.ts', '')
  save('daemon/b.ts', 'saved with it')
  hint()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(watched.changes.length, 0)
  appendFileSync(join(root, 'daemon/a.ts'), 'whole')
  assert.deepEqual((await watched.next()).files, ['daemon/a.ts', 'daemon/b.ts'])
  save('daemon/a.ts', '')
  hint()
  assert.deepEqual((await watched.next()).files, ['daemon/a.ts'], 'emptied for good')
})

test('knows content, not time stamps: the same size and time with other content is a change', () => {
  const time = new Date(Date.now() - 60_000)
  utimesSync(join(root, 'daemon/a.ts'), time, time)
  const hashes = new SourceHashes(root)
  save('daemon/a.ts', 'export const a = 1\n')
  utimesSync(join(root, 'daemon/a.ts'), time, time)
  assert.deepEqual(
    hashes.compare().changed.map(([path]) => path),
    ['daemon/a.ts'],
  )
  save('daemon/a.ts', 'export const a = 0\n')
  assert.deepEqual(hashes.compare().changed, [], 'taken back before it was accepted')
})

test('what is saved before the watch begins, and while its process is dead, is seen, once', async () => {
  await using watched = collect((onChange) => {
    const watch = new Watch({
      root,
      poll: false,
      keep: join(dir, 'keep'),
      env: {},
      log: silentLog(),
      onChange,
    })
    save('daemon/a.ts', 'before it begins')
    watch.start()
    return watch
  })
  assert.deepEqual((await watched.next()).files, ['src/daemon/a.ts'])
  for (const text of ['once', 'twice', 'three times']) {
    for (const { pid, command } of childrenOf(process.pid)) if (command.includes('watch/main')) process.kill(pid, 9)
    save('daemon/b.ts', text)
    assert.deepEqual((await watched.next()).files, ['src/daemon/b.ts'], text)
  }
  await wait(200)
  assert.equal(watched.changes.length, 4)
})

test('a link to the folder it lies in, and one that leads out, neither end nor blind it', async () => {
  const elsewhere = join(dir, 'elsewhere')
  mkdirSync(elsewhere)
  writeFileSync(join(elsewhere, 'far.ts'), '// far')
  await using watched = await watching()
  symlinkSync('.', join(root, 'daemon/self'))
  symlinkSync('../..', join(root, 'daemon/up'))
  symlinkSync('nowhere', join(root, 'daemon/dangling.ts'))
  save('daemon/a.ts', 'with links')
  assert.deepEqual((await watched.next()).files, ['src/daemon/a.ts'])
  symlinkSync(elsewhere, join(root, 'daemon/out'))
  assert.deepEqual((await watched.next()).files, ['src/daemon/out/far.ts'])
  await until(() => watched.watch.problem !== null)
  assert.match(String(watched.watch.problem), /Leads out of the source folder.*src\/daemon\/out/)
  writeFileSync(join(elsewhere, 'far.ts'), '// changed')
  assert.deepEqual((await watched.next()).files, ['src/daemon/out/far.ts'])
  rmSync(join(root, 'daemon/out'))
  assert.deepEqual((await watched.next()).files, ['src/daemon/out/far.ts'])
  await until(() => watched.watch.problem === null)
})

test('begins beside a link to the folder it lies in', async () => {
  symlinkSync('.', join(root, 'daemon/self'))
  await using watched = await watching()
  save('daemon/a.ts', 'with a link')
  assert.deepEqual((await watched.next()).files, ['src/daemon/a.ts'])
  assert.equal(watched.watch.problem, null)
})

/** Runs a part of a test as somebody who may not read everything. */
async function asNobody(code: string): Promise<unknown> {
  chmodSync(dir, 0o755)
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(process.getuid?.() === 0 && { uid: 65_534, gid: 65_534 }),
  })
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  await once(child, 'exit')
  return JSON.parse(out)
}

test('a folder that cannot be read hides what is in it and nothing else, and is named', async () => {
  mkdirSync(join(root, 'store'))
  save('store/s.ts', 'in the folder')
  const known = JSON.stringify([...new SourceHashes(root).accepted])
  chmodSync(join(root, 'store'), 0)
  save('daemon/a.ts', 'beside it')
  try {
    const seen = await asNobody(`
      import { SourceHashes } from ${JSON.stringify(join(import.meta.dirname, '../../lib/source-hashes.ts'))}
      const hashes = new SourceHashes(${JSON.stringify(root)}, new Map(${known}))
      const { changed, removed } = hashes.compare()
      hashes.accept()
      const kept = hashes.accepted.has('store/s.ts')
      process.stdout.write(JSON.stringify([changed.map(([path]) => path), removed, [...hashes.unreadable], kept]))`)
    assert.deepEqual(seen, [['daemon/a.ts'], [], [['store', 'EACCES']], true])
  } finally {
    chmodSync(join(root, 'store'), 0o755)
  }
})

const limit = '/proc/sys/fs/inotify/max_user_watches'

for (const watches of [5, 0])
  test(`with ${watches} inotify watches it looks by itself, and says so`, async (t) => {
    if (process.getuid?.() !== 0 || process.platform !== 'linux') return t.skip('only root can lower the limit')
    const before = readFileSync(limit, 'utf8')
    for (let n = 0; n < 20; n++) {
      mkdirSync(join(root, `folder${n}`))
      save(`folder${n}/x.ts`, '//')
    }
    writeFileSync(limit, String(watches))
    try {
      await using watched = await watching()
      await until(() => watched.watch.problem !== null)
      assert.match(String(watched.watch.problem), /cannot be watched: .*ENOSPC.*Raise fs.inotify.max_user_watches/)
      for (let n = 0; n < 20; n++) {
        save(`folder${n}/x.ts`, `// ${n}`)
        assert.deepEqual((await watched.next()).files, [`src/folder${n}/x.ts`])
      }
    } finally {
      writeFileSync(limit, before)
    }
  })

test('ends at once, and leaves nothing behind, however often it is told to', async () => {
  for (const ms of [0, 100]) {
    const watch = startWatch(() => {})
    await wait(ms)
    await Promise.all([watch.stop(), watch.stop()])
    assert.deepEqual(
      childrenOf(process.pid).filter(({ command }) => command.includes('watch/main')),
      [],
    )
  }
})
