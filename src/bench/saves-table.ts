import { makeProject } from '../testing/project.ts'
import { addConstants, saveConstant } from './edited-file.ts'
import { measureKsi } from './ksi-saves.ts'
import type { KsiSaves } from './ksi-saves.ts'
import { measurePeer, reloaders } from './peer-saves.ts'
import { median, quantile } from '../lib/statistics.ts'
import type { SaveFigures } from './save-figures.ts'
import { layOut, show } from './table.ts'

export interface AllSaves {
  peers: SaveFigures[]
  noSpare: SaveFigures
  /** saves of a leaf */
  ksi: SaveFigures
  middle: SaveFigures
  lib: SaveFigures
}

/** Requests that wait in the queue meanwhile. */
const queued = 1_000

/** Measures ksi and the peers one after the other, on one copy of the project with one journal. */
export async function measureSaves(options: { saves: number; peerSaves: number }): Promise<AllSaves> {
  const { saves, peerSaves } = options
  using project = makeProject({ changesReplies: true })
  addConstants(project)
  let from = 0
  saveConstant(project, from)
  const ours = async (what: Omit<KsiSaves, 'from'>): Promise<SaveFigures> => {
    const figures = await measureKsi(project, { ...what, from })
    from += what.saves
    return figures
  }
  const ksi = await ours({ name: 'ksi', saves, queued, spare: true, depth: 'leaf' })
  // The journal still holds what was queued; only the 20 that ran went with the runner, and 20 more run now.
  const more = { saves: peerSaves, queued: 0, spare: true }
  const middle = await ours({ ...more, name: 'ksi, middle', depth: 'middle' })
  const lib = await ours({ ...more, name: 'ksi, lib', depth: 'lib' })
  const noSpare = await ours({ ...more, name: 'ksi, no spare', spare: false, depth: 'leaf' })
  const peers: SaveFigures[] = []
  for (const name of Object.keys(reloaders)) {
    peers.push(await measurePeer(project, { name, saves: peerSaves, from }))
    from += peerSaves
  }
  return { peers, noSpare, ksi, middle, lib }
}

/** The one table: a column for each reloader, and how many times the best peer's figure is ours. */
export function savesTable({ peers, noSpare, ksi, middle, lib }: AllSaves): string {
  const columns = [...peers, noSpare, lib, middle, ksi]
  const row = (measure: string, value: (figures: SaveFigures) => number): string[] => {
    // No peer's number where every peer cuts the connection: nothing to compare with.
    const best = Math.min(...peers.map(value).filter((number) => Number.isFinite(number)))
    const ratio = Number.isFinite(best) && value(ksi) > 0 ? `${(best / value(ksi)).toFixed(1)}×` : '–'
    return [measure, ...columns.map((figures) => show(value(figures))), ratio]
  }
  const count = (measure: string, value: (figures: SaveFigures) => string): string[] => [
    measure,
    ...columns.map(value),
    '–',
  ]
  const rows = [
    row('save → new connection answered by new code, median ms', ({ fresh }) => median(fresh)),
    row('  p90', ({ fresh }) => quantile(fresh, 0.9)),
    row('  p99', ({ fresh }) => quantile(fresh, 0.99)),
    row('save → new code answers on an open connection, median ms', ({ open }) => median(open)),
    row('  p90', ({ open }) => quantile(open, 0.9)),
    row('  p99', ({ open }) => quantile(open, 0.99)),
    row('slowest reply on it meanwhile, median of the maxima, ms', ({ slowest }) => median(slowest)),
    row('longest silence towards new connections, median ms', ({ silence }) => median(silence)),
    count('new connections refused or cut', ({ refused, cut, probes }) => `${refused + cut} of ${probes}`),
    count('open connections cut', ({ streamsCut, fresh }) => `${streamsCut} in ${fresh.length} saves`),
    count('saves that never came live', ({ stuck }) => String(stuck)),
  ]
  return layOut(['measure', ...columns.map(({ name }) => name), 'best peer / ksi'], rows)
}

/** Where the time of a save goes: the median of each phase the boots wrote down, in ms. */
export function phaseTable({ noSpare, lib, middle, ksi }: AllSaves): string {
  const columns = [noSpare, lib, middle, ksi]
  const names = ['watch', 'fork', 'import', 'standby', 'retire', 'open', 'restore', 'hold', 'total'] as const
  const value = ({ phases }: SaveFigures, name: (typeof names)[number]): string =>
    show(median(phases.flatMap((one) => one[name] ?? [])))
  return layOut(
    ['phase, median ms', ...columns.map(({ name }) => name)],
    names.map((name) => [name, ...columns.map((figures) => value(figures, name))]),
  )
}
