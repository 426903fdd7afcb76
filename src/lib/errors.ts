/** The process exit codes of every ksi program. Never 2 or 127: nodemon takes those as a wish to quit. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 64,
  unavailable: 69,
  internal: 70,
  cannotCreate: 73,
  tryAgain: 75,
  config: 78,
} as const

/** Every error a person or program can meet, with the exit code of a process that ends because of it. */
export const errorCodes = {
  KSI_BAD_REQUEST: exitCodes.usage,
  KSI_CONFIG_INVALID: exitCodes.config,
  KSI_CONVERSATION_FULL: exitCodes.tryAgain,
  KSI_DB_BUSY: exitCodes.tryAgain,
  KSI_DB_DAMAGED: exitCodes.failed,
  KSI_DB_NOT_WRITABLE: exitCodes.cannotCreate,
  KSI_DISK_FAILED: exitCodes.cannotCreate,
  KSI_DISK_FULL: exitCodes.cannotCreate,
  KSI_DUPLICATE_REQUEST: exitCodes.usage,
  KSI_FENCED: exitCodes.internal,
  KSI_INSTANCE_RUNNING: exitCodes.tryAgain,
  KSI_INTERNAL: exitCodes.internal,
  KSI_LINE_TOO_LONG: exitCodes.usage,
  KSI_MIGRATION_CHANGED: exitCodes.config,
  KSI_NODE_TOO_OLD: exitCodes.config,
  KSI_NOT_FOUND: exitCodes.failed,
  KSI_POISON: exitCodes.failed,
  KSI_PORT_IN_USE: exitCodes.tryAgain,
  KSI_QUEUE_FULL: exitCodes.tryAgain,
  KSI_QUOTA_FULL: exitCodes.cannotCreate,
  KSI_RESTARTING: exitCodes.tryAgain,
  KSI_SCHEMA_NEWER: exitCodes.config,
  KSI_SOCKET_PATH_TOO_LONG: exitCodes.config,
  KSI_TIMEOUT: exitCodes.tryAgain,
  KSI_UNAUTHORIZED: exitCodes.usage,
  KSI_UNREACHABLE: exitCodes.unavailable,
  KSI_UNSUPPORTED_PARAMETER: exitCodes.usage,
} as const

export type ErrorCode = keyof typeof errorCodes

/** An error with a code from the table above. The message says what happened and what to do. */
export class KsiError extends Error {
  readonly code: ErrorCode
  readonly details: Record<string, unknown> | undefined

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: Record<string, unknown> } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'KsiError'
    this.code = code
    this.details = options.details
  }

  get exitCode(): number {
    return errorCodes[this.code]
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The system error code (`ENOENT`, `SQLITE_FULL`, …) of anything thrown, or `undefined`. */
export function systemCodeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** What of an error is sent to another process: plain JSON. */
export interface ErrorReport {
  message: string
  code?: string | undefined
  stack?: string | undefined
}

/** Turns anything thrown into a report of at most ~4 KB. */
export function toErrorReport(error: unknown): ErrorReport {
  const stack = error instanceof Error ? error.stack?.slice(0, 4_000) : undefined
  return { message: messageOf(error).slice(0, 2_000), code: systemCodeOf(error), stack }
}
