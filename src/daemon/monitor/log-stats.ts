import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { EventReply } from '../../contracts/events.ts'
import { systemCodeOf } from '../../lib/errors.ts'
import { roundMs } from '../../lib/time.ts'
import type { Core } from '../core.ts'
import type { EventSearch } from './event-search.ts'

/** Events whose kinds are counted. */
const counted = 10_000

/** Where the events of the past are. */
export function logPlaces({ settings }: Core): EventReply<'monitor:get_stats'>['event_log'] {
  return {
    type: 'journal',
    db_path: settings.paths.journal,
    events_dir: settings.paths.events,
    message: 'the newest are in the journal, and each day has a file',
  }
}

/** `event_log:stats`: of the newest events, and of the files of all days. */
export async function describeLog(core: Core, search: EventSearch): Promise<EventReply<'event_log:stats'>> {
  const begun = performance.now()
  const [first, last, now] = [core.events.firstSeq(), core.events.lastSeq(), Date.now()]
  const types: Record<string, number> = {}
  const dates: Record<string, number> = {}
  const recent = { last_minute: 0, last_hour: 0 }
  let seen = 0
  await search.walk({ from: 0, before: last + 1 }, ({ name, at }) => {
    types[name] = (types[name] ?? 0) + 1
    const day = new Date(at).toISOString().slice(0, 10)
    dates[day] = (dates[day] ?? 0) + 1
    if (now - at < 3_600_000) recent.last_hour += 1
    if (now - at < 60_000) recent.last_minute += 1
    return ++seen < counted
  })
  return {
    status: 'ok',
    database: { ...logPlaces(core), total_events: last + 1 - first, first_seq: first, last_seq: last },
    storage: await filesIn(core.settings.paths.events),
    events: { counted: seen, by_type: types, by_date: dates, recent_activity: recent },
    performance: { took_ms: roundMs(performance.now() - begun) },
  }
}

/** @throws the system's error; a folder that is not there has no files */
async function filesIn(folder: string): Promise<{ files: number; bytes: number }> {
  const found = { files: 0, bytes: 0 }
  try {
    for await (const { name, parentPath } of await opendir(folder, { recursive: true })) {
      const { size } = await stat(join(parentPath, name))
      if (!name.endsWith('.jsonl')) continue
      found.files += 1
      found.bytes += size
    }
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error
  }
  return found
}
