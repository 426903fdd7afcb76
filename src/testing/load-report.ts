import assert from 'node:assert/strict'
import { judge } from '../history/report.ts'
import type { Allowed, HistoryReport } from '../history/report.ts'

/** What a load saw: its history, and its connections. */
export interface LoadReport extends HistoryReport {
  replies: number
  probes: number
  /** new connections that were refused */
  refused: number
  /** connections the other side ended */
  cut: number
}

/** Nothing went wrong that is not allowed. */
export function assertClean(report: LoadReport, allowed: Allowed = {}): void {
  const { refused, cut } = report
  assert.deepEqual({ refused, cut, faults: judge(report, allowed) }, { refused: 0, cut: 0, faults: [] })
}
