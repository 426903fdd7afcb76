import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setEnvironment } from './testing/own-environment.ts'
import { findLeftovers, isHere, makeWorkplace } from './workplace.ts'
import type { Workplace } from './workplace.ts'

describe('the folder of a smoke', () => {
  let from: string
  let places: string
  let environment: Disposable
  beforeEach(() => {
    places = mkdtempSync(join(tmpdir(), 'ksi-t-'))
    from = mkdtempSync(join(tmpdir(), 'ksi-t-'))
    environment = setEnvironment({ TMPDIR: places })
    mkdirSync(join(from, 'src/daemon/deep'), { recursive: true })
    mkdirSync(join(from, 'src/testing'))
    for (const file of ['package.json', 'src/main.ts', 'src/main.test.ts', 'src/testing/x.ts', 'src/daemon/deep/y.ts'])
      writeFileSync(join(from, file), `{"file":"${file}"}`, { mode: 0o400 })
  })
  afterEach(() => {
    environment[Symbol.dispose]()
    for (const folder of [from, places]) rmSync(folder, { recursive: true, force: true })
  })

  /** Has the note say that another process made it. */
  function madeBy(workplace: Workplace, change: object): void {
    const note = join(workplace.root, 'smoke.json')
    writeFileSync(note, JSON.stringify({ ...JSON.parse(readFileSync(note, 'utf8')), ...change }))
  }

  test('holds the source as it lies there, without tests, readable and writable whatever it was', () => {
    symlinkSync('nowhere', join(from, 'src/.#main.ts'))
    symlinkSync('..', join(from, 'src/daemon/up'))
    const umask = process.umask(0o077)
    const { root, name } = makeWorkplace(from, 'compose')
    process.umask(umask)
    assert.match(name, /^ksi-smoke-[0-9a-f]{8}$/)
    assert.equal(readFileSync(join(root, 'src/daemon/deep/y.ts'), 'utf8'), '{"file":"src/daemon/deep/y.ts"}')
    for (const left of ['src/main.test.ts', 'src/testing', 'src/.#main.ts', 'src/daemon/up/daemon'])
      assert.equal(statSync(join(root, left), { throwIfNoEntry: false }), undefined, left)
    assert.equal(statSync(join(root, 'src/main.ts')).mode & 0o777, 0o644)
    assert.equal(statSync(join(root, 'src/daemon/deep')).mode & 0o777, 0o755)
  })

  test('is a leftover once its process is gone, also when another has its number; not if kept, or of elsewhere', () => {
    const mine = makeWorkplace(from, 'local')
    assert.deepEqual(findLeftovers(), [])
    assert.ok(isHere(mine.name))
    madeBy(mine, { birth: 'another' })
    assert.deepEqual(findLeftovers(), [{ name: mine.name, root: mine.root, kind: 'local' }])
    madeBy(mine, { host: 'elsewhere' })
    assert.deepEqual(findLeftovers(), [])
    const kept = makeWorkplace(from, 'compose')
    kept.keep()
    madeBy(kept, { pid: 999_999_999 })
    assert.deepEqual(findLeftovers(), [])
    mine.remove()
    assert.ok(!isHere(mine.name))
  })

  test('is not made of what is no checkout, and nothing stays of it', () => {
    rmSync(join(from, 'src'), { recursive: true, force: true })
    const { root } = makeWorkplace(from, 'local')
    assert.equal(statSync(join(root, 'src'), { throwIfNoEntry: false }), undefined)
    using _ = setEnvironment({ TMPDIR: join(places, 'not there') })
    assert.throws(() => makeWorkplace(from, 'compose'), { code: 'KSI_CONFIG_INVALID', message: /cannot be copied to/ })
  })
})
