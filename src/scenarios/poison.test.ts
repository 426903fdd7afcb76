import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'

const deadly = `
  const deadly = { summary: '', data: z.looseObject({}), reply: () => z.unknown() }
  core.router.add('test:deadly', deadly, () => process.exit(7), 'test')
`

/** A push to a subscription with this pattern ends the daemon. */
const deadlyPattern = 'completion:que*'

test('one line that ends the daemon among 199 good ones is put aside, and the good ones are answered', async (t) => {
  using project = makeProject()
  project.edit(
    'src/daemon/health.ts',
    (text) =>
      `import { z } from 'zod'\n${text.replace(/(export function registerHealth\([^)]*\): void \{\n)/, `$1${deadly}`)}`,
  )
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  const begun = performance.now()
  const lines = Array.from({ length: 200 }, (_, i) =>
    i === 150
      ? client.reply('test:deadly', { request_id: 'the bad one' })
      : client.reply('completion:async', { prompt: `${i}`, request_id: `r${i}`, session_id: `s${i % 20}` }),
  )
  const replies = await Promise.all(lines)
  t.diagnostic(`all answered after ${Math.round(performance.now() - begun)} ms`)
  const codes = replies.map((reply, i) => [i, reply['code']] as const).filter(([, code]) => code !== undefined)
  assert.deepEqual(codes, [[150, 'KSI_POISON']])
  const { crashes, poison } = await ksi.status()
  t.diagnostic(`${crashes} generations died`)
  assert.ok(crashes <= 4, 'it takes four to know')
  assert.deepEqual(
    poison.map(({ event, request_id, times }) => [event, request_id, times]),
    [['test:deadly', 'the bad one', 1]],
  )
  const again = await client.reply('test:deadly', { request_id: 'the bad one' })
  assert.equal(again['code'], 'KSI_POISON')
  assert.equal((await ksi.status()).crashes, crashes, 'it is not tried again')
})

test('a subscription that ends the daemon when it gets a push is put aside, and no line is', async (t) => {
  using project = makeProject()
  project.edit('src/daemon/monitor/monitor.ts', (text) =>
    text
      .replace('  matches: (name: string) => boolean\n', '$&  deadly: boolean\n')
      .replace(
        '      matches: globMatcher(who.patterns),\n',
        `$&      deadly: who.patterns.includes('${deadlyPattern}'),\n`,
      )
      .replace(/( {2}#push\([^)]*\): void \{\n)/, '$1    if (subscription.deadly) process.exit(7)\n'),
  )
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  using stung = await ksi.client()
  using harmless = await ksi.client()
  await harmless.request('monitor:subscribe', { event_patterns: ['completion:queued'] })
  await stung.request('monitor:subscribe', { event_patterns: [deadlyPattern] })
  const { data } = await client.reply('completion:async', { prompt: 'x', request_id: 'told of' })
  assert.equal((data as { request_id?: string }).request_id, 'told of', 'the line that led to the push is taken')
  await stung.until(({ stray }) => stray > 0)
  const after = await ksi.status()
  t.diagnostic(`${after.crashes} generations died of a push`)
  assert.deepEqual(
    after.poison.map(({ event }) => event),
    ['monitor:subscribe'],
  )
  await harmless.until(({ pushes }) => pushes.some((push) => push.data.request_id === 'told of'))
})

test('a save that loops as soon as a line is taken is rolled back, and no line is refused for it', async (t) => {
  using project = makeProject()
  await using ksi = await Ksi.start(project, { KSI_HEARTBEAT_MS: '1000' })
  using client = await ksi.client()
  const { generation } = await ksi.status()
  project.edit('src/daemon/completion/accept.ts', (text) =>
    text.replace(/(export function acceptRequest\([^)]*\): Acknowledgement \{\n)/, '$1  for (;;);\n'),
  )
  await ksi.untilStatus((now) => now.phase === 'live' && now.generation !== generation)
  const begun = performance.now()
  const lines = Array.from({ length: 40 }, (_, i) =>
    client.reply('completion:async', { prompt: `${i}`, session_id: `s${i % 4}` }),
  )
  const replies = await Promise.all(lines)
  t.diagnostic(`all taken after ${Math.round(performance.now() - begun)} ms`)
  assert.deepEqual(
    replies.filter((reply) => (reply['data'] as { status?: string }).status !== 'queued'),
    [],
  )
  const { poison, last_failure } = await ksi.status()
  assert.deepEqual(poison, [])
  assert.deepEqual(last_failure?.files, ['src/daemon/completion/accept.ts'])
})
