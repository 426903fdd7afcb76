import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toRunnerHost } from '../../contracts/runner-host.ts'
import { readHostLine } from './lines.ts'

const lines: unknown[] = [
  { type: 'hello', protocol: 1 },
  { type: 'hello', protocol: 2, more: 'unknown fields are ignored' },
  { type: 'hello' },
  { type: 'hello', protocol: '1' },
  { type: 'watch' },
  { type: 'reload', id: 1, files: ['a', 'b'], at: 5 },
  { type: 'reload', id: 1, files: [], at: 5, more: [] },
  { type: 'reload', id: '1', files: ['a'], at: 5 },
  { type: 'reload', id: 1, files: ['a', 2], at: 5 },
  { type: 'reload', id: 1, files: 'a', at: 5 },
  { type: 'reload', id: 1, files: ['a'] },
  { type: 'drain' },
  { type: 'end' },
  { type: 'keep' },
  { type: 'keep', env: { A: 'b' }, more: 1 },
  { type: 'keep', env: { A: 1 } },
  { type: 'keep', env: ['a'] },
  { type: 'keep', env: null },
  { type: 'else' },
  {},
  [],
  null,
  5,
]

test('the host reads by hand exactly what the contract says', () => {
  for (const line of lines)
    assert.deepEqual(readHostLine(JSON.stringify(line)), toRunnerHost.safeParse(line).data, JSON.stringify(line))
  assert.equal(readHostLine('{"type":'), undefined)
})
