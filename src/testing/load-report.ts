import assert from 'node:assert/strict'

/** All that went wrong; zeros and an empty list when nothing did. */
export interface LoadReport {
  requests: number
  replies: number
  probes: number
  /** new connections that were refused */
  refused: number
  /** connections the other side ended */
  cut: number
  /** acknowledged requests without an outcome, and requests without a reply */
  lost: number
  /** replies nobody waited for, and events told twice */
  doubled: number
  missed: number
  /** requests that failed, by reason */
  failures: Record<string, number>
  problems: string[]
}

/**
 * Nothing went wrong. @param allowed how many may be `quarantined`: who is killed twice with the same request in hand
 * cannot tell a test from a poison request; `restarted`: requests that may have died with their runner
 */
export function assertClean(report: LoadReport, allowed: { quarantined?: number; restarted?: number } = {}): void {
  const { refused, cut, lost, doubled, missed, problems, failures } = report
  assert.deepEqual(
    { refused, cut, lost, doubled, missed, problems },
    { refused: 0, cut: 0, lost: 0, doubled: 0, missed: 0, problems: [] },
  )
  const { poison = 0, daemon_restart: restarted = 0, ...others } = failures
  assert.deepEqual(others, {}, 'no request failed for another reason')
  assert.ok(poison <= (allowed.quarantined ?? 0), `${poison} requests were quarantined`)
  assert.ok(restarted <= (allowed.restarted ?? 0), `${restarted} requests were lost with a runner`)
}
