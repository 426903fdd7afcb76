/*
 * Clock times in the words of providers: "resets 4pm (UTC)", "resets Mon 9:30am", "resets Oct 13, 9am (Europe/Berlin)".
 */

const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const dayMs = 86_400_000
/** A time that has just passed is meant still: the words were printed before, or the clocks differ. */
const justPassedMs = 600_000

const place = String.raw`(?:\(([A-Za-z][\w+/-]*)\)|(UTC|GMT)\b)?`
const clock = String.raw`(\d{1,2})(?::(\d{2}))?\s*([ap])?\.?m?\.?`
const pattern = new RegExp(
  String.raw`resets?\s+(?:at\s+|on\s+)?(?:(${days.join('|')})[a-z]*,?\s+(?:at\s+)?)?` +
    String.raw`(?:(${months.join('|')})[a-z]*\.?\s+(\d{1,2})(?:,?\s+(?:at\s+)?))?${clock}\s*${place}`,
  'i',
)

/** When (epoch ms) a limit is over, by a text that names a time of day; undefined when it names none. */
export function resetTimeIn(text: string, now: number): number | undefined {
  const found = pattern.exec(text)
  if (found === null) return undefined
  const [, weekday, month, day, hour = '', minute = '0', half, named, universal] = found
  const hours = hoursOf(Number(hour), half)
  if (hours === undefined || Number(minute) > 59) return undefined
  const zone = zoneOf(named ?? universal)
  const today = wallIn(zone, now)
  const at = (addDays: number): number =>
    instantOf(zone, Date.UTC(today.year, today.month, today.day + addDays, hours, Number(minute)))
  if (month !== undefined) return onDate(zone, { today, month, day: Number(day), hours, minute: Number(minute) }, now)
  if (weekday !== undefined) {
    const ahead = (days.indexOf(weekday.toLowerCase()) - today.weekday + 7) % 7
    return at(ahead) > now - justPassedMs ? at(ahead) : at(ahead + 7)
  }
  return at(0) > now - justPassedMs ? Math.max(now, at(0)) : at(1)
}

function hoursOf(hour: number, half: string | undefined): number | undefined {
  if (half === undefined) return hour <= 23 ? hour : undefined
  if (hour < 1 || hour > 12) return undefined
  return (hour % 12) + (half.toLowerCase() === 'p' ? 12 : 0)
}

/** A name that no time zone has is the machine's own: so a wrong word costs hours at most, and no request. */
function zoneOf(name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone
  } catch {
    return undefined
  }
}

interface Wall {
  year: number
  month: number
  day: number
  weekday: number
  /** what the clock on the wall shows, as if it were UTC */
  ms: number
}

function wallIn(timeZone: string | undefined, at: number): Wall {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const part = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part
  const ms = Date.UTC(year, month - 1, day, hour, minute, second)
  return { year, month: month - 1, day, weekday: new Date(ms).getUTCDay(), ms }
}

/** When the clocks there show this time. Where summer time begins or ends the second look corrects the first. */
function instantOf(zone: string | undefined, wallMs: number): number {
  let at = wallMs
  for (let look = 0; look < 2; look++) at = wallMs - (wallIn(zone, at).ms - Math.floor(at / 1_000) * 1_000)
  return at
}

function onDate(
  zone: string | undefined,
  date: { today: Wall; month: string; day: number; hours: number; minute: number },
  now: number,
): number {
  const { today, day, hours, minute } = date
  const month = months.indexOf(date.month.toLowerCase())
  const at = instantOf(zone, Date.UTC(today.year, month, day, hours, minute))
  // In December a limit may end in January.
  return at > now - dayMs ? at : instantOf(zone, Date.UTC(today.year + 1, month, day, hours, minute))
}
