import type { Knowledge } from '../knowledge.ts'
import { eventText } from '../streams.ts'
import type { EventStream } from '../streams.ts'
import { Outputs } from './outputs.ts'
import { render } from './render.ts'
import type { Rendered } from './render.ts'

/** Between two looks at one page, in ms, at least; and at least so many times what the last one took. */
const gapMs = 150
const restFactor = 4

/** One open page: sends what of it has changed, and the text of what runs as it comes. */
export class LivePage {
  readonly #o: { address: string; knowledge: Knowledge; mayRead: boolean }
  readonly #outputs: Outputs
  #sent: Partial<Rendered['parts']> & { title?: string } = {}
  #dirty = true
  #notBefore = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: { address: string; knowledge: Knowledge; mayRead: boolean }) {
    this.#o = options
    this.#outputs = new Outputs(options.knowledge)
  }

  follow(stream: EventStream): void {
    const { hub } = this.#o.knowledge
    this.#outputs.onText = () => stream.poke()
    const { end } = hub.subscribe(() => {
      this.#dirty = true
      stream.poke()
    })
    stream.closed.addEventListener('abort', () => {
      end()
      clearTimeout(this.#timer)
      this.#outputs.close()
    })
    stream.from(() => this.#patch(stream) ?? this.#text())
  }

  #patch(stream: EventStream): string | undefined {
    if (!this.#dirty) return undefined
    const begun = performance.now()
    if (begun < this.#notBefore) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        stream.poke()
      }, this.#notBefore - begun)
      return undefined
    }
    this.#dirty = false
    const text = this.#changes()
    const took = performance.now() - begun
    this.#notBefore = begun + took + Math.max(gapMs, took * restFactor)
    return text
  }

  #changes(): string | undefined {
    const { address, knowledge, mayRead } = this.#o
    const { document } = knowledge.hub.latest()
    const page = render({ address, document, knowledge, mayRead })
    this.#outputs.only(page.follows)
    const changed = Object.entries(page.parts).filter(([name, text]) => this.#sent[name as 'main'] !== text)
    if (changed.length === 0 && this.#sent.title === page.title) return undefined
    this.#sent = { ...page.parts, title: page.title }
    const { title, icon } = page
    return eventText('patch', JSON.stringify({ title, icon, parts: Object.fromEntries(changed) }))
  }

  #text(): string | undefined {
    const next = this.#outputs.next()
    return next && eventText('text', JSON.stringify(next))
  }
}
