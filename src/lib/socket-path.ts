import { KsiError } from './errors.ts'

/** Bytes a Unix socket's path may have: 104 on macOS and 108 on Linux, with the end mark; the smaller one counts. */
const maxBytes = 103

/** @throws KsiError KSI_SOCKET_PATH_TOO_LONG */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes <= maxBytes) return
  throw new KsiError(
    'KSI_SOCKET_PATH_TOO_LONG',
    `The socket path ${path} has ${bytes} bytes, and the system takes ${maxBytes}. ` +
      'Move the project to a shorter path, or set KSI_ROOT to one.',
  )
}
