import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { readSettings, unknownSettings } from '../contracts/settings.ts'
import { KsiError, exitCodes, messageOf } from '../lib/errors.ts'
import { createLog } from '../lib/log.ts'
import { asksForAll } from '../lib/readable-lines.ts'
import { makePrivate, privateUmask } from '../lib/private-files.ts'
import { onShutdown } from '../lib/shutdown.ts'
import { LogFile } from './log-file.ts'
import { openLogSink } from './log-sink.ts'
import { startSupervisor } from './supervisor.ts'
import type { Supervisor } from './supervisor.ts'

/** Below Compose's stop_grace_period of 15 s, above a generation's 3 s. */
const deadlineMs = 8_000

// What is old is collected once it has doubled, not when it is four times as much: clients can make a lot of it.
setFlagsFromString('--heap-growing-percent=100')
// All this process and its children write is for the owner alone; a provider's program gets the user's own umask back.
const umask = process.umask(privateUmask)

try {
  const settings = readSettings(process.env)
  makePrivate(
    ['var', 'var/db', 'var/logs', 'var/run', 'var/secret', 'var/reading'].map((folder) =>
      join(settings.paths.root, folder),
    ),
  )
  const file = LogFile.open(settings.paths.log)
  const colors = process.stdout.isTTY && !process.env.NO_COLOR
  const sink = openLogSink(settings.KSI_LOG_FORMAT, colors, file, asksForAll(settings.KSI_LOG_LEVEL))
  const log = createLog('supervisor', settings.KSI_LOG_LEVEL, sink.stream)
  for (const { name, near } of unknownSettings(process.env))
    log.warn(`nothing reads ${name}${near === undefined ? '' : `: did you mean ${near}?`}`)
  let supervisor: Promise<Supervisor> | undefined
  const end = onShutdown({
    log,
    deadlineMs,
    stop: async (reason) => {
      log.info({ reason }, 'stopping')
      const started = await supervisor?.catch(() => undefined)
      await started?.stop('shutdown', reason === 'restart')
      log.info('stopped')
    },
  })
  supervisor = startSupervisor({ settings, env: { ...process.env, KSI_UMASK: umask.toString(8) }, log, sink, end })
  await supervisor
} catch (error) {
  process.stderr.write(`ksi: ${messageOf(error)}\n`)
  if (!(error instanceof KsiError) && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`)
  process.exit(error instanceof KsiError ? error.exitCode : exitCodes.internal)
}
