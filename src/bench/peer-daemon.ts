/*
 * What the peers of `npm run bench:saves` run: one process that imports all of the daemon's code and dependencies,
 * opens the same journal with the same queue and answers lines on a TCP port. It installs no signal handler, so a
 * reloader's signal ends it at once: nothing of ksi's own care slows the peers down.
 */
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:net'
import { dataReply } from '../contracts/wire.ts'
import { readSettings } from '../contracts/settings.ts'
import { createCore } from '../daemon/core.ts'
// Not used: what counts is what it costs to import it.
import '../daemon/generation.ts'
import { registerHealth } from '../daemon/health.ts'
import { createLog } from '../lib/log.ts'
import { LineDecoder } from '../lib/ndjson.ts'
import { Journal } from '../store/journal.ts'

const settings = readSettings({ KSI_ROOT: process.cwd(), KSI_MODE: 'dev' })
const bootId = randomUUID()
const journal = Journal.open(settings.paths.journal, bootId, { suspect: false, now: Date.now() })
const core = createCore({ settings, log: createLog('peer', 'warn'), journal, bootId })
registerHealth(core, Date.now())

const server = createServer({ noDelay: true }, (socket) => {
  const decoder = new LineDecoder(settings.KSI_MAX_LINE_BYTES, () => {
    const event = 'system:health'
    void Promise.resolve(core.router.emit(event, {})).then((results) =>
      socket.write(`${dataReply(results, { event })}\n`),
    )
  })
  socket.on('data', (chunk: Buffer) => decoder.push(chunk))
  socket.on('error', () => {})
})
server.listen(Number(process.argv[2]), '127.0.0.1')
