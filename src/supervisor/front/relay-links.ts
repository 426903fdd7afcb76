import type { Duplex } from 'node:stream'
import type { Frame } from '../../contracts/relay.ts'
import type { Log } from '../../lib/log.ts'
import { RelayLink } from './relay-link.ts'

interface LinksOptions {
  log: Log
  onFrame: (link: RelayLink, frame: Frame | undefined) => void
  onClosed: (link: RelayLink) => void
}

/** The links there were, by stream: a generation that takes the journal back is met on the stream it had. */
export class RelayLinks {
  readonly #options: LinksOptions
  readonly #links = new WeakMap<Duplex, RelayLink>()

  constructor(options: LinksOptions) {
    this.#options = options
  }

  of(stream: Duplex): RelayLink {
    const known = this.#links.get(stream)
    if (known !== undefined) return known
    const link = new RelayLink(stream, this.#options)
    this.#links.set(stream, link)
    return link
  }
}
