import type { FastifyRequest } from 'fastify'
import { sameSecret } from '../lib/secret-file.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Shows a prompt, an answer, an event's data or a command line: asks for the token, unless TCP is open too. */
    content?: boolean
  }
}

/** Who may see content. What shows only state is for everybody who can reach the server. */
export class Access {
  readonly #open: boolean
  readonly #token: () => string | undefined

  /**
   * @param options.open TCP asks for nothing either
   * @param options.token the reading token as it stands now
   */
  constructor(options: { open: boolean; token: () => string | undefined }) {
    this.#open = options.open
    this.#token = options.token
  }

  /** Whether the request may see what its route shows. */
  allows(request: FastifyRequest): boolean {
    return request.routeOptions.config.content !== true || this.mayRead(request)
  }

  /** Whether the request may see what was asked and answered. */
  mayRead(request: FastifyRequest): boolean {
    if (this.#open) return true
    const [, bearer] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '') ?? []
    return [bearer, cookieOf(request, cookieName(request))].some((given) => this.isToken(given))
  }

  /** Whether this is the token that opens the page. */
  isToken(given: string | undefined): boolean {
    const token = this.#token()
    return given !== undefined && token !== undefined && sameSecret(given, token)
  }

  /** What makes the browser show the token from now on, to this port of this machine and from no other site. */
  cookie(request: FastifyRequest, token: string): string {
    return `${cookieName(request)}=${token}; Path=/; HttpOnly; SameSite=Strict`
  }
}

/** Browsers keep cookies by host, whatever the port: two checkouts side by side would take each other's. */
function cookieName(request: FastifyRequest): string {
  return `ksi-${/:(\d{1,5})$/.exec(request.headers.host ?? '')?.[1] ?? '80'}`
}

function cookieOf(request: FastifyRequest, name: string): string | undefined {
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim())
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1)
}
