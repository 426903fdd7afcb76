import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { partsOf } from '../../smoke/docker.ts'
import { skipWithoutEngine } from '../../testing/compose.ts'

const ksi = resolve(import.meta.dirname, '../../cli/ksi.js')

describe('ksi smoke --compose', { skip: skipWithoutEngine() }, () => {
  let places: string
  before(() => {
    places = mkdtempSync(join(tmpdir(), 'ksi-t-'))
  })
  after(() => rmSync(places, { recursive: true, force: true }))

  /** Starts one, and ends it in this way when it plays. @returns its code, its words and its name */
  async function smoke(
    ending?: (child: ChildProcess) => void,
  ): Promise<{ code: unknown; output: string; name: string }> {
    const child = spawn(process.execPath, [ksi, 'smoke', '--compose', '--only', 'save'], {
      env: { ...process.env, TMPDIR: places },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        const played = output.includes('save …')
        output += text
        if (!played && output.includes('save …')) ending?.(child)
      })
    const code = await new Promise((done) => child.once('close', done))
    const [, name = ''] = /starting (ksi-smoke-\w+) …/.exec(output) ?? []
    return { code, output, name }
  }

  test('Ctrl-C twice leaves nothing; one that is killed leaves a stack, which the next one removes', async () => {
    const stopped = await smoke((child) => {
      child.kill('SIGINT')
      setTimeout(() => child.kill('SIGINT'), 200)
    })
    assert.equal(stopped.code, 130, stopped.output)
    assert.match(stopped.output, /still clearing up/)
    assert.deepEqual(await partsOf(stopped.name), [])
    const killed = await smoke((child) => child.kill('SIGKILL'))
    assert.deepEqual(
      (await partsOf(killed.name)).map(({ what }) => what),
      ['containers', 'networks', 'volumes', 'images'],
    )
    const next = await smoke()
    assert.equal(next.code, 0, next.output)
    assert.ok(next.output.includes(`clearing what a smoke that was killed has left (${killed.name})`), next.output)
    for (const { name } of [killed, next]) assert.deepEqual(await partsOf(name), [])
    assert.deepEqual(
      readdirSync(places).filter((name) => name.startsWith('ksi-smoke-')),
      [],
    )
  })
})
