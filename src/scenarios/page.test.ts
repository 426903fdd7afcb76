import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { complaintsOf, noBrowser, startBrowser } from '../testing/browser.ts'
import { freePort } from '../lib/free-port.ts'
import { Ksi } from '../testing/ksi.ts'
import { makeProject } from '../testing/project.ts'
import type { Project } from '../testing/project.ts'
import type { WireClient } from '../testing/wire-client.ts'

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const shots = join(import.meta.dirname, '../../var/page')
const hostile = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`
const sections = [
  '/',
  ...['reloads', 'requests', 'conversations', 'providers', 'checkpoints', 'events', 'logs', 'containers'].map(
    (name) => `/page/${name}`,
  ),
]

let browser: Browser
let project: Project
let ksi: Ksi
let client: WireClient
let url: string

before(async () => {
  if (noBrowser) return
  mkdirSync(shots, { recursive: true })
  const port = await freePort()
  url = `http://127.0.0.1:${port}`
  project = makeProject()
  ;[browser, ksi] = await Promise.all([
    startBrowser(),
    Ksi.start(project, { KSI_SIDECAR: 'on', KSI_SIDECAR_PORT: String(port) }),
  ])
  client = await ksi.client()
  for (let n = 0; n < 500; n++) await ask(`asked-${n}`, { prompt: `question ${n}`, conversation_id: `c${n}` })
  await ask('hostile', { prompt: hostile, conversation_id: hostile })
  await client.request('dev:checkpoint', { action: 'create' })
  await ask('failed', { extra_body: { echo: { fail: 'final' } } })
})

after(async () => {
  if (noBrowser) return
  await browser.close()
  client[Symbol.dispose]()
  await ksi[Symbol.asyncDispose]()
  project[Symbol.dispose]()
})

async function ask(request_id: string, data: Record<string, unknown> = {}): Promise<void> {
  await client.request('completion:async', { request_id, prompt: 'Hello', ...data })
}

/** Opens an address as who has the link of `ksi page`. */
async function open(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 900 }, ...options })
  const page = await context.newPage()
  await page.goto(`${url}/?token=${readFileSync(project.path('var/reading/token'), 'utf8').trim()}`)
  await page.goto(url + path)
  if (options.javaScriptEnabled !== false) await page.getByText('live', { exact: true }).first().waitFor()
  return page
}

/** Each width and colour, with the sections that are looked at in it. */
const looks = [
  { width: 1_280, colorScheme: 'light', paths: [...sections, '/page/requests/hostile', '/page/checkpoints/1'] },
  { width: 390, colorScheme: 'dark', paths: ['/', '/page/requests', '/page/requests/failed', '/page/logs'] },
  { width: 2_560, colorScheme: 'dark', paths: ['/', '/page/reloads'] },
] as const

test('every section is without complaints, and axe has nothing to say', { skip: noBrowser }, async (t) => {
  for (const { width, colorScheme, paths } of looks) {
    const page = await open('/', { viewport: { width, height: 900 }, colorScheme })
    const complaints = complaintsOf(page)
    for (const path of paths) {
      await page.goto(url + path)
      await page.getByText('live', { exact: true }).first().waitFor()
      const tooWide = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
      assert.ok(tooWide <= 0, `${path} at ${width}`)
      const name = path.replaceAll('/', '-').replace(/^-$/, '-now')
      await page.screenshot({ path: join(shots, `page${name}-${width}-${colorScheme}.png`) })
      assert.deepEqual(await violationsOf(page), [], `${path} at ${width}, ${colorScheme}`)
    }
    assert.doesNotMatch(await page.title(), /owned/)
    assert.deepEqual(complaints, [])
    await page.context().close()
  }
  t.diagnostic(`screenshots: ${shots}`)
})

async function until(test: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 400 && !(await test()); n++) await delay(25)
  assert.ok(await test())
}

async function violationsOf(page: Page): Promise<string[]> {
  await page.evaluate(readFileSync(axe, 'utf8'))
  const found = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>('axe.run()')
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`)
}

test('a save, a broken one and its repair are seen within a second', { skip: noBrowser }, async (t) => {
  const page = await open('/')
  const times: number[] = []
  const fromSave: number[] = []
  for (let n = 0; n < 5; n++) {
    const generation = (await ksi.untilStatus(({ spare }) => spare)).generation ?? 0
    const saved = performance.now()
    project.edit('src/daemon/health.ts', (text) => `${text}\n// save ${n}\n`)
    await ksi.untilStatus((status) => (status.generation ?? 0) > generation)
    const live = performance.now()
    await page.getByText(`live · generation ${generation + 1}`).waitFor({ timeout: 5_000 })
    fromSave.push(performance.now() - saved)
    times.push(performance.now() - live)
  }
  times.sort((a, b) => a - b)
  fromSave.sort((a, b) => a - b)
  t.diagnostic(
    `save → page: median ${Math.round(fromSave[2] ?? 0)} ms, of which live → page ${Math.round(times[2] ?? 0)}`,
  )
  assert.ok((times[2] ?? 0) < 1_000)
  project.edit('src/daemon/health.ts', (text) => `${text}\nconst = 1\n`)
  const alert = page.locator('#broken-save')
  await alert.waitFor({ timeout: 5_000 })
  assert.match(await alert.innerText(), /src\/daemon\/health\.ts:\d+:\d+/)
  assert.match(await alert.locator('.frame').innerText(), /> \d+ │ const = 1/)
  assert.match(await page.title(), /^▲/)
  await page.screenshot({ path: join(shots, 'broken-save.png') })
  project.edit('src/daemon/health.ts', (text) => text.replace('\nconst = 1\n', ''))
  await alert.waitFor({ state: 'detached', timeout: 5_000 })
  assert.match(await page.title(), /^●/)
  await page.context().close()
})

