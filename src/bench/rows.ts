import { layOut, show } from './table.ts'

/**
 * pass: within the target · later: beyond it, but no worse than the first version, and that is all this version has to
 * be · miss: beyond it, which noise can do · fail: far beyond it, or a count that must be exact is not
 */
export type Verdict = 'pass' | 'later' | 'miss' | 'fail'

/** What another program needs for the same. */
export interface Other {
  who: string
  value: number
  /** measured on another day or machine, so not to be compared to the last digit */
  quoted?: boolean
}

/** What a figure is held against. */
export interface Goal {
  target: number
  /** the figures of the first version, best to worst */
  first?: readonly [number, number]
  other?: Other | undefined
  /** reaching the target is a later version's work */
  later?: boolean
  unit?: string
}

export interface Row {
  measure: string
  ours: number
  goal: Goal
  /** whether less is better, more is, or nothing but the target will do */
  better: 'less' | 'more' | 'exact'
  verdict: Verdict
}

/** Noise of a busy machine stays below this many times the target. */
const wide = 5
/** As good as the first version is what is at most this many times its worst figure. */
const noise = 1.5

/** A time in ms (or another `unit`): the less the better. */
export function atMost(measure: string, ours: number, goal: Goal): Row {
  const { target, first = [target, target], later = false } = goal
  const bound = Math.max(target, first[1])
  const verdict = judge(ours <= target, later && ours <= noise * bound, ours <= wide * bound)
  return { measure, ours, goal: { unit: ' ms', ...goal }, better: 'less', verdict }
}

/** A rate a second: the more the better. */
export function atLeast(measure: string, ours: number, goal: Goal): Row {
  const { target, first = [target, target], later = false } = goal
  const bound = Math.min(target, first[1])
  const verdict = judge(ours >= target, later && ours >= bound / noise, ours >= bound / wide)
  return { measure, ours, goal: { unit: '/s', ...goal }, better: 'more', verdict }
}

/** A count that must be exact. */
export function exactly(measure: string, ours: number, goal: Goal): Row {
  return {
    measure,
    ours,
    goal: { unit: '', ...goal },
    better: 'exact',
    verdict: ours === goal.target ? 'pass' : 'fail',
  }
}

/** NaN is a failure: nothing was measured. */
function judge(isThere: boolean, isLater: boolean, isNear: boolean): Verdict {
  if (isThere) return 'pass'
  if (isLater) return 'later'
  return isNear ? 'miss' : 'fail'
}

/** How many times better ours is; `–` where that means nothing. */
function ratio({ ours, better }: Row, than: number | undefined): string {
  if (than === undefined || better === 'exact' || ours <= 0 || !Number.isFinite(ours)) return '–'
  return `${(better === 'less' ? than / ours : ours / than).toFixed(1)}×`
}

/** The rows as text. */
export function showRows(rows: readonly Row[]): string {
  const sign = { less: '≤ ', more: '≥ ', exact: '' }
  return layOut(
    ['measure', 'best other', 'first version', 'to be', 'ksi', 'ksi vs other', 'vs first', 'vs to be', ''],
    rows.map((row) => {
      const { measure, ours, better, verdict } = row
      const { target, first, other, unit = '' } = row.goal
      return [
        measure,
        other === undefined
          ? '–'
          : `${other.who} ${show(other.value)}${unit}${other.quoted === true ? ' (quoted)' : ''}`,
        first === undefined ? '–' : `${[...new Set(first)].map(show).join('–')}${unit}`,
        `${sign[better]}${show(target)}${unit}`,
        `${show(ours)}${unit}`,
        ratio(row, other?.value),
        ratio(row, first?.[1]),
        ratio(row, target),
        verdict,
      ]
    }),
  )
}
