import { codeFrameOf } from '../../lib/error-frame.ts'
import type { Effect } from './events.ts'

/** What is logged of code that does not boot has the lines it is about. */
export function withFrame({ fields, message }: Extract<Effect, { type: 'log' }>, root: string): string {
  const { err } = fields
  if (typeof err !== 'object' || err === null || !('message' in err) || typeof err.message !== 'string') return message
  const stack = 'stack' in err && typeof err.stack === 'string' ? err.stack : undefined
  const frame = codeFrameOf(root, { message: err.message, stack })?.text
  return frame === undefined ? message : `${message}\n${frame.replaceAll(/^/gm, '    ')}`
}
