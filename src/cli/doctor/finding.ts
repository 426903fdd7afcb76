/** What one look has found. */
export interface Finding {
  check: string
  /** warn: it works, and may not always · skip: it could not be looked at, or there is nothing to look at */
  state: 'ok' | 'warn' | 'fail' | 'skip'
  says: string
  /** The command or setting that mends it. */
  mend?: string
}

/** A finding that is well, unless one of these is not: the first that is. */
export function firstOf(fine: Finding, ...wrong: (Finding | false)[]): Finding {
  return wrong.find((one) => one !== false) ?? fine
}
