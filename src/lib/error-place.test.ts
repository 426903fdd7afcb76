import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { withPlace } from './error-place.ts'
import { inspect } from 'node:util'

const root = mkdtempSync(join(tmpdir(), 'ksi-place src-'))
mkdirSync(join(root, 'src/daemon'), { recursive: true })
after(() => rmSync(root, { recursive: true }))

let files = 0
async function messageOfImport(source: string, query = ''): Promise<string> {
  const name = `x${++files}.ts`
  writeFileSync(join(root, 'src/daemon', name), source)
  try {
    await import(`${pathToFileURL(join(root, 'src/daemon', name)).href}${query}`)
  } catch (error) {
    assert.ok(error instanceof Error)
    return withPlace({ message: error.message, stack: error.stack }).message.replace(name, 'NAME')
  }
  throw new Error(`${inspect(source)} is sound`)
}

test('an error in our source begins with its file, line and column', async () => {
  assert.match(await messageOfImport('\nconst = 1\n'), /^src\/daemon\/NAME:2:7: Unexpected token/)
  assert.match(await messageOfImport('\nconst = 1\n', '?anew'), /^src\/daemon\/NAME:2:7: Unexpected token/)
  assert.equal(await messageOfImport("\n\nthrow new Error('odd')\n"), 'src/daemon/NAME:3:7: odd')
  assert.match(await messageOfImport("import './none.ts'\n"), /^src\/daemon\/NAME(:\d+:\d+)?: Cannot find module/)
})

test('what is not about code, or tells no place, stays as it is', () => {
  const ours = { message: 'no room', code: 'KSI_DISK_FULL', stack: 'Error\n at file:///x/src/store/open.ts:1:2' }
  assert.deepEqual(withPlace(ours), ours)
  assert.deepEqual(withPlace({ message: 'no "live" within 1 ms' }), { message: 'no "live" within 1 ms' })
  const foreign = { message: 'odd', stack: 'Error: odd\n  at file:///x/node_modules/y/src/a.js:1:2' }
  assert.deepEqual(withPlace(foreign), foreign)
  const twice = withPlace({ message: 'odd', stack: 'Error: odd\n  at file:///x/src/a.ts:1:2' })
  assert.deepEqual(withPlace(twice), twice)
})
