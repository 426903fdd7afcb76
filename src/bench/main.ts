import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { measureEnqueue } from './enqueue.ts'
import type { EnqueueFigures } from './enqueue.ts'
import { measureLosses } from './losses.ts'
import type { Losses } from './losses.ts'
import { measureReload, phaseTable, reloadTable } from './reload-table.ts'
import type { ReloadFigures } from './reload-table.ts'
import { atLeast, atMost, exactly, showRows } from './rows.ts'
import type { Row } from './rows.ts'
import { measureStartsAfterKills, measureStartsAfterSaves } from './starts.ts'
import type { Starts } from './starts.ts'
import { largest, median, quantile } from '../lib/statistics.ts'
import { measureStructuralEdit } from './structural-edit.ts'
import { progress } from './table.ts'
import type { WorkCounts } from '../history/work.ts'

/*
 * npm run bench [-- --saves N --peer-saves N --kills N --json]
 * Every number of design.md's table, measured here and now. Ends with 1 only when a figure is far beyond its target or
 * a count that must be exact is not: a busy machine makes it miss targets, not fail.
 */

interface Figures {
  reload: ReloadFigures
  saves: Starts
  kills: Starts
  enqueue: EnqueueFigures
  losses: Losses
  structural: WorkCounts
}

const peerNames = ({ peers }: ReloadFigures, value: (fresh: number[], silence: number[]) => number): string => {
  const best = peers
    .map(({ name, fresh, silence }) => ({ name, ms: value(fresh, silence) }))
    .toSorted((a, b) => a.ms - b.ms)[0]
  return best === undefined ? '–' : `${best.name} ${Math.round(best.ms)} ms here`
}

function reloadRows(reload: ReloadFigures): Row[] {
  const { ksi, noSpare, peers } = reload
  const failed = peers.map(({ refused, cut, probes }) => ((refused + cut) / probes) * 100)
  const others = `${Math.round(Math.min(...failed))}–${Math.round(largest(failed))} % here`
  return [
    atMost('save → new connection answered by new code', median(ksi.fresh), 60, peerNames(reload, median)),
    atMost('save → new code answers on an open connection', median(ksi.open), 60, 'cut'),
    atMost('  the same, p99', quantile(ksi.open, 0.99), 200, 'cut'),
    atMost(
      'slowest reply while the swap runs',
      median(ksi.slowest),
      30,
      peerNames(reload, (_, silence) => median(silence)),
    ),
    exactly('connections refused', ksi.refused + noSpare.refused, 0, others),
    exactly('connections cut', ksi.cut + noSpare.cut + ksi.streamsCut + noSpare.streamsCut, 0, 'all open ones'),
  ]
}

function startRows(name: string, { counts }: Starts): Row[] {
  return [
    exactly(`${name}: requests lost`, counts.lost, 0, '–'),
    exactly(`${name}: requests run twice`, counts.twice, 0, 'all that run'),
    exactly(`${name}: requests out of order`, counts.disordered, 0, '0 to 92 %'),
  ]
}

function allRows({ reload, saves, kills, enqueue, losses, structural }: Figures): Row[] {
  const [none, deep] = enqueue.goingLive
  return [
    ...reloadRows(reload),
    atMost('save → next queued request starts', median(saves.next), 60, 'Restate 423 ms tuned, 758'),
    atMost('  the same, p99', quantile(saves.next, 0.99), 200, '–'),
    ...startRows('saves', saves),
    atMost('kill -9 of the daemon → next request starts', median(kills.next), 200, 'Restate 198 ms tuned, 561'),
    ...startRows('kills', kills),
    atMost('runner killed → clients told of all 20 lost', median(losses.runnerKilled), 100, '30 s to 1 h'),
    atMost('all killed: live again → clients told of all 20 lost', median(losses.allKilled), 100, '30 s to 1 h'),
    exactly('losses not told exactly once', losses.miscounted, 0, '–'),
    atMost('acknowledged enqueue, one by one', median(enqueue.single), 1, 'DBOS 1.0–1.4, Restate 1.5–3.7 ms'),
    atLeast('acknowledged enqueue, pipelined', median(enqueue.pipelined), 10_000, '–'),
    atMost(
      `going live with ${deep?.queued ?? 0} queued, beyond that with none`,
      Math.max(0.1, median(deep?.total ?? []) - median(none?.total ?? [])),
      50,
      '–',
    ),
    exactly(
      'queued requests lost or doubled over those reloads',
      (none?.miscounted ?? 1) + (deep?.miscounted ?? 1),
      0,
      '–',
    ),
    exactly('structural edit: requests done of 100', structural.done, 100, '0'),
    exactly('structural edit: out of order or run twice', structural.disordered + structural.twice, 0, '–'),
  ]
}

const { values } = parseArgs({
  options: {
    saves: { type: 'string', default: '20' },
    'peer-saves': { type: 'string', default: '12' },
    kills: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
})
const saves = Number(values.saves)
progress(`${cpus().length} cores, load ${loadavg()[0]?.toFixed(2) ?? '?'}, Node ${process.version}`)
const figures: Figures = {
  reload: await measureReload({ saves, peerSaves: Number(values['peer-saves']) }),
  saves: await measureStartsAfterSaves(saves),
  kills: await measureStartsAfterKills(Number(values.kills)),
  enqueue: await measureEnqueue({ single: 1_000, depth: 100_000, reloads: 10 }),
  losses: await measureLosses(5),
  structural: await measureStructuralEdit(),
}
const rows = allRows(figures)
if (values.json) process.stdout.write(`${JSON.stringify({ rows, figures })}\n`)
else
  process.stdout.write(
    [reloadTable(figures.reload), phaseTable([figures.reload.noSpare, figures.reload.ksi]), showRows(rows), ''].join(
      '\n\n',
    ),
  )
process.exitCode = rows.some(({ verdict }) => verdict === 'fail') ? 1 : 0
