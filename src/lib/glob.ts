/** A piece of a pattern: any run of characters, or one character that is (or is not) among some. */
type Piece = { kind: 'run' } | { kind: 'one'; fits: (code: number) => boolean }

/** Longer patterns and names fit nothing, so that no text of a client can cost much. */
const maxLength = 200

/**
 * Tells whether a name fits one of the shell patterns (`*`, `?`, `[abc]`, `[!a-c]`) over its whole length.
 * Takes at most length of pattern × length of name steps: a `*` is widened, never tried anew.
 */
export function globMatcher(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.includes('*')) return () => true
  const compiled = patterns.flatMap((pattern) => (pattern.length > maxLength ? [] : [toPieces(pattern)]))
  const verdicts = new Map<string, boolean>()
  return (name) => {
    let verdict = verdicts.get(name)
    if (verdict === undefined) {
      verdict = name.length <= maxLength && compiled.some((pieces) => fits(pieces, name))
      // Event names are few; a client that makes them up must not fill the memory.
      if (verdicts.size < 1_000) verdicts.set(name, verdict)
    }
    return verdict
  }
}

function toPieces(pattern: string): Piece[] {
  const pieces: Piece[] = []
  for (let i = 0; i < pattern.length; i++) {
    const end = pattern.indexOf(']', i + 2)
    if (pattern[i] === '*') {
      if (pieces.at(-1)?.kind !== 'run') pieces.push({ kind: 'run' })
    } else if (pattern[i] === '?') pieces.push({ kind: 'one', fits: () => true })
    else if (pattern[i] === '[' && end !== -1) {
      pieces.push({ kind: 'one', fits: oneOf(pattern.slice(i + 1, end)) })
      i = end
    } else {
      const code = pattern.charCodeAt(i)
      pieces.push({ kind: 'one', fits: (other) => other === code })
    }
  }
  return pieces
}

/** What stands between brackets; a range such as z-a has nothing in it. */
function oneOf(inside: string): (code: number) => boolean {
  const not = inside.startsWith('!')
  const ranges: [from: number, to: number][] = []
  for (let i = not ? 1 : 0; i < inside.length; i++) {
    const from = inside.charCodeAt(i)
    if (inside[i + 1] === '-' && i + 2 < inside.length) {
      i += 2
      ranges.push([from, inside.charCodeAt(i)])
    } else ranges.push([from, from])
  }
  return (code) => ranges.some(([from, to]) => from <= code && code <= to) !== not
}

function fits(pieces: readonly Piece[], name: string): boolean {
  let piece = 0
  let at = 0
  // Where the last run stands, and up to where it reaches: only that one can still be widened.
  let run = -1
  let reach = 0
  while (at < name.length) {
    const next = pieces[piece]
    if (next?.kind === 'run') {
      run = piece++
      reach = at
    } else if (next?.fits(name.charCodeAt(at)) === true) {
      piece++
      at++
    } else if (run !== -1) {
      piece = run + 1
      at = ++reach
    } else return false
  }
  if (pieces[piece]?.kind === 'run') piece++
  return piece === pieces.length
}
