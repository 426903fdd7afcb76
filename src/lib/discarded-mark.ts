/** A file that says: this journal is gone because somebody wanted it gone. Without it that is told as a loss. */
export function discardedMark(journal: string): string {
  return `${journal}-discarded`
}
