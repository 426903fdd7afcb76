import { dataReply } from '../../contracts/wire.ts'
import type { AnswerContext } from './answer-context.ts'
import type { Line, Lines } from './lines.ts'

export interface HealthOptions {
  /** how long, in ms, `system:health` waits for a generation: then the supervisor answers */
  healthMs?: number
  answer: (event: string, data: Record<string, unknown>, context: AnswerContext) => unknown
}

type Asked = Pick<Line, 'connection'> & { request: Pick<Line['request'], 'event' | 'correlation'> }

/** Whoever asks how things are hears it within a second, also while no generation is live. */
export class LateHealth {
  readonly #options: HealthOptions
  readonly #lines: Lines
  readonly #settle: (line: Line) => void

  /** @param settle nothing more is owed for this line */
  constructor(options: HealthOptions, lines: Lines, settle: (line: Line) => void) {
    this.#options = options
    this.#lines = lines
    this.#settle = settle
  }

  /** A line has come, or its generation is gone. */
  watch(line: Line): void {
    if (line.request.event !== 'system:health') return
    const timer = setTimeout(() => {
      const isOwed = this.#lines.get(line.relay) === line
      const reply = isOwed && (line.state === 'held' || line.state === 'again') && this.reply(line)
      if (!reply) return
      line.place.reply(reply)
      this.#settle(line)
    }, this.#options.healthMs ?? 900)
    timer.unref()
  }

  /** What the supervisor has to say; undefined where something else is asked. */
  reply({ connection, request }: Asked): string | undefined {
    if (request.event !== 'system:health') return undefined
    const context = { connection: connection.id, transport: connection.info.transport }
    return dataReply([this.#options.answer('system:health', {}, context)], request)
  }
}
