import { readSettings } from '../contracts/settings.ts'
import { exitCodes, KsiError, messageOf } from '../lib/errors.ts'
import { createLog } from '../lib/log.ts'
import { onShutdown } from '../lib/shutdown.ts'
import { followOwnCode } from './own-code.ts'
import { createReadableLog } from './readable-log.ts'
import { startSidecar } from './sidecar.ts'

const newCode = 'its code has changed'

let log = createLog('sidecar', 'info')
try {
  const settings = readSettings(process.env)
  log = createReadableLog('sidecar', settings.KSI_LOG_LEVEL, settings.KSI_LOG_FORMAT)
  const starting = startSidecar(settings, log)
  let ownCode: { stop(): Promise<void> } | undefined
  const end = onShutdown({
    log,
    deadlineMs: 2_000,
    stop: async (reason) => {
      await Promise.all([ownCode?.stop(), starting.then((sidecar) => sidecar.stop())])
      // The same process, under the same id, with the code as it is now.
      const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
      if (reason === newCode) process.execve?.(process.execPath, command, process.env)
    },
  })
  // The supervisor that started it is gone; nobody would ever end this one.
  process.on('disconnect', () => end('the parent process is gone'))
  if (settings.KSI_SIDECAR === 'elsewhere' && settings.KSI_MODE === 'dev')
    ownCode = followOwnCode({
      src: settings.paths.src,
      poll: settings.KSI_WATCH_POLL,
      env: process.env,
      log,
      onChange: (files) => {
        log.info({ files }, newCode)
        end(newCode)
      },
    })
  const { url } = await starting
  log.info({ url, journal: settings.paths.journal }, `sidecar ready at ${url}`)
} catch (error) {
  log.fatal({ err: error }, messageOf(error))
  process.exit(error instanceof KsiError ? error.exitCode : exitCodes.internal)
}
