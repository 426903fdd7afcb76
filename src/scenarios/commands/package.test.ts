import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { Toolbox } from '../../testing/checkout.ts'
import { Ksi } from '../../testing/ksi.ts'
import { makeProject } from '../../testing/project.ts'
import type { Project } from '../../testing/project.ts'

/*
 * The package for other programs: made once, installed into a program that has nothing else, and used with each Node.
 * By default with the Node of this machine and the pinned one; KSI_COMMANDS=all: with every Node that is to work.
 */
const run = promisify(execFile)
const home = resolve(import.meta.dirname, '../../..')
const nodes: (string | undefined)[] = process.env.KSI_COMMANDS === 'all' ? ['20', '22', '24', '26'] : [undefined, '26']

const toolbox = new Toolbox()
const dir = mkdtempSync(join(tmpdir(), 'ksi-program-'))
let project: Project
let ksi: Ksi

before(async () => {
  project = makeProject()
  ksi = await Ksi.start(project)
  await run('npm', ['run', 'pack', '--', dir], { cwd: home })
  const [packed = ''] = globSync('ksi-*.tgz', { cwd: dir })
  writeFileSync(join(dir, 'package.json'), '{"name":"program","type":"module"}')
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', `./${packed}`], { cwd: dir })
})
after(async () => {
  await ksi?.[Symbol.asyncDispose]()
  project?.[Symbol.dispose]()
  toolbox[Symbol.dispose]()
  rmSync(dir, { recursive: true, force: true })
})

const program = `
import { connect } from 'ksi/client'
import { KsiError } from 'ksi/errors'

const client = await connect({ root: process.argv[2] ?? '' })
const health = await client.request('system:health')
if (health.status !== 'healthy') throw new Error(health.status)
const pushes: string[] = []
const events = client.subscribe({ patterns: ['completion:result'] })
await events.ready
const following = (async () => {
  for await (const { event } of events) pushes.push(event)
})()
const answer = await client.complete({ prompt: 'hello', session_id: 'demo', timeout_ms: 5_000 })
const text: unknown = answer.result?.response['result']
// @ts-expect-error -- it is session_id
const refused = client.request('completion:async', { prompt: 'x', sesion_id: 'demo' })
const wrong = await refused.catch((error: unknown) => error)
const code: string = wrong instanceof KsiError ? wrong.code : 'none'
const generation: number = health.generation
// @ts-expect-error -- there is no such field
health.wombat
while (pushes.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
await client.close()
await following
console.log(JSON.stringify({ text, code, generation, pushes, status: answer.status }))
`

test('the package depends on nothing, asks for no Node, and brings no TypeScript but types', () => {
  const manifest = JSON.parse(readFileSync(join(dir, 'node_modules/ksi/package.json'), 'utf8')) as object
  for (const key of ['dependencies', 'optionalDependencies', 'engines', 'bin', 'scripts'])
    assert.ok(!(key in manifest), key)
  assert.deepEqual(globSync('node_modules/ksi/**/*.ts', { cwd: dir, exclude: ['**/*.d.ts'] }), [])
  assert.deepEqual(globSync('node_modules/*', { cwd: dir }), ['node_modules/ksi'])
})

test('a program that uses it type-checks, and its mistakes are found', async () => {
  writeFileSync(join(dir, 'program.ts'), program)
  mkdirSync(join(dir, 'node_modules/@types'), { recursive: true })
  for (const name of ['node', '../undici-types'])
    symlinkSync(resolve(home, 'node_modules/@types', name), resolve(dir, 'node_modules/@types', name))
  const tsc = join(home, 'node_modules/typescript/bin/tsc')
  for (const how of [
    ['--module', 'nodenext'],
    ['--module', 'esnext', '--moduleResolution', 'bundler'],
  ]) {
    const flags = ['--strict', '--target', 'es2022', '--lib', 'es2023', '--types', 'node', '--outDir', 'out']
    const checked = await run(process.execPath, [tsc, ...how, ...flags, 'program.ts'], { cwd: dir }).catch(
      (error: { stdout: string }) => error,
    )
    assert.equal(checked.stdout, '', how.join(' '))
  }
})

for (const version of nodes)
  test(`it works with Node ${version ?? 'of this machine'}`, async (t) => {
    const node = await toolbox.node(version)
    const { stdout } = await run(node, ['out/program.js', project.root], { cwd: dir, timeout: 30_000 })
    assert.deepEqual(JSON.parse(stdout), {
      text: 'hello',
      code: 'KSI_BAD_REQUEST',
      generation: 1,
      pushes: ['completion:result'],
      status: 'completed',
    })
    t.diagnostic((await run(node, ['--version'])).stdout.trim())
  })
