import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import type { Browser, Page } from 'playwright-core'

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome-stable',
  '/usr/bin/google-chrome',
]
const found = places.find((path) => existsSync(path))

/** Why tests of the page are skipped here: never where it must not be, as in CI. */
export const noBrowser: string | false =
  found === undefined && process.env['CI'] !== 'true' ? 'there is no Chromium on this machine' : false

/** A headless Chromium. @throws Error where there is none */
export function startBrowser(): Promise<Browser> {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage']
  return chromium.launch({ executablePath: found ?? places[0] ?? '', args })
}

/** Whatever the page complains of: errors of its scripts and on its console. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  return complaints
}
