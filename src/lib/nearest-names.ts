/** More of a name is not looked at: it takes the square of this many steps for each of `names`. */
const maxLength = 200

/** Up to three of `names` that are close to `name`, closest first: what a person most likely meant. */
export function similarNames(name: string, names: readonly string[]): string[] {
  const start = name.slice(0, maxLength)
  return names
    .map((candidate) => ({ candidate, likeness: likeness(start, candidate) }))
    .filter(({ likeness }) => likeness >= 0.6)
    .sort((a, b) => b.likeness - a.likeness)
    .slice(0, 3)
    .map(({ candidate }) => candidate)
}

/** 0 to 1: by the pieces both have in common or by the slips between them, whichever says more. */
function likeness(a: string, b: string): number {
  if (a === b) return 1
  // The beginning of a name is that name more likely than a slip of another.
  if (a.length >= 3 && b.startsWith(a)) return 0.9
  return Math.max(commonPieces(a, b), 1 - slips(a, b) / Math.max(1, a.length, b.length))
}

/** Share of two-letter pieces both have in common (Dice's coefficient), 0 to 1. */
function commonPieces(a: string, b: string): number {
  const left = pairs(a)
  const right = pairs(b)
  let common = 0
  for (const pair of left) {
    const at = right.indexOf(pair)
    if (at === -1) continue
    common += 1
    right.splice(at, 1)
  }
  return (2 * common) / Math.max(1, left.length + right.length + common)
}

function pairs(text: string): string[] {
  return Array.from({ length: Math.max(0, text.length - 1) }, (_, i) => text.slice(i, i + 2))
}

/** How many letters are missing, too many, wrong, or in the place of their neighbour (optimal string alignment). */
function slips(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, n) => n)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      next.push(
        Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swapped ? (before[j - 2] ?? 0) + 1 : Infinity),
      )
    }
    before = row
    row = next
  }
  return row[b.length] ?? 0
}
