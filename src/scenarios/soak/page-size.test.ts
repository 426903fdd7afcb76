import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Journal } from '../../store/journal.ts'
import { TestQueue } from '../../store/testing/temp-journal.ts'
import { noBrowser, startBrowser } from '../../testing/browser.ts'
import { freePort } from '../../lib/free-port.ts'

const requests = 100_000
const conversations = 5_000
/** A frame may take so long, in ms. */
const frameMs = 100

test(
  `with ${requests} requests of ${conversations} conversations no frame of the page takes over ${frameMs} ms`,
  { skip: noBrowser, timeout: 120_000 },
  async (t) => {
    const root = mkdtempSync(join(tmpdir(), 'ksi-page-'))
    mkdirSync(join(root, 'var/db'), { recursive: true })
    const now = Date.now()
    const journal = Journal.open(join(root, 'var/db/dev_checkpoint.db'), 'boot', { suspect: false, now })
    const queue = new TestQueue(journal)
    journal.tx(() => {
      for (let n = 0; n < requests; n++)
        queue.accept(`r${n}`, `c${n % conversations}`, 'ASYNC', { prompt: `what is ${n}?` })
    })
    const port = await freePort()
    const main = new URL('../../sidecar/main.ts', import.meta.url).pathname
    const env = {
      ...process.env,
      KSI_ROOT: root,
      KSI_MODE: 'dev',
      KSI_PUBLISHED: '127.0.0.1:1',
      KSI_SIDECAR_PORT: String(port),
    }
    const sidecar = fork(main, [], { env, stdio: 'ignore' })
    const browser = await startBrowser()
    try {
      const page = await browser.newPage()
      await page.addInitScript(`globalThis.frames = []
        new PerformanceObserver((list) => frames.push(...list.getEntries().map(({ duration }) => duration)))
          .observe({ type: 'longtask', buffered: true })`)
      const longest: string[] = []
      for (const path of ['/', '/page/requests', '/page/conversations', '/page/events', '/page/requests?q=what']) {
        while (!(await fetch(`http://127.0.0.1:${port}/livez`).catch(() => undefined))?.ok) await delay(50)
        await page.goto(`http://127.0.0.1:${port}${path}`)
        await page.getByText('live', { exact: true }).first().waitFor()
        await page.evaluate('frames.length = 0')
        for (let n = 0; n < 20; n++) {
          queue.accept(`${path} ${n}`, `c${n}`)
          await delay(100)
        }
        const worst = Math.max(0, ...(await page.evaluate<number[]>('frames')))
        longest.push(`${path} ${Math.round(worst)}`)
        assert.ok(worst <= frameMs, `${path}: a frame of ${worst} ms`)
      }
      t.diagnostic(`longest task while 20 requests came, ms (0: none over 50): ${longest.join(', ')}`)
    } finally {
      await browser.close()
      sidecar.kill('SIGTERM')
      await once(sidecar, 'exit')
      journal.close()
      rmSync(root, { recursive: true, force: true })
    }
  },
)
