import { setTimeout as delay } from 'node:timers/promises'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { progress } from './table.ts'

const file = 'src/runner/providers/echo.ts'
const limitMs = 10_000

/**
 * Saves a provider, and sends requests without a pause until the new code answers one.
 * @returns ms from each save to the first result by the new code
 * @throws Error when the provider's code is no longer where it was, or the new code never answers
 */
export async function measureProviderSaves(saves: number): Promise<number[]> {
  progress(`provider save → first result by new code: ${saves} saves`)
  using project = makeProject({ changesReplies: true })
  project.edit(file, (text) => {
    const edited = text.replace('metadata = {', 'metadata = { bench: bench_provider,')
    if (edited === text) throw new Error(`the bench no longer finds the result in ${file}`)
    return `${edited}\nconst bench_provider = 0\n`
  })
  await using ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'info' })
  using client = await ksi.client()
  const times: number[] = []
  for (let save = 1; save <= saves; save++) {
    await ksi.untilStatus(({ phase, runners }) => phase === 'live' && runners.length === 1)
    await delay(500)
    project.edit(file, (text) => text.replace(/const bench_provider = \d+/, `const bench_provider = ${save}`))
    const saved = performance.now()
    for (let i = 0; ; i++) {
      const request_id = `provider${save}-${i}`
      await client.request('completion:async', { prompt: 'x', session_id: request_id, request_id })
      const done = await client.request('completion:wait', { request_id })
      if (JSON.stringify(done).includes(`"bench":${save}`)) break
      if (performance.now() - saved > limitMs) throw new Error(`the provider of save ${save} never answered`)
    }
    times.push(performance.now() - saved)
  }
  return times
}
