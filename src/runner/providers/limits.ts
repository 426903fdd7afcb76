import { resetTimeIn } from './reset-time.ts'

/** What a provider said when it refused: whatever of it is known. */
export interface Refusal {
  /** the HTTP status, also as a program reports it */
  status?: number | undefined
  /** names in lower case, as those of `fetch` are */
  headers?: Iterable<readonly [string, string]>
  /** its own words */
  text?: string
}

/** A limit of use: it passes by itself, and says nothing of what was asked. */
export interface Limit {
  /** ms until it is worth another try; undefined where the provider did not say */
  retryAfterMs: number | undefined
}

/** Words for a limit of use. Those for an overload are not among them: another try may do there. */
const words = [
  /\b(?:usage|session|weekly|daily|monthly|hourly|\d+-hour|spending|opus|sonnet|haiku) limit\b/i,
  /\bhit your (?:\S+ )?limit\b|\blimit reached\b|\bout of (?:extra )?usage\b/i,
  /rate_limit_error|too many requests|rate.?limit(?:ed)? ?(?:exceeded|reached|hit|error|:|$)/i,
  /(?:api error|status|http|error)\W{0,3}(?:code\W{0,3})?429\b|^\W*429\b/i,
]
/** No waiting helps: nothing is paid for, or the request alone is more than the limit. */
const lasting = /insufficient_quota|exceeded your current quota|credit balance is too low|request too large/i
/** A limit by the week is the longest there is. */
const longestMs = 8 * 86_400_000
/** Just after its time a limit may not be gone yet. */
const afterMs = 2_000

/**
 * Whether a refusal is a limit of use: by status, headers or known words; and when it is over.
 * @param now epoch ms
 * @returns undefined when it is something else
 */
export function readLimit(refusal: Refusal, now = Date.now()): Limit | undefined {
  const { status, headers = [], text = '' } = refusal
  if (lasting.test(text) || (status !== 429 && !words.some((one) => one.test(text)))) return undefined
  const waitMs = fromHeaders(Object.fromEntries(headers), now) ?? fromText(text, now)
  return { retryAfterMs: waitMs === undefined ? undefined : Math.min(longestMs, Math.max(0, Math.round(waitMs))) }
}

/** What models are called when a limit is theirs alone: "Opus limit reached". */
const families = /\b(?:opus|sonnet|haiku)\b/gi
/** A shorter name may be any word. */
const shortestName = 3

/** Whether the words of a limit name this model: then others of its provider may still be asked. */
export function namesModel(text: string, model: string): boolean {
  const name = model.slice(model.indexOf('/') + 1).toLowerCase()
  const words = text.toLowerCase()
  const bare = name.slice(name.lastIndexOf('/') + 1)
  if (bare.length >= shortestName && hasWord(words, bare)) return true
  return [...words.matchAll(families)].some(([family]) => name.includes(family))
}

function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1))
    if (!/[\w.-]/.test(text[at - 1] ?? ' ') && !/[\w-]/.test(text[at + word.length] ?? ' ')) return true
  return false
}

const unitsMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** The ms of `1s`, `6m0s`, `2 hours 30 minutes`, `20ms`; a number alone is in seconds. */
function durationMs(text: string): number | undefined {
  if (/^\d+(?:\.\d+)?$/.test(text.trim())) return Math.round(Number(text) * 1_000)
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)\s*(ms|milli|[smhd])/gi)]
  if (parts.length === 0) return undefined
  const unit = (name: string): number => unitsMs[name === 'milli' ? 'ms' : name] ?? 0
  return Math.round(parts.reduce((sum, [, n, name = '']) => sum + Number(n) * unit(name.toLowerCase()), 0))
}

function fromHeaders(headers: Readonly<Record<string, string | undefined>>, now: number): number | undefined {
  return retryAfterMs((name) => headers[name], now) ?? fromResets(headers, now)
}

/** How long a provider asks to wait, in ms, by `retry-after-ms` or `retry-after`; a time gone by is below 0. */
export function retryAfterMs(header: (name: string) => string | null | undefined, now: number): number | undefined {
  const inMs = Number(header('retry-after-ms') ?? NaN)
  if (Number.isFinite(inMs)) return inMs
  const after = header('retry-after')
  if (after == null) return undefined
  const ms = durationMs(after) ?? Date.parse(after) - now
  return Number.isFinite(ms) ? ms : undefined
}

/** `anthropic-ratelimit-tokens-reset` and its like stand beside what remains: only what is used up is waited for. */
function fromResets(headers: Readonly<Record<string, string | undefined>>, now: number): number | undefined {
  const waits: { ms: number; usedUp: boolean }[] = []
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || !/^(?:anthropic|x)-ratelimit\b.*\breset\b/.test(name)) continue
    const ms = untilReset(value, now)
    if (ms === undefined) continue
    waits.push({ ms, usedUp: Number(headers[name.replace('reset', 'remaining')] ?? NaN) <= 0 })
  }
  const usedUp = waits.filter((wait) => wait.usedUp)
  if (usedUp.length > 0) return Math.max(...usedUp.map(({ ms }) => ms))
  return waits.length === 0 ? undefined : Math.min(...waits.map(({ ms }) => ms))
}

/** A time as RFC 3339 or an epoch, or a duration. */
function untilReset(value: string, now: number): number | undefined {
  const epoch = epochMs(value)
  if (epoch !== undefined) return epoch - now
  const ms = durationMs(value)
  if (/^\d+(?:\.\d+)?(?:ms|[smhd])?/i.test(value) && !/^\d{4}-/.test(value)) return ms
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : at - now
}

/** Seconds or ms since 1970, of this century. */
function epochMs(text: string): number | undefined {
  if (/^\d{10}(?:\.\d+)?$/.test(text)) return Number(text) * 1_000
  return /^\d{13}$/.test(text) ? Number(text) : undefined
}

function fromText(text: string, now: number): number | undefined {
  const epoch = epochMs(/\|\s*(\d{10}|\d{13})\b/.exec(text)?.[1] ?? '')
  if (epoch !== undefined) return Math.max(0, epoch - now)
  const span = /(?:retry[ -]after|(?:retry|try again|resets?) in)\W{0,4}((?:\d+(?:\.\d+)?\s*[a-z]*[\s,]*(?:and )?)+)/i
  const named = span.exec(text)?.[1]
  const ms = named === undefined ? undefined : durationMs(named)
  if (ms !== undefined) return ms
  const at = resetTimeIn(text, now)
  return at === undefined ? undefined : at - now + afterMs
}
