import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../../testing/ksi.ts'
import { saveNumber, untilSave } from '../../testing/numbered-saves.ts'
import { childrenOf } from '../../testing/processes.ts'
import { makeProject } from '../../testing/project.ts'

const manyFiles = 5_000
/** Longer than it is from one look at so many files to the next. */
const restMs = 20_000

function watchPid(ksi: Ksi): number {
  return childrenOf(ksi.process.pid ?? 0).find(({ command }) => command.includes('watch/main'))?.pid ?? 0
}

test('5,000 more files: touching them all is felt by nobody, looking after them costs little', async (t) => {
  using project = makeProject({ changesReplies: true })
  const folder = project.path('src/daemon/many')
  mkdirSync(folder)
  for (let n = 0; n < manyFiles; n++) writeFileSync(`${folder}/f${n}.ts`, `export const n = ${n}\n`)
  await using ksi = await Ksi.start(project)
  await ksi.untilStatus(({ watching, spare }) => watching && spare)
  await delay(1_000)
  const before = cpuMs(watchPid(ksi))
  await delay(restMs)
  const atRest = (cpuMs(watchPid(ksi)) - before) / restMs
  using client = await ksi.client()
  let longest = 0
  const over = new AbortController()
  const asking = (async () => {
    while (!over.signal.aborted) {
      const begun = performance.now()
      await client.request('supervisor:status')
      longest = Math.max(longest, performance.now() - begun)
      await delay(2)
    }
  })()
  for (let n = 0; n < manyFiles; n++) utimesSync(`${folder}/f${n}.ts`, new Date(), new Date())
  saveNumber(project, 1)
  await untilSave(ksi, 1)
  over.abort()
  await asking
  t.diagnostic(`at rest ${(atRest * 100).toFixed(2)} % of a core; longest reply ${Math.round(longest)} ms`)
  assert.ok(atRest < 0.015, `${atRest}`)
  assert.ok(longest < 250, `${longest} ms; the machine may be busy`)
})

function cpuMs(pid: number): number {
  const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')
  const fields = rest.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}
