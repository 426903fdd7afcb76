/**
 * Tells whether a name fits one of the shell patterns (`*`, `?`, `[abc]`) over its whole length (docs/wire.md, "Event
 * names and patterns").
 */
export function globMatcher(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.includes('*')) return () => true
  const expressions = patterns.map(toExpression)
  const verdicts = new Map<string, boolean>()
  return (name) => {
    let verdict = verdicts.get(name)
    if (verdict === undefined) {
      verdict = expressions.some((expression) => expression.test(name))
      // Event names are few; a client that makes them up must not fill the memory.
      if (verdicts.size < 1_000) verdicts.set(name, verdict)
    }
    return verdict
  }
}

function toExpression(pattern: string): RegExp {
  let source = ''
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i] ?? ''
    const end = pattern.indexOf(']', i + 2)
    if (char === '*') source += '.*'
    else if (char === '?') source += '.'
    else if (char === '[' && end !== -1) {
      const inside = pattern.slice(i + 1, end).replaceAll(/[\\\]^[]/g, '\\$&')
      source += `[${inside.startsWith('!') ? `^${inside.slice(1)}` : inside}]`
      i = end
    } else source += char.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
  }
  try {
    return new RegExp(`^${source}$`, 's')
  } catch {
    // A range such as [z-a]: it can fit nothing.
    return /^(?!)/
  }
}
