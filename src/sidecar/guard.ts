import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Access } from './access.ts'
import { isAllowedHost } from './allowed-host.ts'
import { sendProblem } from './problem.ts'

/** What every answer carries, so that no other site can run, frame, open or read a part of the page. */
export const securityHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** Lets a request through, or answers it: only those who mean this server, from no other site, and only to read. */
export async function guard(
  request: FastifyRequest,
  reply: FastifyReply,
  { hosts, access }: { hosts: readonly string[]; access: Access },
): Promise<FastifyReply | undefined> {
  reply.headers(securityHeaders)
  if (!isAllowedHost(request.headers.host, hosts)) {
    const detail =
      `This server does not answer for the name "${request.headers.host ?? ''}". ` +
      'Use localhost or an address, or add the name to KSI_SIDECAR_NAMES.'
    return sendProblem(reply, { status: 403, code: 'KSI_UNAUTHORIZED', title: 'Unknown host', detail })
  }
  if (isCrossSite(request.headers)) {
    const detail = 'This request comes from the page of another site. Open the address in a tab of its own.'
    return sendProblem(reply, { status: 403, code: 'KSI_UNAUTHORIZED', title: 'Cross-site request', detail })
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    const detail = 'The sidecar only tells, it changes nothing: use GET, or the ksi command.'
    return sendProblem(reply.header('allow', 'GET, HEAD'), {
      status: 405,
      code: 'KSI_BAD_REQUEST',
      title: 'Method not allowed',
      detail,
    })
  }
  if (!access.allows(request)) {
    const detail = 'This shows what was asked or answered. Open the page by the link that `ksi page` prints.'
    return sendProblem(reply.header('www-authenticate', 'Bearer'), {
      status: 401,
      code: 'KSI_UNAUTHORIZED',
      title: 'Token needed',
      detail,
    })
  }
  return undefined
}

/**
 * Whether another site's page makes the browser ask. A browser says so itself; a link that opens the page in a tab may
 * come from anywhere, since the other site sees nothing of it. Programs send none of these headers.
 */
function isCrossSite(headers: FastifyRequest['headers']): boolean {
  const site = headers['sec-fetch-site']
  const isVisit = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
  if (site !== undefined && site !== 'same-origin' && site !== 'none' && !isVisit) return true
  const { origin, host } = headers
  return origin !== undefined && origin.replace(/^https?:\/\//, '') !== host
}
