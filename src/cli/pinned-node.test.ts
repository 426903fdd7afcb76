import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

/** Makes this Node look like an old one to what is loaded after it; what it starts sees itself as it is. */
const pretend = `
if (process.env.PRETEND) {
  Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })
  if (process.env.PRETEND === 'no execve') process.execve = undefined
  delete process.env.PRETEND
}`
const ways = ['execve', 'no execve'] as const
const pinnedFolder = process.platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'

let dir: string
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-node-'))
  mkdirSync(join(dir, 'src/cli'), { recursive: true })
  for (const name of ['ksi.js', 'with-node.js', 'pinned-node.js'])
    copyFileSync(fileURLToPath(import.meta.resolve(`./${name}`)), join(dir, 'src/cli', name))
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}')
  writeFileSync(join(dir, 'pretend.js'), pretend)
})
after(() => rmSync(dir, { recursive: true, force: true }))

/** Lays this Node where npm puts the pinned one. */
function pin(): Disposable {
  const folder = join(dir, `node_modules/${pinnedFolder}-${process.platform}-${process.arch}/bin`)
  mkdirSync(folder, { recursive: true })
  symlinkSync(process.execPath, join(folder, 'node'))
  return { [Symbol.dispose]: () => rmSync(join(dir, 'node_modules'), { recursive: true }) }
}

interface Ended {
  pid: number | undefined
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Runs a file with a Node that takes itself for an old one; `kill` is sent once it has printed something. */
async function run(
  file: string,
  args: string[],
  { way, kill }: { way: string; kill?: NodeJS.Signals },
): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', join(dir, 'pretend.js'), join(dir, 'src/cli', file), ...args], {
    env: { PATH: '/usr/bin:/bin', PRETEND: way },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    if (kill !== undefined) child.kill(kill)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  await once(child, 'close')
  return { pid: child.pid, code: child.exitCode, signal: child.signalCode, stdout, stderr }
}

for (const way of ways) {
  test(`an old Node goes on as the pinned one, with its arguments and its exit code (${way})`, async () => {
    using _ = pin()
    writeFileSync(
      join(dir, 'src/cli/main.ts'),
      'export const main = (args: string[]) => (console.log(JSON.stringify([process.pid, args])), 41)',
    )
    const { pid, code, stdout, stderr } = await run('ksi.js', ['a b', '--c'], { way })
    assert.equal(stderr, '')
    const [ownPid, args] = JSON.parse(stdout) as [number, string[]]
    assert.deepEqual(args, ['a b', '--c'])
    assert.equal(code, 41)
    assert.equal(ownPid === pid, way === 'execve', 'in the place of the old one where that can be')
  })

  test(`a signal to the old Node reaches the pinned one, which ends in its own way (${way})`, async () => {
    using _ = pin()
    writeFileSync(join(dir, 'trap.js'), "process.on('SIGTERM', () => process.exit(7)); setInterval(() => {}, 1e6)\n")
    writeFileSync(join(dir, 'plain.js'), 'setInterval(() => {}, 1e6)\n')
    const say = ['--import', 'data:text/javascript,setTimeout(()=>console.log(process.pid),50)']
    const trapped = await run('with-node.js', ['node', ...say, join(dir, 'trap.js')], { way, kill: 'SIGTERM' })
    assert.deepEqual([trapped.code, trapped.signal], [7, null])
    const plain = await run('with-node.js', ['node', ...say, join(dir, 'plain.js')], { way, kill: 'SIGINT' })
    assert.deepEqual([plain.code, plain.signal], [null, 'SIGINT'])
    for (const { stdout } of [trapped, plain])
      assert.throws(() => process.kill(Number(stdout), 0), { code: 'ESRCH' }, 'nobody is left behind')
  })

  test(`what is run with the pinned Node finds that one first (${way})`, async () => {
    using _ = pin()
    mkdirSync(join(dir, 'node_modules/.bin'))
    writeFileSync(join(dir, 'node_modules/.bin/tool'), '#!/bin/sh\ncommand -v node; echo "$@"\n', { mode: 0o755 })
    const { stdout } = await run('with-node.js', ['tool', '--x', 'y z'], { way })
    assert.match(stdout, /node_modules\/node-[^\n]*\/bin\/node\n--x y z\n$/)
  })
}

test('where no Node is new enough, one sentence says what to do, and a pre_stop hook does not fail', async () => {
  for (const [file, args] of [
    ['ksi.js', ['status']],
    ['with-node.js', ['node', '--version']],
  ] as const) {
    const { code, stdout, stderr } = await run(file, [...args], { way: 'execve' })
    assert.deepEqual([code, stdout], [78, ''])
    assert.match(stderr, /^ksi needs Node 26 or newer, this is v\d+\.[^\n]*npm ci[^\n]*\n$/)
  }
  assert.equal((await run('ksi.js', ['checkpoint', 'create', '--best-effort'], { way: 'execve' })).code, 0)
})
