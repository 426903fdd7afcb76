import type { FastifyReply } from 'fastify'
import type { ErrorCode } from '../lib/errors.ts'

/** Answers with a problem document (RFC 9457) that carries our error code. */
export function sendProblem(
  reply: FastifyReply,
  problem: { status: number; code: ErrorCode; title: string; detail: string },
): FastifyReply {
  return reply.code(problem.status).header('content-type', 'application/problem+json').send(JSON.stringify(problem))
}
