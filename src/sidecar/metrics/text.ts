/** One value of a metric, with its labels. */
export interface Sample {
  labels?: Record<string, string>
  value: number
}

/** A metric in the text format of Prometheus. One without a value is left out: what is not known is not 0. */
export function metric(name: string, type: 'gauge' | 'counter', help: string, samples: readonly Sample[]): string {
  if (samples.length === 0) return ''
  return `${head(name, type, help)}${samples.map(({ labels, value }) => line(name, labels, value)).join('')}`
}

/** Counts values by size. Labels are few and known: no id is ever one. */
export class Histogram {
  readonly #name: string
  readonly #help: string
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, { labels: Record<string, string>; counts: number[]; sum: number; n: number }>()

  /** @param options.bounds upper bounds in seconds, ascending */
  constructor(options: { name: string; help: string; bounds: readonly number[] }) {
    this.#name = options.name
    this.#help = options.help
    this.#bounds = options.bounds
  }

  /** @param ms a time in ms; told in seconds */
  add(ms: number, labels: Record<string, string> = {}): void {
    const key = JSON.stringify(labels)
    const series = this.#series.get(key) ?? { labels, counts: this.#bounds.map(() => 0), sum: 0, n: 0 }
    this.#series.set(key, series)
    this.#bounds.forEach((bound, at) => {
      if (ms / 1_000 <= bound) series.counts[at] = (series.counts[at] ?? 0) + 1
    })
    series.sum += ms / 1_000
    series.n += 1
  }

  text(): string {
    const lines = [...this.#series.values()].flatMap(({ labels, counts, sum, n }) => [
      ...this.#bounds.map((bound, at) =>
        line(`${this.#name}_bucket`, { ...labels, le: String(bound) }, counts[at] ?? 0),
      ),
      line(`${this.#name}_bucket`, { ...labels, le: '+Inf' }, n),
      line(`${this.#name}_sum`, labels, sum),
      line(`${this.#name}_count`, labels, n),
    ])
    return `${head(this.#name, 'histogram', this.#help)}${lines.join('')}`
  }
}

function head(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
}

function line(name: string, labels: Record<string, string> = {}, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
