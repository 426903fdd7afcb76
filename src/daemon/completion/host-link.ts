import type { Socket } from 'node:net'
import { hostProtocol, whoIsTooOld } from '../../contracts/protocol.ts'
import { fromRunnerHost, hello } from '../../contracts/runner-host.ts'
import type { RunnerList } from '../../contracts/runner-host.ts'
import { LineLink } from '../../lib/line-link.ts'
import type { Log } from '../../lib/log.ts'
import { parseObject } from '../../lib/ndjson.ts'

/** The connection to the runner host, which says which runners there are: now, and at each change. */
export class HostLink {
  readonly #link: LineLink
  readonly #known = Promise.withResolvers<void>()

  /** @param options.early a connection that was begun ahead of time */
  constructor(options: { path: string; early: Socket | undefined; log: Log; onList: (list: RunnerList) => void }) {
    const { path, early, log, onList } = options
    this.#link = new LineLink({
      path,
      early,
      onOpen: () => {
        this.#link.send(hello)
        this.#link.send({ type: 'watch' })
      },
      onLine: (line) => {
        const { data, error } = fromRunnerHost.safeParse(parseObject(line))
        if (data === undefined) return log.warn({ err: error }, 'the runner host says something that is not understood')
        // Named by the supervisor; what it says after that may mean something else.
        if (data.type === 'welcome' && whoIsTooOld(hostProtocol, data) !== null) return this.#link.close()
        if (data.type !== 'runners') return
        onList(data)
        this.#known.resolve()
      },
    })
  }

  /** Resolves when the runners are known, or after `limitMs`. */
  async known(limitMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, limitMs)))
    await Promise.race([this.#known.promise, late])
    clearTimeout(timer)
  }

  close(): void {
    this.#link.close()
  }
}
