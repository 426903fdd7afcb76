import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { asyncLine, sendPipelined } from './pipeline.ts'
import { progress } from './table.ts'

const senders = 4

/**
 * Four clients pipeline `lines` requests in all, as fast as they are answered, while another asks for something small.
 * @returns ms of each reply the other got
 */
export async function measureFairness(lines: number): Promise<number[]> {
  progress(`another client's reply while four pipeline ${lines} requests`)
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project, { KSI_LOG_LEVEL: 'info', KSI_MAX_QUEUED: '10000000' })
  using other = await ksi.client()
  const each = Math.ceil(lines / senders)
  const done = new AbortController()
  const sending = Promise.all(
    Array.from({ length: senders }, (_, sender) =>
      sendPipelined(ksi.socket, each, (i) => asyncLine(`fair${sender}-${i % 20}`, 'x', 540_000)),
    ),
  ).finally(() => done.abort())
  const times: number[] = []
  while (!done.signal.aborted) {
    const begun = performance.now()
    await other.request('permission:list_profiles')
    times.push(performance.now() - begun)
  }
  await sending
  return times
}
