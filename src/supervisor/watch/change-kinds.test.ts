import assert from 'node:assert/strict'
import { test } from 'node:test'
import { classify } from './change-kinds.ts'

test('a file concerns every process that loads it, and no other', () => {
  assert.deepEqual(
    classify(['src/daemon/completion/queue.ts', 'src/store/open.ts', 'src/lib/log.ts', 'src/runner/main.ts']),
    {
      daemon: ['src/daemon/completion/queue.ts', 'src/store/open.ts', 'src/lib/log.ts'],
      runner: ['src/lib/log.ts', 'src/runner/main.ts'],
      supervisor: [],
      sidecar: ['src/store/open.ts', 'src/lib/log.ts'],
      other: [],
    },
  )
  assert.deepEqual(classify(['src/runner/host.ts', 'src/runner/host/server.ts']).supervisor, [])
  assert.deepEqual(
    classify(['src/cli/ksi.ts', 'src/x.ts', 'src/constructor/x.ts', 'src/supervisor/front.ts', 'src/client/client.ts']),
    {
      daemon: [],
      runner: [],
      supervisor: ['src/supervisor/front.ts'],
      sidecar: ['src/client/client.ts'],
      other: ['src/cli/ksi.ts', 'src/x.ts', 'src/constructor/x.ts'],
    },
  )
})
