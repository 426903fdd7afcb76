#!/usr/bin/env node
// Nothing newer than Node 14 knows: an older Node must be able to read this far, to go on as the pinned one.
import { become, endWithNpx, findPinnedNode, isNewEnough, tooOld } from './pinned-node.js'

// `checkpoint create --best-effort` runs as a pre_stop hook: nothing may fail a stop, not even a broken source file.
const isBestEffort = process.argv.includes('--best-effort')
const pinned = isNewEnough() ? undefined : findPinnedNode()

function fail(message, code) {
  process.stderr.write(`${message}\n`)
  process.exitCode = isBestEffort ? 0 : code
}

async function run() {
  endWithNpx(process.env)
  const { enableCompileCache } = await import('node:module')
  // Measured: `ksi health` takes 40 ms with it, 110 without.
  enableCompileCache()
  const { main } = await import('./main.ts')
  process.exitCode = await main(process.argv.slice(2))
}

if (pinned !== undefined) become(pinned, [...process.execArgv, ...process.argv.slice(1)], process.env)
else if (isNewEnough()) run().catch((error) => fail(`ksi could not run: ${(error && error.stack) || error}`, 70))
else fail(tooOld(), 78)
