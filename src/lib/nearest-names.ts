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

/** Share of two-letter pieces both have in common (Dice's coefficient), 0 to 1. */
function likeness(a: string, b: string): number {
  if (a === b) return 1
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
