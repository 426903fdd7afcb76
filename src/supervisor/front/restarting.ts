import { errorReply } from '../../contracts/wire.ts'
import type { RequestLine } from './request-line.ts'

type About = Pick<RequestLine, 'event' | 'correlationId'>

/** The reply to a request no generation has seen. */
export function notTaken(why: string, request: About): string {
  return restarting(`The request was NOT taken: ${why}. Send it again in a moment.`, request)
}

/** The reply to a request a generation was given and gave no reply to. */
export function mayBeTaken(why: string, request: About): string {
  return restarting(
    `The request MAY have been taken, but there is no reply: ${why}. Look for its effect, or send it again under the same request_id.`,
    request,
  )
}

function restarting(message: string, request: About): string {
  return errorReply(message, 'KSI_RESTARTING', { event: request.event, correlation_id: request.correlationId })
}
