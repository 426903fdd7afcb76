import assert from 'node:assert/strict'
import { test } from 'node:test'
import { liveLine } from './banner.ts'

const restored = { queued: 14, adopted: 2, requeued: 0, lost: 0, poisoned: 0, recovered_outcomes: 0 }
const live = { type: 'live', generation: 8, phases: {}, restored, previous_end: 'handover' } as const

test('a reload is one line: in which time, with which files, and what was kept', () => {
  assert.equal(
    liveLine(live, ['src/daemon/router.ts'], { total: 74.4 }),
    'generation 8 is live in 74 ms · src/daemon/router.ts · 14 queued, 2 running kept',
  )
  assert.equal(liveLine(live, [], { total: 9 }), 'generation 8 is live in 9 ms · 14 queued, 2 running kept')
  const lost = { ...live, restored: { ...restored, requeued: 1, lost: 3 } }
  assert.match(
    liveLine(lost, ['a', 'b', 'c', 'd', 'e'], {}),
    /a, b, c and 2 more · .*, 1 queued again, 3 lost and told$/,
  )
})
