import type { BootFailure } from '../contracts/control.ts'
import type { Settings } from '../contracts/settings.ts'
import { KsiError, errorCodes } from '../lib/errors.ts'
import type { ErrorCode } from '../lib/errors.ts'
import { isMisfit } from '../store/open.ts'
import type { SwapResult } from './generations/events.ts'

/**
 * The error of a first boot that no save can mend (the journal, the configuration), or of any in production: there is
 * nobody to save.
 */
export function finalError(first: SwapResult, settings: Settings): KsiError | undefined {
  if (first.status === 'live') return undefined
  const { error } = first.failure
  // What can be read is saved by the next boot.
  if (isMisfit(error)) return undefined
  return settings.KSI_MODE === 'production' || isErrorCode(error.code) ? asKsiError(first.failure) : undefined
}

function asKsiError({ error }: BootFailure): KsiError {
  return new KsiError(isErrorCode(error.code) ? error.code : 'KSI_INTERNAL', error.message, { cause: error })
}

function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(errorCodes, code) && code !== 'KSI_TIMEOUT'
}
