import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Project } from '../project.ts'

/** The points of a ksi at which its processes can be killed (points-shim.ts). */
export class KillPoints {
  readonly #folder: string

  constructor(project: Project) {
    this.#folder = project.path('points')
    mkdirSync(this.#folder)
  }

  /** What ksi is to be started with. */
  get env(): NodeJS.ProcessEnv {
    return { NODE_OPTIONS: `--import ${import.meta.dirname}/points-shim.ts`, KSI_TEST_POINTS: this.#folder }
  }

  /** @returns the points that are passed during `work` */
  async record(work: () => Promise<unknown>): Promise<string[]> {
    writeFileSync(this.#path('record'), '')
    await work()
    rmSync(this.#path('record'))
    return [...new Set(readFileSync(this.#path('seen'), 'utf8').trimEnd().split('\n'))].toSorted()
  }

  /** The processes that come to these points, one after the other, are killed there. */
  arm(points: readonly string[]): void {
    writeFileSync(this.#path('armed'), points.join('\n'))
  }

  /** @returns the points nobody has come to */
  disarm(): string[] {
    const path = this.#path('armed')
    if (!existsSync(path)) return []
    const left = readFileSync(path, 'utf8').split('\n')
    rmSync(path, { force: true })
    return left
  }

  /** Waits until somebody has come to the last of them, at most so long. */
  async untilReached(limitMs: number): Promise<void> {
    for (const limit = performance.now() + limitMs; existsSync(this.#path('armed')); await delay(5))
      if (performance.now() > limit) return
  }

  #path(name: string): string {
    return `${this.#folder}/${name}`
  }
}
