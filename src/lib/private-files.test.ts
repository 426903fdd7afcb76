import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { makePrivate } from './private-files.ts'

const root = mkdtempSync(join(tmpdir(), 'ksi-private-'))
let dir: string
let number = 0
beforeEach(() => {
  dir = join(root, String(++number))
  mkdirSync(dir)
})
after(() => rmSync(root, { recursive: true, force: true }))

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

test('a folder that is not there is made for its owner alone, with those above it', () => {
  makePrivate([join(dir, 'var/db')])
  assert.deepEqual([modeOf(join(dir, 'var')), modeOf(join(dir, 'var/db'))], ['700', '700'])
})

test('what an earlier version left open is closed, and what may be executed still may', () => {
  mkdirSync(join(dir, 'var/logs/responses'), { recursive: true })
  for (const folder of ['var', 'var/logs', 'var/logs/responses']) chmodSync(join(dir, folder), 0o755)
  for (const [file, mode] of [
    ['var/a.lock', 0o644],
    ['var/logs/responses/s.jsonl', 0o664],
    ['var/logs/run.sh', 0o755],
  ] as const) {
    writeFileSync(join(dir, file), '')
    chmodSync(join(dir, file), mode)
  }
  makePrivate([join(dir, 'var')])
  const found = ['var', 'var/logs', 'var/logs/responses', 'var/a.lock', 'var/logs/responses/s.jsonl', 'var/logs/run.sh']
  assert.deepEqual(
    found.map((path) => modeOf(join(dir, path))),
    ['700', '700', '700', '600', '600', '700'],
  )
})

test('a link in it leads nowhere, and a folder that is private already is not gone through', () => {
  const outside = join(dir, 'outside')
  writeFileSync(outside, '')
  chmodSync(outside, 0o644)
  mkdirSync(join(dir, 'var/closed'), { recursive: true, mode: 0o755 })
  chmodSync(join(dir, 'var'), 0o755)
  symlinkSync(outside, join(dir, 'var/link'))
  writeFileSync(join(dir, 'var/closed/file'), '')
  chmodSync(join(dir, 'var/closed/file'), 0o644)
  chmodSync(join(dir, 'var/closed'), 0o700)
  makePrivate([join(dir, 'var')])
  assert.deepEqual([modeOf(outside), modeOf(join(dir, 'var/closed/file'))], ['644', '644'])
})
