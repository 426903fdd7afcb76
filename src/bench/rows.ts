import { layOut, show } from './table.ts'

/**
 * pass: within the target · miss: beyond it, which noise can do · fail: far beyond it, or a count that must be exact is
 * not
 */
export type Verdict = 'pass' | 'miss' | 'fail'

export interface Row {
  measure: string
  other: string
  target: string
  ours: string
  /** how many times better than the target, below 1 is a miss; null for a count */
  ratio: number | null
  verdict: Verdict
}

/** Noise of a busy machine stays below this many times the target. */
const wide = 5

/** A time, in ms: the smaller the better. */
export function atMost(measure: string, ours: number, target: number, other: string): Row {
  const ratio = target / ours
  return { measure, other, target: `≤ ${show(target)} ms`, ours: `${show(ours)} ms`, ratio, verdict: judge(ratio) }
}

/** A rate, a second: the larger the better. */
export function atLeast(measure: string, ours: number, target: number, other: string): Row {
  const ratio = ours / target
  return { measure, other, target: `≥ ${show(target)}/s`, ours: `${show(ours)}/s`, ratio, verdict: judge(ratio) }
}

/** A count that must be exact. */
export function exactly(measure: string, ours: number, target: number, other: string): Row {
  return {
    measure,
    other,
    target: show(target),
    ours: show(ours),
    ratio: null,
    verdict: ours === target ? 'pass' : 'fail',
  }
}

function judge(ratio: number): Verdict {
  if (ratio >= 1) return 'pass'
  // NaN too is a failure: nothing was measured.
  return ratio >= 1 / wide ? 'miss' : 'fail'
}

/** The rows as text. */
export function showRows(rows: readonly Row[]): string {
  return layOut(
    ['measure', 'best other', 'target', 'ksi', 'target / ksi', ''],
    rows.map(({ measure, other, target, ours, ratio, verdict }) => [
      measure,
      other,
      target,
      ours,
      ratio === null ? '–' : `${ratio.toFixed(1)}×`,
      verdict,
    ]),
  )
}
