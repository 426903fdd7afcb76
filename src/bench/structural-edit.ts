import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import { sendWork, untilAllDone } from '../testing/work.ts'
import { countWork } from '../history/work.ts'
import type { WorkCounts } from '../history/work.ts'
import { progress } from './table.ts'

/**
 * The edit after which durable engines stay stuck: while 20 of 100 requests run, a handler goes, a step of the dispatch
 * goes, another step is renamed, and a new one comes.
 * @throws Error when the code no longer has what is edited, or the edit does not come live
 */
export async function measureStructuralEdit(): Promise<WorkCounts> {
  progress('structural edit with 20 of 100 running')
  using project = makeProject({ changesReplies: true })
  await using ksi = await Ksi.start(project)
  using client = await ksi.client()
  await client.request('monitor:subscribe', { event_patterns: ['*'] })
  const sent = await sendWork(client, { conversations: 20, perConversation: 5, latencyMs: 300 })
  for (const [file, pattern, text] of structuralEdits) project.edit(file, (before) => before.replace(pattern, text))
  await client.until(() =>
    client.pushes.some(
      ({ event, data }) => event === 'system:reloaded' && String(data['files']).includes('dispatcher'),
    ),
  )
  await untilAllDone(client, sent)
  const renamed = client.pushes.filter(({ data }) => data['status'] === 'handed_to_provider').length
  if (renamed === 0) throw new Error('the renamed step never ran')
  return countWork(client.pushes, sent, await ksi.runsByRequest())
}

/** What is edited: file, what is looked for, what comes in its place. */
export const structuralEdits: readonly (readonly [string, RegExp, string])[] = [
  ['src/daemon/generation.ts', /^ {2}registerDiscovery\(core\)\n/m, ''],
  ['src/daemon/completion/dispatcher.ts', /^ +core\.journal\.hand\.take\([^\n]*\n/m, ''],
  ['src/daemon/completion/dispatcher.ts', /'calling_provider'/g, "'handed_to_provider'"],
  [
    'src/daemon/completion/settle.ts',
    /^(export function settle\([^\n]*\n)/m,
    "$1  core.journal.emit('completion:progress', { request_id: row.request_id, status: 'coming_in' }, " +
      'row.request_id)\n',
  ],
]
