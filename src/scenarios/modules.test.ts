import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'

const file = 'src/daemon/modules/counter.ts'
const counter = `import { z } from 'zod'
import { defineModule } from '../module-host/define-module.ts'
let count = 0
export const counter = defineModule({
  name: 'counter',
  version: 1,
  events: {
    'counter:add': {
      summary: 'Count on.',
      data: z.object({ by: z.number() }),
      reply: z.object({ count: z.number() }),
      mutates: true,
      handle: ({ by }, { push }) => {
        count += by
        push('counter:counted', { count })
        return { count }
      },
    },
  },
  pushes: { 'counter:counted': { summary: 'it counted', data: z.object({ count: z.number() }) } },
  collect: () => count,
  restore: (state) => { count = Number(state) },
})
`

test('a module comes with its save, keeps state over saves and kills, shows mistakes, goes with its file', async () => {
  using project = makeProject()
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['counter:*'] })
  assert.equal((await client.request('counter:add', { by: 1 })).error, 'Unknown event: counter:add')

  writeFileSync(project.path(file), counter)
  await ksi.untilStatus(({ generation, phase }) => generation === 2 && phase === 'live')
  assert.deepEqual(await client.request('counter:add', { by: 2 }), { count: 2 })
  const help = await client.request('system:help', { event: 'counter:add' })
  assert.equal(help.module, 'counter')

  project.edit(file, (text) => text.replace('count += by', 'count += by * 10'))
  await ksi.untilStatus(({ generation, phase }) => generation === 3 && phase === 'live')
  assert.deepEqual(await client.request('counter:add', { by: 1 }), { count: 12 })

  project.edit(file, (text) => `${text}\nthrow new Error('a mistake')\n`)
  const failed = await ksi.untilStatus(({ failed_swaps }) => failed_swaps === 1)
  assert.match(failed.last_failure?.error.message ?? '', /The module counter cannot be loaded: a mistake/)
  assert.deepEqual(failed.last_failure?.files, [file])
  assert.deepEqual(await client.request('counter:add', { by: 1 }), { count: 22 })
  project.edit(file, (text) => text.replace("throw new Error('a mistake')", ''))
  await ksi.untilStatus(({ generation, phase }) => generation === 4 && phase === 'live')
  await client.request('dev:checkpoint', {})
  assert.deepEqual(await client.request('counter:add', { by: 1 }), { count: 32 })

  for (const generation of [5, 6]) {
    process.kill(await ksi.livePid(), 'SIGKILL')
    await ksi.untilStatus((status) => status.generation === generation && status.phase === 'live')
  }
  assert.deepEqual(await client.request('counter:add', { by: 1 }), { count: 32 }, 'as at the newest checkpoint')
  const counted = client.pushes.map(({ data }) => data.count)
  assert.deepEqual(counted, [2, 12, 22, 32, 32])

  rmSync(project.path(file))
  await ksi.untilStatus(({ generation, phase }) => generation === 7 && phase === 'live')
  const gone = await client.request('counter:add', { by: 1 })
  assert.equal(gone.error, 'Unknown event: counter:add')
})
