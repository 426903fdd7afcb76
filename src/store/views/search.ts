/** Rows looked at for one page at most, and the time for that in ms: whoever reads must not be busy for longer. */
const mostLooked = 50_000
const budgetMs = 60
/** The clock is asked once for so many rows. */
const clockEvery = 64

/**
 * Goes through rows, newest first, until enough fit or enough were looked at.
 * @returns the ids of those that fit, and where to go on; `next` is null when there are no more
 */
export function searching(
  rows: Iterable<{ id: number; fits: number }>,
  limit: number,
): { ids: number[]; next: number | null; looked: number } {
  const until = performance.now() + budgetMs
  const ids: number[] = []
  let looked = 0
  let last = 0
  for (const { id, fits } of rows) {
    // There is one more than fits on this page, or than there is time for.
    if (ids.length >= limit || looked >= mostLooked) return { ids, next: last, looked }
    if (looked % clockEvery === clockEvery - 1 && performance.now() > until) return { ids, next: last, looked }
    looked += 1
    last = id
    if (fits === 1) ids.push(id)
  }
  return { ids, next: null, looked }
}
