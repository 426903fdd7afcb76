import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Ksi } from './ksi.ts'
import type { Project } from './project.ts'

/** The file that says how the daemon is, which these saves change. */
export const health = 'src/daemon/health.ts'

const register = 'export function registerHealth(core: Core, liveAt: number): void {\n'

/** Saves code that runs when the services are registered, on the way to live. */
export function atRegister(project: Project, code: string): void {
  project.edit(health, (text) => text.replace(register, `${register}  ${code}\n`))
}

/** Has the health answer with a number, so that it is known which code runs. `more` goes to the file's end. */
export function saveNumber(project: Project, save: number, more = ''): void {
  project.edit(health, (text) => {
    const plain = text.replace(/ save: \d+,/, '').replace(/\n\/\/ more[^]*$/, '')
    return `${plain.replace('boot_id: core.bootId,', `boot_id: core.bootId, save: ${save},`)}\n// more\n${more}\n`
  })
}

/** Waits until the code of this save answers. @returns ms it took */
export async function untilSave(ksi: Ksi, save: number, limitMs = 10_000): Promise<number> {
  using client = await ksi.client()
  const begun = performance.now()
  for (;;) {
    const reply = await client.request('system:health')
    const tookMs = performance.now() - begun
    if (reply.save === save) return tookMs
    assert.ok(tookMs < limitMs, `save ${save} does not answer: ${JSON.stringify(reply)}\n${ksi.output()}`)
    await delay(5)
  }
}
