/** All that a history showed; zeros and an empty list when nothing went wrong. */
export interface HistoryReport {
  /** acknowledged */
  requests: number
  /** acknowledged requests without an outcome, and requests without a reply */
  lost: number
  /** replies nobody waited for, and events told twice */
  doubled: number
  /** events a subscription was not told of */
  missed: number
  /** requests that failed, by reason */
  failures: Record<string, number>
  faults: readonly string[]
}

/** How many requests may have failed for reasons that are a test's own doing. */
export interface Allowed {
  /** who is killed twice with the same request in hand cannot tell a test from a poison request */
  quarantined?: number
  /** may have died with their runner */
  restarted?: number
}

/** Judges a report. @returns what is not allowed, each a sentence; nothing when all is well */
export function judge(report: HistoryReport, allowed: Allowed = {}): string[] {
  const { lost, doubled, missed, failures, faults } = report
  const { poison = 0, daemon_restart: restarted = 0, ...others } = failures
  const { quarantined: mayBePoison = 0, restarted: mayBeLost = 0 } = allowed
  return [
    ...faults,
    ...(lost > 0 ? [`${lost} requests were lost`] : []),
    ...(doubled > 0 ? [`${doubled} replies or events came twice`] : []),
    ...(missed > 0 ? [`${missed} events were missed`] : []),
    ...(poison > mayBePoison ? [`${poison} requests were quarantined`] : []),
    ...(restarted > mayBeLost ? [`${restarted} requests were lost with a runner`] : []),
    ...Object.entries(others).map(([reason, count]) => `${count} requests failed: ${reason}`),
  ]
}
