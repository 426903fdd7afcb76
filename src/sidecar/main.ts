import { readSettings } from '../contracts/settings.ts'
import { exitCodes, KsiError, messageOf } from '../lib/errors.ts'
import { createLog } from '../lib/log.ts'
import { onShutdown } from '../lib/shutdown.ts'
import { createReadableLog } from './readable-log.ts'
import { startSidecar } from './sidecar.ts'

let log = createLog('sidecar', 'info')
try {
  const settings = readSettings(process.env)
  log = createReadableLog('sidecar', settings.KSI_LOG_LEVEL, settings.KSI_LOG_FORMAT)
  const starting = startSidecar(settings, log)
  const end = onShutdown({ log, deadlineMs: 2_000, stop: async () => (await starting).stop() })
  // The parent (the supervisor, or nodemon) is gone; nobody would ever end this one.
  process.on('disconnect', () => end('the parent process is gone'))
  const { url } = await starting
  log.info({ url, journal: settings.paths.journal }, `sidecar ready at ${url}`)
} catch (error) {
  log.fatal({ err: error }, messageOf(error))
  process.exit(error instanceof KsiError ? error.exitCode : exitCodes.internal)
}
