import type { Phases } from '../contracts/control.ts'
import type { Probe } from './prober.ts'
import { largest } from '../lib/statistics.ts'

/** What was seen of the saves of one run. Times in ms, one value for each save. */
export interface SaveFigures {
  name: string
  /** save → a new connection is answered by the new code */
  fresh: number[]
  /** longest time without any answer to a new connection, from the save to the first answer of the new code */
  silence: number[]
  /** save → the new code answers on a connection that was open before; none when it was cut */
  open: number[]
  /** slowest reply on that connection between the save and its first answer */
  slowest: number[]
  probes: number
  refused: number
  cut: number
  /** open connections that were cut */
  streamsCut: number
  /** saves that never came live within the limit */
  stuck: number
  /** what the daemon itself wrote down of its boots, if it does */
  phases: Phases[]
}

/** An empty record. */
export function noSaves(name: string): SaveFigures {
  return {
    name,
    fresh: [],
    silence: [],
    open: [],
    slowest: [],
    probes: 0,
    refused: 0,
    cut: 0,
    streamsCut: 0,
    stuck: 0,
    phases: [],
  }
}

/** Takes the counts of all probes in. */
export function countProbes(figures: SaveFigures, probes: readonly Probe[]): void {
  figures.probes += probes.length
  figures.refused += probes.filter(({ outcome }) => outcome === 'refused').length
  figures.cut += probes.filter(({ outcome }) => outcome === 'cut').length
}

/**
 * The longest time without an answer of the daemon's own code between a save and the first answer of the new code
 * (`end`).
 */
export function longestSilence(probes: readonly Probe[], saved: number, end: number): number {
  const answers = probes
    .filter(({ bench, ended }) => bench !== undefined && ended >= saved && ended <= end)
    .map(({ ended }) => ended)
  const marks = [saved, ...answers, end]
  return largest(marks.map((mark, i) => mark - (marks[i - 1] ?? mark)))
}
