import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, describe, test } from 'node:test'
import { processesUnder } from '../smoke/processes.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'

const ksi = resolve(import.meta.dirname, '../cli/ksi.js')

interface Ended {
  code: number | null
  output: string
}

/** `ksi smoke --local …`, with a temporary folder of its own, so that what it leaves can be seen. */
class Smoke {
  readonly places: string
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  output = ''

  constructor(places: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.places = places
    this.child = spawn(process.execPath, [ksi, 'smoke', ...args], {
      env: { ...process.env, TMPDIR: places, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.output += text))
    this.ended = new Promise((done) => this.child.once('close', (code) => done({ code, output: this.output })))
  }

  /** Resolves when it has written this; or when it has ended. */
  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.output) && this.child.exitCode === null)
      await Promise.race([new Promise((soon) => setTimeout(soon, 20)), this.ended])
    assert.match(this.output, pattern)
  }
}

/** Folders and processes of smokes, but for what they kept on purpose. */
function leftIn(places: string): string[] {
  const folders = readdirSync(places).filter((name) => /^ksi-smoke-[0-9a-f]{8}$/.test(name))
  return [...folders, ...processesUnder(places).map(String)]
}

const spoils: [name: string, spoil: (project: Project) => void, says: RegExp][] = [
  ['drops a row at a restore', dropRow, /save\d?-\d-\d was acknowledged and has no outcome/],
  ['runs a request twice', runTwice, /save\d?-\d-\d was run 2 times/],
  ['reorders a queue', reorder, /save\d?-\d-\d \(event \d+\) was started before save\d?-\d-\d/],
]

function change(project: Project, file: string, from: string, to: string): void {
  project.edit(file, (text) => {
    assert.ok(text.includes(from), `${file} has "${from}"`)
    return text.replace(from, to)
  })
}

function dropRow(project: Project): void {
  const verb = `dropOne(): void {
    const row = this.#sql.one<{ id: number; conversation: string }>(
      "DELETE FROM requests WHERE id = (SELECT max(id) FROM requests WHERE state = 'queued')" +
        " RETURNING id, conversation")
    if (row !== undefined) this.#refresh(row.conversation, -1)
  }\n\n  `
  change(project, 'src/store/requests.ts', '/** The daemon died with', `${verb}/** The daemon died with`)
  const restore = 'result.report = completion.restore(crashed)'
  const drop = `journal.tx(() => core.requests.dropOne())\n${restore}`
  change(project, 'src/daemon/checkpoint/restore.ts', restore, drop)
}

function runTwice(project: Project): void {
  const start = 'link.start(input)'
  const twice = `${start}\nlink.start({ ...input, run_id: input.run_id + 'x' })`
  change(project, 'src/daemon/completion/dispatcher.ts', start, twice)
}

function reorder(project: Project): void {
  change(project, 'src/store/lanes.ts', 'ORDER BY rank, id LIMIT 1', 'ORDER BY rank, id DESC LIMIT 1')
}