test('scroll, selection, focus, what is typed and opened survive 100 changes', { skip: noBrowser }, async () => {
  const page = await open('/page/conversations')
  await page.locator('#q').fill('c1')
  await page.locator('#q').focus()
  await page.evaluate(`document.documentElement.scrollTop = 1500
    getSelection().selectAllChildren(document.querySelector('tbody tr:nth-child(50) td'))`)
  // Where the reader sees it: a browser keeps that in place when something above it comes or goes.
  const look = (): Promise<unknown> =>
    page.evaluate(`[Math.round(getSelection().getRangeAt(0).getBoundingClientRect().top),
      document.documentElement.scrollTop > 0, String(getSelection()), document.activeElement.id]`)
  await page.locator('#q').focus()
  const then = await look()
  for (let n = 0; n < 100; n++) {
    // Running, then done: of a conversation that is listed far down, so that the rows stay where they are.
    if (n % 10 === 0) await ask(`later-${n}`, { conversation_id: 'c499' })
    await delay(15)
  }
  await delay(500)
  assert.deepEqual(await look(), then)
  assert.equal(await page.locator('#q').inputValue(), 'c1')
  await page.context().close()
})

test('the text of what runs comes as it comes, through a save', { skip: noBrowser }, async () => {
  await ask('story', { extra_body: { echo: { chunks: 200, latency_ms: 6_000 } } })
  const page = await open('/page/requests/story')
  const text = page.locator('#text-story')
  const length = async (): Promise<number> => ((await text.textContent()) ?? '').length
  await until(async () => (await text.textContent())?.startsWith('0 1 2 3 ') === true)
  const before = (await ksi.status()).generation ?? 0
  project.edit('src/daemon/health.ts', (source) => `${source}\n// while it streams\n`)
  await ksi.untilStatus(({ generation }) => (generation ?? 0) > before)
  const shown = await length()
  await until(async () => (await length()) > shown + 50)
  await page.getByText('completed', { exact: true }).first().waitFor({ timeout: 15_000 })
  const whole = Array.from({ length: 200 }, (_, n) => `${n} `)
    .join('')
    .trim()
  assert.ok((await page.locator('pre.text').nth(1).innerText()).includes(whole))
  await page.context().close()
})

test('without a script, and by the keyboard alone, all of it is there', { skip: noBrowser }, async () => {
  const plain = await open('/page/requests?q=hostile', { javaScriptEnabled: false })
  assert.equal(await plain.locator('tbody tr').count(), 1)
  assert.equal(await plain.locator('button[data-copy]:visible').count(), 0)
  await plain.context().close()
  const page = await open('/')
  await page.keyboard.press('Tab')
  assert.equal(await page.evaluate('document.activeElement.textContent'), 'To the content')
  for (let n = 0; n < 4; n++) await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/page\/requests$/)
  await page.context().close()
})

test('a daemon that is killed, and a sidecar that goes, are said to be unknown', { skip: noBrowser }, async () => {
  await ask('long', { extra_body: { echo: { latency_ms: 60_000 } } })
  const page = await open('/')
  await page.getByText('Running requests').or(page.locator('#table-running-requests')).first().waitFor()
  const status = await ksi.status()
  process.kill(status.pid, 'SIGSTOP')
  try {
    await page.locator('#top .unknown').waitFor({ timeout: 10_000 })
    assert.match(await page.locator('main').innerText(), /Ran then/)
    assert.match(await page.locator('#alerts').innerText(), /hangs, is stopped, or stands at a breakpoint/)
    assert.match(await page.title(), /^✖/)
    await page.screenshot({ path: join(shots, 'unknown.png') })
  } finally {
    process.kill(status.pid, 'SIGCONT')
  }
  await page.locator('#top .unknown').waitFor({ state: 'detached', timeout: 10_000 })
  await client.request('completion:cancel', { request_id: 'long' })
  await page.context().close()
})
