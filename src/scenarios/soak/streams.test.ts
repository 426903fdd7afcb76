import { test } from 'node:test'
import { Ksi } from '../../testing/ksi.ts'
import { memoryOfAll } from '../../testing/processes.ts'
import { makeProject } from '../../testing/project.ts'
import { chooseSeed, randomFrom } from '../../testing/random.ts'
import { streamsOver } from '../../testing/streams-over-acts.ts'

const streams = Number(process.env.KSI_SOAK_STREAMS ?? 200)
const saves = Number(process.env.KSI_SOAK_STREAM_SAVES ?? 1_000)
const kills = Number(process.env.KSI_SOAK_STREAM_KILLS ?? 200)

test(`${saves} saves and ${kills} kills under ${streams} streams: each comes whole, by one call`, async (t) => {
  const seed = chooseSeed()
  t.diagnostic(`KSI_SEED=${seed}`)
  using project = makeProject()
  await using ksi = await Ksi.start(project, { KSI_MAX_CONCURRENT: String(streams) })
  const began = performance.now()
  const before = memoryOfAll(ksi.process.pid ?? 0)
  const options = { streams, saves, kills, chunks: 400, latencyMs: 20_000, random: randomFrom(seed) }
  const count = await streamsOver(ksi, project, options)
  const tookS = Math.round((performance.now() - began) / 1_000)
  t.diagnostic(
    `${count} streams of 400 chunks in ${tookS} s; memory ${before} → ${memoryOfAll(ksi.process.pid ?? 0)} MB`,
  )
})