describe('ksi smoke --local', { concurrency: 2 }, () => {
  const made: string[] = []
  const newPlaces = (): string => {
    made.push(mkdtempSync(join(tmpdir(), 'ksi-t-')))
    return made.at(-1) ?? ''
  }
  after(() => {
    for (const places of made) rmSync(places, { recursive: true, force: true })
  })

  for (const [name, spoil, says] of spoils)
    test(`fails on a daemon that ${name}, and keeps what tells of it`, async () => {
      using project = makeProject()
      spoil(project)
      const places = newPlaces()
      const { code, output } = await new Smoke(places, ['--local', '--only', 'save', '--root', project.root]).ended
      assert.match(output, says)
      assert.equal(code, 1, output)
      const [, evidence = ''] = /journal: (\S+)/.exec(output) ?? []
      const kept = readdirSync(evidence)
      for (const file of ['history.jsonl', 'result.json', 'status.json', 'ksi-1.log', 'journal'])
        assert.ok(kept.includes(file), `${file} of ${kept.join(', ')}`)
      assert.match(readFileSync(join(evidence, 'status.json'), 'utf8'), /"generation"/)
      assert.ok(existsSync(join(evidence, 'journal/dev_checkpoint.db')))
      assert.deepEqual(leftIn(places), [])
    })

  test('Ctrl-C, and once more, leaves nothing behind; the report says what was not played', async () => {
    const places = newPlaces()
    const junit = join(places, 'report.xml')
    const smoke = new Smoke(places, ['--local', '--junit', junit])
    await smoke.until(/broken-save …/)
    assert.notDeepEqual(leftIn(places), [])
    smoke.child.kill('SIGINT')
    await smoke.until(/SIGINT: ending, and clearing up/)
    smoke.child.kill('SIGINT')
    const { code, output } = await smoke.ended
    assert.match(output, /still clearing up/)
    assert.match(output, /Ended early: 1 of 9 scenarios/)
    assert.equal(code, 130, output)
    assert.deepEqual(leftIn(places), [])
    assert.match(readFileSync(junit, 'utf8'), /name="broken-save[^"]*" time="0.000"><skipped message="ended early"/)
  })

  test('two at once do not meet; what one that was killed left is cleared by the next', async () => {
    const places = newPlaces()
    const killed = new Smoke(places, ['--local'])
    await killed.until(/save …/)
    const beside = new Smoke(places, ['--local', '--only', 'generation'])
    await beside.until(/generation …/)
    assert.doesNotMatch(beside.output, /clearing what/, 'the first one works')
    killed.child.kill('SIGKILL')
    await killed.ended
    const { code, output } = await beside.ended
    assert.equal(code, 0, output)
    const [left] = leftIn(places)
    assert.ok(left !== undefined)
    const next = await new Smoke(places, ['--local', '--only', 'save', '--json']).ended
    assert.match(next.output, new RegExp(`clearing what a smoke that was killed has left \\(${left}\\)`))
    assert.equal(next.code, 0, next.output)
    assert.deepEqual(leftIn(places), [])
  })

  test('works from a read-only checkout of an odd path, with umask 077, and without docker', async () => {
    const places = newPlaces()
    using project = makeProject()
    project.edit('src/daemon/health.ts', (text) => `${text}\n// not committed\n`)
    const odd = join(places, 'mein ksi – ünï')
    execFileSync('cp', ['-r', project.root, odd])
    execFileSync('chmod', ['-R', 'a-w', odd])
    const bin = join(places, 'bin')
    mkdirSync(bin)
    symlinkSync(process.execPath, join(bin, 'node'))
    const shell = `umask 077; exec "$0" "$@"`
    const args = [ksi, 'smoke', '--only', 'broken-save', '--keep', '--root', odd, '--seed', '7']
    const child = spawn('/bin/sh', ['-c', shell, process.execPath, ...args], {
      env: { TMPDIR: places, PATH: bin, KSI_PORT: '1', KSI_DAEMON_ADDRESS: 'tcp://127.0.0.1:1' },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    const code = await new Promise((done) => child.once('close', done))
    assert.equal(code, 0, output)
    assert.match(output, /no Docker Engine with Compose answers .*: this is --local/)
    assert.match(output, /All as promised: 1 of 1 scenarios in .*, seed 7/)
    const [, kept = ''] = /Kept in (\S+?)\. `ksi dev --root/.exec(output) ?? []
    assert.match(readFileSync(join(kept, 'src/daemon/health.ts'), 'utf8'), /\/\/ not committed\n\n\/\/ repaired/)
    assert.equal(statSync(join(kept, 'src/daemon/health.ts')).mode & 0o777, 0o644)
    assert.deepEqual(processesUnder(kept), [])
    chmodSync(odd, 0o700)
    execFileSync('chmod', ['-R', 'u+w', odd])
  })

  test('where there is no room for a copy it says so, and where it looks for room', async (t) => {
    const places = newPlaces()
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'ksi-test', places], { stdio: 'pipe' })
    } catch {
      return t.skip('a small file system can be mounted by root only')
    }
    try {
      const { code, output } = await new Smoke(places, ['--local']).ended
      assert.match(output, /There is no room in .* for a copy of the source\. Set TMPDIR to a place with room\./)
      assert.equal(code, 73)
      assert.deepEqual(leftIn(places), [])
    } finally {
      execFileSync('umount', ['--lazy', places])
    }
  })
})
