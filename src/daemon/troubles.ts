import type { Trouble } from '../contracts/control.ts'
import { messageOf } from '../lib/errors.ts'

/** Shown of a message, in characters: all of a health answer has to fit into 4 KB. */
const shownMax = 300
const listedMax = 5

/** Something that fails, and how often it has in a row. */
interface Failing extends Trouble {
  /** It is known by other means than by failing again. */
  stated: boolean
}

/**
 * What goes wrong in a generation that serves: errors that are caught, and come again at the next try, and what does
 * not go on. Each is named until it goes well again.
 */
export class Troubles {
  /** Called whenever the list has changed. */
  onChange: () => void = () => {}
  readonly #failing = new Map<string, Failing>()

  /**
   * This was tried and has failed. It is trouble from the second time in a row on.
   * @param path the file of the disk it is about
   */
  failed(what: string, error: unknown, path: string | null = null): void {
    const before = this.#failing.get(what)
    const message = messageOf(error).slice(0, shownMax)
    const times = (before?.times ?? 0) + 1
    const since = before?.since ?? Date.now()
    this.#failing.set(what, { what, message, file: fileOf(error), path, since, times, grave: true, stated: false })
    if (times === 2) this.onChange()
  }

  /** This is the case. @param grave requests wait for it */
  say(what: string, text: string, { path = null, grave = true }: { path?: string | null; grave?: boolean } = {}): void {
    const before = this.#failing.get(what)
    const message = text.slice(0, shownMax)
    if (before?.message === message) return
    const since = before?.since ?? Date.now()
    this.#failing.set(what, { what, message, file: null, path, since, times: 1, grave, stated: true })
    this.onChange()
  }

  /** This goes well. */
  well(what: string): void {
    const before = this.#failing.get(what)
    if (before === undefined) return
    this.#failing.delete(what)
    if (isShown(before)) this.onChange()
  }

  /** The gravest first. */
  list(): Trouble[] {
    return [...this.#failing.values()]
      .filter(isShown)
      .sort((a, b) => Number(b.grave) - Number(a.grave))
      .slice(0, listedMax)
      .map(shownOf)
  }
}

function isShown({ stated, times }: Failing): boolean {
  return stated || times > 1
}

/** The line of ours that an error was thrown at: `src/daemon/completion/settle.ts:42`. */
function fileOf(error: unknown): string | null {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const frame = stack.split('\n').find((line) => /\/src\/\S+\.ts/.test(line) && !line.includes('node_modules'))
  return (
    /\/(src\/[^\s:?)]+\.ts)(?:\?\w+)?(:\d+)/
      .exec(frame ?? '')
      ?.slice(1)
      .join('') ?? null
  )
}

function shownOf({ what, message, file, path, since, times, grave }: Failing): Trouble {
  return { what, message, file, path, since, times, grave }
}
