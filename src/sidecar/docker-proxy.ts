import { rmSync } from 'node:fs'
import { z } from 'zod'
import { readEnv } from '../lib/env.ts'
import { exitCodes, KsiError, messageOf } from '../lib/errors.ts'
import { createLog } from '../lib/log.ts'
import { onShutdown } from '../lib/shutdown.ts'
import { createDockerProxy } from './proxy-server.ts'
import { createReadableLog } from './readable-log.ts'

/*
 * The entry point of the container that holds the Docker socket: alone, so that nothing else of ksi ever does.
 * Its few variables are its own, as it shares neither settings nor files with the rest.
 */
const schema = z.object({
  DOCKER_SOCKET: z.string().default('/var/run/docker.sock'),
  /** where it listens itself: a Unix socket, in a folder that only those who may ask can reach */
  DOCKER_PROXY_SOCKET: z.string().default('/run/ksi/docker.sock'),
  KSI_DOCKER_PROJECT: z
    .string('the name of the Compose project')
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'the name of the Compose project'),
  KSI_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
  KSI_LOG_FORMAT: z.enum(['pretty', 'json']).default('pretty'),
})

let log = createLog('docker-proxy', 'info')
try {
  const settings = readEnv(schema, process.env)
  log = createReadableLog('docker-proxy', settings.KSI_LOG_LEVEL, settings.KSI_LOG_FORMAT)
  const { DOCKER_SOCKET: socketPath, DOCKER_PROXY_SOCKET: path, KSI_DOCKER_PROJECT: project } = settings
  const server = createDockerProxy({ socketPath, project, log })
  onShutdown({
    log,
    deadlineMs: 2_000,
    stop: () => {
      server.close()
      // An open stream of events would keep the container from stopping.
      server.closeAllConnections()
    },
  })
  server.on('error', (error) => {
    log.fatal({ err: error }, `The Docker proxy cannot listen: ${error.message}`)
    process.exit(exitCodes.tryAgain)
  })
  // For its group too: the sidecar, which is another user.
  process.umask(0o117)
  // Left by one that was killed; two do not share this folder.
  rmSync(path, { force: true })
  server.listen(path, () => log.info({ project, socketPath, path }, 'docker proxy ready'))
} catch (error) {
  log.fatal({ err: error }, messageOf(error))
  process.exit(error instanceof KsiError ? error.exitCode : exitCodes.internal)
}
