import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { KsiError, messageOf } from '../lib/errors.ts'
import { measureAtRest } from './at-rest.ts'
import { measureBareSync } from './bare-sync.ts'
import { measureEnqueue } from './enqueue.ts'
import { measureFairness } from './fairness.ts'
import { measureFirstToken } from './first-token.ts'
import { measureLosses } from './losses.ts'
import {
  atRestRows,
  enqueueRows,
  lossRows,
  providerRows,
  saveRows,
  startRows,
  streamRows,
  structuralRows,
} from './numbers.ts'
import { measureProviderSaves } from './provider-saves.ts'
import { measureSaves, phaseTable, savesTable } from './saves-table.ts'
import { exactly, showRows } from './rows.ts'
import type { Row } from './rows.ts'
import { measureStartsAfterKills, measureStartsAfterSaves } from './starts.ts'
import { measureStreams } from './streams.ts'
import { measureStructuralEdit } from './structural-edit.ts'
import { progress } from './table.ts'

/*
 * npm run bench [-- --only PART … --saves N --peer-saves N --kills N --depth N --streams N --json]
 * The numbers to beat, measured here and now, beside the peers on this machine: nodemon, node --watch, tsx watch, and
 * bun --hot where a `bun` is on the PATH. Ends with 1 only when a figure is far beyond its target, a count that must
 * be exact is not, or a part could not be measured: a busy machine makes it miss targets, not fail.
 */
const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    saves: { type: 'string', default: '20' },
    'peer-saves': { type: 'string', default: '12' },
    kills: { type: 'string', default: '20' },
    depth: { type: 'string', default: '1000000' },
    streams: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
  },
})
const saves = Number(values.saves)
const kills = Number(values.kills)
const depth = Number(values.depth)

interface Part {
  figures: unknown
  rows: Row[]
  tables?: string[]
}

/** Each part by its name, measured when it is its turn. */
const parts: Record<string, () => Promise<Part>> = {
  async saves() {
    const figures = await measureSaves({ saves, peerSaves: Number(values['peer-saves']) })
    return { figures, rows: saveRows(figures), tables: [savesTable(figures), phaseTable(figures)] }
  },
  async starts() {
    const figures = {
      afterSaves: await measureStartsAfterSaves(saves),
      afterKills: await measureStartsAfterKills(kills),
    }
    return { figures, rows: startRows(figures) }
  },
  async providers() {
    const figures = await measureProviderSaves(saves)
    return { figures, rows: providerRows(figures) }
  },
  async streams() {
    const flow = { perSecond: 20, seconds: 20 }
    const streams = Number(values.streams)
    const figures = {
      echo: await measureStreams({ ...flow, provider: 'echo', streams, saves: 4 }),
      http: await measureStreams({ ...flow, provider: 'openai-compatible', streams: 100, saves: 6 }),
      firstToken: await measureFirstToken(100),
    }
    return { figures, rows: streamRows(figures) }
  },
  async enqueue() {
    const figures = {
      enqueue: await measureEnqueue({ single: 1_000, depth, reloads: 10 }),
      bareSync: measureBareSync(200),
      fairness: await measureFairness(Math.min(depth, 200_000)),
    }
    return { figures, rows: enqueueRows(figures) }
  },
  async losses() {
    const figures = await measureLosses(5)
    return { figures, rows: lossRows(figures) }
  },
  async structural() {
    const figures = await measureStructuralEdit()
    return { figures, rows: structuralRows(figures) }
  },
  async 'at-rest'() {
    const figures = await measureAtRest()
    return { figures, rows: atRestRows(figures) }
  },
}

/** What cannot be measured is a failed row: the rest is measured all the same. */
async function measured(name: string): Promise<Part> {
  try {
    return (await parts[name]?.()) ?? unknownPart(name)
  } catch (error) {
    progress(`${name} could not be measured: ${messageOf(error)}`)
    return { figures: null, rows: [exactly(`${name}: measured`, 0, { target: 1 })] }
  }
}

function unknownPart(name: string): never {
  throw new KsiError('KSI_BAD_REQUEST', `There is no part ${name}; there are ${Object.keys(parts).join(', ')}.`)
}

progress(`${cpus().length} cores, load ${loadavg()[0]?.toFixed(2) ?? '?'}, Node ${process.version}`)
const results: Record<string, Part> = {}
for (const name of values.only.length > 0 ? values.only : Object.keys(parts)) results[name] = await measured(name)
const all = Object.values(results)
const rows = all.flatMap((part) => part.rows)
const figures = Object.fromEntries(Object.entries(results).map(([name, part]) => [name, part.figures]))
if (values.json) process.stdout.write(`${JSON.stringify({ rows, figures })}\n`)
else process.stdout.write(`${[...all.flatMap(({ tables = [] }) => tables), showRows(rows)].join('\n\n')}\n`)
process.exitCode = rows.some(({ verdict }) => verdict === 'fail') ? 1 : 0
