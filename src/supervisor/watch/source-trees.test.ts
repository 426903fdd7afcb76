import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { keepContent } from './kept-source.ts'
import { SourceHashes } from '../../lib/source-hashes.ts'
import { SourceTrees } from './source-trees.ts'

let dir: string
let root: string
let keep: string

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ksi-trees-'))
  root = join(dir, 'src')
  keep = join(dir, 'keep')
  mkdirSync(join(root, 'daemon'), { recursive: true })
  writeFileSync(join(dir, 'package.json'), '{}')
})

afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** Saves a file, as the watch sees it. */
function save(trees: SourceTrees, path: string, text: string | undefined): string {
  if (text === undefined) rmSync(join(root, path))
  else writeFileSync(join(root, path), text)
  const hashes = new SourceHashes(root).accepted
  trees.add(hashes)
  keepContent(keep, root, [...hashes])
  return trees.newest
}

test('a source that was is laid out as it was, whatever became of its files', async () => {
  const trees = new SourceTrees(keep, root)
  save(trees, 'daemon/a.ts', 'one')
  const then = save(trees, 'b.sql', 'two')
  save(trees, 'daemon/a.ts', 'other')
  save(trees, 'b.sql', undefined)
  save(trees, 'c.ts', 'new')
  assert.deepEqual(trees.changedSince(then), ['src/b.sql', 'src/c.ts', 'src/daemon/a.ts'])
  const src = await trees.lay(then)
  assert.equal(readFileSync(join(src, 'daemon/a.ts'), 'utf8'), 'one')
  assert.equal(readFileSync(join(src, 'b.sql'), 'utf8'), 'two')
  assert.equal(existsSync(join(src, 'c.ts')), false)
  assert.equal(await trees.lay(then), src)
})

test('what was not kept is named, and what was too long ago is told', async () => {
  const trees = new SourceTrees(keep, root)
  const then = save(trees, 'a.ts', 'one')
  for (const name of readdirSync(join(keep, 'files'))) rmSync(join(keep, 'files', name))
  await assert.rejects(trees.lay(then), { code: 'KSI_NOT_FOUND', message: /What src\/a\.ts held then was not kept/ })
  for (let n = 0; n < 100; n++) save(trees, 'a.ts', `${n}`)
  await assert.rejects(trees.lay(then), { code: 'KSI_NOT_FOUND', message: /not kept any more/ })
})

test('it stays small: what nobody knows any more is thrown away, of an earlier start too', async () => {
  const before = new SourceTrees(keep, root)
  save(before, 'a.ts', 'of an earlier start')
  const trees = new SourceTrees(keep, root)
  for (let n = 0; n < 350; n++) save(trees, 'a.ts', `${n}`)
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(readdirSync(join(keep, 'files')).length <= 200)
  assert.ok(existsSync(await trees.lay(trees.newest)))
})
